"""The Mailman connector against GNU Mailman itself: first reading, second without a change, a change, a delete, a
restart in the middle."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from deployed import Deployed, deploy, with_pages_of_ten

from cdi.errors import SourceError
from cdi.store.db import Database

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
    """A running Mailman of our own."""

    folder: Path
    port: int

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
            subscriber=f"{name}@haus.example",
            display_name=f"{name.title()} Müller",
            pre_verified=confirmed,
            pre_confirmed=confirmed,
            pre_approved=True,
        )


def statuses(deployed: Deployed, stream: str) -> dict[str, str]:
    """By e-mail address, what the consents of a stream say."""
    consents = deployed.live(stream).values()
    return {consent["contact"]["emails"][0]["value"]: consent["status"] for consent in consents}


@pytest.fixture(scope="module")
def mailman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailman]:
    if not MAILMAN.exists():
        pytest.skip("GNU Mailman is not installed; .ci/live-programs installs it into var/live")
    folder = tmp_path_factory.mktemp("mailman")
    running = Mailman(folder, free_port())
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


@pytest.fixture
def deployed(mailman: Mailman, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    monkeypatch.setenv("MAILMAN_PASSWORD", "geheim")
    with_pages_of_ten(tmp_path, "mailman", "size: 100")
    config = {
        "base_url": f"http://127.0.0.1:{mailman.port}",
        "password": "${env:MAILMAN_PASSWORD}",
        "lists": ["news.example.org", "empty.example.org"],
    }
    return deploy(tmp_path, database, "mailman", config)


def test_mailman_from_the_first_reading_to_a_restart(mailman: Mailman, deployed: Deployed) -> None:
    mailman.subscribe("erika")
    mailman.subscribe("max")
    mailman.subscribe("wait", confirmed=False)
    assert [check for check in deployed.check() if not check.ok] == []

    assert deployed.sync() == {"added": 3}
    assert statuses(deployed, "subscribers") == {"erika@haus.example": "granted", "max@haus.example": "granted"}
    names = [consent["contact"]["name"] for consent in deployed.live("subscribers").values()]
    assert {"full": "Erika Müller"} in names
    assert statuses(deployed, "pending") == {"wait@haus.example": "pending"}
    (pending,) = deployed.live("pending").values()
    assert datetime.fromisoformat(pending["at"]).tzinfo is not None
    assert deployed.sync() == {"unchanged": 3}

    mailman.subscribe("anna")
    mailman.call("PATCH", "addresses/erika@haus.example", display_name="Erika Mustermann")
    (found,) = mailman.call("POST", "members/find", subscriber="max@haus.example")["entries"]
    mailman.call("DELETE", f"members/{found['member_id']}", pre_confirmed=True, pre_approved=True)
    assert deployed.sync() == {"added": 1, "changed": 1, "deleted": 1, "unchanged": 1}
    assert set(statuses(deployed, "subscribers")) == {"erika@haus.example", "anna@haus.example"}

    for n in range(98):
        mailman.subscribe(f"n{n}")
    landed = deployed.sync_while_it_dies("subscribers", lambda: mailman.command("stop"), 10, everybody=100)
    with pytest.raises(SourceError, match=r"Check that 127\.0\.0\.1 is up"):
        deployed.sync()
    mailman.start()
    assert deployed.sync() == {"added": 100 - landed, "unchanged": landed + 1}
    assert len(deployed.keys("subscribers")) == 100
    assert deployed.versions("subscribers") == 2 + 3 + 98
