"""Records are compared before the resolver's lock is held; whatever happens until then, the end is that of comparing
them under it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from domain import assert_consistent, assert_different_profiles, assert_same_profile, email, person, profile_of, push
from sqlalchemy import text
from stewarding import company_in

from cdi.clock import utc_now
from cdi.fields import CanonicalData, Stream
from cdi.ingest.contract import Op, Record
from cdi.pipeline import Arriving, Installation, land, meeting
from cdi.pipeline.comparing import prepare
from cdi.pipeline.resolving import Resolved, resolve_batch, resolve_changed
from cdi.store import redo
from cdi.store.db import Database, resolver_lock

ANNA = person("Anna", "Krzywdzinski", "1984-03-05", emails=email("anna.krz@gmx.de"))
NAMESAKE = person("Tadeusz", "Krzywdzinski", "1951-07-30")
STRANGERS = {
    f"clerk {n}": person(*name, emails=email("anna.krz@gmx.de"))
    for n, name in enumerate(
        [("Detlef", "Ohm"), ("Ines", "Wurz"), ("Kai", "Bolte"), ("Uta", "Zech"), ("Jan", "Prill"), ("Ida", "Falk")]
    )
}
"""They all give the address of the shop, which is not theirs."""


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    return company_in(tmp_path, database, more="")


def say(company: Installation, source: str, records: Mapping[str, CanonicalData | None]) -> None:
    """The source says this, and it alone is resolved, as a push of few is."""
    arriving = Arriving(source, {"customers": Stream.CUSTOMER}, lambda _, data: data, resolved_here=True)
    events = [
        Record("customers", key, data or {}, Op.UPSERT if data is not None else Op.DELETE)
        for key, data in records.items()
    ]
    with company.database.unit_of_work() as connection:
        resolver_lock(connection)
        landed = land(connection, company, arriving, events, (), utc_now())
        resolve_changed(connection, company, frozenset(landed.due), Resolved())


def drift_of(company: Installation) -> int:
    """How much the active model found out since it was made active."""
    with company.database.reading() as connection:
        return int(connection.execute(text("select count(*) from model_drift")).scalar_one())


def resolve_anna(company: Installation, meanwhile: Callable[[], None]) -> None:
    """Anna's record at the till is compared, then something happens, then she is resolved."""
    push(company, "till", {"anna": ANNA}, settle=False)
    with company.database.reading() as connection:
        ids = list(connection.execute(text("select record_id from redo")).scalars())
    prepared = prepare(company, ids)
    assert prepared is not None
    meanwhile()
    with company.database.unit_of_work() as connection:
        resolver_lock(connection)
        if taken := redo.take_these(connection, ids):
            resolve_batch(connection, company, frozenset(taken), Resolved(), utc_now(), prepared=prepared)
            redo.done(connection, taken)
    assert_consistent(company)


def test_whom_she_met_before_is_found_and_not_looked_for_again(
    company: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(company, "shop", {"anna": ANNA})

    def forget_how_to_look() -> None:
        monkeypatch.setattr(meeting.normalised, "carriers", None)

    resolve_anna(company, forget_how_to_look)
    assert_same_profile(company, ("till", "anna"), ("shop", "anna"))


def test_who_came_meanwhile_is_found(company: Installation) -> None:
    push(company, "shop", {"tadeusz": NAMESAKE})
    resolve_anna(company, lambda: say(company, "shop", {"anna": ANNA}))
    assert_same_profile(company, ("till", "anna"), ("shop", "anna"))
    assert_different_profiles(company, ("till", "anna"), ("shop", "tadeusz"))


def test_who_became_like_her_meanwhile_is_found(company: Installation) -> None:
    push(company, "shop", {"anna": person("Anna", "Krzywdzinski")})
    resolve_anna(company, lambda: say(company, "shop", {"anna": ANNA}))
    assert_same_profile(company, ("till", "anna"), ("shop", "anna"))


def test_who_became_unlike_her_meanwhile_is_not_taken_for_her(company: Installation) -> None:
    push(company, "shop", {"anna": person("Anna", "Krzywdzinski", "1984-03-05")})
    resolve_anna(company, lambda: say(company, "shop", {"anna": person("Anna", "Krzywdzinski", "1951-07-30")}))
    assert_different_profiles(company, ("till", "anna"), ("shop", "anna"))


def test_who_ended_meanwhile_is_left_out(company: Installation) -> None:
    push(company, "shop", {"anna": ANNA})
    resolve_anna(company, lambda: say(company, "shop", {"anna": None}))
    assert profile_of(company, "shop", "anna") is None
    with company.database.reading() as connection:
        assert connection.execute(text("select count(*) from pair")).scalar_one() == 0


def test_a_value_that_turned_out_to_be_shared_meanwhile_says_nothing_any_more(company: Installation) -> None:
    push(company, "shop", {"anna": person("A.", None, emails=email("anna.krz@gmx.de"))})
    resolve_anna(company, lambda: say(company, "shop", STRANGERS))
    assert drift_of(company) > 0
    assert_different_profiles(company, ("till", "anna"), ("shop", "anna"))
    for stranger in STRANGERS:
        assert_different_profiles(company, ("till", "anna"), ("shop", stranger))


def test_a_shared_value_lets_what_was_compared_before_hold(
    company: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the model found out about others is no reason to compare her anew."""
    push(company, "shop", {"anna": ANNA})

    def others_share_a_value() -> None:
        theirs = {key: {**said, "emails": email("info@amt.de")} for key, said in STRANGERS.items()}
        say(company, "shop", theirs)
        monkeypatch.setattr(meeting.normalised, "carriers", None)

    resolve_anna(company, others_share_a_value)
    assert drift_of(company) > 0
    assert_same_profile(company, ("till", "anna"), ("shop", "anna"))


def test_who_came_with_a_value_that_turned_out_to_be_shared_is_compared_without_it(company: Installation) -> None:
    push(company, "shop", {"tadeusz": NAMESAKE})

    def others_share_a_value_then_she_gives_it_at_the_shop() -> None:
        say(company, "shop", {key: {**said, "emails": email("info@amt.de")} for key, said in STRANGERS.items()})
        assert drift_of(company) > 0
        say(company, "shop", {"anna": person("Anna", "Krzywdzinski", emails=email("info@amt.de"))})

    resolve_anna(company, others_share_a_value_then_she_gives_it_at_the_shop)
    assert_same_profile(company, ("till", "anna"), ("shop", "anna"))


def test_what_the_source_said_of_her_meanwhile_counts(company: Installation) -> None:
    push(company, "shop", {"tadeusz": NAMESAKE, "anna": ANNA})
    resolve_anna(company, lambda: say(company, "till", {"anna": None}))
    assert profile_of(company, "till", "anna") is None


def test_she_stays_ended_though_nobody_queued_it(company: Installation) -> None:
    """A steward said that the record became another person's: the old one ends at once."""
    push(company, "shop", {"anna": ANNA})

    def end() -> None:
        with company.database.unit_of_work() as connection:
            resolver_lock(connection)
            connection.execute(text("update record set live = false where source = 'till'"))

    resolve_anna(company, end)
    with company.database.reading() as connection:
        assert connection.execute(text("select count(*) from normalised")).scalar_one() == 1
