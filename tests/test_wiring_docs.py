"""The page on wiring in a source is run as it stands: its files are written, its commands are given."""

import json
import re
import shlex
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from cdi import cli
from cdi.cli import terminal
from databases import fresh_database, url_of

PAGE = Path(__file__).parents[1] / "docs" / "wiring-a-source.md"
BLOCK = re.compile(r"^```(\w+)(?: ([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def workshop() -> Iterator[str]:
    """The booking program that the page speaks of: its address."""
    (answer,) = [
        json.loads(text) for kind, _, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if kind == "json"
    ]

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            known = self.headers["authorization"] == "Bearer only-for-reading"
            there = known and address.path == "/bookings/customers"
            first = parse_qs(address.query).get("page") == ["1"]
            content = json.dumps(answer if there and first else {"items": []}).encode()
            self.send_response(200 if there else 401 if not known else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_the_page_leads_from_nothing_to_a_golden_record(
    tmp_path: Path,
    workshop: str,
    server_url: str,
    migrated_template: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command(line: str) -> str:
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        assert not ended.value.code, f"{line}\n{told.out}{told.err}"
        return told.out

    said: dict[str, str] = {}
    page = PAGE.read_text(encoding="utf-8")
    with fresh_database(server_url, migrated_template) as name:
        monkeypatch.setenv("CDI_DATABASE_URL", url_of(server_url, name))
        monkeypatch.setattr(terminal.out, "width", 200)  # made before the test could say COLUMNS
        command(f"cdi init {tmp_path} --empty")
        monkeypatch.chdir(tmp_path)
        for kind, where, text in BLOCK.findall(page):
            if where.endswith(" + map"):
                with Path(where.removesuffix(" + map")).open("a", encoding="utf-8") as file:
                    file.write(text)
            elif where:
                Path(where).write_text(text, encoding="utf-8")
            elif kind == "sh":
                for line in text.splitlines():
                    said[line] = command(line.replace("http://127.0.0.1:8090", workshop))
    for quoted in re.findall(r"`(not read[^`]*)`", page):
        assert quoted in said["cdi source preview workshop"]
    assert "Brinkmann" in said["cdi show workshop:K-1001"] and "4711" in said["cdi show workshop:K-1001"]
    assert said["cdi source test workshop"].count("ok  ") == 11, "the page says how many questions there are"
    assert len((tmp_path / "connectors/workshop/connector.yaml").read_text().splitlines()) <= 40
