"""Value against value: the string kernels (rapidfuzz, on all cores) and the hashes behind our own names.

Everything here works on whole arrays; nothing knows what a customer is.
"""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, cycle
from operator import mul
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA, JaroWinkler

from cdi.matching.pairs import BoolArray, FloatArray, IntArray
from cdi.matching.texts import Objects, Values, bytes_of

Hashes = NDArray[np.uint64]

_CHUNK: Final = 1 << 18


def _workers(values: Sequence[str] | NDArray[Any]) -> int:
    """Both cores for many values; for a few, starting threads would take longer than the work."""
    return 2 if len(values) > 4_000 else 1


def edit_distance(left: Sequence[str] | NDArray[Any], right: Sequence[str] | NDArray[Any], at_most: int) -> IntArray:
    """Insertions, deletions, substitutions and swaps of neighbours between each pair; `at_most` + 1 for more."""
    if len(left) == 0:
        return np.zeros(0, np.int64)
    distances = process.cpdist(left, right, scorer=OSA.distance, score_cutoff=at_most, workers=_workers(left))
    return np.asarray(distances, dtype=np.int64)


def edit_distances(values: Objects, low: IntArray, high: IntArray, at_most: int) -> IntArray:
    """`edit_distance` of the texts of these numbers."""

    def compiled(letters: NDArray[np.uint8], starts: IntArray, sets: Hashes) -> IntArray:
        from cdi.matching import spelling  # noqa: PLC0415  # loads numba, so only where it pays

        return spelling.edit_distances(letters, starts, sets, low, high, at_most)

    return _spelt(values, low, high, lambda x, y: edit_distance(x, y, at_most), compiled)


STEPS: Final = 1e9
"""Similarities are rounded to a billionth, so that the order of adding does not decide what reaches a bound."""


def name_similarity(left: NDArray[Any], right: NDArray[Any], at_least: float) -> FloatArray:
    """Jaro–Winkler similarity of each pair in 0 to 1; 0 where it is below `at_least`."""
    if len(left) == 0:
        return np.zeros(0)
    nearly = at_least - 0.001  # from the bound that is given, rapidfuzz derives others and rounds them
    scores = process.cpdist(
        left, right, scorer=JaroWinkler.similarity, score_cutoff=nearly, workers=_workers(left), dtype=np.float64
    )
    found: FloatArray = np.rint(np.asarray(scores) * STEPS) / STEPS
    found[found < at_least] = 0.0
    return found


def name_similarities(values: Objects, low: IntArray, high: IntArray, at_least: float) -> FloatArray:
    """`name_similarity` of the texts of these numbers."""

    def compiled(letters: NDArray[np.uint8], starts: IntArray, sets: Hashes) -> FloatArray:
        from cdi.matching import spelling  # noqa: PLC0415  # loads numba, so only where it pays

        return spelling.name_similarities(letters, starts, sets, low, high, at_least)

    return _spelt(values, low, high, lambda x, y: name_similarity(x, y, at_least), compiled)


Measured = TypeVar("Measured", IntArray, FloatArray)

LEFT_OVER: Final = -1
"""What a compiled measure says of a pair that it leaves to the plain one."""


def _spelt(
    values: Objects,
    low: IntArray,
    high: IntArray,
    plain: Callable[[NDArray[Any], NDArray[Any]], Measured],
    compiled: Callable[[NDArray[np.uint8], IntArray, Hashes], Measured],
) -> Measured:
    """A measure of the texts of these numbers, compiled for many that Arrow holds."""
    if not isinstance(values, Values) or not compiled_is_there(len(low)):
        return plain(values[low], values[high])
    from cdi.matching import spelling  # noqa: PLC0415  # loads numba, so only where it pays

    found = compiled(*bytes_of(values), values.letter_sets(spelling.letter_sets))
    rest = np.flatnonzero(found == LEFT_OVER)
    found[rest] = plain(values[low[rest]], values[high[rest]])
    return found


def token_similarity(left: NDArray[Any], right: NDArray[Any], at_least: float) -> FloatArray:
    """Similarity of each pair of texts with their words sorted, in 0 to 1; 0 where it is below `at_least`."""
    if len(left) == 0:
        return np.zeros(0)
    scorer = fuzz.token_sort_ratio
    scores = process.cpdist(left, right, scorer=scorer, score_cutoff=100 * at_least, workers=_workers(left))
    return np.asarray(scores, dtype=np.float64) / 100


FEW_PAIRS: Final = 100
"""Up to so many pairs, comparing one twice takes less than finding out which are the same."""


def distinct_pairs(left: NDArray[Any], right: NDArray[Any]) -> tuple[IntArray, IntArray, IntArray]:
    """The distinct unordered pairs of codes, and for each given pair the index of its distinct one. Of a few pairs each
    stands for itself, as often as it occurs."""
    low, high = np.minimum(left, right).astype(np.int64), np.maximum(left, right).astype(np.int64)
    if len(low) <= FEW_PAIRS:
        return low, high, np.arange(len(low))
    distinct, inverse = numbered(low << 32 | high)
    return distinct >> 32, distinct & 0xFFFFFFFF, inverse


def numbered(keys: IntArray) -> tuple[IntArray, IntArray]:
    """The distinct keys, in any order, and for each entry the number of its key."""
    if compiled_is_there(len(keys)):
        from cdi.matching import grouping  # noqa: PLC0415  # loads numba, so only where it pays

        return grouping.numbered(keys)
    order = np.argsort(keys)
    ordered = keys[order]
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    numbers = np.empty(len(ordered), np.int64)
    numbers[order] = np.cumsum(first) - 1
    return ordered[first], numbers


# --- hashes: stable over processes, machines and library versions, because block keys are stored

_POSITIONS: Final = 1024
_GOLDEN: Final = 0x9E3779B97F4A7C15
_SEED: Final = 0x243F6A8885A308D3
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_BITS: Final = (1 << 64) - 1


def _splitmix(x: Hashes) -> Hashes:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_FIRST)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_SECOND)
    return x ^ (x >> np.uint64(31))


def _mixed(x: int) -> int:
    """`_splitmix` of one number."""
    x = (x ^ (x >> 30)) * _FIRST & _BITS
    x = (x ^ (x >> 27)) * _SECOND & _BITS
    return x ^ (x >> 31)


_WEIGHTS: Final[Hashes] = _splitmix(np.arange(1, _POSITIONS + 1, dtype=np.uint64) * np.uint64(_GOLDEN)) | np.uint64(1)
_WEIGHT: Final[list[int]] = _WEIGHTS.tolist()
_WEIGHT_BEFORE: Final = [0, *accumulate(_WEIGHT)]
"""By position, the sum of the weights of all before it."""

HANDFUL: Final = 12
"""Up to so many values, Python's own numbers are quicker than setting up arrays. What comes out is the same."""


MANY: Final = 50_000
"""From so many values on, compiled loops are worth what it costs to load them."""
SOME: Final = 200
"""From so many values on they are worth it where they are loaded already."""


def worth_loading(count: int) -> bool:
    """Are so many values alone worth what it costs to load compiled loops?"""
    return count > MANY


def compiled_pays(count: int) -> bool:
    """Is it quicker to leave so many values to `cdi.matching.kernels`? What comes out is the same."""
    return worth_loading(count) or compiled_is_there(count)


def compiled_is_there(count: int) -> bool:
    """The same for what is not slow enough by itself to load them."""
    return count > SOME and "cdi.matching.kernels" in sys.modules


def hash_texts(values: Sequence[str] | Objects) -> Hashes:
    """A 64-bit hash for each text; 0 for "" and for nothing else."""
    if compiled_pays(len(values)):
        from cdi.matching import kernels  # noqa: PLC0415  # loads numba, so only where it pays

        return kernels.hash_texts(*bytes_of(values), _WEIGHTS)
    values = values.objects() if isinstance(values, Values) else values
    if len(values) <= HANDFUL:
        return np.array([_hash_of(value) if value else 0 for value in values], np.uint64)
    hashes = np.zeros(len(values), np.uint64)
    for start in range(0, len(values), _CHUNK):
        encoded = [value.encode() for value in values[start : start + _CHUNK]]
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        letters = np.frombuffer(b"".join(encoded), np.uint8)
        ends = np.cumsum(lengths)
        begins = ends - lengths
        if len(letters) == 0:
            continue
        positions = np.arange(len(letters)) - np.repeat(begins, lengths)
        terms = (letters.astype(np.uint64) + np.uint64(1)) * _WEIGHTS[positions % _POSITIONS]
        filled = lengths > 0
        sums = np.add.reduceat(terms, begins[filled])
        mixed = _splitmix(sums + lengths[filled].astype(np.uint64))
        hashes[start : start + len(encoded)][filled] = np.where(mixed == 0, np.uint64(1), mixed)
    return hashes


def _hash_of(text: str) -> int:
    """The hash of one text that is not empty."""
    letters = text.encode()
    length = len(letters)
    rounds, rest = divmod(length, _POSITIONS)
    total = sum(map(mul, letters, cycle(_WEIGHT))) + rounds * _WEIGHT_BEFORE[-1] + _WEIGHT_BEFORE[rest]
    return _mixed((total + length) & _BITS) or 1


def combine(*parts: Hashes) -> Hashes:
    """One hash of several, order counting; 0 where one of them is 0 (missing)."""
    if len(parts[0]) <= HANDFUL:
        return np.array([_combined(row) for row in zip(*[part.tolist() for part in parts], strict=True)], np.uint64)
    total = np.full(len(parts[0]), _SEED, np.uint64)
    missing: BoolArray = np.zeros(len(total), dtype=bool)
    for part in parts:
        missing |= part == 0
        total = _splitmix(total * np.uint64(_GOLDEN) + part)
    total[total == 0] = 1
    total[missing] = 0
    return total


def _combined(parts: Iterable[int]) -> int:
    """`combine` of the parts of one record."""
    total = _SEED
    for part in parts:
        if not part:
            return 0
        total = _mixed((total * _GOLDEN + part) & _BITS)
    return total or 1


# --- how a name sounds: Kölner Phonetik, which serves other European names as a skeleton of consonants as well

_SOUNDS: Final = str.maketrans(
    {
        **dict.fromkeys("bp", "1"),
        **dict.fromkeys("dt", "2"),
        **dict.fromkeys("fvw", "3"),
        **dict.fromkeys("gkqc", "4"),
        "x": "48",
        "l": "5",
        **dict.fromkeys("mn", "6"),
        "r": "7",
        **dict.fromkeys("szß", "8"),
        **dict.fromkeys("aeijouyh", "0"),
    }
)
_SOFT_C: Final = re.compile(r"(?<=[sz])c|(?<=.)c(?![ahkoqux])|^c(?![ahkloqrux])")
_SOFT_T: Final = re.compile(r"[dt](?=[csz])")
_SOFT_X: Final = re.compile(r"(?<=[ckq])x")
_REPEATED: Final = re.compile(r"(.)\1+")


@lru_cache(maxsize=20_000)  # names repeat themselves
def sound(name: str) -> str:
    """The phonetic code of one word; "" when it has no letter of a to z. A vowel counts at the start alone."""
    text = name.replace("ph", "f")
    if "c" in text or "x" in text or "t" in text or "d" in text:
        text = _SOFT_X.sub("s", _SOFT_C.sub("s", _SOFT_T.sub("s", text)))
    digits = _REPEATED.sub(r"\1", text.translate(_SOUNDS))
    code = digits[:1] + digits[1:].replace("0", "")
    return code if any("0" <= c <= "8" for c in code) else name


def sound_hashes(words: Objects) -> Hashes:
    """A hash of how each word sounds; 0 for a word of one letter."""
    if not compiled_pays(len(words)):
        return hash_texts([sound(word) if len(word) > 1 else "" for word in words])
    from cdi.matching import kernels  # noqa: PLC0415  # loads numba, so only where it pays

    table = np.array([ord(_SOUNDS.get(letter, chr(letter))[0]) for letter in range(128)], np.uint8)
    hashes, left_over = kernels.sound_hashes(*bytes_of(words), table, _WEIGHTS)
    rows = np.flatnonzero(left_over)
    hashes[rows] = hash_texts([sound(word) if len(word) > 1 else "" for word in words[rows]])
    return hashes
