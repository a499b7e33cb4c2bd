"""Servers that go wrong in ways of their own: every reading ends, with a message or with what there is."""

import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from loopback import Asked, Told, serving
from reading import declared, read
from sftp_server import PASSWORD, serving_sftp

from cdi.errors import SourceError

API = """
connector: api
title: API
config: {base_url: {required: true}}
connection: {kind: rest, base_url: "{config.base_url}", timeout: PT0.2S, retry: {tries: 2, first_wait: PT0.01S}}
streams:
  customers:
    kind: customer
    key: =id
    request: {path: /people}
    records: =items
    page: PAGE
    deletes: [{mode: reconcile}]
    map: {name: {full: =name}}
"""
PEOPLE = [{"id": n, "name": f"Name {n}"} for n in (1, 2)]


def test_a_page_that_ignores_its_number_and_differs_only_in_what_is_no_record_ends(tmp_path: Path) -> None:
    """The server knows no paging; every answer says when it was sent."""
    ticks = iter(range(1_000_000))

    def same_again(asked: Asked) -> Told:
        return Told({"items": [person | {"sent": next(ticks)} for person in PEOPLE]})

    with serving(same_again) as site:
        reading = read(declared(tmp_path, API.replace("PAGE", "{by: page}")), tmp_path, {"base_url": site.url})
        assert len(site.asked) <= 3
    assert reading.keys == ["1", "2"]


@pytest.mark.parametrize("page", ["{by: next_url, next: next}", "{by: cursor, next: token, into: params.token}"])
def test_pages_that_lead_in_a_circle_are_told(tmp_path: Path, page: str) -> None:
    def circle(asked: Asked) -> Told:
        place = int(asked.params.get("token", "0"))
        onward = (place + 1) % 3
        items = [{"id": place, "name": "x"}]
        return Told({"items": items, "next": f"/people?token={onward}", "token": str(onward)})

    connector = declared(tmp_path, API.replace("PAGE", page))
    with serving(circle) as site, pytest.raises(SourceError, match=r"its pages never end\. Correct `page`"):
        read(connector, tmp_path, {"base_url": site.url})


@contextmanager
def dripping() -> Iterator[str]:
    """A server that sends a byte now and then, and never ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    def drip(connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not over.is_set():
                try:
                    connection.sendall(b" ")
                except OSError:
                    return
                time.sleep(0.02)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        listening.close()


def test_an_answer_that_drips_for_ever_is_given_up(tmp_path: Path) -> None:
    connector = declared(tmp_path, API.replace("PAGE", "{by: none}").replace("PT0.2S", "PT0.1S"))
    with dripping() as url, pytest.raises(SourceError, match=r"drips too slowly \(tried 2 times\)"):
        read(connector, tmp_path, {"base_url": url})


DROP = """
connector: drop
title: Drop
config: {folder: {required: true}, password: {secret: true}, host_key: {}}
connection:
  kind: files
  folder: "{config.folder}"
  sftp: {password: "{config.password}", host_key: "{config.host_key}"}
streams:
  customers: {kind: customer, files: a.csv, format: {type: csv}, key: =Nr, map: {name: {full: =Name}}}
"""


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow beyond a hundred thousand bytes: the kernel refuses as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_the_next_run_reads_the_file(tmp_path: Path) -> None:
    content = b"Nr,Name\n" + b"".join(b"%d,Name\n" % n for n in range(20_000))
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "a.csv").write_bytes(content)
    connector = declared(tmp_path, DROP)
    with serving(lambda _: Told(content)) as web, serving_sftp(tmp_path / "server") as sftp:
        for config in (
            {"folder": web.url},
            {"folder": sftp.address("/"), "password": PASSWORD, "host_key": sftp.fingerprint},
        ):
            told = r"a\.csv cannot be kept while it is read \(File too large\)\. Make room on this machine's disk"
            with full_disk(), pytest.raises(SourceError, match=told):
                read(connector, tmp_path, config)
            assert len(read(connector, tmp_path, config).keys) == 20_000
