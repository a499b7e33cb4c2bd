"""Files on an SFTP server: the same as in a folder; and nobody is logged in to whose host key is not known."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from reading import NOW, context, declared, read
from sftp_server import PASSWORD, Server, serving_sftp

from cdi.errors import CdiError, ConfigurationError, SourceError
from cdi.ingest.manifest import DeclaredConnector

MANIFEST = """
connector: drop
title: Exports
config:
  folder: {required: true}
  password: {secret: true}
  key: {secret: true}
  host_key: {}
  known_hosts: {}
connection:
  kind: files
  folder: "{config.folder}"
  timeout: PT2S
  sftp:
    password: "{config.password}"
    key: "{config.key}"
    host_key: "{config.host_key}"
    known_hosts: "{config.known_hosts}"
streams:
  customers:
    kind: customer
    files: kunden-*.csv
    format: {type: csv, delimiter: ";"}
    key: =Nr
    map: {name: {family_name: =Name}}
"""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "server" / "out"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def server(out: Path) -> Iterator[Server]:
    with serving_sftp(out.parent) as running:
        yield running


def put(folder: Path, name: str, *rows: str, modified: float = 1_700_000_000) -> Path:
    path = folder / name
    path.write_text("\n".join(["Nr;Name", *rows, ""]), encoding="utf-8")
    os.utime(path, (modified, modified))
    return path


def login(server: Server, **config: Any) -> dict[str, Any]:
    return {"folder": server.address(), "password": PASSWORD, "host_key": server.fingerprint} | config


def drop_with(tmp_path: Path, more: str = "") -> DeclaredConnector:
    return declared(tmp_path, MANIFEST.replace("key: =Nr", f"key: =Nr\n    {more}"))


def test_files_are_read_once_and_a_new_one_when_it_comes(tmp_path: Path, out: Path, server: Server) -> None:
    connector = drop_with(tmp_path)
    put(out, "kunden-1.csv", "1;Müller", "2;Weiß")
    put(out, "anderes.csv", "9;Fremd")
    first = read(connector, tmp_path, login(server))
    assert first.keys == ["1", "2"]
    assert read(connector, tmp_path, login(server), state=first.state).keys == []
    assert server.opened == ["kunden-1.csv"], "what has not changed is not even fetched"
    put(out, "kunden-2.csv", "3;Groß")
    assert read(connector, tmp_path, login(server), state=first.state).keys == ["3"]


def test_a_file_that_was_only_touched_is_known_by_its_content(tmp_path: Path, out: Path, server: Server) -> None:
    connector = drop_with(tmp_path)
    path = put(out, "kunden-1.csv", "1;Müller")
    first = read(connector, tmp_path, login(server))
    os.utime(path, (1_700_000_500, 1_700_000_500))
    second = read(connector, tmp_path, login(server), state=first.state)
    assert second.keys == []
    assert read(connector, tmp_path, login(server), state=second.state).keys == []
    assert len(server.opened) == 2


def test_a_file_that_changed_is_read_again_with_all_that_come_after_it(
    tmp_path: Path, out: Path, server: Server
) -> None:
    connector = drop_with(tmp_path)
    for number in (1, 2, 3):
        put(out, f"kunden-{number}.csv", f"1;Stand {number}")
    first = read(connector, tmp_path, login(server))
    put(out, "kunden-2.csv", "1;Stand 2 b")
    reading = read(connector, tmp_path, login(server), state=first.state)
    assert [record.data["Name"] for record in reading.records] == ["Stand 2 b", "Stand 3"]


def test_a_key_opens_as_well_as_a_password(tmp_path: Path, out: Path, server: Server) -> None:
    put(out, "kunden-1.csv", "1;Müller")
    config = login(server, password=None, key=server.private_key.strip())
    assert read(drop_with(tmp_path), tmp_path, config).keys == ["1"]


def test_a_file_of_known_hosts_vouches_for_the_server(tmp_path: Path, out: Path, server: Server) -> None:
    put(out, "kunden-1.csv", "1;Müller")
    (tmp_path / "known_hosts").write_text(server.known_hosts_line(), encoding="utf-8")
    config = login(server, host_key=None, known_hosts="known_hosts")
    assert read(drop_with(tmp_path), tmp_path, config).keys == ["1"]


def test_a_server_that_nobody_vouches_for_gets_no_password(tmp_path: Path, out: Path, server: Server) -> None:
    put(out, "kunden-1.csv", "1;Müller")
    with pytest.raises(ConfigurationError, match=r"no host key of 127\.0\.0\.1 is known.*sftp\.host_key"):
        read(drop_with(tmp_path), tmp_path, login(server, host_key=None))
    other = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    with pytest.raises(SourceError, match=r"shows the host key SHA256:.* is not the one that is known") as refusal:
        read(drop_with(tmp_path), tmp_path, login(server, host_key=other))
    assert server.fingerprint in str(refusal.value)
    line = server.known_hosts_line().replace("127.0.0.1", "elsewhere.example")
    (tmp_path / "known_hosts").write_text(line, encoding="utf-8")
    with pytest.raises(SourceError, match="is not the one that is known"):
        read(drop_with(tmp_path), tmp_path, login(server, host_key=None, known_hosts="known_hosts"))
    assert server.logins == 0


def test_a_server_whose_key_changed_is_refused(tmp_path: Path, out: Path) -> None:
    put(out, "kunden-1.csv", "1;Müller")
    with serving_sftp(out.parent) as before:
        (tmp_path / "known_hosts").write_text(before.known_hosts_line(), encoding="utf-8")
        port = before.port
    with serving_sftp(out.parent, port) as impostor:
        with pytest.raises(SourceError, match="is not the one that is known"):
            read(drop_with(tmp_path), tmp_path, login(impostor, host_key=None, known_hosts="known_hosts"))
        assert impostor.logins == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"password": "falsch"}, r"127\.0\.0\.1 does not let leser in\. Check user and password"),
        ({"password": None}, "can be entered neither by password nor by key"),
        ({"key": "no key at all"}, r"sftp\.key is no private key"),
        ({"known_hosts": "nowhere"}, "nowhere cannot be read as a file of known hosts"),
        ({"folder": "sftp://leser:geheim@127.0.0.1/out"}, "the password stands under"),
        (
            {"folder": "sftp://127.0.0.1:9/out"},
            r"nothing listens there \(tried 3 times\)\. Check that the server is up",
        ),
    ],
)
def test_what_is_wrong_with_a_login_is_told_in_one_line(
    tmp_path: Path, out: Path, server: Server, change: dict[str, Any], told: str
) -> None:
    put(out, "kunden-1.csv", "1;Müller")
    with pytest.raises(CdiError, match=told) as failure:
        read(drop_with(tmp_path), tmp_path, login(server, **change))
    assert PASSWORD not in str(failure.value) and "falsch" not in str(failure.value)
    results = drop_with(tmp_path).check(login(server, **change), context(tmp_path))
    assert not results[-1].ok


def test_a_folder_or_file_that_is_missing_is_told(tmp_path: Path, out: Path, server: Server) -> None:
    with pytest.raises(SourceError, match=r"no file kunden-\*\.csv in /out on 127\.0\.0\.1"):
        read(drop_with(tmp_path), tmp_path, login(server))
    with pytest.raises(SourceError, match=r"/weg on 127\.0\.0\.1 cannot be listed: it is not there"):
        read(drop_with(tmp_path), tmp_path, login(server, folder=server.address("/weg")))


def test_half_a_file_is_not_taken_for_a_whole_one(tmp_path: Path, out: Path, server: Server) -> None:
    """The uploader goes on writing while we read: all of it is read by the next run."""
    connector = drop_with(tmp_path)
    path = put(out, "kunden-1.csv", "1;Müller")

    def goes_on(name: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write("2;Weiß\n")

    server.on_read = goes_on
    with pytest.raises(SourceError, match=r"kunden-1\.csv is still being written\. It will be read by the next run"):
        read(connector, tmp_path, login(server))
    server.on_read = lambda name: None
    assert read(connector, tmp_path, login(server)).keys == ["1", "2"]


def test_what_is_called_unfinished_is_left_alone(tmp_path: Path, out: Path, server: Server) -> None:
    connector = declared(tmp_path, MANIFEST.replace("kunden-*.csv", '"*"'))
    put(out, "kunden-1.csv", "1;Müller")
    for name in ("kunden-2.csv.part", "kunden-3.csv.filepart", ".kunden-4.csv", "~$kunden.xlsx"):
        put(out, name, "7;Halb")
    assert read(connector, tmp_path, login(server)).keys == ["1"]


def test_a_file_is_taken_once_it_has_stood_still(tmp_path: Path, out: Path, server: Server) -> None:
    connector = drop_with(tmp_path, "settle: PT5M")
    put(out, "kunden-1.csv", "1;Müller", modified=NOW.timestamp() - 10)
    early = read(connector, tmp_path, login(server))
    assert early.keys == []
    later = read(connector, tmp_path, login(server), state=early.state, now=NOW + timedelta(minutes=6))
    assert later.keys == ["1"]


def test_a_server_whose_clock_is_wrong_delays_nothing_for_long(tmp_path: Path, out: Path, server: Server) -> None:
    """Its times lie a year ahead: that the file stood still is seen by our own clock."""
    connector = drop_with(tmp_path, "settle: PT5M")
    put(out, "kunden-1.csv", "1;Müller", modified=NOW.timestamp() + 365 * 86_400)
    first = read(connector, tmp_path, login(server))
    soon = read(connector, tmp_path, login(server), state=first.state, now=NOW + timedelta(minutes=4))
    assert soon.keys == []
    settled = read(connector, tmp_path, login(server), state=soon.state, now=NOW + timedelta(minutes=5))
    assert settled.keys == ["1"]


def test_a_file_is_put_away_only_when_it_was_read_for_good(tmp_path: Path, out: Path, server: Server) -> None:
    connector = drop_with(tmp_path, "move_to: erledigt\n    marker: .ok")
    put(out, "kunden-1.csv", "1;Müller")
    (out / "kunden-1.csv.ok").touch()
    first = read(connector, tmp_path, login(server))
    assert first.keys == ["1"]
    assert (out / "kunden-1.csv").exists(), "the checkpoint that says so is not committed yet"
    second = read(connector, tmp_path, login(server), state=first.state)
    assert second.keys == []
    assert sorted(path.name for path in (out / "erledigt").iterdir()) == ["kunden-1.csv", "kunden-1.csv.ok"]
    assert read(connector, tmp_path, login(server), state=second.state).keys == []
    put(out, "kunden-1.csv", "1;Meier")
    (out / "kunden-1.csv.ok").touch()
    third = read(connector, tmp_path, login(server), state=second.state)
    assert [record.data["Name"] for record in third.records] == ["Meier"]
    read(connector, tmp_path, login(server), state=third.state)
    assert len(list((out / "erledigt").iterdir())) == 4


def test_a_file_larger_than_allowed_is_not_fetched(tmp_path: Path, out: Path, server: Server) -> None:
    connector = declared(tmp_path, MANIFEST.replace("timeout: PT2S", "timeout: PT2S\n  max_file_mb: 1"))
    put(out, "kunden-1.csv", *(f"{n};Müller" for n in range(120_000)))
    with pytest.raises(SourceError, match=r"kunden-1\.csv is larger than 1 MB"):
        read(connector, tmp_path, login(server))
    assert server.opened == []


def test_a_connection_that_breaks_loses_nothing(tmp_path: Path, out: Path) -> None:
    connector = drop_with(tmp_path)
    put(out, "kunden-1.csv", "1;Müller")
    put(out, "kunden-2.csv", *(f"{n};Weiß" for n in range(20_000)))
    state = None
    with serving_sftp(out.parent) as server:
        events = connector.read(login(server), "customers", None, context(tmp_path))
        for event in events:
            state = getattr(event, "state", state)
            if state is not None:
                break
    with pytest.raises(SourceError, match="The next run goes on where this one ended"):
        list(events)
    with serving_sftp(out.parent, host_key=server.host_key) as again:
        reading = read(connector, tmp_path, login(again), state=state)
    assert len(reading.keys) == 20_000
    assert reading.keys[0] == "0"


def test_a_source_that_moves_from_a_server_to_a_folder_goes_on(tmp_path: Path, out: Path, server: Server) -> None:
    connector = drop_with(tmp_path)
    put(out, "kunden-1.csv", "1;Müller")
    first = read(connector, tmp_path, login(server))
    put(out, "kunden-2.csv", "2;Weiß")
    assert read(connector, tmp_path, {"folder": str(out)}, state=first.state).keys == ["2"]
