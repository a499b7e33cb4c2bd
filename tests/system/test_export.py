"""Exports as their reader meets them: whole or what became different, masked unless asked, never half a file."""

import csv
import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from domain import ANNA, COLOGNE, assert_same_profile, email, person, profile_of, push
from killable import start
from test_webhooks_out import customers

from cdi import exporting
from cdi.errors import BusyError, ConflictError, CursorGoneError, InvalidInputError
from cdi.exporting import Exported, Format, Since, Terms
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.spreadsheets import harmless

ALL = Terms(tuple(FieldGroup))
BERND = person("Bernd", "Wagenknecht", "1971-01-01", emails=email("bernd@wagenknecht.example"))


def exported(company: Installation, to: Path, terms: Terms = ALL, since: int | None = None) -> Exported:
    return exporting.export_profiles(company, to, tuple(Format), terms, since, lambda *_: None)


def lines(done: Exported) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.paths[Format.JSONL].read_text().splitlines()]


def table(done: Exported) -> list[dict[str, str]]:
    with done.paths[Format.CSV].open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_profile_is_there_in_every_format_with_where_it_came_from(company: Installation, tmp_path: Path) -> None:
    push(company, "till", {"a": ANNA, "b": BERND})
    done = exported(company, tmp_path / "out")
    assert done.rows == 2
    rows = {row["id"]: row for row in table(done)}
    anna = rows[str(profile_of(company, "till", "a"))]
    assert anna["name.family_name"] == "Krzywdzinski" and anna["emails.value"] == "anna.krz@gmx.de"
    assert anna["birth_date"] == "1984-03-05" and anna["addresses.city"] == "Köln" and anna["phones.value"] == ""
    assert anna["name.source"] == "till" and anna["name.data_owner"] == "retail" and anna["status"] == "live"
    whole = {line["id"]: line for line in lines(done)}
    assert whole[anna["id"]]["golden"]["emails"]["value"]["value"] == anna["emails.value"]
    parquet = pq.read_table(done.paths[Format.PARQUET]).to_pylist()
    assert [{k: "" if v is None else str(v) for k, v in row.items()} for row in parquet] == list(rows.values())
    assert {path.stat().st_mode & 0o777 for path in done.paths.values()} == {0o600}


def test_values_are_masked_unless_their_group_is_named(company: Installation, tmp_path: Path) -> None:
    push(company, "till", {"a": ANNA})
    masked = exported(company, tmp_path / "masked", Terms())
    names = exported(company, tmp_path / "names", Terms((FieldGroup.IDENTITY,)))
    for path in masked.paths.values():
        assert b"rzywdzinski" not in path.read_bytes() and b"anna.krz" not in path.read_bytes()
    (row,) = table(names)
    assert row["name.family_name"] == "Krzywdzinski" and row["emails.value"] == "a***@gmx.de"
    assert row["birth_date"] == "1984-**-**"


def test_sensitive_sources_and_other_purposes_are_not_there(company: Installation, tmp_path: Path) -> None:
    push(company, "till", {"a": ANNA})
    push(company, "secret", {"s": ANNA | {"phones": [{"value": "+491724981375"}]}, "t": BERND})
    assert_same_profile(company, ("till", "a"), ("secret", "s"))
    (open_row,) = table(exported(company, tmp_path / "open"))
    assert open_row["phones.value"] == ""
    rows = table(exported(company, tmp_path / "all", Terms(tuple(FieldGroup), sensitive=True)))
    assert sorted(row["phones.value"] for row in rows) == ["", "+491724981375"]
    assert lines(exported(company, tmp_path / "since", since=0)) == lines(exported(company, tmp_path / "again"))


def test_what_became_different_since_then(company: Installation, tmp_path: Path) -> None:
    push(company, "till", {"a": ANNA, "b": BERND, "c": person("Clara", "Vandenberghe", "1980-12-12")})
    first = exported(company, tmp_path)
    assert exported(company, tmp_path, since=first.cursor).rows == 0
    push(company, "till", {"a": ANNA | {"gender": "f"}})
    push(company, "till", {"a": ANNA | {"gender": "f", "language": "pl"}, "b": None})
    second = exported(company, tmp_path, since=first.cursor)
    told = {line["id"]: line for line in lines(second)}
    anna, bernd = str(profile_of(company, "till", "a")), set(told) - {str(profile_of(company, "till", "a"))}
    assert told[anna]["status"] == "live" and told[anna]["golden"]["language"]["value"] == "pl"
    assert [told[other]["status"] for other in bernd] == ["retired"] and len(told) == 2
    assert copy_of_files(first, second) == {line["id"]: line["version"] for line in lines(exported(company, tmp_path))}


def copy_of_files(*exports: Exported) -> dict[str, int]:
    """What a reader has who applied these exports in turn."""
    copy: dict[str, int] = {}
    for done in exports:
        for line in lines(done):
            if line["status"] == "live":
                copy[line["id"]] = line["version"]
            else:
                copy.pop(line["id"], None)
    return copy


def test_a_profile_that_left_what_is_shown_is_gone(company: Installation, tmp_path: Path) -> None:
    push(company, "till", {"a": ANNA})
    push(company, "secret", {"s": ANNA, "t": BERND})
    first = exported(company, tmp_path)
    push(company, "till", {"a": None})
    push(company, "secret", {"t": BERND | {"gender": "m"}})
    (gone,) = lines(exported(company, tmp_path, since=first.cursor))
    assert gone == {"id": str(profile_of(company, "secret", "s")), "status": "gone"}


def test_changes_are_exported_as_the_feed_tells_them(company: Installation, tmp_path: Path) -> None:
    push(company, "till", {"a": ANNA})
    push(company, "till", {"a": ANNA | {"gender": "f"}})
    done = exporting.export_changes(company, tmp_path, tuple(Format), Terms(), None, lambda *_: None)
    assert [line["type"] for line in lines(done)] == ["created", "updated"]
    assert [row["cursor"] for row in table(done)] == ["1", "2"] and table(done)[1]["attributes"] == "gender"
    assert pq.read_table(done.paths[Format.PARQUET]).column("cursor").to_pylist() == [1, 2]
    later = exporting.export_changes(company, tmp_path, (Format.JSONL,), Terms(), 1, lambda *_: None)
    assert lines(later) == lines(done)[1:]
    with pytest.raises(CursorGoneError):
        exported(company, tmp_path, since=99)


@pytest.mark.parametrize(
    "value", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1", "\r=1", "＝1+1", "+49 221 x", "-"]
)
def test_no_cell_begins_like_a_formula(value: str) -> None:
    assert harmless(value) == f"'{value}"


@pytest.mark.parametrize("value", ["+491724981375", "-12", "+49 221 123", "Anna", "a=b", "", None, 7, -7])
def test_what_is_no_formula_stays_as_it_is(value: object) -> None:
    assert harmless(value) == value


def test_a_formula_in_a_name_is_harmless_in_the_table(company: Installation, tmp_path: Path) -> None:
    push(company, "till", {"a": ANNA | {"addresses": [{**COLOGNE[0], "extra": "=SUM A1"}]}})
    done = exported(company, tmp_path)
    cells = [cell for row in table(done) for cell in row.values()]
    assert [cell for cell in cells if "SUM" in cell.upper()] == ["'=SUM A1"]


def test_a_state_belongs_to_the_terms_that_it_was_made_with(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    assert exporting.since(state, "profiles, groups none") is None
    Since(17, "profiles, groups none").keep(state)
    assert exporting.since(state, "profiles, groups none") == 17
    with pytest.raises(ConflictError):
        exporting.since(state, "profiles, groups contact")
    state.write_text("{}")
    with pytest.raises(InvalidInputError):
        exporting.since(state, "profiles, groups none")


def test_two_exports_to_one_folder_do_not_mix(company: Installation, tmp_path: Path) -> None:
    with company.database.exclusive(f"export of profiles to {tmp_path.resolve()}"), pytest.raises(BusyError):
        exported(company, tmp_path)


def test_what_fails_leaves_no_file(company: Installation, tmp_path: Path) -> None:
    push(company, "till", {"a": ANNA})

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exporting.export_profiles(company, tmp_path / "out", tuple(Format), ALL, None, fail)
    assert list((tmp_path / "out").iterdir()) == []


def test_by_command_it_goes_on_where_it_ended_also_when_it_was_killed(company: Installation, tmp_path: Path) -> None:
    push(company, "till", customers(20))
    words = ("export", "profiles", "--format", "csv,jsonl", "--state", "state.json", "--out", "out", "--json")
    os.environ.pop("CDI_DIR", None)
    for _ in range(2):  # the second time the folder is known
        run(company, ("export", "profiles", "--out", "elsewhere", "--json"))
    statements = int((company.folder / "asked").read_text())
    for die_at in (statements - 2, statements - 1, statements):
        process = start(company.folder, company.database.url, words, die_at)
        process.join(60)
        assert process.exitcode == -9
        complete = [path for path in (company.folder / "out").glob("*") if not path.name.startswith(".")]
        assert complete == [] and not (company.folder / "state.json").exists()
    done = run(company, words)
    assert done["rows"] == 20 and done["since"] is None
    assert not list((company.folder / "out").glob(".*")), "what the killed ones left is gone"
    assert run(company, words)["rows"] == 0
    push(company, "till", customers(3, version=1))
    again = run(company, words)
    assert again["rows"] == 3 and again["since"] == done["cursor"]


def run(company: Installation, words: tuple[str, ...]) -> dict[str, Any]:
    said = company.folder / "said"
    said.unlink(missing_ok=True)
    process = start(company.folder, company.database.url, words)
    process.join(60)
    assert process.exitcode == 0, said.read_text()
    return json.loads(said.read_text())


@pytest.mark.slow
def test_an_export_of_many_takes_no_more_memory(company: Installation, tmp_path: Path) -> None:
    """A hundred thousand copies of a stored profile under other ids: an export reads documents, however they came."""
    push(company, "till", {"a": ANNA})
    with psycopg.connect(company.database.url, autocommit=True) as connection:
        connection.execute(
            "insert into profile (profile_id, kind, data_owner, sources, document, content_hash, version, created_at,"
            " updated_at) select g.id, kind, data_owner, sources, document || jsonb_build_object('id', g.id),"
            " content_hash, version, created_at, updated_at"
            " from profile, (select gen_random_uuid() as id from generate_series(1, 100000)) g"
        )
    exporting.export_profiles(company, tmp_path / "warm", tuple(Format), ALL, 1, lambda *_: None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    done = exported(company, tmp_path / "out")
    took = time.process_time() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{done.rows} profiles in three formats: {took:.1f} s of CPU, {grown:.0f} MB more memory")
    assert done.rows == 100_001 and grown < 150
