"""The service as several processes: they share the address and the rules, one that dies is replaced, and what was
accepted is answered and kept, whenever the service is ended or started again."""

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from domain import email, person, profile_of, push
from serving_processes import Service, free_port, serve_command, serve_environment, serving
from stewarding import company_in

from cdi.access import Role
from cdi.auth import create_key
from cdi.cli.answering import SILENCE
from cdi.clock import utc_now
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.store.accounts import revoke_key
from cdi.store.db import Database

ANNA = person("Anna", "Krzywdzinski", "1984-03-05", emails=email("anna.krz@gmx.de"))
WORKERS = 2


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    return company_in(tmp_path, database, more="")


def key_for(company: Installation, role: Role, source: str | None = None) -> str:
    groups = list(FieldGroup) if role is Role.READER else []
    with company.database.unit_of_work() as connection:
        return create_key(connection, f"the {role}", role, utc_now(), groups=groups, source=source)


def answering(service: Service) -> list[psutil.Process]:
    """The processes that answer."""
    found = []
    for each in psutil.Process(service.process.pid).children():
        with suppress(psutil.Error):  # it has just ended
            if "spawn_main" in " ".join(each.cmdline()):
                found.append(each)
    return found


def test_a_key_that_is_revoked_is_refused_by_every_process_at_once(company: Installation) -> None:
    push(company, "till", {"a": ANNA})
    anna, key = profile_of(company, "till", "a"), key_for(company, Role.READER)
    with serving(company.folder, company.database.url, workers=WORKERS) as service:
        clients = [service.as_(key) for _ in range(8)]  # each has a connection of its own: they fall on both processes
        assert {client.get(f"/v1/profiles/{anna}").status_code for client in clients} == {200}
        with company.database.unit_of_work() as connection:
            revoke_key(connection, "the reader", utc_now())
        assert {client.get(f"/v1/profiles/{anna}").status_code for client in clients} == {401}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems give connections to whichever process is awake")
def test_connections_are_dealt_out_to_all_processes(company: Installation) -> None:
    key = key_for(company, Role.READER)
    with serving(company.folder, company.database.url, workers=WORKERS) as service, ExitStack() as open_ones:
        until_all_answer(service)
        for _ in range(40):
            client = open_ones.enter_context(service.as_(key))
            assert client.get("/v1/profiles").status_code == 200
        served = [
            sum(each.status == psutil.CONN_ESTABLISHED for each in one.net_connections("tcp"))
            for one in answering(service)
        ]
    assert sum(served) >= 40
    assert min(served) >= 5  # by chance 20; fewer than 5 once in a million times


def until_all_answer(service: Service) -> None:
    """Until each process listens."""
    deadline = time.monotonic() + 60
    while len(answering(service)) < WORKERS or not all(listens(each) for each in answering(service)):
        assert time.monotonic() < deadline, service.log.read_text()
        time.sleep(0.2)


def listens(process: psutil.Process) -> bool:
    return any(each.status == psutil.CONN_LISTEN for each in process.net_connections("tcp"))


@pytest.mark.parametrize("workers", [1, WORKERS])
@pytest.mark.parametrize("others", [1, WORKERS])
def test_an_address_where_another_service_is_is_told_at_once(company: Installation, others: int, workers: int) -> None:
    with serving(company.folder, company.database.url, workers=others) as service:
        ended = subprocess.run(
            serve_command(company.folder, workers),
            env=serve_environment(company.database.url, service.port),
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{service.port}: Address already in use" in ended.stderr
    assert "CDI_PORT" in ended.stderr


def test_a_process_that_is_killed_is_replaced(company: Installation) -> None:
    key = key_for(company, Role.READER)
    with serving(company.folder, company.database.url, workers=WORKERS) as service:
        killed = answering(service)[0]
        killed.kill()
        wait_for_another(service, killed)
        for _ in range(20):
            with service.as_(key) as client:
                assert client.get("/v1/profiles").status_code == 200


def test_a_process_that_dies_while_it_owes_a_sign_of_life_is_replaced_at_once(company: Installation) -> None:
    with serving(company.folder, company.database.url, workers=WORKERS) as service:
        killed = answering(service)[0]
        killed.suspend()
        time.sleep(2)  # it has been asked by now, as it is twice a second
        killed.kill()
        wait_for_another(service, killed)


def wait_for_another(service: Service, killed: psutil.Process) -> None:
    deadline = time.monotonic() + SILENCE / 2
    while killed.pid in {each.pid for each in answering(service)} or len(answering(service)) < WORKERS:
        assert time.monotonic() < deadline, service.log.read_text()
        time.sleep(0.2)


def batch(first: int, count: int) -> dict[str, object]:
    records = [{"key": f"r{n}", "data": person(f"Name{n}", f"Familie{n}")} for n in range(first, first + count)]
    return {"records": records, "wait": True}


@pytest.mark.parametrize("workers", [1, WORKERS])
def test_a_request_that_is_being_answered_when_the_service_ends_is_answered(
    company: Installation, workers: int
) -> None:
    key = key_for(company, Role.CONNECTOR, "till")
    with serving(company.folder, company.database.url, workers=workers) as service, ThreadPoolExecutor(1) as thread:
        with service.as_(key) as client:
            client.post("/v1/sources/till/records", json=batch(0, 1)).raise_for_status()
            answer = thread.submit(client.post, "/v1/sources/till/records", json=batch(1, 900))
            time.sleep(0.3)  # it is at work
            service.process.send_signal(signal.SIGTERM)
            assert not answer.done(), "the request was over before the service was asked to end: nothing is tested"
            assert answer.result().status_code == 200
        assert service.process.wait(60) == 0
    assert profile_of(company, "till", "r900") is not None


@pytest.mark.slow
def test_a_restart_under_load_loses_no_write_that_was_accepted(company: Installation) -> None:
    key, port = key_for(company, Role.CONNECTOR, "till"), free_port()
    accepted: set[str] = set()
    over = threading.Event()

    def push_on(who: int) -> None:
        n = 0
        while not over.is_set():
            name, n = f"w{who}-{n}", n + 1
            said = {"records": [{"key": name, "data": person(f"Vor{who}", f"Nach{n}")}], "wait": False}
            try:
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                    headers = {"Authorization": f"Bearer {key}"}
                    answer = client.post("/v1/sources/till/records", json=said, headers=headers)
            except httpx.TransportError:
                time.sleep(0.05)  # nothing was accepted: the application sends it again, or another one
                continue
            if answer.status_code == 202:
                accepted.add(name)

    with ThreadPoolExecutor(4) as threads:
        try:
            for _ in range(2):
                with serving(company.folder, company.database.url, workers=WORKERS, port=port):
                    before = len(accepted)
                    for who in range(4) if not accepted else ():
                        threads.submit(push_on, who)
                    deadline = time.monotonic() + 30
                    while len(accepted) < before + 30 and time.monotonic() < deadline:
                        time.sleep(0.1)
                    assert len(accepted) >= before + 30
        finally:
            over.set()
    with company.database.unit_of_work() as connection:
        found = connection.exec_driver_sql("select key from record where source = 'till'").scalars()
        kept = set(found)
    assert accepted <= kept


@pytest.mark.slow
def test_a_new_start_of_each_process_in_turn_refuses_nobody(company: Installation) -> None:
    """SIGHUP: the operator changed cdi.yaml, say."""
    push(company, "till", {"a": ANNA})
    anna, key = profile_of(company, "till", "a"), key_for(company, Role.READER)
    with serving(company.folder, company.database.url, workers=WORKERS) as service:
        first = {each.pid for each in answering(service)}
        service.process.send_signal(signal.SIGHUP)
        deadline, asked = time.monotonic() + 60, 0
        while first & {each.pid for each in answering(service)}:
            assert time.monotonic() < deadline, service.log.read_text()
            with service.as_(key) as client:
                assert client.get(f"/v1/profiles/{anna}").status_code == 200
            asked += 1
        assert asked > 5
