"""What the engine asks of a pair and what it found, in words for people. English here; the catalogues translate."""

from collections.abc import Mapping
from typing import Final

from cdi.web.languages import Language
from cdi.web.words import N_

COMPARISON_WORDS: Final[Mapping[str, str]] = {
    "prior": N_("Before anything is compared"),
    "given_name": N_("Given name"),
    "further_names": N_("Further given names"),
    "surname": N_("Surname"),
    "generation": N_("Generation"),
    "birth_date": N_("Date of birth"),
    "address": N_("Address"),
    "mobile": N_("Mobile number"),
    "landline": N_("Landline number"),
    "email": N_("E-mail"),
    "organisation": N_("Organisation"),
    "identifiers": N_("Identifiers"),
    "kind": N_("Kind"),
    "one_source": N_("Source"),
}

LEVEL_WORDS: Final = (
    N_("not comparable"),
    N_("same"),
    N_("similar"),
    N_("different"),
    N_("same first name"),
    N_("shared name"),
    N_("short form"),
    N_("slightly different spelling"),
    N_("similar, both common names"),
    N_("similar, but genders contradict"),
    N_("in the place of the surname"),
    N_("initial fits"),
    N_("initial differs"),
    N_("distorted"),
    N_("shared part or earlier name"),
    N_("stands in the other's e-mail address"),
    N_("another than in the other's e-mail address"),
    N_("one junior, one senior"),
    N_("same date"),
    N_("one digit differs"),
    N_("two digits differ, or day and month swapped"),
    N_("same day and month"),
    N_("same year"),
    N_("same year, date unknown"),
    N_("other year, date unknown"),
    N_("fits the year in an e-mail"),
    N_("differs from the year in an e-mail"),
    N_("fits two digits in an e-mail"),
    N_("differs from two digits in an e-mail"),
    N_("same street, number and area"),
    N_("same with a typo"),
    N_("similar street and area, same number"),
    N_("same street and number, other area"),
    N_("same street, other number"),
    N_("other street, same area"),
    N_("other street, near area"),
    N_("other area"),
    N_("same street and area, a number missing"),
    N_("other street, same area, a number missing"),
    N_("other street, near area, a number missing"),
    N_("other area, a number missing"),
    N_("same street and number, area missing"),
    N_("same street, area missing"),
    N_("other street, area missing"),
    N_("same area, street missing"),
    N_("near area, street missing"),
    N_("other area, street missing"),
    N_("a former address agrees"),
    N_("one or two digits differ"),
    N_("a former number agrees"),
    N_("other address, same beyond the names"),
    N_("other address, same number or few letters beyond the names"),
    N_("one name contains the other"),
    N_("initials of the other"),
    N_("most words shared"),
    N_("some words shared"),
    N_("same, with another legal form"),
    N_("one character differs"),
    N_("verified and contradicting: a veto"),
    N_("a person and an organisation"),
    N_("both from one source that has each customer once"),
)
"""Every level of every comparison."""


def comparison_word(language: Language, name: str) -> str:
    """What a comparison asks about."""
    listed = COMPARISON_WORDS.get(name)
    return language.gettext(listed) if listed else name.removeprefix("attribute ").replace("_", " ").capitalize()


def level_word(language: Language, level: str) -> str:
    """What it found."""
    return language.gettext(level) if level in LEVEL_WORDS else level
