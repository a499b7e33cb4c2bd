"""What goes wrong is one clear line that names the source and the remedy; nothing is lost, and the next run heals it.

These tests use the program as its user does: its own process, its own database, its exit code and its stderr.
"""

import csv
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from cdi import deployment
from cdi.sample.admin_api import AdminApi
from cdi.sample.http import serving
from cdi.sample.shop import load_shop

SECRET = "demo-only-for-tests"


class Program:
    """The command line in a deployment folder, on a database of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("CDI_")}
        self.environment["CDI_DATABASE_URL"] = url
        self.url = url

    def __call__(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: PLW1510  the exit code is what is tested
            [sys.executable, "-m", "cdi", *words],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def run(self, **environment: str) -> dict:
        done = self("run", "--no-serve", "--json", **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def fails(self, *words: str, **environment: str) -> str:
        """The one line that is said when this command fails."""
        done = self(*words, **environment)
        assert done.returncode == 1, done.stdout + done.stderr
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("error: ")
        assert "Traceback" not in done.stderr
        return lines[0]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults") / "company"
    deployment.create_folder(folder)
    thin_out(folder)
    return folder


def thin_out(folder: Path) -> None:
    """A tenth of the sample company: faults do not need all of it."""
    with sqlite3.connect(folder / "data/shop/pos.sqlite") as shop:
        shop.execute("delete from receipt where customer_id % 10 <> 0 or customer_id is null")
        shop.execute("delete from customer where customer_id % 10 <> 0")
    for name in ("contacts-2026-09.csv", "contacts-2026-10.csv", "calls-2026-09.csv", "calls-2026-10.csv"):
        (folder / "data/callcentre" / name).unlink()
    for path in (folder / "data/social").glob("*.jsonl"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[::10]), encoding="utf-8")


@pytest.fixture
def program(copied: Path, tmp_path: Path, empty_url: str) -> Program:
    import shutil

    shutil.copytree(copied, tmp_path / "company")
    return Program(tmp_path / "company", empty_url)


def counts(summary: dict, source: str) -> dict:
    return summary["synced"][source]


@pytest.mark.slow
def test_a_bad_record_is_kept_aside_and_replayed_when_it_is_right(program: Program) -> None:
    path = program.folder / "data/callcentre/contacts-2026-12.csv"
    with (program.folder / "data/callcentre/contacts-2026-11.csv").open(encoding="cp1252", newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    number = rows[0].index("Kontaktnummer")
    good, bad = list(rows[1]), list(rows[2])
    good[number], bad[number] = "K-900001", ""
    with path.open("w", encoding="cp1252", newline="") as file:
        csv.writer(file, delimiter=";").writerows([rows[0], good, bad])
    summary = program.run()
    assert counts(summary, "callcentre")["rejected"] == 1
    assert counts(summary, "callcentre")["added"] > 0
    assert json.loads(program("show", "callcentre:K-900001", "--json").stdout)["data_owner"]
    untouched = json.loads(program("source", "replay", "callcentre", "--json").stdout)
    assert untouched == {"source": "callcentre", "taken": 0, "still_rejected": 1, "remapped": 0}
    # The engineer decides that such contacts go by their loyalty card.
    said = program.folder / "cdi.yaml"
    text = said.read_text(encoding="utf-8")
    said.write_text(text.replace("key: =Kontaktnummer", "key: =Kontaktnummer || join('', ['row-', Nachname])", 1))
    replayed = json.loads(program("source", "replay", "callcentre", "--json").stdout)
    assert replayed == {"source": "callcentre", "taken": 1, "still_rejected": 0, "remapped": 0}
    assert json.loads(program("resolve", "--json").stdout)["records"] == 1


@pytest.mark.slow
def test_an_unreachable_webshop_stops_nobody_else(program: Program) -> None:
    nowhere = {"CDI_SAMPLE_WEBSHOP_URL": "http://127.0.0.1:9", "CDI_SAMPLE_WEBSHOP_CLIENT_ID": "x"}
    line = program.fails("run", "--no-serve", "--json", **nowhere, CDI_SAMPLE_WEBSHOP_CLIENT_SECRET="x")
    assert "webshop" in line and "127.0.0.1" in line
    status = json.loads(program("status", "--json").stdout)
    by_name = {source["name"]: source for source in status["sources"]}
    assert by_name["webshop"]["last_run"]["status"] == "failed"
    assert by_name["shop"]["records"] > 0 and status["profiles"] > 0
    healed = program.run()
    assert counts(healed, "webshop")["added"] > 0
    assert counts(healed, "shop")["new_versions"] == 0


def test_a_wrong_token_is_told_and_never_printed(program: Program) -> None:
    api = AdminApi(load_shop(program.folder / "data/webshop"), "SAMPLE", SECRET)
    with serving(api) as url:
        said = {"CDI_SAMPLE_WEBSHOP_URL": url, "CDI_SAMPLE_WEBSHOP_CLIENT_ID": "SAMPLE"}
        line = program.fails("sync", "webshop", **said, CDI_SAMPLE_WEBSHOP_CLIENT_SECRET="wrong-secret-value")
        assert "webshop" in line and "client id and secret" in line
        assert "wrong-secret-value" not in line
        done = program("sync", "webshop", "--json", **said, CDI_SAMPLE_WEBSHOP_CLIENT_SECRET=SECRET)
    assert json.loads(done.stdout)["synced"]["webshop"]["added"] > 0


def test_a_missing_secret_is_named(program: Program) -> None:
    line = program.fails("sync", "webshop", CDI_SAMPLE_WEBSHOP_URL="http://127.0.0.1:9")
    assert "CDI_SAMPLE_WEBSHOP_CLIENT_ID" in line


def test_a_missing_column_is_named_with_its_file(program: Program) -> None:
    path = program.folder / "data/callcentre/contacts-2026-11.csv"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"Kontaktnummer", b"Nummer", 1))
    line = program.fails("sync", "callcentre")
    assert "callcentre" in line and "Kontaktnummer" in line and "contacts-2026-11.csv" in line
    path.write_bytes(whole)
    assert json.loads(program("sync", "callcentre", "--json").stdout)["synced"]["callcentre"]["added"] > 0


def test_a_second_run_at_the_same_time_is_told_who_is_running(program: Program) -> None:
    from cdi.store.db import Database

    program("db", "upgrade")
    with Database(program.url).exclusive("run"):
        line = program.fails("run", "--no-serve")
    assert "another run is running" in line and "process" in line
    assert program.run()["profiles"] > 0


def test_an_export_that_lost_most_of_its_records_deletes_nothing(program: Program) -> None:
    before = program.run()
    with sqlite3.connect(program.folder / "data/shop/pos.sqlite") as shop:
        shop.execute("delete from customer where customer_id % 20 <> 0")
    line = program.fails("run", "--no-serve", "--json")
    assert "shop" in line and "max_delete_share" in line
    after = json.loads(program("status", "--json").stdout)
    assert after["profiles"] == before["profiles"]


def test_a_record_deleted_at_its_source_leaves_its_profile(program: Program) -> None:
    before = program.run()
    with sqlite3.connect(program.folder / "data/shop/pos.sqlite") as shop:
        shop.execute("delete from customer where customer_id = (select min(customer_id) from customer)")
    after = program.run()
    assert counts(after, "shop")["deleted"] >= 1
    assert after["sources"][0]["records"] == before["sources"][0]["records"] - 1
    assert after["waiting"] == 0


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("customer_owner: customer_data", "cdi.yaml:"),
        ("    data_owner: marketing", "sources.social.data_owner"),
        ("    connector: json_drop", "json_drip"),
        ("    trust: 0.4", "sources.social.trust"),
    ],
)
def test_a_fault_in_the_deployment_file_is_named_with_its_line(program: Program, wrong: str, told: str) -> None:
    path = program.folder / "cdi.yaml"
    text = path.read_text(encoding="utf-8")
    broken = {
        "customer_owner: customer_data": "customer_owner: nobody",
        "    data_owner: marketing": "    data_owner: nobody",
        "    connector: json_drop": "    connector: json_drip",
        "    trust: 0.4": "    trust: high",
    }[wrong]
    assert wrong in text
    path.write_text(text.replace(wrong, broken, 1), encoding="utf-8")
    assert told in program.fails("sync", "social")


def test_outside_a_deployment_folder_the_way_in_is_told(program: Program, tmp_path: Path) -> None:
    line = program.fails("status", "--dir", str(tmp_path / "elsewhere"))
    assert "cdi init" in line


def test_a_database_that_does_not_answer_is_told(program: Program) -> None:
    line = program.fails("status", CDI_DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert "CDI_DATABASE_URL" in line


def test_wrong_usage_exits_with_two(program: Program) -> None:
    assert program("no-such-command").returncode == 2
    assert program("show").returncode == 2


def test_no_customers_value_is_in_the_logs_of_a_failing_run(program: Program) -> None:
    done = program("run", "--no-serve", CDI_LOG_LEVEL="DEBUG", CDI_SAMPLE_WEBSHOP_URL="http://127.0.0.1:9")
    with psycopg.connect(program.url) as connection:
        rows = connection.execute("select value from handle where type = 'email'").fetchall()
    assert rows
    assert not [value for (value,) in rows if value in done.stderr]
