"""Ways of saying who asks: small objects that give headers; those that hold a token can forget it and fetch
another."""

import base64
import time
from collections.abc import Mapping
from typing import Any, Protocol

import httpx
import orjson

from cdi.errors import SourceError
from cdi.ingest.blueprint import (
    Auth,
    BasicAuth,
    BearerAuth,
    ClientCredentials,
    HeaderAuth,
    Login,
)
from cdi.ingest.templates import Values, fill

RENEW_AT = 0.8  # of a token's life


class Wire(Protocol):
    """What fetching a token needs of a session."""

    source: str
    client: httpx.Client

    def url(self, path: str) -> str: ...


class Authenticator(Protocol):
    """Gives the headers that prove who asks. `renewable`: after a 401 another try makes sense."""

    renewable: bool

    def headers(self, _: Any, /) -> Mapping[str, str]: ...

    def forget(self) -> None: ...


class FixedHeaders:
    """The same headers in every request."""

    renewable = False

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def headers(self, _: Wire) -> Mapping[str, str]:
        return self._headers

    def forget(self) -> None:
        return None


class FetchedToken:
    """A token that a request gives, kept until most of its life is over."""

    renewable = True

    def __init__(self, path: str, body: dict[str, Any], form: bool, spec: ClientCredentials | Login) -> None:
        self.path = path
        self.body = body
        self.form = form
        self.spec = spec
        self._token: str | None = None
        self._good_until = 0.0

    def headers(self, wire: Wire) -> Mapping[str, str]:
        if self._token is None or time.monotonic() >= self._good_until:
            self._fetch(wire)
        if isinstance(self.spec, Login):
            return {self.spec.header: f"{self.spec.prefix}{self._token}"}
        return {"authorization": f"Bearer {self._token}"}

    def forget(self) -> None:
        self._token = None

    def _fetch(self, wire: Wire) -> None:
        url = wire.url(self.path)
        response = wire.client.post(url, data=self.body) if self.form else wire.client.post(url, json=self.body)
        if response.status_code in {408, 429} or response.status_code >= 500:
            raise httpx.TransportError(f"the token endpoint answered {response.status_code}")
        document = _document(response)
        token = document.get("access_token" if isinstance(self.spec, ClientCredentials) else self.spec.token)
        if not response.is_success or not isinstance(token, str) or not token:
            raise self._refused(wire.source, response.status_code)
        self._token = token
        self._good_until = time.monotonic() + RENEW_AT * self._life(document)

    def _refused(self, source: str, status: int) -> SourceError:
        if status == httpx.codes.NOT_FOUND:
            message, remedy = "there is no such address (404)", "Check base_url in cdi.yaml"
        else:
            message = f"no token was given ({status})"
            remedy = "Check the client id and secret (or user and password) of this source in cdi.yaml"
        return SourceError(source, f"POST {self.path}: {message}", remedy=remedy)

    def _life(self, document: Mapping[str, Any]) -> float:
        if isinstance(self.spec, Login):
            return self.spec.life.total_seconds()
        life = document.get("expires_in")
        return float(life) if isinstance(life, int | float | str) and str(life).isdigit() else 600.0


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = orjson.loads(response.content)
    except ValueError:
        if response.is_success and response.content.startswith((b"{", b"[")):
            raise httpx.TransportError("the answer of the token endpoint was cut off") from None
        return {}
    return document if isinstance(document, dict) else {}


def authenticator(auth: Auth, values: Values) -> Authenticator:
    """The object for what the manifest says, with its secrets filled in."""
    match auth:
        case BasicAuth():
            pair = f"{fill(auth.user, values)}:{fill(auth.password, values)}".encode()
            return FixedHeaders({"authorization": f"Basic {base64.b64encode(pair).decode()}"})
        case BearerAuth():
            return FixedHeaders({"authorization": f"Bearer {fill(auth.token, values)}"})
        case HeaderAuth():
            return FixedHeaders({name: str(fill(value, values)) for name, value in auth.headers.items()})
        case ClientCredentials():
            body = {
                "grant_type": "client_credentials",
                "client_id": fill(auth.client_id, values),
                "client_secret": fill(auth.client_secret, values),
                **({"scope": auth.scope} if auth.scope else {}),
            }
            return FetchedToken(auth.token_path, body, auth.encoding == "form", auth)
        case Login():
            return FetchedToken(auth.path, fill(auth.body, values), form=False, spec=auth)
        case _:
            return FixedHeaders({})
