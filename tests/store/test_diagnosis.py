"""What is wrong with the database is found and its remedy named; on a sound one nothing is found."""

import psycopg
from sqlalchemy import text

from cdi.ingest.contract import CheckResult
from cdi.store.db import Database, downgrade
from cdi.store.diagnosis import diagnose


def answer(database: Database, question: str) -> CheckResult:
    (result,) = [result for result in diagnose(database) if question in result.question]
    return result


def test_a_sound_database_has_no_faults_but_those_of_a_test_server(database: Database) -> None:
    wrong = {result.question for result in diagnose(database) if not result.ok}
    assert wrong <= {"what is committed survives a power cut"}  # the tests' own server is careless


def test_careless_settings_are_found(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        database_name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {database_name} SET synchronous_commit = off")
    database.close()
    assert "synchronous_commit" in answer(database, "power cut").detail


def test_a_schema_behind_is_found(database: Database) -> None:
    downgrade(database, "base")
    result = answer(database, "schema")
    assert not result.ok
    assert "cdi db upgrade" in result.detail


def test_a_missing_extension_is_found(database: Database) -> None:
    with database.unit_of_work() as connection:
        connection.execute(text("DROP EXTENSION fuzzystrmatch"))
    assert answer(database, "extensions").detail == "CREATE EXTENSION fuzzystrmatch"


def test_an_unreachable_database_is_one_answer() -> None:
    (result,) = diagnose(Database("postgresql://cdi:Geheim@127.0.0.1:1/cdi"))
    assert not result.ok
    assert "Geheim" not in result.detail
