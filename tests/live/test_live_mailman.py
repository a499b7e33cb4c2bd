"""The Mailman connector against GNU Mailman itself: first reading, second without a change, a change, a delete, a
restart in the middle."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from cdi.errors import SourceError
from cdi.ingest.contract import FullScanEnd, ReadContext, Record
from cdi.ingest.manifest import DeclaredConnector, load_connector
from cdi.settings import bundled

pytestmark = pytest.mark.live

MAILMAN = Path(__file__).parents[2] / "var" / "live" / "mailman" / "bin" / "mailman"
CONFIGURATION = """
[mailman]
layout: here
site_owner: admin@example.org
[paths.here]
var_dir: {folder}/var
[webservice]
hostname: 127.0.0.1
port: {port}
admin_user: restadmin
admin_pass: geheim
api_version: 3.1
[mta]
incoming: mailman.mta.null.NullMTA
lmtp_port: {mail_port}
smtp_port: 1
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Mailman:
    """A running Mailman of our own, and the connector that reads it."""

    folder: Path
    port: int
    connector: DeclaredConnector

    def command(self, word: str) -> None:
        as_root = ["--run-as-root"] if os.geteuid() == 0 else []
        subprocess.run(
            [MAILMAN, *as_root, "-C", self.folder / "mailman.cfg", word],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            timeout=60,
            check=True,
        )

    def call(self, method: str, path: str, **form: Any) -> Any:
        url = f"http://127.0.0.1:{self.port}/3.1/{path}"
        answer = httpx.request(
            method, url, data=form or None, auth=("restadmin", "geheim"), trust_env=False, timeout=30
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def start(self) -> None:
        self.command("start")
        for _ in range(120):
            try:
                self.call("GET", "system/versions")
            except (httpx.TransportError, httpx.HTTPStatusError):
                time.sleep(0.5)
            else:
                return
        raise AssertionError("Mailman did not start within a minute")

    def subscribe(self, name: str, *, confirmed: bool = True) -> None:
        self.call(
            "POST",
            "members",
            list_id="news.example.org",
            subscriber=f"{name}@example.de",
            display_name=f"{name.title()} Müller",
            pre_verified=confirmed,
            pre_confirmed=confirmed,
            pre_approved=True,
        )

    def read(self, stream: str) -> tuple[dict[str, dict[str, Any]], bool]:
        """By e-mail address what is canonical, and whether it was all."""
        config = {
            "base_url": f"http://127.0.0.1:{self.port}",
            "password": "geheim",
            "lists": ["news.example.org", "empty.example.org"],
        }
        context = ReadContext(self.folder, datetime.now(UTC), "newsletter")
        events = list(self.connector.read(config, stream, None, context))
        mapped = [self.connector.map(stream, e.data, config) for e in events if isinstance(e, Record)]
        by_address = {consent["contact"]["emails"][0]["value"]: consent for consent in mapped}
        return by_address, any(isinstance(event, FullScanEnd) for event in events)


@pytest.fixture(scope="module")
def mailman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailman]:
    if not MAILMAN.exists():
        pytest.skip("GNU Mailman is not installed; .ci/live-programs installs it into var/live")
    folder = tmp_path_factory.mktemp("mailman")
    running = Mailman(folder, free_port(), load_connector(bundled("connectors") / "mailman" / "connector.yaml"))
    text = CONFIGURATION.format(folder=folder, port=running.port, mail_port=free_port())
    (folder / "mailman.cfg").write_text(text, encoding="utf-8")
    running.start()
    try:
        running.call("POST", "domains", mail_host="example.org")
        for name in ("news", "empty"):
            running.call("POST", "lists", fqdn_listname=f"{name}@example.org")
        yield running
    finally:
        running.command("stop")


def test_mailman_from_the_first_reading_to_a_restart(mailman: Mailman) -> None:
    mailman.subscribe("erika")
    mailman.subscribe("max")
    mailman.subscribe("wait", confirmed=False)

    subscribers, whole = mailman.read("subscribers")
    assert whole
    assert set(subscribers) == {"erika@example.de", "max@example.de"}
    assert subscribers["erika@example.de"]["status"] == "granted"
    assert subscribers["erika@example.de"]["contact"]["name"] == {"full": "Erika Müller"}
    assert mailman.read("subscribers") == (subscribers, True)

    pending, whole = mailman.read("pending")
    assert whole
    assert {address: consent["status"] for address, consent in pending.items()} == {"wait@example.de": "pending"}
    assert datetime.fromisoformat(pending["wait@example.de"]["at"]).tzinfo is not None

    mailman.subscribe("anna")
    (found,) = mailman.call("POST", "members/find", subscriber="max@example.de")["entries"]
    mailman.call("DELETE", f"members/{found['member_id']}", pre_confirmed=True, pre_approved=True)
    assert set(mailman.read("subscribers")[0]) == {"erika@example.de", "anna@example.de"}

    mailman.command("stop")
    with pytest.raises(SourceError, match=r"Check that 127\.0\.0\.1 is up"):
        mailman.read("subscribers")
    mailman.start()
    assert set(mailman.read("subscribers")[0]) == {"erika@example.de", "anna@example.de"}
