"""Files on a web server: fetched by name, or found in the folder's index page; one that has not changed since it was
last read (ETag, Last-Modified) is not sent again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import quote, unquote, urljoin

from cdi.errors import ConfigurationError
from cdi.ingest.blueprint import FilesConnection, HttpConnection
from cdi.ingest.http_auth import authenticator
from cdi.ingest.http_session import Call, HttpSession, RefusedError
from cdi.ingest.places import Drop, Fetched
from cdi.ingest.templates import Values, fill

WILD: Final = frozenset("*?[")
LARGEST_INDEX: Final = 16 * 1_048_576


class HttpFolder:
    """A folder on a web server, for one run; use it in a `with`."""

    def __init__(self, source: str, connection: FilesConnection, values: Values) -> None:
        self.source = source
        self.values = values
        self.access = connection.http
        self.most_bytes = connection.max_file_mb * 1_048_576
        address = str(fill(connection.folder, values)).rstrip("/")
        self.title = address.rpartition("://")[2].rpartition("@")[2]
        self.address = address + "/"
        declared = HttpConnection(
            kind="rest", base_url=address, timeout=connection.timeout, plain_http=connection.http.plain_http
        )
        self._session = HttpSession(source, declared, address, authenticator(connection.http.auth, values))

    def __enter__(self) -> "HttpFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.client.close()

    def listed(self, pattern: str) -> list[Drop]:
        """A name without wildcards is looked for as it is; for a pattern the links of the folder's index are looked
        through."""
        with TemporaryDirectory(prefix="cdi-") as folder:
            page = Path(folder) / "index"
            if not WILD & set(pattern):
                return [Drop(pattern)] if self._is_there(pattern, page) else []
            self._session.download(self._call("", {}), page, LARGEST_INDEX)
            links = _Links()
            links.feed(page.read_text(encoding="utf-8", errors="replace"))
        inside = (urljoin(self.address, link.partition("#")[0]) for link in links.found)
        names = (unquote(link.removeprefix(self.address)) for link in inside if link.startswith(self.address))
        return [Drop(name) for name in dict.fromkeys(names) if "/" not in name and fnmatchcase(name, pattern)]

    def _is_there(self, name: str, answer: Path) -> bool:
        """Asked without the content; a server that does not understand that is asked for the content later."""
        try:
            self._session.download(replace(self._call(name, {}), method="HEAD"), answer, LARGEST_INDEX)
        except RefusedError as error:
            if error.answered not in {404, 405, 501}:
                raise
            return error.answered != 404
        return True

    @contextmanager
    def fetched(self, drop: Drop, known: str | None) -> Iterator[Fetched | None]:
        with TemporaryDirectory(prefix="cdi-") as folder:
            path = Path(folder) / drop.name.rpartition("/")[2]
            headers = self._session.download(self._call(drop.name, _conditions(known)), path, self.most_bytes)
            yield None if headers is None else Fetched(path, _stamp(headers))

    def _call(self, name: str, conditions: dict[str, str]) -> Call:
        headers = {name: str(fill(value, self.values)) for name, value in self.access.headers.items()}
        url = self._session.url(self.address + quote(name))
        return Call("GET", url, name or "its index", {}, {**headers, "accept": "*/*", **conditions})

    def stands_still(self, drop: Drop) -> bool:  # noqa: ARG002  an answer that is cut off is noticed while it is read
        return True

    def move(self, name: str, folder: str, now: datetime) -> None:  # noqa: ARG002
        raise ConfigurationError(
            f"source {self.source}: {name} lies on a web server, where nothing can be moved",
            remedy=f"Drop `move_to: {folder}` in the manifest; what was read is known by its content",
        )


def _stamp(headers: Mapping[str, str]) -> str | None:
    if "etag" in headers:
        return f"etag {headers['etag']}"
    return f"since {headers['last-modified']}" if "last-modified" in headers else None


def _conditions(known: str | None) -> dict[str, str]:
    if known is None:
        return {}
    kind, _, value = known.partition(" ")
    return {"if-none-match" if kind == "etag" else "if-modified-since": value}


class _Links(HTMLParser):
    """The addresses that a page links to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]
