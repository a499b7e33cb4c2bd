"""What a source answers to a check, why its records could not be taken and why a run failed, as this visitor reads it.
Connectors and use cases say it in English; what is not listed here stays so, and the page says which language it is."""

from datetime import datetime
from typing import Final

from cdi.web.error_words import patterns_of, told
from cdi.web.languages import Language
from cdi.web.words import N_, field_name

SENTENCES: Final = frozenset(
    {
        N_("Correct it in cdi.yaml"),
        N_("Correct the connector's mapping"),
        N_("Correct the record at its source or the mapping, then replay"),
        N_("Map it in the connector"),
        N_("Map it with ts(format, zone)"),
        N_("a consent has no purpose"),
        N_("different in nearly every record"),
        N_("everything is said in cdi.yaml"),
        N_("its clock agrees with ours"),
        N_("the API answers"),
        N_("the database answers"),
        N_("the folder can be reached"),
        N_("the record has an unknown attribute"),
        N_("the settings are right"),
        N_("the source can be asked"),
        N_("moot: what contradicted is gone"),
    }
)
PATTERNS: Final = patterns_of(
    N_("%(count)s records on its first page"),
    N_("%(count)s files"),
    N_("Give %(wanted)s"),
    N_("Known ones: %(names)s"),
    N_("Known parts: %(names)s"),
    N_("field %(field)s has an impossible shape"),
    N_("field %(field)s has an unknown part"),
    N_("settled by %(steward)s: %(why)s"),
    N_("still TODO: %(places)s"),
    N_("stream %(stream)s can be read"),
    N_("stream %(stream)s finds files that it can read (%(files)s)"),
    N_("the database could not be read (%(why)s)"),
    N_("the database refused: %(why)s"),
    N_("the query of stream %(stream)s runs and gives the columns that are read"),
    N_("they differ by %(seconds)s s"),
    N_("%(field)s: empty, and a %(kind)s needs it"),
    N_("%(field)s: not a number"),
    N_("%(field)s: none of %(words)s: translate it with lookup()"),
    N_("%(field)s: a time that does not fit %(format)s"),
    N_("%(field)s has no time zone"),
    N_("%(field)s is none of %(words)s"),
    N_("%(field)s is not a time"),
    N_("%(place)s: redirected too often"),
)
"""The particular ones before those that fit much."""


def told_reason(language: Language, text: str) -> str:
    """A reason, with the remedy behind it if there is one."""
    message, _, remedy = text.rpartition(". ")
    advice = _told(language, remedy) if message else None
    if advice is not None:
        return f"{_told(language, message) or message}. {advice}"
    return _told(language, text) or text


def _told(language: Language, text: str) -> str | None:
    return told(language, text, SENTENCES, PATTERNS, _in_words)


EXAMPLE: Final = datetime(2026, 12, 31, 23, 59, 58)  # noqa: DTZ001  it shows how a time is written
PATTERN: Final = N_("the pattern %(example)s")


def _in_words(language: Language, name: str, said: str) -> str:
    """A field by its name for people, and how a time is written by an example."""
    if name == "field":
        return field_name(language, said)
    if name == "format":
        return language.gettext(PATTERN) % {"example": EXAMPLE.strftime(said)}
    return said
