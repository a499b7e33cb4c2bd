"""OpenID Connect: who somebody is, by the word of the identity provider that cdi.yaml names. A token counts only if it
is signed with a key that this provider publishes; its keys are kept, and asked for again when a token names a new one.
What a token allows is not decided here but in `auth`.
"""

import base64
import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx
import jwt

from cdi.errors import IdentityProviderError, UnauthenticatedError
from cdi.settings import OpenId, is_private_address

LARGEST_TOKEN: Final = 16_384
LARGEST_ANSWER: Final = 1 << 20
PATIENCE: Final = httpx.Timeout(5.0)
"""For each step of a request to the provider; `LONGEST` for the body of an answer."""
LONGEST: Final = 10.0
FRESH: Final = 3_600.0
"""Seconds for which keys are used without asking again, so that one that was withdrawn ends."""
STALE: Final = 86_400.0
"""Seconds for which keys that are known go on being used while the provider does not answer."""
PAUSE: Final = 10.0
"""Seconds between two requests for keys: tokens that name keys which do not exist cause no more than that."""
NEEDED: Final = ("iss", "aud", "exp", "iat", "sub")


@dataclass(frozen=True, slots=True)
class Discovered:
    """What a provider says of itself: where its keys are, and its doors for a login in a browser, if it has them."""

    jwks_uri: str
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    end_session_endpoint: str | None = None


@dataclass(slots=True)
class _Known:
    """What was read of the provider, and when (by the monotonic clock)."""

    discovered: Discovered | None = None
    keys: Sequence[Mapping[str, Any]] = ()
    read_at: float | None = None
    tried_at: float | None = None


@dataclass(frozen=True)
class IdentityProvider:
    """One provider as a process knows it. Safe to use from many threads: one of them asks, the others wait for it."""

    rules: OpenId
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=PATIENCE, follow_redirects=False))
    clock: Callable[[], float] = time.monotonic
    _known: _Known = field(default_factory=_Known)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def discovered(self) -> Discovered:
        """Where the provider's doors are. Raises IdentityProviderError when it cannot be asked."""
        with self._lock:
            if self._known.discovered is None:
                self._read_unless_just_tried()
            assert self._known.discovered is not None
            return self._known.discovered

    def claims(self, token: str, *, audience: str | None = None) -> dict[str, Any]:
        """What a token says, once its signature, issuer, audience (that of the API unless named) and times have been
        checked.

        Raises UnauthenticatedError for a token that does not count, without repeating anything of it, and
        IdentityProviderError when the provider's keys cannot be had.
        """
        header = _header(token)
        algorithm = header.get("alg")
        if algorithm not in self.rules.algorithms:  # `none` and HMAC cannot be allowed: see settings
            raise _refused("it is not signed by an algorithm that cdi.yaml allows")
        key = self._key(header.get("kid"), str(algorithm))
        try:
            told: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[str(algorithm)],
                audience=audience or self.rules.audience,
                issuer=self.rules.issuer,
                leeway=self.rules.leeway,
                options={"require": list(NEEDED), "verify_sub": True},
            )
        except jwt.ExpiredSignatureError:
            raise _refused("it has expired") from None
        except jwt.InvalidAudienceError:
            raise _refused("it is meant for another audience") from None
        except jwt.InvalidIssuerError:
            raise _refused("it is of another issuer") from None
        except (jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError):
            raise _refused("it is not valid yet") from None
        except jwt.MissingRequiredClaimError as error:
            raise _refused(f"it does not say {error.claim}") from None
        except (jwt.PyJWTError, TypeError, ValueError):
            raise _refused("its signature or a claim is not valid") from None
        return told

    def authorization_address(self, back: str, state: str, nonce: str, verifier: str) -> str:
        """Where a browser is sent to sign in; it comes back to `back` with `state` and a code (PKCE, S256).

        Raises IdentityProviderError.
        """
        door = self.discovered().authorization_endpoint
        if door is None:
            raise _unreachable("its discovery document names no authorization_endpoint")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.rules.client_id or "",
            "redirect_uri": back,
            "scope": " ".join(self.rules.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{door}{'&' if '?' in door else '?'}{urlencode(asked)}"

    def redeem(self, code: str, back: str, verifier: str, secret: str | None) -> dict[str, Any]:
        """What the provider says of whom it sent back with this code: the claims of an id token that is meant for us.

        Raises UnauthenticatedError when it does not confirm the code, or its token does not count;
        IdentityProviderError.
        """
        door, client_id = self.discovered().token_endpoint, self.rules.client_id or ""
        if door is None:
            raise _unreachable("its discovery document names no token_endpoint")
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        proof = None if secret is None else httpx.BasicAuth(quote(client_id, safe=""), quote(secret, safe=""))
        status, document = self._ask("POST", door, data=form if proof else {**form, "client_id": client_id}, auth=proof)
        if status in {httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED}:
            raise _refused("the identity provider does not confirm it")
        if status != httpx.codes.OK:
            raise _unreachable(f"it answered {status}")
        claims = self.claims(str(document.get("id_token", "")), audience=client_id)
        others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if others else client_id) != client_id:
            raise _refused("it was given to another client")
        return claims

    def _key(self, kid: object, algorithm: str) -> jwt.PyJWK:
        """The published key by which such a signature must be."""
        found = _choose(self._known.keys, kid, algorithm)
        age = self._age()
        if found is None or age >= STALE:
            with self._lock:
                found = _choose(self._known.keys, kid, algorithm)
                if found is None or self._age() >= STALE:
                    self._read_unless_just_tried()
                    found = _choose(self._known.keys, kid, algorithm)
        elif age >= FRESH and self._lock.acquire(blocking=False):
            try:
                with suppress(IdentityProviderError):  # what is known goes on being used
                    self._read_unless_just_tried()
                found = _choose(self._known.keys, kid, algorithm)
            finally:
                self._lock.release()
        if found is None:
            raise _refused("it is signed with a key that its issuer does not publish")
        try:
            return jwt.PyJWK(dict(found), algorithm)
        except jwt.PyJWTError:
            raise _refused("it is signed with a key of another kind") from None

    def _age(self) -> float:
        read_at = self._known.read_at
        return float("inf") if read_at is None else self.clock() - read_at

    def _read_unless_just_tried(self) -> None:
        """A provider that fails is asked once a pause, not by each request; neither is one for keys that it lacks."""
        tried_at = self._known.tried_at
        if tried_at is None or self.clock() - tried_at >= PAUSE:
            self._read()
        elif self._age() >= STALE:
            raise _unreachable("it did not answer a moment ago")

    def _read(self) -> None:
        """Discovery and keys, anew."""
        self._known.tried_at = self.clock()
        found = self._discover()
        document = self._get(found.jwks_uri)
        keys = document.get("keys")
        if not isinstance(keys, list):
            raise _unreachable("its keys are no JSON Web Key Set")
        self._known.discovered = found
        self._known.keys = [key for key in keys if isinstance(key, dict)]
        self._known.read_at = self.clock()

    def _discover(self) -> Discovered:
        document = self._get(self.rules.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if document.get("issuer") != self.rules.issuer:
            raise _unreachable("it calls itself otherwise than openid.issuer in cdi.yaml")
        names = ("jwks_uri", "authorization_endpoint", "token_endpoint", "end_session_endpoint")
        doors = {name: document[name] for name in names if name in document}
        if "jwks_uri" not in doors:
            raise _unreachable("its discovery document names no jwks_uri")
        for name, address in doors.items():
            if not (isinstance(address, str) and is_private_address(address)):
                raise _unreachable(f"its {name} is no https address")
        return Discovered(**doors)

    def _get(self, address: str) -> dict[str, Any]:
        status, document = self._ask("GET", address)
        if status != httpx.codes.OK:
            raise _unreachable(f"it answered {status}")
        return document

    def _ask(self, method: str, address: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """Status and document of an answer; what comes with a failure is not read."""
        try:
            with self.client.stream(method, address, headers={"Accept": "application/json"}, **more) as answer:
                if answer.status_code != httpx.codes.OK:
                    return answer.status_code, {}
                body = bytearray()
                begun = self.clock()
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > LARGEST_ANSWER or self.clock() - begun > LONGEST:
                        raise _unreachable("its answer is too large or too slow")
            document = httpx.Response(200, content=bytes(body)).json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unreachable(type(error).__name__) from None
        except (ValueError, RecursionError):
            raise _unreachable("its answer is no JSON") from None
        if not isinstance(document, dict):
            raise _unreachable("its answer is no JSON object")
        return httpx.codes.OK, document


def _header(token: str) -> dict[str, Any]:
    try:
        if len(token) > LARGEST_TOKEN:
            raise _refused("it is too long")
        return dict(jwt.get_unverified_header(token))
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise UnauthenticatedError(
            "this is neither an API key nor a token", remedy="Send Authorization: Bearer with one of them"
        ) from None


def _choose(keys: Sequence[Mapping[str, Any]], kid: object, algorithm: str) -> Mapping[str, Any] | None:
    """The key of this name; of a token that names none, the only one that it can be."""
    usable = [
        key
        for key in keys
        if key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm and key.get("kty") != "oct"
    ]
    if kid is not None:
        return next((key for key in usable if key.get("kid") == kid), None)
    return usable[0] if len(usable) == 1 else None


def _refused(why: str) -> UnauthenticatedError:
    return UnauthenticatedError(
        f"this token is not accepted: {why}", remedy="Get a new one from your identity provider"
    )


def _unreachable(why: str) -> IdentityProviderError:
    return IdentityProviderError(f"the identity provider cannot be asked: {why}", remedy="Repeat later")
