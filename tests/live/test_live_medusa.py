"""The Medusa connector against Medusa itself: first and second reading, a guest and an account of one address,
a change, a changed address, an order, a deletion, a restart in the middle."""

import asyncio
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from deployed import deploy, with_pages_of_ten
from programs import LIVE, Program, free_port, needed, running

from cdi.errors import SourceError
from cdi.store import embedded
from cdi.store.db import Database

pytestmark = pytest.mark.live

MEDUSA = LIVE / "medusa"
ADMIN = {"email": "admin@example.com", "password": "geheim"}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextmanager
def reached_by_port(path: str) -> Iterator[int]:
    """The port on loopback under which a socket of the file system is reached: Medusa knows no other way."""
    loop = asyncio.new_event_loop()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(path)
        await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))

    server = loop.run_until_complete(asyncio.start_server(connected, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@dataclass
class Medusa:
    """A running shop of our own, and how its own admin writes to it."""

    program: Program
    url: str
    headers: dict[str, str] = field(default_factory=dict)

    def sign_in(self) -> None:
        token = self.call("POST", "/auth/user/emailpass", **ADMIN)["token"]
        self.headers["authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, **body: Any) -> Any:
        answer = httpx.request(
            method, f"{self.url}{path}", json=body or None, headers=self.headers, trust_env=False, timeout=30
        )
        assert answer.status_code < 300, answer.text
        return answer.json()

    def customer(self, name: str, **more: Any) -> str:
        said = {"email": f"{name}@haus.example", "first_name": name.title(), "last_name": "Müller", **more}
        return str(self.call("POST", "/admin/customers", **said)["customer"]["id"])

    def register(self, name: str) -> str:
        """A visitor of the shop makes an account."""
        key = self.call("POST", "/admin/api-keys", title=name, type="publishable")["api_key"]
        channel = self.call("GET", "/admin/sales-channels")["sales_channels"][0]["id"]
        self.call("POST", f"/admin/api-keys/{key['id']}/sales-channels", add=[channel])
        login = {"email": f"{name}@haus.example", "password": "geheim"}
        visitor = Medusa(self.program, self.url, {"x-publishable-api-key": key["token"]})
        token = visitor.call("POST", "/auth/customer/emailpass/register", **login)["token"]
        visitor.headers["authorization"] = f"Bearer {token}"
        made = visitor.call("POST", "/store/customers", email=login["email"], first_name=name.title())
        return str(made["customer"]["id"])

    def order(self, customer: str, mail: str) -> str:
        region = self.call("POST", "/admin/regions", name="Europa", currency_code="eur", countries=["de"])["region"]
        channel = self.call("GET", "/admin/sales-channels")["sales_channels"][0]["id"]
        item = {"title": "Stuhl", "quantity": 2, "unit_price": 9.95}
        draft = self.call(
            "POST",
            "/admin/draft-orders",
            email=mail,
            customer_id=customer,
            region_id=region["id"],
            sales_channel_id=channel,
            items=[item],
        )["draft_order"]
        self.call("POST", f"/admin/draft-orders/{draft['id']}/convert-to-order")
        return str(draft["id"])


@pytest.fixture(scope="module")
def medusa() -> Iterator[Medusa]:
    command = needed(MEDUSA / "node_modules/.bin/medusa", "Medusa")
    with (
        tempfile.TemporaryDirectory(prefix="cdi-live-") as folder,
        embedded.running(Path(folder)),
        reached_by_port(f"{folder}/postgres/data/.s.PGSQL.5432") as database_port,
    ):
        quiet = {"MEDUSA_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "NODE_ENV": "production"}
        url = f"postgresql://cdi@127.0.0.1:{database_port}/cdi"
        environment = {**os.environ, **quiet, "DATABASE_URL": url, "JWT_SECRET": "only-for-tests"}
        for words in (
            ("db:migrate", "--execute-all-links"),
            ("user", "-e", ADMIN["email"], "-p", ADMIN["password"]),
        ):
            done = subprocess.run(
                [command, *words],
                cwd=MEDUSA,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
        port = free_port()

        def healthy() -> bool:
            with suppress(httpx.TransportError):
                return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
            return False

        # Its own folder is where it finds its configuration; the log goes into the test's.
        start = ["sh", "-c", f'cd "{MEDUSA}" && exec "{command}" start -H 127.0.0.1 -p {port}']
        program = Program(start, port, Path(folder), environment, patience=120, ready=healthy)
        with running(program):
            shop = Medusa(program, f"http://127.0.0.1:{port}")
            shop.sign_in()
            yield shop


def test_medusa_from_the_first_reading_to_a_restart(
    medusa: Medusa, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDUSA_PASSWORD", ADMIN["password"])
    config = {"base_url": medusa.url, "email": ADMIN["email"], "password": "${env:MEDUSA_PASSWORD}"}
    with_pages_of_ten(tmp_path, "medusa", "size: 100")
    deployed = deploy(tmp_path, database, "medusa", config)
    guest = medusa.customer("erika", phone="+4930123", company_name="Müller & Söhne")
    gone = medusa.customer("gone")
    assert [check for check in deployed.check() if not check.ok] == []

    assert deployed.sync() == {"added": 2}
    assert deployed.live("customers")[guest] == {
        "kind": "person",
        "name": {"given_name": "Erika", "family_name": "Müller"},
        "organisation": {"name": "Müller & Söhne"},
        "emails": [{"value": "erika@haus.example", "verified": False}],
        "phones": [{"value": "+4930123"}],
    }
    assert set(deployed.sync()) == {"unchanged"}

    account = medusa.register("erika")  # the address that a guest has too: two records
    medusa.call("POST", f"/admin/customers/{guest}", last_name="Müller-Lüdenscheidt")
    order = medusa.order(guest, "erika@haus.example")
    assert deployed.sync() == {"added": 2, "changed": 1, "unchanged": 1}
    customers = deployed.live("customers")
    assert customers[account]["emails"] == [{"value": "erika@haus.example", "verified": True}]
    assert customers[guest]["name"]["family_name"] == "Müller-Lüdenscheidt"
    sale = deployed.live("orders")[order]
    assert (sale["customer_key"], sale["amount"], sale["currency"]) == (guest, "19.9", "EUR")

    home = {"address_1": "Weg 1", "postal_code": "01067", "city": "Köln", "country_code": "de"}
    before = medusa.call("GET", f"/admin/customers/{guest}")["customer"]["updated_at"]
    medusa.call("POST", f"/admin/customers/{guest}/addresses", **home)
    # The customer's own time stands still: after the overlap only the daily full reading would see the address.
    assert medusa.call("GET", f"/admin/customers/{guest}")["customer"]["updated_at"] == before
    assert deployed.sync() == {"changed": 1, "unchanged": 3}
    assert deployed.live("customers")[guest]["addresses"][0]["postal_code"] == "01067"

    medusa.call("DELETE", f"/admin/customers/{gone}")
    deployed.read_everything_again()
    assert deployed.sync()["deleted"] == 1
    assert deployed.keys("customers") == {guest, account}

    for n in range(98):
        medusa.customer(f"n{n}")
    landed = deployed.sync_while_it_dies("customers", medusa.program.kill, 10, everybody=100)
    with pytest.raises(SourceError, match=r"Check that 127\.0\.0\.1 is up"):
        deployed.sync()
    medusa.program.start()
    assert deployed.sync()["added"] == 100 - landed
    assert len(deployed.keys("customers")) == 100
    assert deployed.versions() == 2 + 3 + 1 + 1 + 98


def test_a_wrong_password_is_told(medusa: Medusa, database: Database, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("falsch", encoding="utf-8")
    config = {"base_url": medusa.url, "email": ADMIN["email"], "password": "${file:password}"}
    with pytest.raises(SourceError, match="user and password") as found:
        deploy(tmp_path, database, "medusa", config).sync()
    assert "falsch" not in str(found.value)
