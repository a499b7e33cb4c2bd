"""A reading that fails loses nothing, doubles nothing and concludes nothing from what it did not see; when the source
is well again, the next one comes to the same end as if nothing had been."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from domain import assert_consistent, count
from loopback import Asked, Site, Told, serving
from sqlalchemy import text

from cdi.clock import utc_now
from cdi.errors import CdiError, DatabaseError, SourceError
from cdi.pipeline import Installation, resolve, sync
from cdi.store.db import Database
from conftest import installation_of

API = """
connector: api
title: API
config: {base_url: {required: true}, secret: {secret: true}}
connection:
  kind: rest
  base_url: "{config.base_url}"
  timeout: PT0.5S
  retry: {tries: 2, first_wait: PT0.01S, longest_wait: PT0.01S}
  auth: {type: oauth2_client, token_path: /token, client_id: cdi, client_secret: "{config.secret}", encoding: json}
streams:
  customers:
    kind: customer
    key: =id
    source_time: =ts(changed)
    request: {path: /people}
    records: =items
    page: {by: page, size: 5, size_into: params.limit}
    total: =total
    cursor: {field: changed, overlap: PT5M}
    since: {params: {since: "{cursor.from}"}}
    deletes: [{mode: reconcile, every: PT0S}]
    map: {name: {given_name: =given, family_name: =family}, emails: [{value: =mail}]}
"""
CDI = """
company: {name: Test, country: DE, language: de}
owners: [{id: online, department: Onlinehandel, role: Leitung, contact: b@test.example}]
customer_owner: online
sources:
  api: {connector: api, config: {base_url: "URL", secret: "${env:TEST_API_SECRET}"}, data_owner: online, purpose: sale,
    retention: P10Y}
"""
PEOPLE = 23


class Api:
    """A well-behaved API; `fault` may answer instead of it."""

    def __init__(self) -> None:
        self.people = [self.person(n) for n in range(PEOPLE)]
        self.fault: Callable[[Asked], Told | None] = lambda asked: None
        self.tokens = 0

    def person(self, number: int, **more: Any) -> dict[str, Any]:
        changed = f"2026-11-01T10:{number % 60:02}:00Z"
        mail = f"kunde{number}@web.de"
        return {"id": number, "given": "Vor", "family": f"Nach{number}", "mail": mail, "changed": changed} | more

    def __call__(self, asked: Asked) -> Told:
        told = self.fault(asked)
        if told is not None:
            return told
        if asked.path == "/token":
            self.tokens += 1
            return Told({"access_token": f"t{self.tokens}", "expires_in": 3600})
        page, limit = int(asked.params["page"]), int(asked.params["limit"])
        new = [person for person in self.people if person["changed"] >= asked.params.get("since", "")[:19]]
        return Told({"items": new[(page - 1) * limit : page * limit], "total": len(new)})


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def site(api: Api) -> Iterator[Site]:
    with serving(api) as running:
        yield running


@pytest.fixture
def reading(database: Database, tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("TEST_API_SECRET", "geheim")
    return wired(tmp_path / "company", database, API, CDI.replace("URL", site.url))


def wired(folder: Path, database: Database, manifest: str, cdi: str, name: str = "api") -> Installation:
    (folder / "connectors" / name).mkdir(parents=True, exist_ok=True)
    (folder / "connectors" / name / "connector.yaml").write_text(manifest, encoding="utf-8")
    (folder / "cdi.yaml").write_text(cdi, encoding="utf-8")
    return installation_of(folder, database)


def on_page(number: int, told: Told) -> Callable[[Asked], Told | None]:
    return lambda asked: told if asked.params.get("page") == str(number) else None


def slow(asked: Asked) -> Told | None:
    import time

    if asked.params.get("page") == "3":
        time.sleep(0.8)
    return None


FAULTS = [
    pytest.param(on_page(3, Told(b"", 500)), r"GET /people: the server answered 500 \(tried 2 times\)", id="500"),
    pytest.param(on_page(3, Told(b"<html>Fehler</html>")), "the answer is not JSON", id="an error page"),
    pytest.param(on_page(3, Told(b'{"items": [{"id"')), "the answer is not JSON", id="cut off"),
    pytest.param(on_page(3, Told({"error": "x"})), r"holds no list at =items", id="another schema"),
    pytest.param(on_page(3, Told(b"", 401)), "the server refused the credentials", id="the token expired for good"),
    pytest.param(on_page(3, Told(b"", 403)), "the credentials may not read this", id="a right was taken away"),
    pytest.param(
        on_page(3, Told(b"", 429, {"Retry-After": "9999"})), r"asks to wait 9999 s", id="the limit is used up"
    ),
    pytest.param(slow, r"no answer in time \(tried 2 times\)", id="slow"),
]


@pytest.mark.parametrize(("fault", "told"), FAULTS)
def test_a_fault_in_the_middle_loses_doubles_and_concludes_nothing(
    reading: Installation, api: Api, fault: Callable[[Asked], Told | None], told: str
) -> None:
    api.fault = fault
    with pytest.raises(SourceError, match=f"source api: .*{told}") as failure:
        sync(reading, "api")
    assert failure.value.remedy
    assert "geheim" not in str(failure.value) and "kunde" not in str(failure.value)
    assert 0 < count(reading, "record where live") < PEOPLE, "what was read before stays"
    with reading.database.unit_of_work() as connection:
        run = connection.execute(text("select status, error from sync_run")).one()
    assert run.status == "failed" and run.error
    api.fault = lambda asked: None
    sync(reading, "api")
    assert count(reading, "record where live") == count(reading, "record_version") == PEOPLE
    resolve(reading)
    assert_consistent(reading)


def test_a_fault_in_a_later_reading_takes_nobody_away(reading: Installation, api: Api) -> None:
    sync(reading, "api")
    api.fault = on_page(3, Told(b"", 500))
    with pytest.raises(SourceError):
        sync(reading, "api")
    api.fault = on_page(3, Told({"items": [], "total": PEOPLE}))  # pages end too early, and the server says so itself
    sync(reading, "api")
    assert count(reading, "record where live") == PEOPLE
    assert count(reading, "record_version") == PEOPLE


def test_a_token_that_expires_in_the_middle_is_renewed(reading: Installation, api: Api) -> None:
    def good_for_two_pages(asked: Asked) -> Told | None:
        wanted = f"Bearer t{1 + (int(asked.params['page']) - 1) // 2}" if "page" in asked.params else None
        return Told(b"", 401) if wanted is not None and asked.headers.get("authorization") != wanted else None

    api.fault = good_for_two_pages
    sync(reading, "api")
    assert count(reading, "record where live") == PEOPLE
    assert api.tokens == 3


def test_a_full_disk_where_the_rejected_are_kept_loses_nobody(reading: Installation, api: Api) -> None:
    """Not to keep what is rejected would be to lose it: the batch is not committed, and read again."""
    api.people[7] = api.person(7, id=None)
    with reading.database.unit_of_work() as connection:
        connection.execute(
            text(
                "create function disk_full() returns trigger language plpgsql as"
                " $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$"
            )
        )
        connection.execute(
            text("create trigger full_disk before insert on rejected for each row execute function disk_full()")
        )
    with pytest.raises(
        DatabaseError, match=r"the disk of the database is full\. Make room there; what was not committed"
    ):
        sync(reading, "api")
    assert count(reading, "rejected") == 0
    with reading.database.unit_of_work() as connection:
        connection.execute(text("drop trigger full_disk on rejected"))
    sync(reading, "api")
    assert count(reading, "record where live") == count(reading, "record_version") == PEOPLE - 1
    assert count(reading, "rejected where resolved_at is null") == 1


def test_what_is_excluded_is_not_kept_of_the_rejected_either(
    database: Database, tmp_path: Path, api: Api, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_API_SECRET", "geheim")
    cdi = CDI.replace("URL", site.url).replace("retention: P10Y", "retention: P10Y, exclude: [mail]")
    company = wired(tmp_path / "company", database, API, cdi)
    api.people[7] = api.person(7, id=None)
    sync(company, "api")
    with company.database.unit_of_work() as connection:
        kept = connection.execute(text("select native from rejected")).scalar_one()
    assert kept["family"] == "Nach7"
    assert "mail" not in kept


def test_a_clock_that_is_wrong_loses_nothing(
    database: Database, tmp_path: Path, api: Api, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source lives a day ahead of us: its times are taken for now, and what changes at its tomorrow is read."""
    monkeypatch.setenv("TEST_API_SECRET", "geheim")
    only_what_is_new = API.replace("deletes: [{mode: reconcile, every: PT0S}]", "deletes: []")
    reading = wired(tmp_path / "company", database, only_what_is_new, CDI.replace("URL", site.url))
    ahead = utc_now() + timedelta(days=1)
    api.people[0] = api.person(0, changed=ahead.strftime("%Y-%m-%dT%H:%M:%SZ"))
    sync(reading, "api")
    for hours in (1, 2):
        moment = ahead + timedelta(hours=hours)
        api.people[1] = api.person(1, changed=moment.strftime("%Y-%m-%dT%H:%M:%SZ"), mail=f"neu{hours}@web.de")
        sync(reading, "api")
    assert [asked.params.get("since", "")[:4] for asked in site.asked if asked.params.get("page") == "1"] == [
        "",
        f"{utc_now():%Y}",
        f"{utc_now():%Y}",
    ]
    with reading.database.unit_of_work() as connection:
        shown = connection.execute(
            text("select v.canonical from record r join meaning v using (version_id) where r.key = '1'")
        ).scalar_one()
    assert shown["emails"] == [{"value": "neu2@web.de"}]


TILL = """
connector: till
title: Till
connection: {kind: sql, dsn: "sqlite:///till.db"}
streams:
  customers:
    kind: customer
    key: =nr
    query: select * from customer
    page: {keyset: [nr], size: 5}
    change: row_hash
    deletes: [{mode: reconcile}]
    map: {name: {given_name: =given, family_name: =family}}
"""
TILL_CDI = (
    CDI[: CDI.index("  api:")] + "  till: {connector: till, data_owner: online, purpose: sale, retention: P10Y}\n"
)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("alter table customer rename column given to vorname", "the query gives no column given"),
        ("alter table customer rename to kunde", "no such table: customer"),
        ("update customer set nr = null where nr = 17", "keyset nr is not unique or null"),
    ],
)
def test_a_database_that_changed_is_told_and_nobody_is_gone(
    database: Database, tmp_path: Path, change: str, told: str
) -> None:
    company = wired(tmp_path, database, TILL, TILL_CDI, "till")
    with sqlite3.connect(tmp_path / "till.db") as till:
        till.execute("create table customer (nr integer unique, given text, family text)")
        till.executemany("insert into customer values (?, 'Vor', ?)", [(n, f"Nach{n}") for n in range(PEOPLE)])
        till.commit()
        sync(company, "till")
        till.execute(change)
        till.commit()
        with pytest.raises(CdiError, match=f"source till: .*{told}") as failure:
            sync(company, "till")
    till.close()
    assert failure.value.remedy
    assert count(company, "record where live") == PEOPLE
