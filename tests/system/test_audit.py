"""The audit log: no answer with personal values and no change without its entry, no value in it, and a chain in which
every tampering shows."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from desks import PASSWORD, PageClient, add_user, signed_in
from domain import count, email, person, profile_of, push
from fastapi.dependencies.models import Dependant
from fastapi.testclient import TestClient
from issuer import issuing
from stewarding import company_in
from test_authorisation_matrix import CALLERS, CANARY, ROUTES, callers, company, doors, filled, meant, routes_of

from cdi import audit
from cdi.access import Role
from cdi.api.dependencies import UNAUDITED
from cdi.app import create_app
from cdi.audit import Trail
from cdi.clock import utc_now
from cdi.errors import DatabaseError
from cdi.fields import FieldGroup
from cdi.periods import Period
from cdi.pipeline import Installation
from cdi.store.audit import AuditFilter
from cdi.store.db import Database
from cdi.web import visits
from cdi.web.routing import PageRoute
from cdi.web.visits import get_visit
from conftest import Doors

__all__ = ["callers", "company", "doors", "meant"]
"""Fixtures of the matrix: the same company, the same callers."""

PUBLIC = {"alive", "ready", "list_problem_types", "get_problem_type", "answer_handshake"}
"""Routes without a caller."""


def entries(installation: Installation, limit: int = 100, **wanted: Any) -> list[dict[str, Any]]:
    with installation.database.unit_of_work() as connection:
        return audit.list_entries(connection, AuditFilter(**wanted), limit)


def newest(installation: Installation) -> int:
    return next((entry["id"] for entry in entries(installation, 1)), 0)


def test_who_comes_to_the_desk_and_who_is_not_let_in(company: Installation) -> None:
    """By name only for a name that there is: what was typed may be a password in the wrong field."""
    add_user(company, "eva", Role.STEWARD)
    visitor, before = PageClient(create_app(company)), newest(company)
    typed = "correct horse battery staple"
    for name, password in (("eva", "no idea at all"), (typed, "no idea at all"), ("eva", PASSWORD)):
        visitor.submit("/sign-in", page="/sign-in", name=name, password=password)
    PageClient(create_app(company)).submit("/sign-in/link", page="/sign-in/link?token=nonsense", token="nonsense")
    told = [entry for entry in reversed(entries(company)) if entry["id"] > before]
    assert [(entry["actor"], entry["role"], entry["action"], entry["about"]) for entry in told] == [
        ("user:eva", "steward", "sign_in_refused", {"by": "password"}),
        ("nobody", "none", "sign_in_refused", {"by": "password"}),
        ("user:eva", "steward", "sign_in", {"by": "password"}),
        ("nobody", "none", "sign_in_refused", {"by": "link"}),
    ]
    assert typed not in str(told)


# -- no route forgets it ---------------------------------------------------------------------------


def names_of_routes(doors: Doors) -> dict[tuple[str, str], str]:
    paths = doors.app.openapi()["paths"]
    return {
        (method.upper(), path): said["operationId"].removesuffix(_suffix(path, method))
        for path, methods in paths.items()
        for method, said in methods.items()
    }


def _suffix(path: str, method: str) -> str:
    return "_" + re.sub(r"\W", "_", path.removeprefix("/")) + f"_{method}"


def test_the_lists_of_what_is_not_audited_name_routes_that_there_are(doors: Doors) -> None:
    names = {name.replace("__", "_") for name in names_of_routes(doors).values()}
    assert all(any(name.startswith(listed) for name in names) for listed in {*UNAUDITED, *PUBLIC})


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
@pytest.mark.parametrize("who", ["admin", "reader", "steward", "connector", "masked reader"])
def test_no_route_answers_values_or_changes_anything_without_an_entry(
    route: tuple[str, str],
    who: str,
    company: Installation,
    callers: dict[str, TestClient],
    doors: Doors,
    meant: dict[str, str],
) -> None:
    """Every route of the application has its row in the matrix, so a new one is asked here too."""
    assert set(ROUTES) == routes_of(doors)
    method, path = route
    row = ROUTES[route]
    before = newest(company)
    body = None if row.body is None else filled(row.body, meant)
    answer = callers[who].request(
        method, path.format(**meant), json=body, params=dict(row.query), headers=dict(row.headers)
    )
    if answer.status_code >= 300:
        return  # refused, and nothing left
    name = names_of_routes(doors)[route]
    new = [entry for entry in entries(company) if entry["id"] > before]
    if any(name.startswith(listed) for listed in {*UNAUDITED, *PUBLIC}):
        assert method == "GET" and CANARY not in answer.text.lower(), "what is not audited changes and shows nothing"
        assert not new
        return
    if who == "masked reader" and method == "GET":
        assert not new and CANARY not in answer.text.lower(), "masked values are no personal values in full"
        return
    assert len(new) == 1 or (who == "masked reader" and not new)
    for entry in new:
        assert entry["actor"].startswith("key:test ") and entry["role"] == CALLERS_ROLES[who]
        assert name.startswith(entry["action"])
        if CANARY in answer.text.lower():
            assert entry["groups"] and UUID(meant["profile_id"]) in entry["profiles"], "and whose values they were"


CALLERS_ROLES = {name: name.split()[-1] for name in CALLERS}


def test_an_entry_is_there_only_if_the_change_is(company: Installation, callers: dict, meant: dict) -> None:
    before = newest(company)
    refused = callers["admin"].put(f"/v1/profiles/{meant['profile_id']}/data-owner", json={"owner": "x", "reason": "y"})
    assert refused.status_code >= 400 and newest(company) == before


def test_an_answer_whose_entry_cannot_be_written_is_not_given(
    company: Installation, callers: dict, meant: dict
) -> None:
    path = f"/v1/profiles/{meant['profile_id']}"
    with company.database.engine.begin() as connection:
        connection.execute(sa.text("alter table audit_entry rename to audit_entry_away"))
    try:
        for asked in (path, f"{path}/history", "/v1/profiles?email=anna.krz@gmx.de"):
            answer = callers["reader"].get(asked)
            assert answer.status_code == 503 and CANARY not in answer.text.lower()
    finally:
        with company.database.engine.begin() as connection:
            connection.execute(sa.text("alter table audit_entry_away rename to audit_entry"))
    assert callers["reader"].get(path).status_code == 200


def test_only_who_changes_something_waits_for_the_disk(database: Database) -> None:
    read = Trail("key:shop", Role.READER.value, "get_profile", frozenset(FieldGroup))
    changed = Trail("key:shop", Role.STEWARD.value, "pin", frozenset(FieldGroup), changes=True)

    def commit_after(*trails: Trail) -> str:
        with database.unit_of_work() as connection:
            connection.execute(sa.text("set local synchronous_commit = on"))
            audit.write_all(connection, trails, utc_now())
            return str(connection.execute(sa.text("show synchronous_commit")).scalar_one())

    assert commit_after(read) == "off"
    assert commit_after() == commit_after(changed) == commit_after(read, changed) == "on"
    with database.reading() as connection:
        connection.execute(sa.text("set synchronous_commit = on"))
        audit.write_all(connection, [read], utc_now())
        assert connection.execute(sa.text("show synchronous_commit")).scalar_one() == "on", "it was for one commit"


def test_who_looked_at_a_profile_for_what_is_found_by_actor_profile_action_and_time(
    company: Installation, doors: Doors, callers: dict, meant: dict
) -> None:
    screen = doors.as_(Role.READER, FieldGroup.CONTACT, name="checkout")
    screen.get(f"/v1/profiles/{meant['profile_id']}")
    screen.get("/v1/profiles", params={"email": "anna.krz@gmx.de", "q": "krzywdz"})
    screen.get(f"/v1/profiles/{meant['profile_id']}/contactability", params={"purpose": "my neighbour Anna"})
    admin = callers["admin"]
    told = admin.get("/v1/audit", params={"actor": "key:checkout"}).json()["entries"]
    assert [entry["action"] for entry in told] == ["get_contactability", "find_profiles", "get_profile"]
    assert all(entry["groups"] == ["contact"] for entry in told)
    assert told[1]["about"] == {"criteria": ["email", "q"]} and told[0]["purpose"] == "(other)"
    by_profile = admin.get("/v1/audit", params={"profile": meant["profile_id"], "action": "get_profile"}).json()
    assert told[2] in by_profile["entries"]
    assert admin.get("/v1/audit", params={"until": told[2]["at"], "actor": "key:checkout"}).json()["entries"] == []
    assert len(admin.get("/v1/audit", params={"since": told[0]["at"], "actor": "key:checkout"}).json()["entries"]) == 1
    page = admin.get("/v1/audit", params={"actor": "key:checkout", "limit": 2}).json()
    rest = admin.get("/v1/audit", params={"actor": "key:checkout", "before": page["before"]}).json()
    assert [*page["entries"], *rest["entries"]] == told and rest["before"] is None


def test_a_token_is_told_from_a_key_of_the_same_name(database: Database, tmp_path: Path) -> None:
    with issuing() as issuer:
        rules = f"\nopenid: {{issuer: '{issuer.url}', audience: cdi, grants: [{{claim: g, holds: a, role: admin}}]}}\n"
        installation = company_in(tmp_path, database, more=rules)
        client = TestClient(create_app(installation))
        token = issuer.token(sub="checkout", g="a")
        assert client.get("/v1/profiles", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert [entry["actor"] for entry in entries(installation)] == ["token:checkout"]


# -- the chain -------------------------------------------------------------------------------------


@pytest.fixture
def log(database: Database, tmp_path: Path) -> Iterator[Installation]:
    """A company whose log has ten sealed entries."""
    installation = company_in(tmp_path, database, more="")
    push(installation, "till", {"a": person("Anna", "Krzywdzinski", emails=email("anna.krz@gmx.de"))})
    reader = Doors(installation).as_(Role.READER, *FieldGroup)
    for _ in range(10):
        assert reader.get(f"/v1/profiles/{profile_of(installation, 'till', 'a')}").status_code == 200
    assert audit.seal(database) == 10
    yield installation


def verified(installation: Installation, exported: str | None = None) -> audit.Verification:
    """What becomes of the chain, walked at once; the same comes of it stretch by stretch."""
    with installation.database.unit_of_work() as connection:
        whole = audit.verify(connection, exported)
        faults, walked = [], audit.verify(connection, exported, most=3)
        while walked.goes_on:
            faults += walked.faults
            walked = audit.verify(connection, exported, walked.goes_on, 3)
    assert (walked.entries, walked.head, faults + walked.faults) == (whole.entries, whole.head, whole.faults)
    return whole


def tamper(installation: Installation, *statements: str) -> None:
    """By somebody who owns the database and knows how to get round its triggers."""
    with installation.database.engine.begin() as connection:
        connection.execute(sa.text("alter table audit_entry disable trigger user"))
        for statement in statements:
            connection.execute(sa.text(statement))
        connection.execute(sa.text("alter table audit_entry enable trigger user"))


def test_the_chain_holds_and_grows(log: Installation) -> None:
    first = verified(log)
    assert (first.holds, first.entries, first.unsealed) == (True, 10, 0)
    number, exported = audit.sealed_head(log.database)
    assert (number, exported) == (10, first.head)
    reader = Doors(log).as_(Role.READER, *FieldGroup)
    reader.get(f"/v1/profiles/{profile_of(log, 'till', 'a')}")
    waiting = verified(log, exported)
    assert waiting.holds and (waiting.entries, waiting.unsealed) == (10, 1) and waiting.oldest_unsealed is not None
    audit.seal(log.database)
    later = verified(log, exported)
    assert later.holds and later.entries == 11 and later.head != exported


def test_the_beginning_is_a_head_too(database: Database, tmp_path: Path) -> None:
    installation = company_in(tmp_path, database, more="")
    number, exported = audit.sealed_head(database)
    assert number == 0 and verified(installation, exported).holds


@pytest.mark.parametrize(
    ("how", "statement", "told"),
    [
        ("edited", "update audit_entry set actor = 'key:somebody else' where number = 4", "entry 4 is not what"),
        ("its time", "update audit_entry set at = at - interval '1 microsecond' where number = 4", "entry 4 is not"),
        ("its profiles", "update audit_entry set profiles = '{}' where number = 10", "entry 10 is not what"),
        ("its groups", "update audit_entry set groups = '{}' where number = 1", "entry 1 is not what"),
        ("its purpose", "update audit_entry set purpose = 'service' where number = 5", "entry 5 is not what"),
        ("its number's row", "update audit_entry set about = '{\"x\": 1}' where number = 5", "entry 5 is not what"),
        ("deleted", "delete from audit_entry where number = 4", "entry 4 is missing"),
        ("two deleted", "delete from audit_entry where number in (4, 5)", "entries 4 to 5 are missing"),
        ("the first deleted", "delete from audit_entry where number = 1", "entry 1 is missing"),
        ("hidden", "update audit_entry set number = null, hash = null where number = 4", "entry 4 is missing"),
        (
            "put in",
            "update audit_entry set number = number + 1000 where number > 4;"
            "insert into audit_entry (at, actor, role, action, groups, profiles, about, number, hash)"
            " select at, 'key:innocent', role, action, groups, profiles, about, 5, hash from audit_entry"
            " where number = 4;"
            "update audit_entry set number = number - 999 where number > 1000",
            "entry 5 is not what",
        ),
        (
            "reordered",
            "update audit_entry set number = -4 where number = 4; update audit_entry set number = 4 where number = 5;"
            "update audit_entry set number = 5 where number = -4",
            "entry 4 is not what",
        ),
        ("before the first", "update audit_entry set number = -4 where number = 10", "no place in the chain"),
        ("its hash", "update audit_entry set hash = sha256('x') where number = 10", "entry 10 is not what"),
    ],
)
def test_tampering_shows(log: Installation, how: str, statement: str, told: str) -> None:
    tamper(log, *statement.split(";"))
    found = verified(log)
    assert not found.holds and any(told in fault for fault in found.faults), found.faults


def test_a_tail_that_was_cut_off_shows_against_an_exported_head(log: Installation) -> None:
    _, exported = audit.sealed_head(log.database)
    tamper(log, "delete from audit_entry where number > 7")
    assert verified(log).holds, "nothing in the database tells of what was at its end"
    found = verified(log, exported)
    assert not found.holds and "exported" in found.faults[0]


def test_a_log_written_anew_shows_against_an_exported_head(log: Installation) -> None:
    _, exported = audit.sealed_head(log.database)
    tamper(log, "delete from audit_entry where number = 4", "update audit_entry set number = null, hash = null")
    audit.seal(log.database)
    assert verified(log).holds
    assert not verified(log, exported).holds


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_entry set actor = 'key:somebody else'",
        "update audit_entry set number = number + 1",
        "update audit_entry set number = null, hash = null",
        "delete from audit_entry",
        "truncate audit_entry",
        "truncate audit_cut",
    ],
)
def test_the_database_refuses_to_change_it(log: Installation, statement: str) -> None:
    with pytest.raises(DatabaseError), log.database.unit_of_work() as connection:
        connection.execute(sa.text(statement))
    assert verified(log).entries == 10


# -- its end in the past ---------------------------------------------------------------------------


def aged(log: Installation, number: int) -> None:
    """Let the entries up to this one be of two years ago, sealed as such."""
    tamper(
        log,
        "update audit_entry set number = null, hash = null",
        f"update audit_entry set at = at - interval '2 years' where entry_id in"
        f" (select entry_id from audit_entry order by entry_id limit {number})",
    )
    audit.seal(log.database)


def cut_off(log: Installation, *, dry_run: bool = False) -> audit.Cut | None:
    now = utc_now()
    trail = Trail("operator:test", "admin", audit.CUT, changes=True)
    return audit.cut(log.database, trail, Period.parse("P1Y").before(now), now, dry_run=dry_run)


def test_what_is_kept_no_longer_is_cut_off_and_the_rest_verifies_as_before(log: Installation) -> None:
    aged(log, 6)
    with log.database.unit_of_work() as connection:
        _, sixth = audit.audit.last_before(connection, Period.parse("P1Y").before(utc_now())) or (0, b"")
    _, head = audit.sealed_head(log.database)
    assert cut_off(log, dry_run=True) == audit.Cut(6, 6, sixth.hex()) and verified(log).entries == 10
    assert cut_off(log) == audit.Cut(6, 6, sixth.hex())
    assert verified(log).holds and verified(log).entries == 4, (
        "also while the entry that tells of it waits for its seal"
    )
    audit.seal(log.database)
    assert [entry["about"] for entry in entries(log, action=audit.CUT)] == [{"number": 6, "head": sixth.hex()}]
    assert verified(log, head).holds and verified(log, sixth.hex()).holds
    assert (verified(log).entries, count(log, "audit_entry")) == (5, 5)
    assert cut_off(log) is None, "once"
    tamper(log, "delete from audit_entry where number = 7")
    assert "entry 7 is missing" in verified(log).faults


def test_a_cut_of_which_no_entry_tells_shows(log: Installation) -> None:
    tamper(
        log,
        "insert into audit_cut (number, hash, at) select number, hash, now() from audit_entry where number = 4",
        "delete from audit_entry where number <= 4",
    )
    assert verified(log).faults == ["the log was cut after entry 4, and no entry tells of it"]


def test_a_cut_that_was_killed_is_ended_by_the_next_one(log: Installation) -> None:
    aged(log, 6)
    tamper(log, "insert into audit_cut (number, hash, at) select number, hash, now() from audit_entry where number = 6")
    cut_off(log)
    assert count(log, "audit_entry") == 4 and verified(log).entries == 4


def test_the_whole_log_may_be_too_old(log: Installation) -> None:
    aged(log, 10)
    number, head = audit.sealed_head(log.database)
    assert cut_off(log) == audit.Cut(10, number, head)
    assert audit.sealed_head(log.database)[0] == 11 and verified(log, head).holds


def test_many_readers_at_once_lose_no_entry_and_break_no_chain(log: Installation) -> None:
    """While entries come from many sides, two sealers run; each entry is sealed once."""
    from concurrent.futures import ThreadPoolExecutor

    path = f"/v1/profiles/{profile_of(log, 'till', 'a')}"

    def reads(n: int) -> int:
        reader = Doors(log).as_(Role.READER, *FieldGroup, name=f"reader {n}")  # an event loop has an application
        return sum(reader.get(path).status_code == 200 for _ in range(25))

    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(reads, n) for n in range(6)]
        while not all(each.done() for each in done):
            list(pool.map(lambda _: audit.seal(log.database), range(2)))
    audit.seal(log.database)
    found = verified(log)
    assert found.holds and (found.entries, found.unsealed) == (10 + sum(each.result() for each in done), 0)
    assert found.entries == 160


def test_a_service_that_runs_seals_by_itself(log: Installation) -> None:
    from time import monotonic, sleep

    with TestClient(create_app(log)) as _:
        Doors(log).as_(Role.READER, *FieldGroup).get(f"/v1/profiles/{profile_of(log, 'till', 'a')}")
        end = monotonic() + 10
        while verified(log).unsealed and monotonic() < end:
            sleep(0.1)
    assert (verified(log).entries, verified(log).unsealed) == (11, 0)


# -- the desk --------------------------------------------------------------------------------------


def test_every_page_of_the_desk_comes_through_a_visit_which_is_audited(doors: Doors) -> None:
    def asks_for(dependant: Dependant) -> set[object]:
        return {dependant.call}.union(*(asks_for(inner) for inner in dependant.dependencies))

    pages = [route for route in all_routes(doors.app.router) if isinstance(route, PageRoute)]
    apart = {page.name for page in pages if get_visit not in asks_for(page.dependant)}
    assert len(pages) > 5 and apart <= {"get_asset"}
    assert {page.name for page in pages} >= set(visits.UNAUDITED)


def all_routes(router: Any) -> Iterator[Any]:
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        yield from all_routes(inner) if inner is not None else [route]


def test_who_signed_in_is_told_from_keys_and_tokens(log: Installation) -> None:
    visitor = signed_in(log, create_app(log), name="s.keller")
    assert visitor.submit("/sign-out").status_code == 303
    assert [(entry["actor"], entry["action"]) for entry in entries(log, 1)] == [("user:s.keller", "sign_out")]


# -- the command line ------------------------------------------------------------------------------


def cdi(installation: Installation, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, as an operator runs it."""
    environment = {**os.environ, "CDI_DATABASE_URL": installation.database.url, "CDI_DIR": str(installation.folder)}
    command = [sys.executable, "-m", "cdi", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_commands_leave_entries_and_prove_the_chain(log: Installation) -> None:
    exported = cdi(log, "audit", "head").stdout.strip()
    made = cdi(log, "key", "create", "krzywdzinski's screen", "--role", "reader", "--json")
    shown = cdi(log, "show", "till:a", "--json")
    assert made.returncode == 0 and "Krzywdzinski" in shown.stdout, shown.stderr
    new = entries(log, 2)
    assert [entry["action"] for entry in new] == ["cdi show", "cdi key create"]
    assert new[0]["profiles"] == [profile_of(log, "till", "a")] and new[0]["actor"].startswith("operator:")
    assert "krzywdz" not in str([entry | {"actor": ""} for entry in new]).lower()
    proved = cdi(log, "audit", "verify", "--head", exported, "--json")
    told = json.loads(proved.stdout)
    assert (proved.returncode, told["holds"], told["entries"], told["unsealed"]) == (0, True, 10, 2)
    tamper(log, "delete from audit_entry where number = 10")
    broken = cdi(log, "audit", "verify", "--head", exported)
    assert broken.returncode == 1 and "exported" in broken.stderr
