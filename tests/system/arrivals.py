"""What sources said of the sample company's customers, to be said again in other orders, batches and processes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from domain import documents, partition
from sqlalchemy import text

from cdi.clock import utc_now
from cdi.fields import Stream
from cdi.ingest.contract import Native, Op, Record
from cdi.pipeline import Arriving, Installation, land

Name = tuple[str, str, str]
"""Source, stream, key."""


@dataclass(frozen=True)
class Saying:
    """One version of one record, as its source said it."""

    name: Name
    native: Native
    op: Op
    at: datetime


@dataclass(frozen=True)
class Sayings:
    """All versions of some records; those of one key have an order, keys among each other have none."""

    by_name: Mapping[Name, Sequence[Saying]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self.by_name.values()))

    def only(self, names: set[Name]) -> "Sayings":
        return Sayings({name: said for name, said in self.by_name.items() if name in names})

    def in_order(self, dice: Random) -> list[Saying]:
        """A random order in which each key keeps its own."""
        turns = [name for name, said in sorted(self.by_name.items()) for _ in said]
        dice.shuffle(turns)
        waiting = {name: iter(said) for name, said in self.by_name.items()}
        return [next(waiting[name]) for name in turns]

    def dealt(self, many: int, dice: Random) -> list["Sayings"]:
        """The keys dealt out to so many writers."""
        names = sorted(self.by_name)
        dice.shuffle(names)
        return [self.only(set(names[n::many])) for n in range(many)]


def customers_of(installation: Installation) -> Sayings:
    """All that was said of customers. The time of each saying is its own, so that no order of arrival shows in it."""
    by_name: dict[Name, list[Saying]] = {}
    with installation.database.unit_of_work() as connection:
        rows = connection.execute(
            text(
                "select r.source, r.stream, r.key, v.native, v.op, v.observed_at"
                " from record r join record_version v using (record_id) where r.kind = 'customer'"
                " order by v.version_id"
            )
        )
        for row in rows:
            name = (row.source, row.stream, row.key)
            by_name.setdefault(name, []).append(Saying(name, row.native, Op(row.op), row.observed_at))
    return Sayings(by_name)


def hard_ones(installation: Installation, everything: Sayings, many: int) -> Sayings:
    """Some hundreds of records, those first that stewards are asked about: what is easy needs no test."""
    asked = (
        "select profile_id from membership m join (select left_profile as profile_id, min(review_id) as n from review"
        " group by 1 union all select right_profile, min(review_id) from review group by 1) asked using (profile_id)"
        " group by 1 order by min(n), 1"
    )
    sized = "select profile_id from membership group by 1 order by count(*) desc, 1"
    chosen: set[Name] = set()
    with installation.database.unit_of_work() as connection:
        members: dict[Any, list[Name]] = {}
        for row in connection.execute(
            text("select m.profile_id, r.source, r.stream, r.key from membership m join record r using (record_id)")
        ):
            members.setdefault(row.profile_id, []).append((row.source, row.stream, row.key))
        hard = list(connection.execute(text(asked)).scalars())
        large = list(connection.execute(text(sized)).scalars())
    for profile in [*hard, *large]:
        if len(chosen) >= many:
            break
        chosen |= set(members[profile])
    return everything.only(chosen)


def batches(said: Sequence[Saying], dice: Random, largest: int = 500) -> Iterator[Sequence[Saying]]:
    """In batches of 1 to `largest`: of small ones as many as of large ones."""
    done = 0
    while done < len(said):
        size = round(largest ** dice.random())
        yield said[done : done + size]
        done += size


def say(installation: Installation, said: Sequence[Saying]) -> None:
    """Land these, each source's in one commit; they are due then."""
    by_source: dict[str, list[Saying]] = {}
    for saying in said:
        by_source.setdefault(saying.name[0], []).append(saying)
    for source, mine in by_source.items():
        connector, config = installation.connector(source), _config(installation, source)
        own = {stream.name for stream in connector.streams()}
        arriving = Arriving(
            source,
            dict.fromkeys({saying.name[1] for saying in mine}, Stream.CUSTOMER),
            lambda stream, data, c=connector, o=own, s=config: c.map(stream, data, s) if stream in o else data,
        )
        records = [Record(s.name[1], s.name[2], s.native, s.op, s.at) for s in mine]
        with installation.database.unit_of_work() as connection:
            land(connection, installation, arriving, records, (), utc_now())


def _config(installation: Installation, source: str) -> dict[str, Any]:
    """The settings that say how to map; those that say how to reach the source are nobody's business here."""
    return dict(installation.source(source).config)


def served(installation: Installation) -> list[str]:
    """All that profiles say, without their ids and when they were built."""
    told = [{k: d[k] for k in ("kind", "data_owner", "golden", "records")} for d in documents(installation)]
    for document in told:
        document["records"] = sorted(map(str, document["records"]))
    return sorted(map(str, told))


def asked(installation: Installation) -> set[tuple[str, frozenset[str]]]:
    """Who is asked about: by kind, the profiles' first records, by name."""
    with installation.database.unit_of_work() as connection:
        rows = connection.execute(
            text(
                """
                with first as (
                    select m.profile_id, min(r.source || ':' || r.stream || ':' || r.key) as name
                    from membership m join record r using (record_id) group by 1
                )
                select v.kind, l.name as left, r.name as right from review v
                join first l on l.profile_id = v.left_profile join first r on r.profile_id = v.right_profile
                where v.status <> 'closed'
                """
            )
        )
        return {(row.kind, frozenset({row.left, row.right})) for row in rows}


def assert_same_end(one: Installation, other: Installation) -> None:
    """Both serve the same profiles, whatever their ids, and ask the same."""
    mine, theirs = partition(one), partition(other)
    assert mine == theirs, f"{[sorted(p) for p in mine - theirs][:3]} against {[sorted(p) for p in theirs - mine][:3]}"
    assert served(one) == served(other)
    assert asked(one) == asked(other)
