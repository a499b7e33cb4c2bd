"""Where a client finds the server's socket: a path of it may be too long for the kernel, and then gets a short name.

The server itself calls its socket by a relative name, so the length of the path never troubles it.
"""

import os
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from cdi.errors import DatabaseError
from cdi.ids import new_id

LONGEST = 102  # bytes; the kernels' limits are 107 (Linux) and 103 (macOS)


def folder_for(socket: Path) -> Path:
    """The folder to give to libpq for this socket: its own, or a link to that in a private folder.

    Raises DatabaseError where no such link can be made or somebody else could have made it.
    """
    return socket.parent if _fits(socket) else _short_name_for(socket)


def forget(socket: Path) -> None:
    """Remove the short name, if there is one; the next user makes it again."""
    if not _fits(socket):
        with suppress(OSError, DatabaseError):
            private = _private_folder(socket)
            (private / LINK).unlink(missing_ok=True)
            private.rmdir()


LINK = "data"


def _fits(socket: Path) -> bool:
    """Whether the kernel takes the path, and libpq, which reads a comma as the start of another host."""
    path = os.fsencode(socket)
    return len(path) <= LONGEST and b"," not in path


def _short_name_for(socket: Path) -> Path:
    private = _private_folder(socket)
    with suppress(FileExistsError):
        private.mkdir(mode=0o700)
    stat = private.lstat()
    if stat.st_uid != os.geteuid() or stat.st_mode & 0o077 or private.is_symlink():
        raise DatabaseError(f"{private} belongs to somebody else", remedy="Remove it or shorten the deployment's path")
    link = private / LINK
    if not link.is_symlink() or link.readlink() != socket.parent:
        fresh = private / f"{LINK}-{new_id()}"
        fresh.symlink_to(socket.parent)
        fresh.replace(link)
    return link


def _private_folder(socket: Path) -> Path:
    return _short_place(socket.name) / f"cdi-{os.geteuid()}-{sha256(os.fsencode(socket.parent)).hexdigest()[:16]}"


def _short_place(name: str) -> Path:
    """Where the system keeps what lives as long as it runs, else where it keeps temporary things."""
    places = [os.environ.get("XDG_RUNTIME_DIR"), "/run" if os.geteuid() == 0 else None, tempfile.gettempdir(), "/tmp"]  # noqa: S108 - a private folder is made in it
    for place in filter(None, places):
        if os.access(place, os.W_OK) and _fits(Path(place) / "cdi-0123456789-0123456789abcdef" / LINK / name):
            return Path(place)
    raise DatabaseError("no place was found for the server's socket", remedy="Shorten the deployment's path")
