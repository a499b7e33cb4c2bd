"""An OpenID Connect provider on loopback, over real HTTP: discovery, keys that rotate, tokens of every kind."""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from loopback import Asked, Site, Told, serving

from cdi.clock import utc_now

AUDIENCE = "cdi"
DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"
SIGN_IN = "/authorize"
TOKEN = "/token"
SIGN_OUT = "/logout"
DESK = "cdi-desk"  # as which the desk is known there


class Issuer:
    """The provider: its site, and the keys that it publishes now."""

    def __init__(self) -> None:
        self.url = ""
        self.site: Site
        self.private: dict[str, Any] = {}
        self.published: list[dict[str, Any]] = []
        self.codes: dict[str, dict[str, Any]] = {}  # what was asked for with a code that was given out
        self.says: dict[str, Any] = {}  # the claims of id tokens, besides or instead of the usual ones
        self.broken: dict[str, Told] = {}  # by path, what is answered instead
        self.rotate("first")

    def rotate(self, kid: str, algorithm: str = "RS256", *, keep: bool = False) -> None:
        """Publish a new key; the ones before are withdrawn unless they are kept."""
        if not keep:
            self.published.clear()
        if algorithm.startswith("ES"):
            key: Any = ec.generate_private_key(ec.SECP256R1())
            public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        else:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self.private[kid] = key
        self.published.append({**public, "kid": kid, "use": "sig", "alg": algorithm})

    def token(self, kid: str | None = "first", algorithm: str = "RS256", key: Any = None, **claims: Any) -> str:
        """A token for an hour, signed with this key, of whom these claims speak; a claim that is None is left out."""
        now = int(utc_now().timestamp())
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "u-4711", "iat": now, "exp": now + 3600} | claims
        present = {name: value for name, value in said.items() if value is not None}
        signing = key if key is not None else self.private.get(kid or "first")
        return jwt.encode(present, signing, algorithm, headers={"kid": kid} if kid else None)

    def times_asked(self, path: str) -> int:
        return sum(asked.path == path for asked in self.site.asked)

    def let_in(self, wanted: dict[str, str]) -> Told:
        """Whoever comes is let in, and sent back with a code."""
        code = secrets.token_urlsafe(8)
        self.codes[code] = wanted
        back = urlencode({"code": code, "state": wanted["state"]})
        return Told(None, 302, {"location": f"{wanted['redirect_uri']}?{back}"})

    def redeem(self, asked: Asked) -> Told:
        """An id token for a code: once, and only to who shows what it began with."""
        form = dict(parse_qsl(asked.body))
        wanted = self.codes.pop(form["code"], None)
        shown = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if wanted is None or shown != wanted["code_challenge"] or form["redirect_uri"] != wanted["redirect_uri"]:
            return Told({"error": "invalid_grant"}, 400)
        claims = {"aud": DESK, "nonce": wanted["nonce"]} | self.says
        return Told({"id_token": self.token(**claims), "token_type": "Bearer"})

    def answer(self, asked: Asked) -> Told:
        if asked.path in self.broken:
            return self.broken[asked.path]
        if asked.path == DISCOVERY:
            doors = {"authorization": SIGN_IN, "token": TOKEN, "end_session": SIGN_OUT}
            told = {f"{name}_endpoint": self.url + path for name, path in doors.items()}
            return Told({"issuer": self.url, "jwks_uri": self.url + KEYS, **told})
        if asked.path == SIGN_IN:
            return self.let_in(dict(asked.params))
        if asked.path == TOKEN:
            return self.redeem(asked)
        return Told({"keys": self.published}) if asked.path == KEYS else Told(None, 404)


@contextmanager
def issuing() -> Iterator[Issuer]:
    """A provider with one RSA key, `first`, until the end."""
    issuer = Issuer()
    with serving(issuer.answer) as site:
        issuer.site, issuer.url = site, site.url
        yield issuer
