"""What applications meet when they read: the service over HTTP, asked by programs in C (wrk, and openloop.c).

Two questions. How many profiles a second, asked by 32 connections without a pause, beside a route of the bare framework
that returns such a document from memory? And how long does an answer take when so many are asked for each second,
whether or not the ones before were answered?
"""

import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import httpx
import numpy as np
import orjson
import psutil

from bench import results
from cdi.access import Role
from cdi.auth import create_key
from cdi.clock import utc_now
from cdi.fields import FieldGroup
from cdi.pipeline import Installation, open_installation
from cdi.settings import load_settings
from cdi.store.db import text

WORKERS = 2
CONNECTIONS = 32
CLOSED_SECONDS, ROUNDS = 5, 5  # by chance all connections may fall on one process: the best of a few rounds
OPEN_SECONDS = 10
OPEN_CONNECTIONS = 32
SAMPLE = 2_000
HEAD_OPEN = ("asked for", "a second", "p50 ms", "p95 ms", "p99 ms", "largest ms", "bar", "held")
HEAD_CLOSED = ("route", "answers a second", "CPU ms an answer", "p50 ms", "p99 ms")


@dataclass(frozen=True, slots=True)
class Customer:
    """A live profile with what an application would know of it."""

    profile_id: str
    given_name: str
    family_name: str
    email: str
    phone: str
    city: str
    postal_code: str
    birth_date: str


@dataclass(frozen=True, slots=True)
class Offered:
    """Requests at a fixed rate, and the bar: a quantile of the latency in milliseconds."""

    name: str
    a_second: int
    requests: Sequence[bytes]
    quantile: float
    bar: float


def measure(folder: Path, seed: int, command: str) -> None:
    """Serve the deployment in `folder` with two workers, ask, and write down what came of it."""
    if shutil.which("wrk") is None:
        raise SystemExit("the closed loop is driven by wrk: apt-get install wrk")
    settings = load_settings(folder)
    with open_installation(settings) as installation, TemporaryDirectory(prefix="cdi-bench-") as scratch:
        customers, profiles = sample_customers(installation, seed)
        key = reader_key(installation)
        place = Path(scratch)
        compile_openloop(place)
        with served_by_workers(folder, WORKERS) as port:
            warm(port, key, customers)
            closed = _closed_loop(port, key, customers, place)
            rows = [open_loop(port, offered, place) for offered in offers(customers, key, seed)]
    body = "\n\n".join(
        [
            f"{profiles:,} profiles, {WORKERS} workers; asked from the same machine.",
            f"{CONNECTIONS} connections without a pause, {CLOSED_SECONDS} s, the best of {ROUNDS} rounds in turn:",
            results.table(HEAD_CLOSED, closed),
            f"At a fixed offered rate, {OPEN_SECONDS} s each, from the time at which each should have been sent:",
            results.table(HEAD_OPEN, rows),
        ]
    )
    results.write(f"Reading, {profiles:,} profiles", command, seed, body)


def sample_customers(installation: Installation, seed: int) -> tuple[list[Customer], int]:
    """Customers at random, and how many profiles there are."""
    statement = text("select document from profile where retired_at is null and profile_id >= :at limit 4")
    chance = random.Random(seed)
    with installation.database.unit_of_work() as connection:
        count = connection.execute(text("select count(*) from profile where retired_at is null")).scalar_one()
        ids = (
            connection.execute(
                text("select profile_id from profile tablesample system (2) repeatable (:seed)"), {"seed": seed}
            )
            .scalars()
            .all()
        )
        found: dict[str, Customer] = {}
        for at in chance.sample(ids, min(len(ids), SAMPLE)):
            for document in connection.execute(statement, {"at": at}).scalars():
                found[document["id"]] = _customer(document)
    usable = [customer for customer in found.values() if customer.family_name and customer.city]
    return chance.sample(usable, min(len(usable), SAMPLE)), int(count)


def _customer(document: dict[str, dict[str, dict[str, object]]]) -> Customer:
    golden = document["golden"]

    def part(attribute: str, name: str) -> str:
        entry = golden.get(attribute)
        value = entry["value"] if isinstance(entry, dict) else None
        return str(value.get(name) or "") if isinstance(value, dict) else str(value or "")

    return Customer(
        str(document["id"]),
        part("name", "given_name"),
        part("name", "family_name"),
        part("emails", "value"),
        part("phones", "value"),
        part("addresses", "city"),
        part("addresses", "postal_code"),
        part("birth_date", ""),
    )


def reader_key(installation: Installation) -> str:
    with installation.database.unit_of_work() as connection:
        return create_key(connection, "bench", Role.READER, utc_now(), groups=list(FieldGroup), sensitive=True)


def compile_openloop(place: Path) -> None:
    source = Path(__file__).with_name("openloop.c")
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-O2", "-D_GNU_SOURCE", "-o", str(place / "openloop"), str(source)], check=True)


@contextmanager
def _running(command: Sequence[str], environment: dict[str, str], port: int, path: str) -> Iterator[psutil.Process]:
    quiet = subprocess.DEVNULL  # a line for each request
    process = subprocess.Popen(command, env=os.environ | environment, stdout=quiet, stderr=quiet)
    try:
        for _ in range(300):
            try:
                httpx.get(f"http://127.0.0.1:{port}{path}", timeout=1)
                break
            except httpx.TransportError:
                time.sleep(0.2)
        time.sleep(2)  # until the other worker is there as well
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def served_by_workers(folder: Path, workers: int) -> Iterator[int]:
    """The service of this deployment on a port of loopback, answered by so many processes."""
    port = _free_port()
    command = [sys.executable, "-m", "cdi", "serve", "--dir", str(folder), "--workers", str(workers)]
    with _running(command, {"CDI_PORT": str(port)}, port, "/healthz"):
        yield port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def warm(port: int, key: str, customers: Sequence[Customer]) -> None:
    """Every route once or twice in each worker: statements are prepared, compiled loops are loaded."""
    headers = {"Authorization": f"Bearer {key}"}
    for _ in range(12):  # each client its own connection: they fall on both workers
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=120) as http:
            for customer in customers[:20]:
                http.get(f"/v1/profiles/{customer.profile_id}").raise_for_status()
                http.get("/v1/profiles", params={"email": customer.email or "a@example.org"}).raise_for_status()
                http.post("/v1/profiles/lookup", json=_record(customer)).raise_for_status()
            http.get("/v1/profiles", params={"q": customers[0].family_name}).raise_for_status()


# -- the closed loop ---------------------------------------------------------------------------------------


def _closed_loop(port: int, key: str, customers: Sequence[Customer], place: Path) -> list[list[str]]:
    url = f"http://127.0.0.1:{port}"
    document = place / "document.json"
    shown = [
        httpx.get(f"{url}/v1/profiles/{c.profile_id}", headers={"Authorization": f"Bearer {key}"})
        for c in customers[:200]
    ]
    typical = sorted((answer.content for answer in shown), key=len)[len(shown) // 2]
    document.write_bytes(typical)
    (place / "ask.lua").write_text(_script(key, customers), encoding="utf-8")
    bare_port = _free_port()
    bare = [sys.executable, "-m", "uvicorn", "bench.bare:app", "--port", str(bare_port), "--workers", str(WORKERS)]
    quiet = ["--no-access-log", "--log-level", "warning"]
    runs: dict[str, list[list[float]]] = {}
    for _ in range(ROUNDS):
        with _running([*bare, *quiet], {"BENCH_DOCUMENT": str(document)}, bare_port, "/docs"):
            for name, prefix in (("framework, typed", "/v1/profiles/"), ("framework, untyped", "/untyped/")):
                runs.setdefault(name, []).append(_wrk(f"http://127.0.0.1:{bare_port}", prefix, place))
        runs.setdefault("cdi GET /v1/profiles/{id}", []).append(_wrk(url, "/v1/profiles/", place))
    rows = []
    for name, measured in runs.items():
        rate, cpu, p50, p99 = max(measured)
        rows.append([name, f"{rate:,.0f}", f"{cpu:.2f}", f"{p50:.1f}", f"{p99:.1f}"])
        print(*rows[-1], sep="  ", file=sys.stderr)
    return rows


def _script(key: str, customers: Sequence[Customer]) -> str:
    ids = ",".join(f'"{customer.profile_id}"' for customer in customers)
    return f"""
local ids, n = {{{ids}}}, 0
function init(args) prefix = args[1] end
function request()
  n = n % #ids + 1
  return wrk.format("GET", prefix .. ids[n], {{["Authorization"] = "Bearer {key}"}})
end
"""


def _wrk(url: str, prefix: str, place: Path) -> list[float]:
    """Answers a second, CPU milliseconds of the whole machine an answer, p50 and p99 in milliseconds."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", "--latency", "-s", str(place / "ask.lua")]
    subprocess.run([*command, "-d2s", url, "--", prefix], check=True, capture_output=True)
    before = psutil.cpu_times()
    said = subprocess.run(
        [*command, f"-d{CLOSED_SECONDS}s", url, "--", prefix], check=True, capture_output=True, text=True
    ).stdout
    after = psutil.cpu_times()
    if "Non-2xx" in said:
        raise RuntimeError(said)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])  # type: ignore[index]
    busy = sum(getattr(after, name) - getattr(before, name) for name in ("user", "system"))
    return [rate, busy / (rate * CLOSED_SECONDS) * 1000, _quantile(said, "50%"), _quantile(said, "99%")]


def _quantile(said: str, which: str) -> float:
    value, unit = re.search(rf"{which}\s+([\d.]+)(us|ms|s)", said).groups()  # type: ignore[union-attr]
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


# -- the open loop -----------------------------------------------------------------------------------------


def offers(customers: Sequence[Customer], key: str, seed: int) -> Iterator[Offered]:
    chance = random.Random(seed)
    mailed = [customer for customer in customers if customer.email]
    phoned = [customer for customer in customers if len(customer.phone) > 8]

    def get(path: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: cdi\r\nAuthorization: Bearer {key}\r\n\r\n".encode()

    def q(said: Callable[[Customer], str], of: Sequence[Customer] = customers) -> list[bytes]:
        return [get(f"/v1/profiles?q={quote(said(customer))}") for customer in of]

    yield Offered("profile", 150, [get(f"/v1/profiles/{c.profile_id}") for c in customers], 0.99, 40)
    yield Offered("find by e-mail", 100, [get(f"/v1/profiles?email={quote(c.email)}") for c in mailed], 0.99, 40)
    words = {
        "q, name and city": q(lambda c: f"{c.family_name} {c.city}"),
        "q, name and year": q(lambda c: f"{c.given_name} {c.family_name} {c.birth_date[:4]}"),
        "q, two fragments": q(lambda c: f"{c.family_name[:4]} {c.city[:4]}"),
        "q, three letters": q(lambda c: _cut(c.family_name, 3, chance)),
        "q, three letters twice": q(lambda c: f"{_cut(c.given_name, 3, chance)} {_cut(c.family_name, 3, chance)}"),
        "q, part of a phone number": q(lambda c: c.phone[-6:], phoned),
        "q, half an e-mail": q(lambda c: c.email.partition("@")[0], mailed),
        "q, a name mistyped": q(lambda c: f"{_mistyped(c.family_name, chance)} {c.city}"),
    }
    for name, asked in words.items():
        yield Offered(name, 30, asked, 0.95, 100)
    yield Offered("q, all of these mixed", 30, chance.sample(list(chain(*words.values())), SAMPLE), 0.95, 100)
    bodies = [orjson.dumps(_record(customer)) for customer in customers]
    head = (
        "POST /v1/profiles/lookup HTTP/1.1\r\nHost: cdi\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: "
    )
    yield Offered("lookup", 30, [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies], 0.99, 60)


def _cut(word: str, length: int, chance: random.Random) -> str:
    """A fragment from anywhere in the word."""
    start = chance.randrange(max(1, len(word) - length + 1))
    return word[start : start + length] or word


def _mistyped(word: str, chance: random.Random) -> str:
    """One letter doubled or two exchanged."""
    at = chance.randrange(1, max(2, len(word) - 1))
    return (
        word[:at] + word[at - 1 : at] + word[at:]
        if chance.random() < 0.5
        else word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    )


def _record(customer: Customer) -> dict[str, object]:
    """What the customer types at a checkout."""
    data: dict[str, object] = {
        "name": {"given_name": customer.given_name, "family_name": customer.family_name},
        "addresses": [{"postal_code": customer.postal_code, "city": customer.city}],
    }
    if customer.email:
        data["emails"] = [{"value": customer.email}]
    if customer.phone:
        data["phones"] = [{"value": customer.phone}]
    return {"record": data, "limit": 5}


def asked_evenly(
    port: int,
    requests: Sequence[bytes],
    a_second: int,
    seconds: float,
    place: Path,
    fine: frozenset[str] = frozenset({"200"}),
) -> list[float]:
    """Seconds that each answer took, from when its request should have been sent. Raises RuntimeError for one with a
    status that is not `fine`."""
    asked = place / "requests"
    asked.write_bytes(b"".join(f"{len(r)}\n".encode() + r for r in requests))
    arguments = ["127.0.0.1", port, a_second, seconds, OPEN_CONNECTIONS, asked]
    said = subprocess.run(
        [str(place / "openloop"), *map(str, arguments)], check=True, capture_output=True, text=True
    ).stdout
    answers = [line.split() for line in said.splitlines()]
    wrong = sorted({status for status, _ in answers} - fine)
    if wrong:
        raise RuntimeError(f"answers with status {', '.join(wrong)}")
    return [float(microseconds) / 1e6 for _, microseconds in answers]


def open_loop(port: int, offered: Offered, place: Path, fine: frozenset[str] = frozenset({"200"})) -> list[str]:
    latency = 1000 * np.array(asked_evenly(port, offered.requests, offered.a_second, OPEN_SECONDS, place, fine))
    p50, p95, p99 = np.quantile(latency, [0.5, 0.95, 0.99])
    reached = p95 if offered.quantile == 0.95 else p99
    bar = f"p{offered.quantile * 100:.0f} ≤ {offered.bar:.0f}"
    row = [offered.name, str(offered.a_second), *(f"{v:.1f}" for v in (p50, p95, p99, latency.max())), bar]
    row.append("yes" if reached <= offered.bar else "no")
    print(*row, sep="  ", file=sys.stderr)
    return row
