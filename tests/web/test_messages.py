"""Every message of the desk stands in the catalogues, translated; nothing stands there that no page says."""

import re
from zoneinfo import ZoneInfo

import pytest
from catalogue import translated, used

from cdi.web.error_words import PATTERNS, told_error
from cdi.web.languages import LANGUAGES, Language, load_messages, wanted_language
from cdi.web.source_words import told_reason
from cdi.web.words import WORDS

PLACEHOLDER = re.compile(r"%\((\w+)\)\w")
OTHERS = [code for code in LANGUAGES if code != "en"]


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated_and_none_is_stale(language: str) -> None:
    entries = [message for _, message in translated(language)]
    told = {m.id for m in entries if not m.fuzzy and all(m.string if isinstance(m.string, tuple) else (m.string,))}
    wanted = set(used())
    assert wanted - told == set(), "not translated: see docs/desk.md"
    assert {m.id for m in entries} - wanted == set(), "no page says this any more: see docs/desk.md"


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_the_placeholders(language: str) -> None:
    for _, message in translated(language):
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        wanted = {name for one in ids for name in PLACEHOLDER.findall(one)}
        for string in strings:
            assert set(PLACEHOLDER.findall(string)) == wanted, message.id


def test_a_message_is_said_in_german() -> None:
    assert load_messages("de").gettext("Sign in") == "Anmelden"
    assert load_messages("en").gettext("Sign in") == "Sign in"
    german = load_messages("de")
    assert all(german.gettext(said) for words in WORDS.values() for said in words.values())


@pytest.mark.parametrize(
    ("chosen", "accepted", "expected"),
    [
        ("en", "de", "en"),
        (None, "de-AT,de;q=0.9,en;q=0.8", "de"),
        (None, "en-GB,en;q=0.9", "en"),
        (None, "fr,en;q=0.5", "en"),
        (None, "fr", "de"),
        ("klingon", "", "de"),
    ],
)
def test_the_language_chosen_wins_then_the_browsers_then_the_companys(
    chosen: str | None, accepted: str, expected: str
) -> None:
    assert wanted_language(chosen, accepted, "de") == expected


def test_what_stands_against_a_wish_is_told_in_the_visitors_language() -> None:
    german = Language("de", load_messages("de"), ZoneInfo("Europe/Berlin"))
    assert told_error(german, "a decision needs a reason") == "Eine Entscheidung braucht einen Grund"
    assert told_error(german, "i.wolf holds this review until 12:30") == "i.wolf bearbeitet diesen Prüffall bis 12:30"
    assert told_error(german, "100 % (sure) of nothing") == "100 % (sure) of nothing", "what nobody listed stays"
    for message, pattern in PATTERNS.items():
        said = re.sub(r"%\(\w+\)s", "50 % (x)", message)
        assert pattern.fullmatch(said), message
        assert "50 % (x)" in told_error(german, said)


def test_what_a_source_says_is_told_in_german_as_far_as_it_is_known() -> None:
    german = Language("de", load_messages("de"), ZoneInfo("Europe/Berlin"))
    assert told_reason(
        german, "birth_date: not a number. Correct the record at its source or the mapping, then replay"
    ) == ("birth_date: keine Zahl. Den Datensatz in der Quelle oder die Zuordnung berichtigen, dann erneut versuchen")
    assert told_reason(german, "the API answers") == "die API antwortet"
    assert told_reason(german, "nobody knows. It is new") == "nobody knows. It is new"
    assert told_error(german, "this waits for a second steward") == "Das wartet auf eine zweite Person"
