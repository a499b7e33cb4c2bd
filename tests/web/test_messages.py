"""Every message of the desk stands in the catalogues, translated; nothing stands there that no page says."""

import re
from zoneinfo import ZoneInfo

import pytest
from catalogue import translated, used

from cdi.matching.model import default_model
from cdi.web.error_words import PATTERNS, told_error
from cdi.web.evidence_words import LEVEL_WORDS
from cdi.web.languages import LANGUAGES, Language, load_messages, wanted_language
from cdi.web.source_words import told_reason
from cdi.web.spans import schedule_in_words
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


def test_every_level_that_the_engine_finds_has_words() -> None:
    models = (default_model(), default_model().for_organisations)
    levels = {level for model in models for weights in model.weights.values() for level in weights.levels}
    assert levels <= set(LEVEL_WORDS)
    assert load_messages("de").gettext("not comparable") == "nicht vergleichbar"


@pytest.mark.parametrize(
    ("schedule", "english", "german"),
    [
        ("PT15M", "at intervals of 15 minutes", "im Abstand von 15 Minuten"),
        ("30 6 * * *", "every day at 06:30", "täglich um 06:30"),
        ("@weekly", "every Sunday at 00:00", "jeden Sonntag um 00:00"),
        ("5 22 * * 1", "every Monday at 22:05", "jeden Montag um 22:05"),
        ("0 3 1 * *", "0 3 1 * *", "0 3 1 * *"),
    ],
)
def test_a_schedule_is_told_in_words_where_it_is_of_one_time(schedule: str, english: str, german: str) -> None:
    zone = ZoneInfo("Europe/Berlin")
    assert schedule_in_words(Language("en", load_messages("en"), zone), schedule) == english
    assert schedule_in_words(Language("de", load_messages("de"), zone), schedule) == german


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
    ) == ("Geburtsdatum: keine Zahl. Den Datensatz in der Quelle oder die Zuordnung berichtigen, dann erneut versuchen")
    for said, told in (
        (
            "at: a time that does not fit %d.%m.%Y %H:%M",
            "Datum und Uhrzeit: eine Zeit, die nicht zu dem Muster 31.12.2026 23:59 passt",
        ),
        (
            "at: a time that does not fit ISO 8601",
            "Datum und Uhrzeit: eine Zeit, die nicht zu dem Muster ISO 8601 passt",
        ),
        ("field name.given_name has an impossible shape", "Feld Vorname hat eine unmögliche Form"),
    ):
        assert told_reason(german, said) == told
    assert told_reason(german, "the API answers") == "die API antwortet"
    assert told_reason(german, "nobody knows. It is new") == "nobody knows. It is new"
    assert told_error(german, "this waits for a second steward") == "Das wartet auf eine zweite Person"
