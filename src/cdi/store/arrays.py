"""Lists as parameters, written as PostgreSQL reads arrays: the driver's own way takes a regular expression for each
element, which costs more than all that the database does with them. Numbers in an array of numpy go as they are."""

from collections.abc import Callable
from datetime import datetime
from types import NoneType
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
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


class NumbersDumper(Dumper):
    """An array of numpy's 64-bit integers in one dimension as a `bigint[]`, in PostgreSQL's binary format."""

    format = Format.BINARY
    oid = types["int8"].array_oid

    def dump(self, obj: NDArray[np.int64]) -> Buffer | None:
        if not len(obj):
            return np.array([0, 0, types["int8"].oid], ">i4").tobytes()
        elements = np.empty(len(obj), dtype=[("size", ">i4"), ("value", ">i8")])
        elements["size"], elements["value"] = 8, obj
        return np.array([1, 0, types["int8"].oid, len(obj), 1], ">i4").tobytes() + elements.tobytes()
