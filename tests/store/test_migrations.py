"""The schema goes up, down and up again with data in it, and is what the tables in the code say."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from cdi.errors import DatabaseError
from cdi.fields import Kind
from cdi.matching.cards import card_of
from cdi.normalise.record import Address, Email, Former, Identifier, NormalisedRecord, Phone
from cdi.store.db import (
    Database,
    check_head,
    current_revision,
    downgrade,
    head_revision,
    load_tables,
    metadata,
    migrations,
    upgrade,
)


@pytest.fixture
def new(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.close()


def revisions() -> list[str]:
    """From the first to the head."""
    return [script.revision for script in ScriptDirectory.from_config(migrations()).walk_revisions()][::-1]


def fill(database: Database) -> list[str]:
    """One row in every table that takes one of plain values; the names of the tables that have rows then."""
    for table in metadata.sorted_tables:
        needed = [c for c in table.columns if not c.nullable and c.server_default is None and c.identity is None]
        names = ", ".join(f'"{column.name}"' for column in needed)
        values = ", ".join(WHOLE.get(f"{column}", plain_value(column.type)) for column in needed)
        with suppress(DatabaseError), database.unit_of_work() as connection:
            connection.exec_driver_sql(f'INSERT INTO "{table.name}" ({names}) VALUES ({values})')
    with database.unit_of_work() as connection:
        count = {name: text(f'SELECT count(*) FROM "{name}"') for name in metadata.tables}
        return [name for name, question in count.items() if connection.execute(question).scalar_one()]


CARD = (
    '[0,1,19800305,["anna maria","","krzywdzinski","","","",""],["muster",1],'
    '["anna@web.de",0,"info@web.de",3],["+491701234567",2],[],["iban\\u001f\\u001fde12",4],'
    '[0,"hauptstrasse","1a","10115","berlin","",1,"","","","ulm",""],{"hobby":"ÄÖ \\"chess\\"","":""}]'
)
LINE = (
    "0\t1\t19800305\tanna maria\t\tkrzywdzinski\t\t\t\t\t1muster\t0anna@web.de\x1d3info@web.de\t2+491701234567\t\t"
    '4iban\x1f\x1fde12\t0hauptstrasse\x1d1\t1a\x1d\t10115\x1d\tberlin\x1dulm\t\x1d\thobby\x1dÄÖ "chess"\x1d\x1d'
)
EMPTY = '[1,0,0,["","","","","","",""],[],[],[],[],[],[],{}]', "1\t0\t0" + "\t" * 18
"""A card as JSON and as a line."""
WHOLE = {"normalised.card": f"'{LINE}'"}
"""Values that a migration takes apart."""


def plain_value(kind: TypeEngine[Any]) -> str:
    if isinstance(kind, sa.ARRAY | JSONB):
        return "'{}'"
    if isinstance(kind, sa.Uuid):
        return f"'{UUID(int=1)}'"
    return {bool: "false", int: "1", float: "1", datetime: "now()", date: "now()"}.get(kind.python_type, "'x'")


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory.from_config(migrations()).get_heads()) == 1


def test_the_schema_is_what_the_code_says(database: Database) -> None:
    load_tables()
    with database.unit_of_work() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_up_down_and_up_with_data_in_it(new: Database) -> None:
    load_tables()
    for revision in revisions():
        upgrade(new, revision)
        assert current_revision(new) == revision
    assert len(fill(new)) > len(metadata.tables) * 3 / 4
    for revision in [*revisions()[:-1][::-1], "base"]:
        downgrade(new, revision)
    with new.unit_of_work() as connection:
        left = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
        assert set(left) == {"alembic_version"}
    upgrade(new)
    check_head(new)


def test_upgrading_what_is_at_head_changes_nothing(database: Database) -> None:
    upgrade(database)
    check_head(database)


def test_several_upgrades_at_once_are_one(new: Database) -> None:
    failures: list[BaseException] = []

    def one() -> None:
        try:
            upgrade(new)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not failures
    check_head(new)


def test_an_empty_database_is_not_at_head(new: Database) -> None:
    with pytest.raises(DatabaseError, match=r"at nothing and not at .*cdi db upgrade"):
        check_head(new)


def test_a_database_of_a_newer_cdi_is_refused(database: Database) -> None:
    with database.unit_of_work() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
    with pytest.raises(DatabaseError, match="newer cdi"):
        check_head(database)
    with pytest.raises(DatabaseError, match="newer cdi"):
        upgrade(database)


def test_a_migration_does_not_wait_for_a_lock_for_ever(new: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(new)
    assert head_revision() == current_revision(new)
    table = next(iter(metadata.tables))
    with new.unit_of_work() as reader:
        reader.execute(text(f'SELECT 1 FROM "{table}"'))
        monkeypatch.setenv("CDI_MIGRATION_LOCK_TIMEOUT", "200ms")
        with pytest.raises(DatabaseError, match="LockNotAvailable"):
            downgrade(new, "base")
    upgrade(new)  # from where it was stuck
    check_head(new)


def test_cards_become_lines_and_json_again(new: Database) -> None:
    """More of them than are rewritten together; none counts as normalised again."""
    jsons, lines = (CARD, EMPTY[0]), (LINE, EMPTY[1])
    upgrade(new, "0031")
    with new.unit_of_work() as connection:
        many = (
            "insert into normalised (record_id, source, card)"
            " select n, 'till', case when n % 2 = 0 then :whole else :empty end from generate_series(-3, 20020) as n"
        )
        connection.execute(text(many), {"whole": CARD, "empty": EMPTY[0]})
    before = kept(new)
    assert set(before.values()) == set(jsons)
    upgrade(new, "0032")
    assert kept(new) == {key: lines[jsons.index(card)] for key, card in before.items()}
    downgrade(new, "0031")
    assert kept(new) == before


def test_what_would_break_a_line_becomes_a_blank(new: Database) -> None:
    upgrade(new, "0031")
    broken = EMPTY[0].replace('"",""', r'"a\tb\n","\u0000\r\u001d"', 1)
    with new.unit_of_work() as connection:
        insert = text("insert into normalised (record_id, source, card) values (1, 'till', :card)")
        connection.execute(insert, {"card": broken})
    upgrade(new, "0032")
    assert list(kept(new).values()) == ["1\t0\t0\ta b \t   " + "\t" * 16]


def kept(database: Database) -> dict[tuple[int, int], str]:
    """The cards by record and mark."""
    with database.unit_of_work() as connection:
        rows = connection.execute(text("select record_id, touched, card from normalised"))
        return {(row.record_id, row.touched): row.card for row in rows}


def test_a_line_that_was_json_is_the_card_of_its_record() -> None:
    anna = NormalisedRecord(
        gender="f",
        birth_year=1980,
        birth_month=3,
        birth_day=5,
        given_names=("anna", "maria"),
        family_names=("krzywdzinski",),
        emails=(Email("anna@web.de"),),
        phones=(Phone("+491701234567", mobile=True, landline=False, shared=True),),
        addresses=(Address("hauptstrasse", "1a", "10115", "berlin"),),
        identifiers=(Identifier("iban", "de12", verified=True),),
        attributes=(("hobby", 'ÄÖ "chess"'), ("", "")),
        former=Former(("muster",), (Email("info@web.de", shared=True),), addresses=(Address(city="ulm"),)),
    )
    assert card_of(anna) == LINE
    assert card_of(NormalisedRecord(kind=Kind.ORGANISATION)) == EMPTY[1]
