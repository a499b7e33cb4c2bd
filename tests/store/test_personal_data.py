"""Every column that can hold something of a customer stands in the registry of personal data."""

from sqlalchemy import text

from cdi.privacy.registry import HARMLESS, NOT_PERSONAL, PERSONAL
from cdi.store.db import Database

WORDS = {"text", "jsonb", "bytea", "ARRAY", "character varying", "json", "xml", "date", "tsvector", "USER-DEFINED"}
"""Types that can hold a value: numbers, times and ids of ours cannot."""


def test_every_column_that_can_hold_a_value_stands_in_one_list(database: Database) -> None:
    with database.unit_of_work() as connection:
        rows = connection.execute(
            text(
                "select table_name, column_name, data_type, udt_name from information_schema.columns"
                " where table_schema = 'public' and table_name <> 'alembic_version'"
            )
        ).all()
    columns = {(row.table_name, row.column_name): row for row in rows}
    unknown = {
        f"{table}.{column}"
        for (table, column), row in columns.items()
        if row.data_type in WORDS
        and row.udt_name not in {"_int8", "_uuid", "_int4"}
        and column not in PERSONAL.get(table, {})
        and column not in HARMLESS.get(table, frozenset())
        and (table in PERSONAL or table not in NOT_PERSONAL)
    }
    assert not unknown, "say in cdi.privacy.registry how erasure reaches them, or that they hold nothing of a customer"
    tables = {table for table, _ in columns}
    assert tables <= {*PERSONAL, *NOT_PERSONAL}, "a new table stands in neither list"
    assert {*PERSONAL, *NOT_PERSONAL, *HARMLESS} <= tables, "the registry names tables that are no more"
    named = {(table, column) for lists in (PERSONAL, HARMLESS) for table, each in lists.items() for column in each}
    assert named <= columns.keys(), "the registry names columns that are no more"
