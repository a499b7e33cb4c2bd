"""The address of the service. Where several processes answer, each listens with a socket of its own.

One socket that all share gives connections to whichever process happens to be awake, often nearly all to one of them;
with a socket for each the kernel deals them out.
"""

import socket
import sys
from typing import Any, Final

from cdi.errors import ConfigurationError

APART: Final = sys.platform == "linux"
"""Whether the system deals connections out. Others, where they can be asked to, give all to one socket."""


class OwnSocket(socket.socket):
    """A socket that is bound anew, to the same address, in each process that it is sent to. The one that is sent holds
    the address and never listens, so nobody is connected to it."""

    def __reduce__(self) -> tuple[Any, ...]:
        host, port = self.getsockname()[:2]
        return _bound, (OwnSocket, host, port)


def listen_alone(host: str, port: int) -> socket.socket:
    """A socket for one process. Raises ConfigurationError where it cannot be had."""
    try:
        return _bound(socket.socket, host, port)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            remedy="Another service may be there already; CDI_HOST and CDI_PORT say where to listen instead",
        ) from error


def listen_together(host: str, port: int) -> socket.socket:
    """A socket to be sent to each of several processes. Raises ConfigurationError as `listen_alone`, also where
    another service has taken the address in this way."""
    alone = listen_alone(host, port)
    if not APART:
        return alone
    with alone:
        port = alone.getsockname()[1]
    return _bound(OwnSocket, host, port)


def _bound(kind: type[socket.socket], host: str, port: int) -> socket.socket:
    bound = kind(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind is OwnSocket:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
