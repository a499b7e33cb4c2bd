"""An XML file as records, read as a stream: one element is one record. A document type is refused, because through it
a small file can grow without bounds or read other files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

from cdi.ingest.blueprint import XmlFormat
from cdi.ingest.broken import FileError
from cdi.ingest.contract import Native

CHUNK = 1 << 16
DEEPEST = 100


def read_xml(path: Path, form: XmlFormat) -> Iterator[Native]:
    """Every element called `form.record`: attributes as `@name`, children by name (a list where several have one
    name), text beside them as `text`. Prefixes of namespaces are left out. Raises FileError."""
    elements = _Elements(form.record)
    with path.open("rb") as binary:
        while chunk := binary.read(CHUNK):
            elements.feed(chunk)
            yield from elements.taken()
    elements.feed(b"", final=True)
    yield from elements.taken()


class _Elements:
    """Builds a value for each element inside of a record; what lies outside is passed over."""

    def __init__(self, record: str) -> None:
        self.record = record
        self.open: list[tuple[str, dict[str, Any], list[str]]] = []
        self.done: list[Native] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = _refuse

    def feed(self, chunk: bytes, *, final: bool = False) -> None:
        try:
            self.parser.Parse(chunk, final)
        except expat.ExpatError as error:
            remedy = "Ask for a fresh export; this one may be cut off"
            raise FileError(f"is no well-formed XML (line {error.lineno})", remedy) from None

    def taken(self) -> list[Native]:
        done, self.done = self.done, []
        return done

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if not self.open and name != self.record:
            return
        if len(self.open) >= DEEPEST:
            raise FileError("nests too deeply", "Check that it is the export that is meant")
        self.open.append((name, {f"@{key}": value for key, value in attributes.items()}, []))

    def _characters(self, text: str) -> None:
        if self.open:
            self.open[-1][2].append(text)

    def _end(self, _: str) -> None:
        if not self.open:
            return
        name, content, texts = self.open.pop()
        text = "".join(texts).strip()
        if not self.open:
            self.done.append({**content, **({"text": text} if text else {})})
        else:
            _add(self.open[-1][1], name, {**content, **({"text": text} if text else {})} if content else text)


def _add(parent: dict[str, Any], name: str, value: Any) -> None:
    if name not in parent:
        parent[name] = value
    elif isinstance(parent[name], list):
        parent[name].append(value)
    else:
        parent[name] = [parent[name], value]


def _refuse(*_: object) -> None:
    raise FileError("declares a document type", "Ask for an export without <!DOCTYPE …>")
