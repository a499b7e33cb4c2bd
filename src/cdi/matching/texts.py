"""Texts between Python and Arrow by their buffers. Arrow's own conversions load pandas at the first call, which takes
longer than to match a small file."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Starts = NDArray[np.int64]


def bytes_of(values: Sequence[str] | NDArray[Any]) -> tuple[Bytes, Starts]:
    """Texts as one array of their bytes in UTF-8 and where each begins; the last entry is where all end."""
    whole = "".join(values)
    letters = whole.encode()
    lengths = map(len, values) if whole.isascii() else (len(value.encode()) for value in values)
    starts = np.zeros(len(values) + 1, np.int64)
    np.cumsum(np.fromiter(lengths, np.int64, len(values)), out=starts[1:])
    return np.frombuffer(letters, np.uint8), starts


def to_arrow(values: Sequence[str] | NDArray[Any]) -> Any:
    """Texts as an Arrow array of large strings."""
    letters, starts = bytes_of(values)
    buffers = [None, pa.py_buffer(starts), pa.py_buffer(letters)]
    return pa.Array.from_buffers(pa.large_string(), len(values), buffers)


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
    if indices.null_count:
        codes[~_bits(indices, 0)] = -1
    return codes


def to_flags(array: Any) -> NDArray[np.bool_]:
    """An Arrow array of truth values without nulls."""
    return _bits(array, 1)


def without_nulls(texts: Any) -> Any:
    """An Arrow array of large strings with "" for each null."""
    _, starts, letters = texts.buffers()
    if texts.null_count and (np.diff(_spans(texts))[~_bits(texts, 0)] > 0).any():
        return texts.fill_null("")  # nobody forbids letters behind a null
    return pa.Array.from_buffers(texts.type, len(texts), [None, starts, letters], offset=texts.offset)


def _spans(texts: Any) -> Starts:
    """Where the bytes of each text begin; the last entry is where all end."""
    _, starts, _ = texts.buffers()
    return np.frombuffer(starts or b"", np.int64)[texts.offset : texts.offset + len(texts) + 1]


def _bits(array: Any, buffer: int) -> NDArray[np.bool_]:
    """One of an Arrow array's buffers of bits, as truth values."""
    packed = np.frombuffer(array.buffers()[buffer] or b"", np.uint8)
    found = np.unpackbits(packed, bitorder="little", count=array.offset + len(array) if len(packed) else 0)
    return found[array.offset :].astype(np.bool_)
