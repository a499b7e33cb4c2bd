"""Landing is idempotent on (source, key, content); resolving follows every kind of change."""

from datetime import UTC, datetime, timedelta

from domain import (
    ANNA,
    assert_consistent,
    assert_different_profiles,
    assert_same_profile,
    count,
    email,
    feed_of,
    home,
    person,
    profile_of,
    push,
)
from sqlalchemy import text

from cdi.clock import utc_now
from cdi.pipeline import Installation, resolve


def test_the_same_batch_twice_changes_nothing(company: Installation) -> None:
    first = push(company, "till", {"1": ANNA, "2": person("Ben", "Oduya", "1990-01-09")})
    assert (first.added, first.unchanged) == (2, 0)
    cursor = len(feed_of(company))
    second = push(company, "till", {"1": ANNA, "2": person("Ben", "Oduya", "1990-01-09")})
    assert (second.added, second.changed, second.unchanged, second.versions) == (0, 0, 2, 0)
    assert feed_of(company, cursor) == []
    assert_consistent(company)


def test_records_of_one_customer_meet_across_sources(company: Installation) -> None:
    push(company, "till", {"1": ANNA})
    push(company, "shop", {"a": ANNA | {"emails": email("ANNA.KRZ@gmx.de ")}})
    assert_same_profile(company, ("till", "1"), ("shop", "a"))
    assert_consistent(company)


def test_a_changed_record_is_a_new_version_and_keeps_its_profile(company: Installation) -> None:
    push(company, "till", {"1": ANNA})
    before = profile_of(company, "till", "1")
    counts = push(company, "till", {"1": ANNA | {"emails": email("anna.neu@web.de")}})
    assert (counts.changed, count(company, "record_version")) == (1, 2)
    assert profile_of(company, "till", "1") == before
    assert feed_of(company)[-1] == ("updated", before)
    assert_consistent(company)


def test_a_deleted_record_leaves_and_its_profile_shrinks(company: Installation) -> None:
    push(company, "till", {"1": ANNA})
    push(company, "shop", {"a": ANNA})
    both = assert_same_profile(company, ("till", "1"), ("shop", "a"))
    push(company, "till", {"1": None})
    assert profile_of(company, "till", "1") is None
    assert profile_of(company, "shop", "a") == both
    assert_consistent(company)
    push(company, "shop", {"a": None})
    assert count(company, "profile where retired_at is null") == 0
    assert feed_of(company)[-1] == ("retired", both)
    push(company, "shop", {"a": ANNA})
    assert profile_of(company, "shop", "a") == both
    assert feed_of(company)[-1] == ("revived", both)
    assert_consistent(company)


def test_an_older_version_that_comes_late_does_not_count(company: Installation) -> None:
    now = utc_now()
    push(company, "till", {"1": ANNA}, at=now - timedelta(days=1))
    late = push(company, "till", {"1": ANNA | {"emails": email("anna.alt@web.de")}}, at=now - timedelta(days=9))
    assert (late.older, late.changed) == (1, 0)
    again = push(company, "till", {"1": ANNA | {"emails": email("anna.alt@web.de")}}, at=now - timedelta(days=9))
    assert again.unchanged == 1
    with company.database.unit_of_work() as connection:
        shown = connection.execute(text("select document from profile")).scalar_one()
    assert shown["golden"]["emails"]["value"]["value"] == "anna.krz@gmx.de"


def test_a_record_from_the_future_freezes_nothing(company: Installation) -> None:
    push(company, "till", {"1": ANNA}, at=datetime(2099, 1, 1, tzinfo=UTC))
    with company.database.unit_of_work() as connection:
        seen = connection.execute(text("select observed_at from record")).scalar_one()
    assert seen <= utc_now() + company.deployment.clock_tolerance


def test_several_versions_of_one_key_in_one_batch_keep_their_order(company: Installation) -> None:
    from cdi.fields import Stream
    from cdi.ingest.contract import Record
    from cdi.pipeline import Arriving, land

    arriving = Arriving("till", {"customers": Stream.CUSTOMER}, lambda _, data: data)
    said = [Record("customers", "1", ANNA | {"emails": email(f"anna.{n}@gmx.de")}) for n in range(3)]
    with company.database.unit_of_work() as connection:
        counts = land(connection, company, arriving, said, (), utc_now()).counts
    resolve(company)
    assert (counts.added, counts.changed, count(company, "record_version")) == (1, 2, 3)
    with company.database.unit_of_work() as connection:
        shown = connection.execute(text("select document from profile")).scalar_one()
    assert shown["golden"]["emails"]["value"]["value"] == "anna.2@gmx.de"


def test_rubbish_is_rejected_with_its_reason_and_the_rest_goes_on(company: Installation) -> None:
    counts = push(company, "till", {"1": ANNA, "2": {"name": ["not", "a", "block"]}, "3": person("Ben", "Oduya")})
    assert (counts.added, counts.rejected) == (2, 1)
    with company.database.unit_of_work() as connection:
        reason = connection.execute(text("select reason from rejected where resolved_at is null")).scalar_one()
    assert "name" in reason
    healed = push(company, "till", {"2": person("Cem", "Yılmaz")})
    assert healed.added == 1
    assert count(company, "rejected where resolved_at is null") == 0
    assert_consistent(company)


def test_text_that_no_database_can_hold_is_no_reason_to_stop(company: Installation) -> None:
    counts = push(company, "till", {"1": person("An\x00na", "Krzy\ud800wdzinski", attributes={"note": "x\x00y"})})
    assert counts.added == 1
    assert_consistent(company)


def test_a_household_is_not_one_customer(company: Installation) -> None:
    address = home("Lindenweg", "5", "50667", "Köln")
    mother = person("Sabine", "Wernicke", "1975-02-03", addresses=address, phones=[{"value": "0221 998877"}])
    daughter = person("Lena", "Wernicke", "2004-11-30", addresses=address, phones=[{"value": "0221 998877"}])
    push(company, "till", {"m": mother, "d": daughter})
    push(company, "shop", {"m": mother, "d": daughter})
    assert_same_profile(company, ("till", "m"), ("shop", "m"))
    assert_same_profile(company, ("till", "d"), ("shop", "d"))
    assert_different_profiles(company, ("till", "m"), ("till", "d"))


def test_ten_records_already_resolve(company: Installation) -> None:
    people = [
        person("Anna", "Krzywdzinski", "1984-03-05", emails=email("anna.krz@gmx.de")),
        person("Benedikt", "Vogelsang", "1961-12-24", emails=email("b.vogelsang@web.de")),
        person("Cem", "Yılmaz", "1993-07-01", emails=email("cem93@gmail.com")),
        person("Dorothea", "Freifrau von Hagen", "1950-05-17", emails=email("dvh@t-online.de")),
        person("Emil", "Mueller", "1979-09-09", emails=email("emil.mueller@gmx.net")),
    ]
    push(company, "till", {str(n): someone for n, someone in enumerate(people)})
    push(company, "shop", {str(n): someone for n, someone in enumerate(people)})
    assert count(company, "profile where retired_at is null") == 5
    for n in range(5):
        assert_same_profile(company, ("till", str(n)), ("shop", str(n)))
