"""Where files lie: a place lists them and hands each over as a file of this machine; how it is reached is its own
business."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from cdi.errors import SourceError

UNFINISHED: Final = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload")
"""What programs that transfer or write files call them until they are whole."""


@dataclass(frozen=True, slots=True)
class Drop:
    """One file as its place lists it: the time and size where the place tells them (seconds since 1970, bytes)."""

    name: str
    modified: float | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file at hand. `stamp` changes when the file does, so that it need not be fetched again to see that it did not;
    None where only its content tells."""

    path: Path
    stamp: str | None


class Place(Protocol):
    """A folder, wherever it is. Use it in a `with`; every failure is a SourceError that names the remedy."""

    title: str

    def __enter__(self) -> "Place": ...

    def __exit__(self, *_: object) -> None: ...

    def listed(self, pattern: str) -> list[Drop]:
        """The files that fit the pattern."""
        ...

    def fetched(self, drop: Drop, known: str | None) -> AbstractContextManager[Fetched | None]:
        """The file, for as long as the `with` lasts; None if its stamp is still `known`."""
        ...

    def stands_still(self, drop: Drop) -> bool:
        """Whether nobody has written to it since it was listed."""
        ...

    def move(self, name: str, folder: str, now: datetime) -> None:
        """Put the file into `folder`, beside it; one that lies there already keeps its place."""
        ...


class Keeping:
    """A fetched file as it is written to this machine's disk; what that complains of becomes a SourceError."""

    def __init__(self, source: str, name: str, path: Path) -> None:
        self.source = source
        self.name = name
        self._file = path.open("wb", buffering=0)  # so that a full disk is noticed here and not at the end

    def __enter__(self) -> "Keeping":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, chunk: bytes) -> None:
        """Append all of it."""
        left = memoryview(chunk)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise SourceError(
                self.source,
                f"{self.name} cannot be kept while it is read ({os.strerror(error.errno or 0)})",
                remedy="Make room on this machine's disk; the next run reads it",
            ) from None


def is_unfinished(name: str) -> bool:
    """Whether the name says that the file is still being written, or is a program's own."""
    last = name.rpartition("/")[2].lower()
    return last.endswith(UNFINISHED) or last.startswith((".", "~$"))


def beside(name: str, folder: str, now: datetime | None = None) -> str:
    """Where a file goes that is put away into `folder`; with `now` under a name that nobody has."""
    around, _, last = name.rpartition("/")
    if now is not None:
        stem, dot, ending = last.partition(".")
        last = f"{stem}-{now:%Y%m%dT%H%M%S}{dot}{ending}"
    return "/".join(part for part in (around, folder, last) if part)


class LocalFolder:
    """A folder of this machine."""

    def __init__(self, source: str, folder: Path) -> None:
        self.source = source
        self.folder = folder
        self.title = folder.name

    def __enter__(self) -> "LocalFolder":
        if not self.folder.is_dir():
            raise SourceError(
                self.source,
                f"the folder {self.title} does not exist",
                remedy=f"Make {self.folder} or correct `folder` in cdi.yaml",
            )
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def listed(self, pattern: str) -> list[Drop]:
        found: list[Drop] = []
        for path in self.folder.glob(pattern):
            with suppress(FileNotFoundError):  # taken away since it was found
                if path.is_file():
                    found.append(self._drop(path))
        return found

    def _drop(self, path: Path) -> Drop:
        stat = path.stat()
        return Drop(path.relative_to(self.folder).as_posix(), stat.st_mtime, stat.st_size)

    @contextmanager
    def fetched(self, drop: Drop, known: str | None) -> Iterator[Fetched | None]:  # noqa: ARG002
        try:
            # Its content is at hand, and tells more than any stamp.
            yield Fetched(self.folder / drop.name, None)
        except OSError as error:
            raise SourceError(
                self.source,
                f"{drop.name} cannot be read any more ({os.strerror(error.errno or 0)})",
                remedy=f"Check that it is in {self.folder} and may be read; the next run goes on",
            ) from None

    def stands_still(self, drop: Drop) -> bool:
        return self._drop(self.folder / drop.name) == drop

    def move(self, name: str, folder: str, now: datetime) -> None:
        target = self.folder / beside(name, folder)
        if target.exists():
            target = self.folder / beside(name, folder, now)
        try:
            target.parent.mkdir(exist_ok=True)
            (self.folder / name).rename(target)
        except OSError as error:
            raise SourceError(
                self.source,
                f"{name} cannot be moved into {folder} ({type(error).__name__})",
                remedy=f"Grant the right to write in {self.folder}, or drop `move_to` in the manifest",
            ) from None
