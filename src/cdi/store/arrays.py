"""Lists as parameters, written as PostgreSQL reads arrays: the driver's own way takes a regular expression for each
element, which costs more than all that the database does with them. Numbers in an array of numpy go as they are, and so
do long texts, which the server would otherwise look through letter by letter."""

import struct
from collections.abc import Callable
from datetime import datetime
from types import NoneType
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from psycopg.abc import Buffer, DumperKey
from psycopg.adapt import Dumper, PyFormat
from psycopg.postgres import types
from psycopg.pq import Format
from psycopg.types.array import ListDumper


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


_WRITERS: Final[dict[type, Callable[[Any], str]]] = {
    int: str,
    str: _quoted,
    bytes: lambda value: f'"\\\\x{value.hex()}"',
    bool: lambda value: "t" if value else "f",
    datetime: lambda value: f'"{value}"',
    UUID: str,
}


class ArrayDumper(ListDumper):
    """Lists of one plain type, None among them or not; any other list goes the driver's way."""

    def dump(self, obj: list[Any]) -> Buffer | None:
        kinds = set(map(type, obj))
        holed = NoneType in kinds
        kinds.discard(NoneType)
        write = _WRITERS.get(kinds.pop()) if len(kinds) == 1 else None
        if write is None:
            return super().dump(obj)
        parts = ["NULL" if item is None else write(item) for item in obj] if holed else map(write, obj)
        array = "{" + ",".join(parts) + "}"
        if "\0" in array:
            return super().dump(obj)  # which says that no text may hold it
        return array.encode()


_NUMBERS: Final = {"i": ("int8", ">i8"), "f": ("float8", ">f8"), "b": ("bool", "?")}
"""What numpy's kinds are to PostgreSQL, and how they are sent."""


class NumbersDumper(Dumper):
    """An array of numpy in one dimension, of integers, floats or booleans, as a `bigint[]`, `float8[]` or `bool[]` in
    PostgreSQL's binary format."""

    format = Format.BINARY

    def get_key(self, obj: NDArray[Any], format: PyFormat) -> DumperKey:  # noqa: ARG002  the driver asks so
        return (self.cls, obj.dtype.type)

    def upgrade(self, obj: NDArray[Any], format: PyFormat) -> Dumper:  # noqa: ARG002  the driver asks so
        dumper = NumbersDumper(self.cls)
        dumper.oid = types[_NUMBERS[obj.dtype.kind][0]].array_oid
        return dumper

    def dump(self, obj: NDArray[Any]) -> Buffer | None:
        name, sent_as = _NUMBERS[obj.dtype.kind]
        if not len(obj):
            return np.array([0, 0, types[name].oid], ">i4").tobytes()
        elements = np.empty(len(obj), dtype=[("size", ">i4"), ("value", sent_as)])
        elements["size"], elements["value"] = elements.dtype["value"].itemsize, obj
        return np.array([1, 0, types[name].oid, len(obj), 1], ">i4").tobytes() + elements.tobytes()


class LongTexts(list[bytes]):
    """Texts as UTF-8, documents mostly, that are sent as a `text[]`."""


class LongTextsDumper(Dumper):
    """`LongTexts` in PostgreSQL's binary format."""

    format = Format.BINARY
    oid = types["text"].array_oid

    def dump(self, obj: LongTexts) -> Buffer | None:
        head = (1, 0, types["text"].oid, len(obj), 1) if obj else (0, 0, types["text"].oid)
        parts = [struct.pack(f">{len(head)}i", *head)]
        for value in obj:
            parts += (struct.pack(">i", len(value)), value)
        return b"".join(parts)
