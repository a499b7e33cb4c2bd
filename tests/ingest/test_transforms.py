"""Named functions bring values out of their wrapping and never raise a value into a message."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdi.ingest import transforms
from cdi.ingest.transforms import TransformError


@pytest.mark.parametrize(
    ("value", "how", "moment"),
    [
        ("31.12.1999 14:05", ("%d.%m.%Y %H:%M", "Europe/Berlin"), "1999-12-31T14:05:00+01:00"),
        ("2026-07-01 14:05:00", ("Europe/Berlin",), "2026-07-01T14:05:00+02:00"),
        ("2026-03-01T13:05:00.000+00:00", (), "2026-03-01T13:05:00+00:00"),
        ("2026-03-01T13:05:00Z", (), "2026-03-01T13:05:00+00:00"),
        ("2026-03-01T13:05:00+0000", (), "2026-03-01T13:05:00+00:00"),
        (0, ("unix",), "1970-01-01T00:00:00+00:00"),
        ("1500", ("unix_ms",), "1970-01-01T00:00:01.500000+00:00"),
        ("29.02.2024 00:00", ("%d.%m.%Y %H:%M", "UTC"), "2024-02-29T00:00:00+00:00"),
        # The hour that exists twice: the first is meant. The one that does not exist is moved on.
        ("2026-10-25 02:30:00", ("Europe/Berlin",), "2026-10-25T02:30:00+02:00"),
        ("2026-03-29 02:30:00", ("Europe/Berlin",), "2026-03-29T03:30:00+02:00"),
        ("", (), None),
        (None, ("unix",), None),
    ],
)
def test_a_time_has_its_offset(value: Any, how: tuple[str, ...], moment: str | None) -> None:
    assert transforms.ts(value, *how) == moment


@pytest.mark.parametrize("value", ["gestern", "30.02.2024", "2024-13-01"])
def test_what_is_no_time_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(TransformError) as failure:
        transforms.ts(value, "%d.%m.%Y", "Europe/Berlin")
    assert value not in str(failure.value)


def test_a_time_without_offset_needs_a_zone() -> None:
    with pytest.raises(TransformError, match="zone"):
        transforms.ts("2026-03-01 13:05:00")


@given(st.datetimes(datetime(1970, 1, 2), datetime(2037, 1, 1), timezones=st.just(UTC)))
def test_a_moment_survives_every_zone(moment: datetime) -> None:
    read = transforms.ts(moment.isoformat(), "Europe/Berlin")
    assert read is not None
    assert datetime.fromisoformat(read) == moment


@pytest.mark.parametrize(
    ("value", "formats", "day"),
    [
        ("31.12.1999", ("%d.%m.%Y",), "1999-12-31"),
        ("12/31/1999", ("%d.%m.%Y", "%m/%d/%Y"), "1999-12-31"),
        ("Silvester", ("%d.%m.%Y",), "Silvester"),  # as given: the next room judges it
        (None, ("%d.%m.%Y",), None),
    ],
)
def test_a_date_is_read_or_left_as_given(value: Any, formats: tuple[str, ...], day: str | None) -> None:
    assert transforms.date(value, *formats) == day


@pytest.mark.parametrize(
    ("value", "mark", "number"),
    [("1.234,50", ",", "1234.50"), ("1,234.50", ".", "1234.50"), ("-3,5", ",", "-3.5"), ("", ",", None), (7, ".", "7")],
)
def test_a_number_is_read_by_its_decimal_mark(value: Any, mark: str, number: str | None) -> None:
    assert transforms.decimal(value, mark) == number


@pytest.mark.parametrize("value", ["zwölf", "NaN", "Infinity"])
def test_what_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(TransformError):
        transforms.decimal(value)


@pytest.mark.parametrize(("value", "amount"), [(1990, "19.90"), (-5, "-0.05"), (None, None)])
def test_hundredths_are_an_amount(value: Any, amount: str | None) -> None:
    assert transforms.cents(value) == amount


@pytest.mark.parametrize(
    ("value", "text"),
    [(7, "7"), (7.0, "7"), (7.5, "7.5"), (True, "true"), ("", None), (None, None), ([1], None), ("07", "07")],
)
def test_everything_is_text(value: Any, text: str | None) -> None:
    assert transforms.as_text(value) == text


def test_lookup_disregards_case_and_answers_nothing_for_the_unknown() -> None:
    lookup = transforms.functions({"direction": {"Eingehend": "inbound"}})["lookup"]
    assert lookup(" EINGEHEND ", "direction") == "inbound"
    assert lookup("quer", "direction") is None
    assert lookup(None, "direction") is None
    with pytest.raises(TransformError, match="no table"):
        lookup("x", "richtung")


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("Erika Maria Mustermann", {"given_name": "Erika Maria", "family_name": "Mustermann"}),
        ("Mustermann, Erika", {"given_name": "Erika", "family_name": "Mustermann"}),
        ("Erika", {"given_name": "", "family_name": "Erika"}),
        ("  ", None),
    ],
)
def test_a_whole_name_is_cut_in_two(value: str, parts: dict[str, str] | None) -> None:
    assert transforms.split_name(value) == parts


def test_text_loses_its_markup() -> None:
    assert transforms.strip_html('<p title="a>b">M&uuml;ller<br>&amp; Co</p>') == "Müller & Co"


def test_pick_reads_lists_of_named_values() -> None:
    fields = [{"name": "email", "values": ["a@example.de"]}, {"name": "phone", "value": "0301234"}]
    assert transforms.pick(fields, "name", "email") == "a@example.de"
    assert transforms.pick(fields, "name", "mobile", "phone") == "0301234"
    assert transforms.pick(None, "name", "email") is None


def test_a_digest_is_stable_and_hides_its_value() -> None:
    assert transforms.digest("A@Example.de ") == transforms.digest("a@example.de")
    assert "example" not in str(transforms.digest("a@example.de"))
