"""The Admin API of the sample webshop, without the wire: a request in, status and JSON out. Tokens expire."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from cdi.sample.criteria import ApiError, search
from cdi.sample.shop import Shop

TOKEN_LIFE: Final = 600
SEARCHES: Final = {
    "/api/search/customer": "customer",
    "/api/search/customer-address": "customer_address",
    "/api/search/newsletter-recipient": "newsletter_recipient",
    "/api/search/order": "order",
}


class Answer(NamedTuple):
    """What goes over the wire: a status and a JSON document."""

    status: HTTPStatus
    document: dict[str, Any]


@dataclass(slots=True)
class AdminApi:
    """One shop with one integration's credentials. `clock` counts seconds; `token_life` is in seconds."""

    shop: Shop
    client_id: str
    client_secret: str = field(repr=False)
    token_life: int = TOKEN_LIFE
    clock: Callable[[], float] = time.monotonic
    tokens: dict[str, float] = field(default_factory=dict, repr=False)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Answer:
        """Any request's answer; a refusal is one too. Names of headers are in lower case."""
        try:
            return self._answer(method, path, headers, body)
        except ApiError as error:
            return Answer(error.status, _failure(error))

    def _answer(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Answer:
        if path != "/api/oauth/token" and path not in SEARCHES:
            raise ApiError(HTTPStatus.NOT_FOUND, "0", f'No route found for "{method} {path}"')
        if method != "POST":
            raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "0", f'No route found for "{method} {path}": Allow: POST')
        if not isinstance(body, Mapping):
            raise ApiError(HTTPStatus.BAD_REQUEST, "0", "The JSON payload is malformed.")
        if path == "/api/oauth/token":
            return Answer(HTTPStatus.OK, self._token(body))
        self._authorise(headers.get("authorization", ""))
        if "application/json" not in headers.get("accept", ""):
            # Shopware would answer in JSON:API; this server speaks only the plain form and says so.
            raise ApiError(HTTPStatus.NOT_ACCEPTABLE, "0", "Ask with Accept: application/json")
        found = search(self.shop, SEARCHES[path], body)
        return Answer(HTTPStatus.OK, {"total": found.total, "data": found.data, "aggregations": []})

    def _token(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if body.get("grant_type") != "client_credentials":
            detail = "The authorization grant type is not supported by the authorization server."
            raise ApiError(HTTPStatus.BAD_REQUEST, "2", detail)
        said = (str(body.get("client_id", "")), str(body.get("client_secret", "")))
        known = (self.client_id, self.client_secret)
        if not all(secrets.compare_digest(a.encode(), b.encode()) for a, b in zip(said, known, strict=True)):
            raise ApiError(HTTPStatus.UNAUTHORIZED, "4", "Client authentication failed")
        token = secrets.token_urlsafe(32)
        self.tokens[token] = self.clock() + self.token_life
        return {"token_type": "Bearer", "expires_in": self.token_life, "access_token": token}

    def _authorise(self, header: str) -> None:
        if not header:
            raise _denied('Missing "Authorization" header')
        scheme, _, token = header.partition(" ")
        if scheme != "Bearer" or self.clock() >= self.tokens.get(token, 0):
            raise _denied("Access token could not be verified")


def _denied(hint: str) -> ApiError:
    return ApiError(HTTPStatus.UNAUTHORIZED, "9", hint)


def _failure(error: ApiError) -> dict[str, Any]:
    said: dict[str, Any] = {
        "code": error.code,
        "status": str(int(error.status)),
        "title": error.status.phrase,
        "detail": error.detail,
        "meta": {"parameters": []},
    }
    if error.pointer:
        said["source"] = {"pointer": error.pointer}
    return {"errors": [said]}
