"""Loops over letters and pairs that numpy cannot say, compiled by numba once an installation (kept on disk).

Each has a plain definition elsewhere, which it equals for every input; a row that it leaves to that definition is
told. Who imports this module pays for numba: only callers with many values do (`MANY`).
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from cdi.matching.pairs import BoolArray, IntArray
from cdi.matching.similarity import Hashes
from cdi.matching.texts import WITH_BLANKS

Bytes = NDArray[np.uint8]


def _without_blas() -> None:
    """Loads numba's arithmetic of arrays as where there is no BLAS: to look for one it loads scipy's linear algebra,
    half of the time that loading takes, and no loop here multiplies matrices."""
    from numba.np import linalg  # noqa: PLC0415  # with the next one, of what numba keeps to itself

    def refuse() -> None:
        raise ImportError("not asked for")

    look = linalg.ensure_blas
    linalg.ensure_blas = refuse
    try:
        from numba.np import arraymath  # noqa: F401, PLC0415
    finally:
        linalg.ensure_blas = look


_without_blas()

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """The function as machine code, made at its first call; it runs beside other threads."""
    try:
        return cast(F, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # there is no folder to keep it in: it is made anew in each process
        return cast(F, numba.njit(nogil=True)(function))


ROOM: Final = 512
"""A text with more bytes is left to the plain definition."""


@compiled
def _is_blank(letter: int) -> bool:
    return letter == 32 or 9 <= letter <= 13 or 28 <= letter <= 31


@compiled
def _is_digit(letter: int) -> bool:
    return 48 <= letter <= 57


@compiled
def _is_letter(letter: int) -> bool:
    return 97 <= letter <= 122 or 65 <= letter <= 90


@compiled
def _is_trimmed(letter: int) -> bool:
    return letter in (32, 46, 95, 45)  # " ._-"


@compiled
def _without_name(text: Bytes, length: int, name: Bytes) -> int:
    """Takes the first place out where the name's beginning stands, as far as it goes on; the new length."""
    if len(name) < 3:
        return length
    for place in range(length - 2):
        if text[place] == name[0] and text[place + 1] == name[1] and text[place + 2] == name[2]:
            end, known = place + 3, 3
            while known < len(name) and end < length and text[end] == name[known]:
                end += 1
                known += 1
            text[place] = 32
            shift = end - place - 1
            for i in range(end, length):
                text[i - shift] = text[i]
            return length - shift
    return length


@compiled
def residues(
    local: Bytes,
    local_starts: IntArray,
    given: Bytes,
    given_starts: IntArray,
    family: Bytes,
    family_starts: IntArray,
    local_codes: NDArray[np.int32],
    given_codes: NDArray[np.int32],
    family_codes: NDArray[np.int32],
    letters: Bytes,
    ends: IntArray,
) -> BoolArray:
    """`features.residue` of each row, its letters written one row after the other into `letters` (with room for all
    of the local parts). True where the row is left to the plain definition: too long, a local part beyond ASCII (of a
    name, such letters fit to none of it), or a name that may have another blank."""
    left_over = np.zeros(len(local_codes), np.bool_)
    text = np.empty(ROOM, np.uint8)
    initials = np.empty(ROOM, np.uint8)
    written = 0
    for row in range(len(local_codes)):
        code = local_codes[row]
        begin, length = local_starts[code], local_starts[code + 1] - local_starts[code]
        names = 0
        plain = length <= ROOM
        for i in range(length if plain else 0):
            text[i] = local[begin + i]
            plain = plain and text[i] < 128
        for source in range(2):
            if source == 0:
                first, last = given_starts[given_codes[row]], given_starts[given_codes[row] + 1]
                name_letters = given
            else:
                first, last = family_starts[family_codes[row]], family_starts[family_codes[row] + 1]
                name_letters = family
            plain = plain and last - first <= ROOM // 2
            place = first
            while plain and place < last:
                while place < last and _is_blank(name_letters[place]):
                    place += 1
                end = place
                while end < last and not _is_blank(name_letters[end]):
                    plain = plain and name_letters[end] not in WITH_BLANKS
                    end += 1
                if plain and end > place:
                    initials[names] = name_letters[place]
                    names += 1
                    length = _without_name(text, length, name_letters[place:end])
                place = end
        if plain:
            written = _write_rest(text, length, initials, names, letters, written)
        left_over[row] = not plain
        ends[row] = written
    return left_over


@compiled
def _end_of_run(text: Bytes, place: int, length: int) -> int:
    """Where the digits or the letters that begin at a place end; the place itself when it is neither."""
    end = place
    if _is_digit(text[place]):
        while end < length and _is_digit(text[end]):
            end += 1
    else:
        while end < length and _is_letter(text[end]):
            end += 1
    return end


@compiled
def _all_in(some: Bytes, known: Bytes) -> bool:
    for letter in some:
        found = False
        for other in known:
            found |= other == letter
        if not found:
            return False
    return True


@compiled
def _write_rest(text: Bytes, length: int, initials: Bytes, names: int, letters: Bytes, written: int) -> int:
    """Writes the runs of letters or digits that are more than initials; where the next row begins."""
    place = 0
    while place < length and _is_trimmed(text[place]):
        place += 1
    while length > place and _is_trimmed(text[length - 1]):
        length -= 1
    only_digits = length > place and _is_digit(text[place]) and _end_of_run(text, place, length) == length
    while place < length:
        end = _end_of_run(text, place, length)
        if only_digits or end - place > names or not _all_in(text[place:end], initials[:names]):
            for i in range(place, end):
                letters[written] = text[i]
                written += 1
        place = max(end, place + 1)
    return written


@compiled
def cut_at_the_sign(letters: Bytes, starts: IntArray) -> tuple[tuple[Bytes, IntArray], tuple[Bytes, IntArray]]:
    """What stands before the first @ of each text (all of it where there is none), and what behind the last one."""
    before, before_ends = np.empty(starts[-1] - starts[0], np.uint8), np.zeros(len(starts), np.int64)
    behind, behind_ends = np.empty(starts[-1] - starts[0], np.uint8), np.zeros(len(starts), np.int64)
    written, further = 0, 0
    for row in range(len(starts) - 1):
        begin, end = starts[row], starts[row + 1]
        first, last = end, begin - 1
        for place in range(begin, end):
            if letters[place] == 64:
                first, last = min(first, place), place
        for place in range(begin, first):
            before[written] = letters[place]
            written += 1
        for place in range(last + 1, end):
            behind[further] = letters[place]
            further += 1
        before_ends[row + 1], behind_ends[row + 1] = written, further
    return (before[:written], before_ends), (behind[:further], behind_ends)


@compiled
def first_words(letters: Bytes, starts: IntArray, least: int) -> tuple[Bytes, IntArray, BoolArray]:
    """The first run of so many letters or more in each text, one behind the other, and where each ends. True where
    the text goes beyond ASCII and is left to the plain definition."""
    left_over = np.zeros(len(starts) - 1, np.bool_)
    words, ends = np.empty(starts[-1] - starts[0], np.uint8), np.zeros(len(starts), np.int64)
    written = 0
    for row in range(len(left_over)):
        begin, run = starts[row], 0
        for place in range(starts[row], starts[row + 1]):
            left_over[row] |= letters[place] >= 128
            if _is_letter(letters[place]):
                begin, run = (begin, run + 1) if run else (place, 1)
            elif run >= least:
                break
            else:
                run = 0
        for place in range(begin, begin + run if run >= least and not left_over[row] else begin):
            words[written] = letters[place]
            written += 1
        ends[row + 1] = written
    return words[:written], ends, left_over


@compiled
def two_digits(letters: Bytes, starts: IntArray) -> NDArray[np.int32]:
    """The number that the last digits of each text are, plus one, where they are two; else 0."""
    found = np.zeros(len(starts) - 1, np.int32)
    for row in range(len(found)):
        place = starts[row + 1] - 1
        while place >= starts[row] and not _is_digit(letters[place]):
            place -= 1
        last = place
        while place >= starts[row] and _is_digit(letters[place]):
            place -= 1
        if last - place == 2:
            found[row] = (letters[last - 1] - 48) * 10 + letters[last] - 47
    return found


@compiled
def years(letters: Bytes, starts: IntArray) -> NDArray[np.int32]:
    """The year of 1920 to 2019 that stands in each text as four digits of their own, else 0; -1 where the text goes
    beyond ASCII and is left to the plain definition."""
    found = np.zeros(len(starts) - 1, np.int32)
    for row in range(len(found)):
        number, digits = 0, 0
        for place in range(starts[row], starts[row + 1] + 1):
            letter = int(letters[place]) if place < starts[row + 1] else 32
            if letter >= 128:
                found[row] = -1
                break
            if _is_digit(letter):
                digits += 1
                number = number * 10 + (letter - 48) if digits <= 4 else number
                continue
            if digits == 4 and 1920 <= number <= 2019 and found[row] == 0:
                found[row] = number
            number, digits = 0, 0
    return found


@compiled
def _hash_of(letters: Bytes, begin: int, end: int, weights: Hashes) -> np.uint64:
    if begin == end:
        return np.uint64(0)
    one = np.uint64(1)
    x = np.uint64(end - begin)
    for i in range(end - begin):
        x += (np.uint64(letters[begin + i]) + one) * weights[i % len(weights)]
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    return one if x == np.uint64(0) else x


@compiled
def hash_texts(letters: Bytes, starts: IntArray, weights: Hashes) -> Hashes:
    """`similarity.hash_texts` of texts given as bytes."""
    hashes = np.empty(len(starts) - 1, np.uint64)
    for row in range(len(hashes)):
        hashes[row] = _hash_of(letters, starts[row], starts[row + 1], weights)
    return hashes


@compiled
def _is_hard(text: Bytes, i: int, length: int) -> bool:
    """Whether a c is spoken like k, by the letters around it."""
    after = text[i + 1] if i + 1 < length else np.uint8(0)
    hard = after in (ord("a"), ord("h"), ord("k"), ord("o"), ord("q"), ord("u"), ord("x"))
    if i == 0:
        return hard or after in (ord("l"), ord("r"))
    return hard and text[i - 1] not in (ord("s"), ord("z"))


@compiled
def _softened(letters: Bytes, begin: int, end: int, text: Bytes) -> int:
    """Writes a word with "ph" as f and with d, t, c, x as s where they are spoken so; how many letters it has."""
    length, place = 0, begin
    while place < end:
        both = letters[place] == ord("p") and place + 1 < end and letters[place + 1] == ord("h")
        text[length] = ord("f") if both else letters[place]
        length += 1
        place += 2 if both else 1
    for i in range(length - 1):  # what follows is still as it was
        if text[i] in (ord("d"), ord("t")) and text[i + 1] in (ord("c"), ord("s"), ord("z")):
            text[i] = ord("s")
    for i in range(length):
        if text[i] == ord("c") and not _is_hard(text, i, length):
            text[i] = 1  # an s that the next letter does not see yet
    for i in range(length):
        if text[i] == ord("x") and i > 0 and text[i - 1] in (ord("c"), ord("k"), ord("q")):
            text[i] = ord("s")
        if text[i] == 1:
            text[i] = ord("s")
    return length


@compiled
def _coded(text: Bytes, length: int, table: Bytes, code: Bytes) -> int:
    """Writes the digits of a softened word, repeated ones and zeros after the first left out; how many they are, or 0
    when none of them is a digit of a sound."""
    written, before, sounds = 0, np.uint8(0), False
    for i in range(length):
        for part in range(2 if text[i] == ord("x") else 1):
            digit = table[text[i]] if part == 0 else np.uint8(ord("8"))
            if digit != before and (written == 0 or digit != ord("0")):
                code[written] = digit
                written += 1
                sounds = sounds or bool(ord("0") <= digit <= ord("8"))
            before = digit
    return written if sounds else 0


@compiled
def sound_hashes(letters: Bytes, starts: IntArray, table: Bytes, weights: Hashes) -> tuple[Hashes, BoolArray]:
    """The hash of `similarity.sound` of each word of two letters or more, else 0. `table` has the digit of each letter.
    True where the word is left to the plain definition: letters beyond ASCII, or too many."""
    hashes = np.zeros(len(starts) - 1, np.uint64)
    left_over = np.zeros(len(hashes), np.bool_)
    text, code = np.empty(ROOM, np.uint8), np.empty(2 * ROOM, np.uint8)
    for row in range(len(hashes)):
        begin, end = starts[row], starts[row + 1]
        left_over[row] = end - begin > ROOM
        for i in range(begin, end):
            left_over[row] |= letters[i] >= 128 or letters[i] < 32
        if left_over[row] or end - begin < 2:
            continue
        length = _coded(text, _softened(letters, begin, end, text), table, code)
        hashes[row] = _hash_of(code, 0, length, weights) if length else _hash_of(letters, begin, end, weights)
    return hashes, left_over


@compiled
def components(n: int, left: IntArray, right: IntArray) -> IntArray:
    """By node, the number of its component, counted by their first nodes."""
    root, count = np.arange(n), 0
    for edge in range(len(left)):
        x, y = left[edge], right[edge]
        while root[x] != x:
            root[x] = root[root[x]]
            x = root[x]
        while root[y] != y:
            root[y] = root[root[y]]
            y = root[y]
        root[max(x, y)] = min(x, y)
    for node in range(n):
        if root[node] == node:
            root[node] = count
            count += 1
        else:
            root[node] = root[root[node]]  # that one stands before it and has its number
    return root
