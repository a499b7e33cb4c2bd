"""Texts between Python and Arrow by their buffers. Arrow's own conversions load pandas at the first call, which takes
longer than to match a small file."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, TypeAlias, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Starts = NDArray[np.int64]


class Values:
    """Many texts as Arrow holds them, an array of large strings without nulls. Python's texts are made of those alone
    that somebody asks for; else a column of a million would take a second and 60 bytes for each."""

    __slots__ = ("_made", "_sets", "array")

    def __init__(self, array: Any) -> None:
        self.array = array
        self._made: NDArray[np.object_] | None = None
        self._sets: NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[str]:
        return iter(self.objects())

    @overload
    def __getitem__(self, places: int | np.integer[Any]) -> str: ...

    @overload
    def __getitem__(self, places: NDArray[Any] | slice) -> NDArray[np.object_]: ...

    def __getitem__(self, places: Any) -> Any:
        if self._made is None and isinstance(places, np.ndarray) and len(places) * FEW_OF < len(self):
            return to_objects(self.array.take(as_indices(places)))
        return self.objects()[places]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.objects(), dtype=dtype, copy=copy)

    def tolist(self) -> list[str]:
        """All of them as a list."""
        return list(self.objects())

    def letter_sets(self, make: Callable[[Bytes, Starts], NDArray[np.uint64]]) -> NDArray[np.uint64]:
        """What `make` says of the letters of each, asked once."""
        if self._sets is None:
            self._sets = make(*bytes_of(self))
        return self._sets

    def objects(self) -> NDArray[np.object_]:
        """All of them as Python's texts, made once."""
        if self._made is None:
            self._made = to_objects(self.array)
        return self._made


FEW_OF: Final = 4
"""Where less than this part of the texts is asked for, no others are made."""

Objects: TypeAlias = NDArray[np.object_] | Values
"""Texts, as Python's or as Arrow's."""


def as_indices(places: NDArray[Any]) -> Any:
    """Places in an array, or truth values that choose them, as Arrow's integers."""
    numbers = np.flatnonzero(places) if places.dtype == np.bool_ else np.ascontiguousarray(places, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])


def bytes_of(values: Sequence[str] | Objects) -> tuple[Bytes, Starts]:
    """Texts as one array of their bytes in UTF-8 and where each begins; the last entry is where all end."""
    if isinstance(values, Values):
        return _unchangeable(np.frombuffer(values.array.buffers()[2] or b"", np.uint8), _spans(values.array))
    whole = "".join(values)
    letters = whole.encode()
    lengths = map(len, values) if whole.isascii() else (len(value.encode()) for value in values)
    starts = np.zeros(len(values) + 1, np.int64)
    np.cumsum(np.fromiter(lengths, np.int64, len(values)), out=starts[1:])
    return _unchangeable(np.frombuffer(letters, np.uint8), starts)


def _unchangeable(letters: Bytes, starts: Starts) -> tuple[Bytes, Starts]:
    """Both as arrays that may not be written to, wherever they come from: a kernel is made for one type of array."""
    letters.flags.writeable = starts.flags.writeable = False
    return letters, starts


def to_arrow(values: Sequence[str] | Objects) -> Any:
    """Texts as an Arrow array of large strings."""
    return values.array if isinstance(values, Values) else from_bytes(*bytes_of(values))


def from_bytes(letters: Bytes, starts: Starts) -> Any:
    """What `bytes_of` takes apart as an Arrow array of large strings."""
    buffers = [None, pa.py_buffer(starts), pa.py_buffer(letters)]
    return pa.Array.from_buffers(pa.large_string(), len(starts) - 1, buffers)


def lengths_of(values: Sequence[str] | Objects) -> Starts:
    """How many letters each text has."""
    if not isinstance(values, Values):
        return np.fromiter(map(len, values), np.int64, len(values))
    letters, starts = bytes_of(values)
    inside = (letters & 0xC0) == 0x80  # beyond ASCII a letter has several bytes, of which the first one counts
    if not inside.any():
        return np.diff(starts)
    return np.diff(starts - np.concatenate(([0], np.cumsum(inside)))[starts])


WITH_BLANKS: Final = (0xC2, 0xE1, 0xE2, 0xE3)
"""With these bytes all blanks beyond ASCII begin, and other letters."""


def may_have_blanks(values: Values) -> NDArray[np.bool_]:
    """Which texts have a byte with which a blank may begin: all others are one word, or empty."""
    letters, starts = bytes_of(values)
    before = np.zeros(len(letters) + 1, np.int64)
    np.cumsum((letters <= ord(" ")) | np.isin(letters, WITH_BLANKS), out=before[1:])
    return before[starts[1:]] > before[starts[:-1]]


def with_others(values: Values, places: NDArray[np.int64], texts: Sequence[str]) -> Values:
    """The texts with others at these places."""
    order = np.arange(len(values))
    order[places] = len(values) + np.arange(len(places))
    return Values(pa.concat_arrays([values.array, to_arrow(texts)]).take(as_indices(order)))


def initials_of(values: Objects) -> Bytes:
    """The last eight bits of each text's first letter; 0 where it has none."""
    if not isinstance(values, Values):
        return np.fromiter((ord(value[0]) & 0xFF if value else 0 for value in values), np.uint8, len(values))
    letters, starts = bytes_of(values)
    found = np.zeros(len(values), np.uint8)
    some = np.flatnonzero(starts[1:] > starts[:-1])
    found[some] = letters[starts[some]]
    beyond = np.flatnonzero(found >= 128)  # beyond ASCII a letter has several bytes
    found[beyond] = [ord(value[0]) & 0xFF for value in values[beyond]]
    return found


def to_objects(array: Any) -> NDArray[np.object_]:
    """An Arrow array of large strings without nulls as Python's texts."""
    found = np.empty(len(array), dtype=object)
    letters_buffer = array.buffers()[2]
    if len(array) == 0 or letters_buffer is None:
        found[:] = ""
        return found
    starts = _spans(array)
    letters = np.frombuffer(letters_buffer, np.uint8)[starts[0] : starts[-1]]
    text = letters.tobytes().decode()
    places = starts - starts[0]
    if len(text) < len(letters):  # beyond ASCII a letter has several bytes, of which the first one counts
        places = np.concatenate(([0], np.cumsum((letters & 0xC0) != 0x80)))[places]
    found[:] = [text[begin:end] for begin, end in pairwise(places.tolist())]
    return found


def to_codes(indices: Any) -> NDArray[np.int32]:
    """The indices of a dictionary-encoded Arrow array as an array that may be written to; -1 where it has none."""
    _, numbers = indices.buffers()
    width = np.dtype(f"{'u' if pa.types.is_unsigned_integer(indices.type) else 'i'}{indices.type.bit_width // 8}")
    codes = np.frombuffer(numbers or b"", width)[indices.offset : indices.offset + len(indices)].astype(np.int32)
    if indices.null_count:  # reckoned, for to assign where a mask says so takes many times as long
        codes += 1
        codes *= _bits(indices, 0)
        codes -= 1
    return codes


def _spans(texts: Any) -> Starts:
    """Where the bytes of each text begin; the last entry is where all end."""
    _, starts, _ = texts.buffers()
    return np.frombuffer(starts or b"", np.int64)[texts.offset : texts.offset + len(texts) + 1]


def _bits(array: Any, buffer: int) -> NDArray[np.bool_]:
    """One of an Arrow array's buffers of bits, as truth values."""
    packed = np.frombuffer(array.buffers()[buffer] or b"", np.uint8)
    found = np.unpackbits(packed, bitorder="little", count=array.offset + len(array) if len(packed) else 0)
    return found[array.offset :].astype(np.bool_)
