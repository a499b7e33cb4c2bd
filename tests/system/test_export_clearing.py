"""Who is erased leaves the files that were exported, and the files of everybody else stay as they were."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from domain import ANNA, email, person, profile_of, push
from fastapi.testclient import TestClient
from killable import start
from stewarding import Steward
from test_export import copy_of_files, exported, lines, table

from cdi import exporting
from cdi.access import Role
from cdi.clock import utc_now
from cdi.errors import BusyError, InvalidInputError
from cdi.exporting import Exported, Format, Terms
from cdi.exporting.writing import exporting_into
from cdi.pipeline import Installation
from conftest import Doors

BERND = person("Bernd", "Wagenknecht", "1971-01-01", emails=email("bernd@wagenknecht.example"))
CLARA = person("Clara", "Vandenberghe", "1980-12-12")


@pytest.fixture
def officer(company: Installation) -> TestClient:
    return Doors(company).as_(Role.PRIVACY, name="d.schutz")


def erase(officer: TestClient, company: Installation, key: str) -> dict[str, Any]:
    answer = officer.post("/v1/privacy/erasures", json={"profile": str(profile_of(company, "till", key))})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def clear(company: Installation) -> str | None:
    return exporting.clear(company, lambda *_: None)


def ids_in(done: Exported) -> list[set[str]]:
    parquet = {row["id"] for row in pq.read_table(done.paths[Format.PARQUET]).to_pylist()}
    return [{row["id"] for row in table(done)}, {line["id"] for line in lines(done)}, parquet]


def waits(company: Installation, later: timedelta = timedelta()) -> bool:
    with company.database.unit_of_work() as connection:
        return exporting.waits(connection, utc_now() + later)


def test_rows_leave_every_format_and_the_others_stay_as_they_were(
    company: Installation, officer: TestClient, tmp_path: Path
) -> None:
    push(company, "till", {"a": ANNA, "b": BERND | {"attributes": {"note": 'two\nlines; "quoted"'}}, "c": CLARA})
    anna, others = str(profile_of(company, "till", "a")), {str(profile_of(company, "till", key)) for key in "bc"}
    whole, masked = exported(company, tmp_path / "whole"), exported(company, tmp_path / "masked", Terms())
    before = whole.paths[Format.JSONL].read_bytes().splitlines(keepends=True)
    whole.paths[Format.CSV].chmod(0o640)
    rest = [row for row in table(whole) if row["id"] != anna]
    erase(officer, company, "a")
    assert not waits(company) and waits(company, timedelta(seconds=11)), "several are taken out at once"
    assert clear(company) == "6 rows taken out of exported files"
    assert not waits(company, timedelta(days=1)) and clear(company) is None
    assert ids_in(whole) == ids_in(masked) == [others] * 3
    assert table(whole) == rest
    assert whole.paths[Format.CSV].stat().st_mode & 0o777 == 0o640
    assert whole.paths[Format.JSONL].read_bytes() == b"".join(line for line in before if anna.encode() not in line)
    assert not list(tmp_path.rglob(".*"))


def test_whoever_applies_the_files_in_their_order_has_what_a_whole_export_would_have(
    company: Installation, officer: TestClient, tmp_path: Path
) -> None:
    push(company, "till", {"a": ANNA, "b": BERND, "c": CLARA})
    first = exported(company, tmp_path)
    push(company, "till", {"a": ANNA | {"gender": "f"}, "b": BERND | {"gender": "m"}})
    second = exported(company, tmp_path, since=first.cursor)
    erase(officer, company, "a")
    third = exported(company, tmp_path, since=second.cursor)
    assert [line["status"] for line in lines(third)] == ["erased"]
    clear(company)
    assert [len(lines(done)) for done in (first, second, third)] == [2, 1, 1], "that she was erased stays"
    now = {line["id"]: line["version"] for line in lines(exported(company, tmp_path / "now"))}
    assert copy_of_files(first, second, third) == copy_of_files(first, second) == now


def test_who_was_one_customer_with_the_erased_leaves_only_files_of_that_time(
    company: Installation, officer: TestClient, tmp_path: Path
) -> None:
    push(company, "till", {"a": ANNA})
    push(company, "shop", {"x": ANNA})
    profile = profile_of(company, "shop", "x")
    assert profile is not None and profile == profile_of(company, "till", "a")
    together = exported(company, tmp_path)
    assert Steward(company).split(profile, "till:a").status_code == 200
    apart = exported(company, tmp_path, since=together.cursor)
    erase(officer, company, "a")
    clear(company)
    other = str(profile_of(company, "shop", "x"))
    assert ids_in(together) == [set()] * 3
    assert [line["id"] for line in lines(apart) if line["status"] == "live"] == [other]


def test_the_erasure_says_of_each_folder_what_became_of_it(
    company: Installation, officer: TestClient, tmp_path: Path
) -> None:
    push(company, "till", {"a": ANNA, "b": BERND})
    here, gone = tmp_path / "here", tmp_path / "gone"
    done, _ = exported(company, here), exported(company, gone)
    gone.rename(tmp_path / "taken along")
    told = erase(officer, company, "a")

    def states() -> dict[str, str]:
        shown = officer.get(f"/v1/privacy/requests/{told['id']}").json()["exports"]
        return {Path(one["folder"]).name: one["state"] for one in shown}

    assert states() == {"here": "waiting", "gone": "waiting"}
    with exporting_into(company, here), pytest.raises(BusyError):
        clear(company)
    assert states() == {"here": "waiting", "gone": "missing"}
    kept = done.paths[Format.JSONL].read_bytes()
    done.paths[Format.JSONL].write_bytes(b"{" + kept)
    with pytest.raises(InvalidInputError, match="profiles-all"):
        clear(company)
    assert states()["here"] == "waiting", "what cannot be read is not called cleared"
    done.paths[Format.JSONL].write_bytes(kept)
    clear(company)
    assert states() == {"here": "cleared", "gone": "missing"}
    exported(company, tmp_path / "later")
    assert set(states()) == {"here", "gone"}


def test_killed_at_any_statement_it_goes_on(company: Installation, officer: TestClient) -> None:
    push(company, "till", {"a": ANNA, "b": BERND})
    done = exported(company, company.folder / "out")
    other = str(profile_of(company, "till", "b"))
    erase(officer, company, "a")
    os.environ.pop("CDI_DIR", None)
    died = 0
    while True:
        process = start(company.folder, company.database.url, ("export", "clear"), died + 1)
        process.join(60)
        if process.exitcode == 0:
            break
        assert process.exitcode == -9
        died += 1
        assert other in ids_in(done)[0] & ids_in(done)[1] & ids_in(done)[2], "files are whole at any time"
    assert died > 4 and not waits(company, timedelta(days=1))
    assert ids_in(done) == [{other}] * 3
    assert json.dumps("Krzywdzinski") not in done.paths[Format.JSONL].read_text()


def test_nothing_is_queued_where_nobody_exports(company: Installation, officer: TestClient) -> None:
    push(company, "till", {"a": ANNA})
    told = erase(officer, company, "a")
    assert not waits(company, timedelta(days=1))
    assert officer.get(f"/v1/privacy/requests/{told['id']}").json()["exports"] == []
