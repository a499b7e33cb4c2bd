"""Files on a web server: the same as in a folder, fetched again only when they changed, and from nowhere else."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from loopback import Asked, Told, serving
from reading import context, declared, read

from cdi.errors import CdiError, ConfigurationError, SourceError

MANIFEST = """
connector: drop
title: Exports
config: {folder: {required: true}, token: {secret: true}}
connection:
  kind: files
  folder: "{config.folder}"
  timeout: PT2S
streams:
  customers:
    kind: customer
    files: kunden-*.csv
    format: {type: csv, delimiter: ";"}
    key: =Nr
    map: {name: {family_name: =Name}}
"""
ONE_FILE = MANIFEST.replace("kunden-*.csv", "kunden.csv")
CSV = "Nr;Name\n1;Müller\n".encode()


class Quiet(SimpleHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def log_message(self, format: str, *args: Any) -> None:
        self.asked.append(f"{self.command} {self.path} {args[1]}")


@contextmanager
def web_server(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Python's own web server for files, and what it was asked."""
    handler = type("Handler", (Quiet,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/exporte/", handler.asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "server" / "exporte"
    folder.mkdir(parents=True)
    return folder


def test_a_pattern_is_looked_for_in_the_index_of_the_folder(tmp_path: Path, out: Path) -> None:
    connector = declared(tmp_path, MANIFEST)
    (out / "kunden-1.csv").write_bytes(CSV)
    (out / "kunden-2 Straße.csv").write_bytes(CSV.replace(b"1;", b"2;"))
    (out / "kunden-3.csv.part").write_bytes(CSV)
    with web_server(out.parent) as (url, asked):
        first = read(connector, tmp_path, {"folder": url})
        assert first.keys == ["1", "2"]
        asked.clear()
        second = read(connector, tmp_path, {"folder": url}, state=first.state)
        assert second.keys == []
        assert [line for line in asked if "200" in line] == ["GET /exporte/ 200"], "the files themselves are not sent"
        (out / "kunden-2 Straße.csv").write_bytes(CSV.replace(b"1;", b"22;"))
        os.utime(out / "kunden-2 Straße.csv", (2_000_000_000, 2_000_000_000))
        assert read(connector, tmp_path, {"folder": url}, state=second.state).keys == ["22"]


def test_one_file_is_asked_for_by_its_name(tmp_path: Path, out: Path) -> None:
    connector = declared(tmp_path, ONE_FILE)
    with web_server(out.parent) as (url, _):
        with pytest.raises(SourceError, match=r"no file kunden\.csv in 127\.0\.0\.1:\d+/exporte"):
            read(connector, tmp_path, {"folder": url})
        (out / "kunden.csv").write_bytes(CSV)
        assert read(connector, tmp_path, {"folder": url}).keys == ["1"]


def test_an_etag_is_asked_with_and_believed(tmp_path: Path) -> None:
    content, tag = CSV, '"v1"'

    def site(asked: Asked) -> Told:
        assert asked.headers["authorization"] == "Bearer geheim"
        if asked.headers.get("if-none-match") == tag:
            return Told(b"", 304, {"ETag": tag})
        return Told(content, headers={"ETag": tag})

    text = ONE_FILE.replace("timeout: PT2S", 'http: {auth: {type: bearer, token: "{config.token}"}}')
    connector = declared(tmp_path, text)
    with serving(site) as server:
        config = {"folder": server.url, "token": "geheim"}
        first = read(connector, tmp_path, config)
        second = read(connector, tmp_path, config, state=first.state)
        content, tag = CSV + b"2;Meier\n", '"v2"'
        third = read(connector, tmp_path, config, state=second.state)
    assert (first.keys, second.keys, third.keys) == (["1"], [], ["1", "2"])


def test_a_server_without_any_stamp_is_read_by_content(tmp_path: Path) -> None:
    connector = declared(tmp_path, ONE_FILE)
    with serving(lambda _: Told(CSV)) as server:
        first = read(connector, tmp_path, {"folder": server.url})
        assert read(connector, tmp_path, {"folder": server.url}, state=first.state).keys == []


def test_no_other_host_is_ever_asked(tmp_path: Path) -> None:
    with serving(lambda _: Told(CSV)) as elsewhere:
        target = elsewhere.url.replace("127.0.0.1", "localhost")
        for told in (
            Told(b"", 302, {"Location": f"{target}/kunden-1.csv"}),
            Told(f'<a href="{target}/kunden-1.csv">x</a><a href="../kunden-1.csv">y</a>'.encode()),
        ):
            with (
                serving(lambda _, told=told: told) as server,
                pytest.raises(SourceError, match=r"another host|no file"),
            ):
                read(declared(tmp_path, MANIFEST), tmp_path, {"folder": f"{server.url}/a"})
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("more", "answer", "told"),
    [
        ("max_file_mb: 1", Told(b"x" * 2_000_000), r"kunden\.csv is larger than 1 MB"),
        ("timeout: PT2S", Told(CSV, headers={"Content-Length": "4711"}), "the connection failed"),
        ("timeout: PT2S", Told(b"<html>Wartung</html>"), r"kunden\.csv has no column Name, Nr"),
        ("timeout: PT2S", Told(b"", 403), "may not read this"),
        ("timeout: PT2S", Told(b"", 503, {"Retry-After": "0"}), r"the server answered 503 \(tried 6 times\)"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, more: str, answer: Told, told: str) -> None:
    text = ONE_FILE.replace("timeout: PT2S", more)
    with serving(lambda _: answer) as server, pytest.raises(SourceError, match=told):
        read(declared(tmp_path, text), tmp_path, {"folder": server.url})


def test_an_unencrypted_server_is_refused_unless_said_otherwise(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not encrypted"):
        read(declared(tmp_path, ONE_FILE), tmp_path, {"folder": "http://files.example/x"})


def test_nothing_can_be_moved_there(tmp_path: Path) -> None:
    connector = declared(tmp_path, ONE_FILE.replace("key: =Nr", "key: =Nr\n    move_to: done"))
    with serving(lambda _: Told(CSV)) as server:
        first = read(connector, tmp_path, {"folder": server.url})
        with pytest.raises(CdiError, match="lies on a web server, where nothing can be moved"):
            read(connector, tmp_path, {"folder": server.url}, state=first.state)


def test_check_reads_the_newest_file_and_says_what_is_wrong(tmp_path: Path, out: Path) -> None:
    connector = declared(tmp_path, MANIFEST)
    (out / "kunden-1.csv").write_bytes(CSV)
    with web_server(out.parent) as (url, _):
        assert [result.ok for result in connector.check({"folder": url}, context(tmp_path))] == [True, True]
        (out / "kunden-2.csv").write_bytes(b"Nummer;Name\n")
        result = connector.check({"folder": url}, context(tmp_path))[-1]
    assert not result.ok
    assert "kunden-2.csv has no column Nr" in result.detail
