"""A source that gives a key to somebody else must not drag a customer's profile along: when name and birth date
both change at once, it is a question to a steward."""

from typing import Final

import numpy as np

from cdi.fields import CanonicalData
from cdi.matching.similarity import name_similarity
from cdi.normalise.nicknames import nickname_group
from cdi.normalise.text import words
from cdi.resolution.conflicts import truly_different_birth_dates

SAME_NAME: Final = 0.85
"""Names at least this similar (Jaro–Winkler) are taken for one name in two spellings."""


def is_another_person(before: CanonicalData, after: CanonicalData) -> bool:
    """Whether these two versions of one record seem to be about two people: a name and the birth date both differ
    by more than a slip."""
    if not truly_different_birth_dates(str(before.get("birth_date") or ""), str(after.get("birth_date") or "")):
        return False
    old, new = before.get("name") or {}, after.get("name") or {}
    return any(_differs(old.get(part), new.get(part)) for part in ("given_name", "family_name"))


def _differs(before: str | None, after: str | None) -> bool:
    old, new = words(before or ""), words(after or "")
    if not old or not new or set(old) & set(new) or nickname_group(old[0]) & nickname_group(new[0]):
        return False
    pair = np.array(["".join(old)], dtype=object), np.array(["".join(new)], dtype=object)
    return bool(name_similarity(*pair, SAME_NAME)[0] == 0)
