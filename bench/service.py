"""The service as its operator and its clients meet it: a deployment folder, the command line, real HTTP.

One CSV file a source is read, landed and resolved into golden records; then applications push to the running
service, in batches and one by one, the second time while a new model is being applied. Nothing is called in process.
"""

import csv
import json
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np

from bench import results
from bench.population import SOURCES, Population, generate
from bench.serving import asked_evenly, compile_openloop
from bench.tree import Used, watched

BATCHES, BATCH = 12, 500
CLIENTS = 2  # who push batches at once, after one alone
SINGLES, EACH_SECOND = 300, 10
WINDOW = 2  # seconds of single pushes after which is looked whether the new model is applied
LONGEST_PUSHING = 380  # seconds of them at most
PATIENCE = 120  # seconds that an answer may take
SETTLING = 20.0  # seconds after the first batch: a service that was just started is not what is measured

MAP = """\
    map:
      name: {salutation: =salutation, given_name: =first_name, family_name: =last_name}
      birth_date: =birth_date
      emails: [{value: =email}]
      phones: [{value: =phone}, {value: =mobile}]
      addresses: [{street: =street_line, postal_code: =postcode, city: =city}]
"""
CSV = """\
connector: bench_csv
title: CSV exports
config: {files: {type: string, required: true}}
connection: {kind: files, folder: data}
streams:
  customers:
    kind: customer
    files: "{config.files}"
    format: {type: csv}
    snapshot: true
    key: =record_id
    source_time: =ts(created_at, 'Europe/Berlin')
"""
SQL = """\
connector: bench_sql
title: A table
connection: {kind: sql, dsn: "sqlite:///data/customers.sqlite"}
streams:
  customers:
    kind: customer
    query: SELECT * FROM customers
    page: {keyset: [record_id], size: 5000}
    key: =record_id
    source_time: =ts(created_at, 'Europe/Berlin')
    deletes: [{mode: reconcile, every: P1D}]
"""
SOURCE = "  {name}: {{connector: {connector}, data_owner: customer_data, purpose: sale, retention: P10Y{config}}}\n"
HEAD = ("step", "seconds", "records/s", "CPU seconds", "peak MB", "peak MB with PostgreSQL")
LATENCY_HEAD = ("pushed over HTTP, resolved before the answer", "records", "records/s", "p50 ms", "p95 ms", "p99 ms")
ADDRESS = "POST /v1/sources/app/records HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


def measure(size: int, seed: int, command: str) -> None:
    """One deployment of `size` records, from nothing to pushes while a new model is applied."""
    population = _population(size, seed)
    with TemporaryDirectory(prefix="cdi-bench-") as folder:
        sql = [_landed_from_sql(Path(folder) / "sql", population, size)]
        bulk, found = _loaded(Path(folder) / "csv", population, size)
        pushes = _pushed(Path(folder) / "csv", _rest(population, size))
    body = f"{results.table(HEAD, [*sql, *bulk])}\n\n{found}\n\n{results.table(LATENCY_HEAD, pushes)}"
    results.write(f"The service with {size:,} records", command, seed, body)


def measure_pushes(folder: Path, size: int, seed: int, command: str) -> None:
    """Pushes alone, into a deployment that `measure` loaded with `size` records of this seed; it is changed by it."""
    pushes = _pushed(folder, _rest(_population(size, seed), size))
    title = f"Pushes into a service with {size:,} records"
    results.write(title, command, seed, results.table(LATENCY_HEAD, pushes))


def _population(size: int, seed: int) -> Population:
    """The records to load, and those held back to be pushed."""
    print(f"making {size:,} customer records with seed {seed}", file=sys.stderr)
    batches = 1 + BATCHES + BATCHES
    return generate(size + batches * BATCH + SINGLES + LONGEST_PUSHING * EACH_SECOND, seed)


def measure_load(size: int, seed: int, command: str, kept: Path | None = None) -> None:
    """Landing and the first run over everything alone; the deployment is left in `kept`, a folder that is not there
    yet, for what else is measured on one."""
    population = _population(size, seed)
    with TemporaryDirectory(prefix="cdi-bench-") as folder:
        sql = [_landed_from_sql(Path(folder) / "sql", population, size)]
        bulk, found = _loaded(kept or Path(folder) / "csv", population, size)
    results.write(f"Loading {size:,} records", command, seed, f"{results.table(HEAD, [*sql, *bulk])}\n\n{found}")


# -- bulk ----------------------------------------------------------------------------------------------------


def _landed_from_sql(folder: Path, population: Population, size: int) -> list[str]:
    """The row of landing the same records from one table of a database."""
    _deploy(folder, SQL, [("shop", "bench_sql", "")])
    with sqlite3.connect(folder / "data" / "customers.sqlite") as database:
        names = list(population.columns)
        database.execute(f"CREATE TABLE customers ({', '.join(names)}, PRIMARY KEY (record_id))")
        database.executemany(
            f"INSERT INTO customers VALUES ({', '.join('?' * len(names))})",
            _rows(population, 0, size),
        )
    _cdi(folder, "status")
    _, used = _cdi(folder, "sync")
    return _row("land from SQL", _landing_seconds(folder), size, used)


def _loaded(folder: Path, population: Population, size: int) -> tuple[list[list[str]], str]:
    """The rows of landing from CSV and of the first run over everything, and what came of it."""
    files = [(name, "bench_csv", f", config: {{files: {name}.csv}}") for name in SOURCES]
    _deploy(folder, CSV, [*files, ("app", "push", "")])
    source = population.columns["source"]
    for name in SOURCES:
        with (folder / "data" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(population.columns)
            writer.writerows(row for row, of in zip(_rows(population, 0, size), source, strict=False) if of == name)
    _cdi(folder, "status")
    _, landing = _cdi(folder, "sync")
    landing_seconds = _landing_seconds(folder)
    resolved, resolving = _cdi(folder, "resolve")
    _, again = _cdi(folder, "sync")
    total = Used(
        landing.seconds + resolving.seconds,
        landing.cpu_seconds + resolving.cpu_seconds,
        max(landing.peak_mb, resolving.peak_mb),
        max(landing.own_peak_mb, resolving.own_peak_mb),
    )
    stored = sum(file.stat().st_size for file in (folder / "var").rglob("*") if file.is_file()) / 2**30
    profiles = _cdi(folder, "status")[0]["profiles"]
    rows = [
        _row("land from CSV", landing_seconds, size, landing),
        ["map what landed", *_rate(resolved["seconds"]["map"], size), "", "", ""],
        _row("resolve everything for the first time", resolving.seconds, size, resolving),
        _row("CSV to golden records", total.seconds, size, total),
        _row("read the same files again", again.seconds, size, again),
    ]
    found = (
        f"{profiles:,} profiles, {resolved['candidate_pairs']:,} candidate pairs; the data folder has {stored:.1f} GB."
    )
    return rows, found


def _row(step: str, seconds: float, size: int, used: Used) -> list[str]:
    row = [step, *_rate(seconds, size), f"{used.cpu_seconds:.1f}", f"{used.own_peak_mb:,.0f}", f"{used.peak_mb:,.0f}"]
    print(*row, sep="  ", file=sys.stderr)
    return row


def _rate(seconds: float, size: int) -> tuple[str, str]:
    return f"{seconds:.1f}", f"{size / seconds:,.0f}"


def _rows(population: Population, start: int, stop: int) -> Iterator[tuple[str, ...]]:
    return zip(*(values[start:stop].tolist() for values in population.columns.values()), strict=True)


def _deploy(folder: Path, manifest: str, sources: Sequence[tuple[str, str, str]]) -> None:
    """A new deployment with one connector and these (name, connector, config) sources."""
    _cdi(folder.parent, "init", str(folder), "--empty", json_wanted=False)
    connector = manifest.partition("\n")[0].removeprefix("connector: ")
    (folder / "connectors" / connector).mkdir()
    (folder / "connectors" / connector / "connector.yaml").write_text(manifest + MAP, encoding="utf-8")
    (folder / "data").mkdir()
    wanted = "sources:\n" + "".join(SOURCE.format(name=n, connector=c, config=config) for n, c, config in sources)
    _edit(folder, lambda text: text.replace("sources: {}\n", wanted))


def _edit(folder: Path, change: Callable[[str], str]) -> None:
    file = folder / "cdi.yaml"
    file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")


def _cdi(folder: Path, *arguments: str, json_wanted: bool = True) -> tuple[Any, Used]:
    """One command of cdi as a process of its own; raises RuntimeError when it fails."""
    wanted = ["--dir", str(folder), "--json"] if json_wanted else []
    process = subprocess.Popen([sys.executable, "-m", "cdi", *arguments, *wanted], stdout=subprocess.PIPE, text=True)
    with watched(process, folder) as used:
        said, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"cdi {arguments[0]} failed")
    return json.loads(said) if json_wanted else None, used


def _landing_seconds(folder: Path) -> float:
    """How long the runs of the sources themselves took, one after the other."""
    runs = [source["last_run"] for source in _cdi(folder, "status")[0]["sources"] if source["last_run"]]
    return sum((_moment(run["ended_at"]) - _moment(run["started_at"])).total_seconds() for run in runs)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


# -- pushes --------------------------------------------------------------------------------------------------


def _pushed(folder: Path, records: Iterator[dict[str, Any]]) -> list[list[str]]:
    """The rows of pushing to the service that serves this folder."""
    key = _cdi(folder, "key", "create", "app", "--role", "connector", "--source", "app")[0]["key"]
    with _serving(folder) as port, TemporaryDirectory(prefix="cdi-bench-") as place:
        compile_openloop(Path(place))
        client = Client(port, key, Path(place))
        client.push(_bodies(records, 1, BATCH))
        time.sleep(SETTLING)
        alone = client.push(_bodies(records, BATCHES, BATCH))
        together = _at_once([(client, _bodies(records, BATCHES // CLIENTS, BATCH)) for _ in range(CLIENTS)])
        rows = [
            _latency(f"batches of {BATCH}, one client", alone.seconds, alone.took / BATCHES),
            _latency(f"batches of {BATCH}, {CLIENTS} clients at once", together.seconds, together.took / BATCHES),
            _latency(f"one by one, {EACH_SECOND} a second", client.push_evenly(_bodies(records, SINGLES, 1))),
        ]
        _edit(folder, lambda text: text + "matching: {match: 0.6}\n")
        applying = subprocess.Popen(
            [sys.executable, "-m", "cdi", "resolve", "--dir", str(folder)], stdout=subprocess.DEVNULL
        )
        meanwhile: list[float] = []
        while applying.poll() is None and len(meanwhile) < LONGEST_PUSHING * EACH_SECOND:
            meanwhile += client.push_evenly(_bodies(records, WINDOW * EACH_SECOND, 1))
        ended = applying.poll() is not None
        applying.terminate()  # what is left is no news: it goes on where it was
        if applying.wait() != 0 and ended:
            raise RuntimeError("applying a new model failed")
    during = (
        f"one by one, {EACH_SECOND} a second, while a new model is applied{'' if ended else ' (in its first minutes)'}"
    )
    return [*rows, _latency(during, meanwhile)]


@dataclass(frozen=True, slots=True)
class Pushes:
    """How long each of some pushes took, and all of them from the first to the last."""

    seconds: list[float]
    took: float


@dataclass(frozen=True, slots=True)
class Client:
    """A client of the service at this port of loopback, with the key of the source `app`. What it pushes is written as
    JSON before the clock runs."""

    port: int
    key: str
    place: Path

    def push(self, bodies: Sequence[bytes]) -> Pushes:
        """Push one after the other over one connection, and wait for each answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        ends = [time.perf_counter()]
        for body in bodies:
            connection.request("POST", "/v1/sources/app/records", body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"a push was answered with status {answer.status}")
            ends.append(time.perf_counter())
        connection.close()
        return Pushes(np.diff(ends).tolist(), ends[-1] - ends[0])

    def push_evenly(self, bodies: Sequence[bytes]) -> list[float]:
        """Push at set times, whether or not the ones before are answered; seconds from when each should have begun."""
        head = f"{ADDRESS}Authorization: Bearer {self.key}\r\nContent-Length: "
        requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]
        return asked_evenly(self.port, requests, EACH_SECOND, len(bodies) / EACH_SECOND, self.place)


def _at_once(work: Sequence[tuple[Client, Sequence[bytes]]]) -> Pushes:
    """Several clients push at once."""
    with ThreadPoolExecutor(len(work)) as clients:
        began = time.perf_counter()
        pushed = list(clients.map(lambda each: each[0].push(each[1]), work))
        took = time.perf_counter() - began
    return Pushes([seconds for of_client in pushed for seconds in of_client.seconds], took)


def _bodies(records: Iterator[dict[str, Any]], count: int, each: int) -> list[bytes]:
    """The next records as so many requests."""
    return [json.dumps({"records": [next(records) for _ in range(each)], "wait": True}).encode() for _ in range(count)]


def _latency(name: str, seconds: Sequence[float], a_batch: float | None = None) -> list[str]:
    """A row of the table. `a_batch`: seconds for each batch, if these are batches."""
    each, rate = (1, "") if a_batch is None else (BATCH, f"{BATCH / a_batch:,.0f}")
    p50, p95, p99 = (np.quantile(seconds, q) * 1000 for q in (0.5, 0.95, 0.99))
    row = [name, f"{each * len(seconds):,}", rate, f"{p50:.1f}", f"{p95:.1f}", f"{p99:.1f}"]
    print(*row, sep="  ", file=sys.stderr)
    return row


def _rest(population: Population, start: int) -> Iterator[dict[str, Any]]:
    """Records that were held back, as an application pushes them: in canonical attributes."""
    names = list(population.columns)
    for row in _rows(population, start, len(population)):
        said = dict(zip(names, row, strict=True))
        data = {
            "name": {
                "salutation": said["salutation"],
                "given_name": said["first_name"],
                "family_name": said["last_name"],
            },
            "birth_date": said["birth_date"],
            "emails": [{"value": said["email"]}] if said["email"] else [],
            "phones": [{"value": said[name]} for name in ("phone", "mobile") if said[name]],
            "addresses": [{"street": said["street_line"], "postal_code": said["postcode"], "city": said["city"]}],
        }
        yield {"key": said["record_id"], "data": data}


@contextmanager
def _serving(folder: Path) -> Iterator[int]:
    """The service on a free port of loopback; the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        ["env", f"CDI_PORT={port}", sys.executable, "-m", "cdi", "serve", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                httpx.get(f"{address}/readyz", timeout=1)
                break
            except httpx.TransportError:
                time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(60)
