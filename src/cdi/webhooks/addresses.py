"""Where deliveries may go: encrypted, to addresses of the open internet, and into networks that cdi.yaml names. The
name is looked up for each connection and the address that was judged is the one that is called, so that a name cannot
lead elsewhere meanwhile."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from cdi.errors import InvalidInputError

Address: TypeAlias = IPv4Address | IPv6Address

TRANSLATED: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("2002::/16"), IPv6Network("2001::/32"))
"""IPv6 addresses behind which an IPv4 address lies (NAT64, 6to4, Teredo): which one, the network decides."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address to connect to, judged; `host` is what the certificate must say."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]

    def url(self, address: str) -> str:
        """The URL with the address in place of the name."""
        shown = f"[{address}]" if ":" in address else address
        return f"{self.scheme}://{shown}:{self.port}{self.path}"

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


def read_url(url: str) -> SplitResult:
    """A URL that deliveries may name; raises InvalidInputError that says what is wrong and repeats nothing of it."""
    try:
        parts = urlsplit(url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        raise InvalidInputError("url is no web address", remedy="Write https://host/path") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or not port_is_one:
        raise InvalidInputError("url is no web address", remedy="Write https://host/path")
    if parts.username is not None or parts.password is not None:
        raise InvalidInputError("url holds credentials", remedy="Deliveries are signed: verify the signature instead")
    if parts.fragment or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise InvalidInputError("url holds what no web address has", remedy="Percent-encode it, leave out #…")
    return parts


def check_url(url: str, allowed: Sequence[str]) -> None:
    """What can be told of a URL before its host is looked up: raises InvalidInputError."""
    parts = read_url(url)
    host = (parts.hostname or "").lower()
    try:
        judge(parts.scheme, ip_address("127.0.0.1" if host == "localhost" else host), allowed)
    except ValueError:  # a name: it is looked up for each connection
        if parts.scheme == "http":
            raise InvalidInputError("url is not encrypted", remedy="Write https://") from None


async def find_target(url: str, allowed: Sequence[str]) -> Target:
    """Look the host up and judge each of its addresses.

    Raises InvalidInputError when one of them may not be called, OSError when the name is unknown.
    """
    parts = read_url(url)
    host, port = parts.hostname or "", parts.port or {"http": 80, "https": 443}[parts.scheme]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = tuple(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    for address in addresses:
        judge(parts.scheme, ip_address(address), allowed)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path, addresses)


def judge(scheme: str, address: Address, allowed: Sequence[str]) -> None:
    """Raises InvalidInputError for an address that may not be called this way."""
    real = address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
    named = any(real in ip_network(network) for network in allowed)
    if scheme == "http" and not (named and real.is_loopback):
        raise InvalidInputError("url is not encrypted", remedy="Write https://")
    hidden = isinstance(real, IPv6Address) and any(real in network for network in TRANSLATED)
    if not named and (hidden or not real.is_global or real.is_multicast or real.is_reserved):
        raise InvalidInputError(
            "url leads into a private network", remedy="The operator may name it: webhooks.allowed_networks in cdi.yaml"
        )
