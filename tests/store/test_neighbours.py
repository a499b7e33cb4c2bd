"""What the engine keeps of records is replaced where it is different, and found without room for millions."""

import re

import numpy as np
import pytest
from sqlalchemy import Connection

from cdi.matching.cards import card_of
from cdi.matching.pairs import ScoredPairs
from cdi.normalise.record import Identifier, NormalisedRecord
from cdi.store import normalised, pairs
from cdi.store.db import Database, text

MANY = 50_000


@pytest.mark.parametrize("statement", [pairs.UPROOT, pairs.SURROUNDINGS])
def test_a_store_without_statistics_makes_no_room_for_millions_of_neighbours(
    database: Database, statement: str
) -> None:
    """A load leaves tables of which the server knows nothing. Each row that it expects is memory which every push
    waits for."""
    with database.unit_of_work() as connection:
        version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
        if version < 160000:
            pytest.skip("PostgreSQL 15 does not tell generic plans; try it with 16 or newer")
        many = "insert into pair select i, i + 1, 1, 1, 1, false from generate_series(1, :n) as i"
        connection.execute(text(many), {"n": MANY})
        assert most_expected(connection, statement) < MANY


def most_expected(connection: Connection, statement: str) -> int:
    """The most rows that the planner expects one by one from another and makes room for, whatever the parameters."""
    numbered = statement.replace(":ids", "$1").replace(":floor", "$2")
    plan = connection.exec_driver_sql(f"EXPLAIN (GENERIC_PLAN) {numbered}").scalars()
    return max(int(rows) for line in plan for rows in re.findall(r"Recursive Union .*rows=(\d+)", line))


def test_block_keys_that_stay_are_not_written_again(database: Database) -> None:
    with database.unit_of_work() as connection:
        give_keys(connection, [(7, 1), (8, 1), (9, 2), (9, 3)])
    before = written(rows_of(database, "select key, record_id, xmin from block_key"))
    with database.unit_of_work() as connection:
        give_keys(connection, [(7, 1), (5, 1), (9, 2)], of=[1, 2])
    after = written(rows_of(database, "select key, record_id, xmin from block_key"))
    assert set(after) == {(7, 1), (5, 1), (9, 2), (9, 3)}
    assert [after[kept] for kept in ((7, 1), (9, 2), (9, 3))] == [before[kept] for kept in ((7, 1), (9, 2), (9, 3))]


def test_who_has_no_block_key_any_more_is_in_no_block(database: Database) -> None:
    with database.unit_of_work() as connection:
        give_keys(connection, [(7, 1), (8, 1), (9, 2), (9, 3)])
        normalised.set_block_keys(connection, np.array([1, 2]), np.array([5]), np.array([2]))
    found = rows_of(database, "select key, record_id, xmin from block_key")
    assert {(key, record) for key, record, _ in found} == {(5, 2), (9, 3)}


def test_who_carries_a_key_is_told_with_their_card(database: Database) -> None:
    with database.unit_of_work() as connection:
        give_keys(connection, [(7, 1), (7, 2), (7, 3), (8, 3), (9, 4)])
        told = normalised.carriers(connection, np.array([6, 7, 8, 8]), np.array([2]), 2)
    assert sorted(zip(told.keys.tolist(), told.record_ids.tolist(), strict=True)) == [(7, 1), (7, 3), (8, 3)]
    assert not told.cards  # of these nothing else is kept


def test_cards_are_read_back_as_they_were_kept(database: Database) -> None:
    """Whatever stands in a record, and however they are asked for."""
    odd = NormalisedRecord(
        birth_name="\0\t\r\n\x1d\"\\N'",
        identifiers=(Identifier("card", "a\x1fb"),),
        attributes=(("NULL", "\ufeff"), ("", "\x1d")),
    )
    with database.unit_of_work() as connection:
        said = [(n, f"source{n}", record) for n, record in enumerate((odd, NormalisedRecord(), odd), start=1)]
        kept = [(record_id, source, card_of(record)) for record_id, source, record in said]
        normalised.save_normalised(connection, said, kept, [])
        assert normalised.load_cards(connection, [3, 1, 2, 4]) == kept
        assert list(normalised.load_cards_between(connection, 1, 3)) == kept
        give_keys(connection, [(7, 1), (7, 2), (7, 3)])
        assert normalised.carriers(connection, np.array([7]), np.array([2]), 2).cards == [kept[0], kept[2]]


def test_very_many_cards_are_kept_as_few_are(database: Database) -> None:
    record = NormalisedRecord(birth_name="\t\\N\n\\", identifiers=(Identifier("card", "\\t"),))
    with database.unit_of_work() as connection:
        live = (
            "insert into record (source, stream, key, kind, live, version_id, observed_at, content_hash, first_seen)"
            " values ('till', 'till', '1', 'customer', true, 1, now(), '', now()) returning record_id"
        )
        said = [(connection.execute(text(live)).scalar_one(), "till", record)]
        normalised.save_packed(connection, normalised.packed(said), [], 0)
        packed = normalised.load_cards(connection, [said[0][0]])
        normalised.save_normalised(connection, said, [(said[0][0], "till", card_of(record))], [])
        assert packed == normalised.load_cards(connection, [said[0][0]])


def test_pairs_that_stay_are_not_written_again(database: Database) -> None:
    with database.unit_of_work() as connection:
        pairs.save_pairs(connection, scored([(1, 2), (2, 3), (8, 9)]))
    before = written(rows_of(database, "select left_id, right_id, xmin from pair"))
    with database.unit_of_work() as connection:
        pairs.replace_pairs(connection, [1, 2, 3], scored([(1, 2), (2, 3)]))
    assert written(rows_of(database, "select left_id, right_id, xmin from pair")) == before
    with database.unit_of_work() as connection:
        pairs.replace_pairs(connection, [1, 2, 3], scored([(1, 3)]))
    assert set(written(rows_of(database, "select left_id, right_id, xmin from pair"))) == {(1, 3), (8, 9)}


def give_keys(connection: Connection, keyed: list[tuple[int, int]], of: list[int] | None = None) -> None:
    keys, ids = np.array(keyed, dtype=np.int64).T.copy()
    normalised.replace_block_keys(connection, of or sorted(set(ids.tolist())), keys, ids)


def scored(ends: list[tuple[int, int]]) -> ScoredPairs:
    left, right = np.array(ends, dtype=np.int64).T.copy()
    weight = (left * 0.1 + right).astype(np.float64)
    return ScoredPairs(left, right, weight, weight, weight, np.zeros(len(ends), dtype=np.bool_))


def rows_of(database: Database, statement: str) -> list[tuple[int, int, str]]:
    with database.unit_of_work() as connection:
        return [(a, b, str(mark)) for a, b, mark in connection.execute(text(statement))]


def written(rows: list[tuple[int, int, str]]) -> dict[tuple[int, int], str]:
    """By the two ids of a row, the transaction that wrote it."""
    return {(a, b): mark for a, b, mark in rows}
