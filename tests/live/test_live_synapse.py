"""The Matrix connector against Synapse itself: first and second reading, a change, a deletion, an erasure, a restart in
the middle."""

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from deployed import Deployed, deploy, with_pages_of_ten

from cdi.errors import SourceError
from cdi.store.db import Database

pytestmark = pytest.mark.live

BIN = Path(__file__).parents[2] / "var" / "live" / "synapse" / "bin"


@dataclass
class Synapse:
    """A running homeserver of our own."""

    folder: Path
    url: str
    process: subprocess.Popen[bytes] | None = None
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [BIN / "python", "-m", "synapse.app.homeserver", "-c", "homeserver.yaml"],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(120):
            try:
                httpx.get(f"{self.url}/_matrix/client/versions", trust_env=False).raise_for_status()
            except (httpx.TransportError, httpx.HTTPStatusError):
                time.sleep(0.5)
            else:
                return
        raise AssertionError("Synapse did not start within a minute")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=60)

    def kill(self) -> None:
        """As power fails: at once, without a goodbye."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=60)

    def call(self, method: str, path: str, **body: Any) -> Any:
        answer = httpx.request(
            method, f"{self.url}{path}", json=body or None, headers=self.headers, trust_env=False, timeout=30
        )
        answer.raise_for_status()
        return answer.json()

    def save(self, name: str, **account: Any) -> None:
        self.call("PUT", f"/_synapse/admin/v2/users/@{name}:example.org", **account)

    def deactivate(self, name: str, *, erase: bool) -> None:
        self.call("POST", f"/_synapse/admin/v1/deactivate/@{name}:example.org", erase=erase)


def run(folder: Path, *command: str | Path) -> None:
    subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
        check=True,
    )


@pytest.fixture(scope="module")
def synapse(tmp_path_factory: pytest.TempPathFactory, free_port: int) -> Iterator[Synapse]:
    if not (BIN / "synapse_homeserver").exists():
        pytest.skip("Synapse is not installed; .ci/live-programs installs it into var/live")
    folder, port = tmp_path_factory.mktemp("synapse"), free_port
    generate = ["--server-name", "example.org", "--config-path", "homeserver.yaml", "--generate-config"]
    run(folder, BIN / "python", "-m", "synapse.app.homeserver", *generate, "--report-stats=no")
    configuration = (folder / "homeserver.yaml").read_text(encoding="utf-8")
    configuration = configuration.replace("port: 8008", f"port: {port}").replace("- ::1\n", "- 127.0.0.1\n", 1)
    configuration = re.sub(r"(    - 127\.0\.0\.1\n)    - 127\.0\.0\.1\n", r"\1", configuration)
    (folder / "homeserver.yaml").write_text(configuration, encoding="utf-8")
    server = Synapse(folder, f"http://127.0.0.1:{port}")
    server.start()
    try:
        admin = ["-u", "admin", "-p", "geheim", "-a", server.url]
        run(folder, BIN / "register_new_matrix_user", "-c", "homeserver.yaml", *admin)
        identifier = {"type": "m.id.user", "user": "admin"}
        login = {"type": "m.login.password", "identifier": identifier, "password": "geheim"}
        server.token = server.call("POST", "/_matrix/client/v3/login", **login)["access_token"]
        server.headers["authorization"] = f"Bearer {server.token}"
        yield server
    finally:
        server.stop()


@pytest.fixture
def deployed(synapse: Synapse, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    monkeypatch.setenv("SYNAPSE_TOKEN", synapse.token)
    with_pages_of_ten(tmp_path, "matrix_synapse", 'limit: "100"')
    return deploy(
        tmp_path, database, "matrix_synapse", {"base_url": synapse.url, "access_token": "${env:SYNAPSE_TOKEN}"}
    )


def test_synapse_from_the_first_reading_to_a_restart(synapse: Synapse, deployed: Deployed) -> None:
    for name in ("erika", "gone", "erased"):
        mail, phone = (
            {"medium": "email", "address": f"{name}@haus.example"},
            {"medium": "msisdn", "address": "49301234"},
        )
        threepids = [mail, phone] if name == "erika" else [mail]
        external = [{"auth_provider": "oidc-sso", "external_id": f"4711-{name}"}]
        synapse.save(name, displayname=name.title(), threepids=threepids, external_ids=external)
    assert [check for check in deployed.check() if not check.ok] == []

    assert deployed.sync() == {"added": 3}  # the server's admin is no customer
    assert deployed.live("customers")["@erika:example.org"] == {
        "kind": "person",
        "name": {"given_name": "Erika"},
        "emails": [{"value": "erika@haus.example", "verified": True}],
        "phones": [{"value": "+49301234", "verified": True}],
        "identifiers": [
            {"type": "social_handle", "value": "erika:example.org", "issuer": "matrix"},
            {"type": "customer_number", "value": "4711-erika", "issuer": "oidc-sso"},
        ],
    }
    assert deployed.sync() == {"unchanged": 3}

    synapse.save("erika", displayname="Erika Brandt")
    synapse.deactivate("gone", erase=False)
    synapse.deactivate("erased", erase=True)
    assert deployed.operations("customers") == {
        "@erika:example.org": "upsert",
        "@gone:example.org": "delete",
        "@erased:example.org": "erase",
    }
    assert deployed.sync() == {"changed": 1, "deleted": 2}
    (erika,) = deployed.live("customers").values()
    assert erika["name"] == {"given_name": "Erika", "family_name": "Brandt"}

    for n in range(99):
        synapse.save(f"n{n}", displayname=f"N{n}")
    landed = deployed.sync_while_it_dies("customers", synapse.kill, 10, everybody=100)
    with pytest.raises(SourceError, match=r"Check that 127\.0\.0\.1 is up"):
        deployed.sync()
    synapse.start()
    assert deployed.sync() == {"added": 100 - landed, "unchanged": landed + 2}
    assert len(deployed.keys("customers")) == 100
    assert deployed.versions() == 3 + 3 + 99


def test_a_wrong_token_is_told(synapse: Synapse, deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNAPSE_TOKEN", "falsch")
    with pytest.raises(SourceError, match="refused the credentials"):
        deployed.sync()
