"""What tests say of customers: pushes, profiles, and what must always hold."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from cdi.clock import utc_now
from cdi.fields import CanonicalData, Stream
from cdi.ingest.contract import Op, Record
from cdi.pipeline import Arriving, Installation, land, resolve
from cdi.store.sources import Counts

ONE_TILL = """
company: {name: Test, country: DE, language: de}
owners: [{id: retail, department: Filialen, role: Leitung, contact: a@test.example}]
customer_owner: retail
sources:
  till: {connector: till, data_owner: retail, purpose: sale, retention: P10Y}
"""
"""The cdi.yaml of a company with one source, read by the connector `till` of its own."""


class HaltedError(Exception):
    """The process ends here, says a test."""


def push(
    installation: Installation,
    source: str,
    records: Mapping[str, CanonicalData | None],
    *,
    at: datetime | None = None,
    settle: bool = True,
    stream: str = "customers",
) -> Counts:
    """The source says these records (None: deleted); resolved at once unless told otherwise."""
    arriving = Arriving(source, {stream: Stream.CUSTOMER}, lambda _, data: data)
    events = [
        Record(stream, key, data or {}, Op.UPSERT if data is not None else Op.DELETE, at)
        for key, data in records.items()
    ]
    with installation.database.unit_of_work() as connection:
        counts = land(connection, installation, arriving, events, (), utc_now()).counts
    if settle:
        resolve(installation)
    return counts


def profile_of(installation: Installation, source: str, key: str) -> UUID | None:
    """The id of the profile that this record belongs to."""
    with installation.database.unit_of_work() as connection:
        return connection.execute(
            text(
                "select m.profile_id from record r join membership m using (record_id)"
                " where r.source = :source and r.key = :key and r.current and r.kind = 'customer'"
            ),
            {"source": source, "key": key},
        ).scalar()


def assert_same_profile(installation: Installation, *names: tuple[str, str]) -> UUID:
    found = {profile_of(installation, *name) for name in names}
    assert len(found) == 1, f"{names} are in {len(found)} profiles"
    (profile,) = found
    assert profile is not None, f"{names} are in no profile"
    return profile


def assert_different_profiles(installation: Installation, *names: tuple[str, str]) -> None:
    found = [profile_of(installation, *name) for name in names]
    assert None not in found
    assert len(set(found)) == len(found), f"{names} share a profile"


def assert_consistent(installation: Installation) -> None:
    """Every live record is in exactly one profile, and what each profile serves is the union of its records."""
    with installation.database.unit_of_work() as connection:
        homeless = connection.execute(
            text(
                "select count(*) from record r left join membership m using (record_id)"
                " where r.kind = 'customer' and (r.live <> (m.record_id is not null))"
            )
        ).scalar_one()
        assert homeless == 0, f"{homeless} records are live without a profile, or dead with one"
        members: dict[UUID, set[tuple[str, str, str]]] = {}
        for row in connection.execute(
            text("select m.profile_id, r.source, r.stream, r.key from membership m join record r using (record_id)")
        ):
            members.setdefault(row.profile_id, set()).add((row.source, row.stream, row.key))
        served = {
            row.profile_id: {(r["source"], r["stream"], r["key"]) for r in row.document["records"]}
            for row in connection.execute(text("select profile_id, document from profile where retired_at is null"))
        }
        assert served == members


def partition(installation: Installation) -> set[frozenset[tuple[str, str, str]]]:
    """The live records, as the profiles divide them."""
    groups: dict[UUID, set[tuple[str, str, str]]] = {}
    with installation.database.unit_of_work() as connection:
        for row in connection.execute(
            text("select m.profile_id, r.source, r.stream, r.key from membership m join record r using (record_id)")
        ):
            groups.setdefault(row.profile_id, set()).add((row.source, row.stream, row.key))
    return {frozenset(group) for group in groups.values()}


def documents(installation: Installation) -> list[dict[str, Any]]:
    """Every live profile as it is stored."""
    with installation.database.unit_of_work() as connection:
        rows = connection.execute(text("select document from profile where retired_at is null order by profile_id"))
        return [row.document for row in rows]


def feed_of(installation: Installation, after: int = 0) -> list[tuple[str, UUID]]:
    """(type, profile) of the feed, in order."""
    with installation.database.unit_of_work() as connection:
        rows = connection.execute(
            text("select cursor, type, profile_id from feed where cursor > :after order by cursor"), {"after": after}
        ).all()
    assert [row.cursor for row in rows] == list(range(after + 1, after + 1 + len(rows))), "the feed has a gap"
    return [(row.type, row.profile_id) for row in rows]


def let_pins_end(installation: Installation) -> None:
    """The day on which pins end has come, and what waits for it is due."""
    with installation.database.unit_of_work() as connection:
        connection.execute(text("update pin set until = clock_timestamp() where until is not null"))
        connection.execute(text("update redo set due_at = clock_timestamp() where reason = 'a pin ends'"))


def live_after(installation: Installation, after: int = 0) -> set[str]:
    """The profiles that live for whoever does nothing but follow the feed."""
    live: set[str] = set()
    for kind, profile in feed_of(installation, after):
        name = str(profile)
        if kind in {"created", "revived"}:
            assert name not in live, f"{kind}, and it lived already"
            live.add(name)
        else:
            assert name in live, f"{kind}, and it did not live"
            if kind == "retired":
                live.remove(name)
    return live


def count(installation: Installation, what: str) -> int:
    """Rows of a table, or of a table with a condition."""
    with installation.database.unit_of_work() as connection:
        return int(connection.execute(text(f"select count(*) from {what}")).scalar_one())


def person(given: str, family: str, born: str = "", **more: Any) -> CanonicalData:
    """A person in canonical attributes."""
    data: CanonicalData = {"name": {"given_name": given, "family_name": family}}
    if born:
        data["birth_date"] = born
    for name, value in more.items():
        data[name] = value
    return data


def home(street: str, number: str, code: str, city: str) -> list[dict[str, str]]:
    return [{"street": street, "house_number": number, "postal_code": code, "city": city, "country": "DE"}]


def email(value: str) -> list[dict[str, str]]:
    return [{"value": value}]


COLOGNE = home("Lindenweg", "5", "50667", "Köln")
ANNA = person("Anna", "Krzywdzinski", "1984-03-05", emails=email("anna.krz@gmx.de"), addresses=COLOGNE)
"""Whose name is so rare that she is known by it."""


def keys(records: Iterable[Mapping[str, Any]]) -> set[str]:
    return {f"{r['source']}:{r['key']}" for r in records}
