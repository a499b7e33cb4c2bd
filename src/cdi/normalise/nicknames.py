"""Which given names are forms of one another (Hans, Johannes), and whose they usually are. A relation, never equality.

The lists are data files of this room; their header says where they come from.
"""

from collections import defaultdict
from functools import cache
from importlib.resources import files
from typing import Final

from cdi.normalise.text import fold

_NONE: Final[frozenset[int]] = frozenset()


def _lines(name: str) -> list[str]:
    path = files("cdi.normalise") / "data" / name
    if not path.is_file():
        return []
    return [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]


@cache
def _groups() -> dict[str, frozenset[int]]:
    groups: defaultdict[str, set[int]] = defaultdict(set)
    lines = _lines("given_name_forms.txt") + _lines("given_name_forms_wikidata.txt")
    for number, line in enumerate(lines, start=1):
        for name in line.split():
            groups[fold(name)].add(number)
    return {name: frozenset(numbers) for name, numbers in groups.items()}


@cache
def _genders() -> dict[str, str]:
    genders: dict[str, str] = {}
    for line in _lines("given_name_genders.txt"):
        gender, _, names = line.partition(" ")
        genders.update((fold(name), gender) for name in names.split())
    return genders


def nickname_group(token: str) -> frozenset[int]:
    """The numbers of the groups of forms that a given name belongs to; empty where it is in none. Two names are
    forms of each other where the sets meet (Sepp, Josef; Bill, William)."""
    return _groups().get(fold(token), _NONE)


def gender_of(given_name: str) -> str:
    """ "f" or "m" where a given name is nearly always that; empty where it is both or unknown. The first of several
    names decides."""
    first = fold(given_name).replace("-", " ").partition(" ")[0]
    return _genders().get(first, "")
