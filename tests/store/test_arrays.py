"""Lists arrive in PostgreSQL as they were sent, whatever stands in them."""

from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from cdi.store.arrays import LongTexts
from cdi.store.db import Database, one_row

NO_NUL = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(words=st.lists(st.none() | NO_NUL | st.sampled_from(["NULL", "", "{}", 'a"b\\c', "a,b", "\\x41"])))
def test_words_come_back_as_they_were_sent(database: Database, words: list[str | None]) -> None:
    with database.unit_of_work() as connection:
        assert connection.execute(text("select cast(:words as text[])"), {"words": words}).scalar_one() == words


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("bigint", [1, -(2**63), 2**63 - 1, None]),
        ("int", []),
        ("bytea", [b"", b"\x00\xff\\", None]),
        ("bool", [True, False, None]),
        ("timestamptz", [datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC), None]),
        ("uuid", [UUID(int=0), UUID(int=2**128 - 1)]),
        ("text", [None, None]),
        ("numeric", [1, -(10**30)]),
    ],
)
def test_every_type_comes_back_as_it_was_sent(database: Database, kind: str, values: list[object]) -> None:
    with database.unit_of_work() as connection:
        assert connection.execute(text(f"select cast(:sent as {kind}[])"), {"sent": values}).scalar_one() == values


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(numbers=st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_numbers_come_back_as_they_were_sent(database: Database, numbers: list[int]) -> None:
    with database.unit_of_work() as connection:
        sent = {"numbers": np.array(numbers, dtype=np.int64)}
        assert one_row(connection, "select cast(:numbers as bigint[]) as told", sent).told == numbers


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [("float8", np.array([0.1, -1e300, np.inf])), ("bool", np.array([True, False])), ("float8", np.zeros(0))],
)
def test_other_numbers_come_back_as_they_were_sent(database: Database, kind: str, numbers: np.ndarray) -> None:
    with database.unit_of_work() as connection:
        told = one_row(connection, f"select cast(:numbers as {kind}[]) as told", {"numbers": numbers}).told
    assert told == numbers.tolist()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(texts=st.lists(NO_NUL | st.sampled_from(["NULL", "", "{}", 'a"b\\c', "a,b"])))
def test_long_texts_come_back_as_they_were_sent(database: Database, texts: list[str]) -> None:
    with database.unit_of_work() as connection:
        sent = {"texts": LongTexts(text.encode() for text in texts)}
        assert one_row(connection, "select cast(:texts as text[]) as told", sent).told == texts


def test_a_text_with_nul_is_refused(database: Database) -> None:
    with database.engine.connect() as connection, pytest.raises(Exception) as caught:
        connection.execute(text("select cast(:words as text[])"), {"words": ["a\0b"]})
    assert isinstance(caught.value.__cause__, psycopg.DataError)
