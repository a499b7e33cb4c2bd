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
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np

from bench import results
from bench.population import SOURCES, Population, generate
from bench.tree import Used, watched

BATCHES, BATCH = 20, 500
SINGLES, EACH_SECOND = 300, 10
LONGEST_PUSHING = 600  # seconds of single pushes while a new model is applied
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
    return generate(size + BATCHES * BATCH + 2 * SINGLES + LONGEST_PUSHING * EACH_SECOND, seed)


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


@dataclass(frozen=True, slots=True)
class Client:
    """A client of the running service with the key of the source `app`."""

    http: httpx.Client

    def push(self, records: Sequence[dict[str, Any]]) -> float:
        """Push and wait for the answer; seconds that it took."""
        began = time.perf_counter()
        answer = self.http.post("/v1/sources/app/records", json={"records": list(records), "wait": True})
        answer.raise_for_status()
        return time.perf_counter() - began


def _pushed(folder: Path, records: Iterator[dict[str, Any]]) -> list[list[str]]:
    """The rows of pushing to the service that serves this folder."""
    key = _cdi(folder, "key", "create", "app", "--role", "connector", "--source", "app")[0]["key"]
    with (
        _serving(folder) as address,
        httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE) as http,
    ):
        client = Client(http)
        client.push([next(records) for _ in range(BATCH)])
        time.sleep(SETTLING)
        batches = [client.push([next(records) for _ in range(BATCH)]) for _ in range(BATCHES - 1)]
        print(*_latency("batches", batches, BATCH), sep="  ", file=sys.stderr)
        singles = _one_by_one(client, records, lambda sent: sent < SINGLES)
        print(*_latency("singles", singles, 1), sep="  ", file=sys.stderr)
        _edit(folder, lambda text: text + "matching: {match: 0.6}\n")
        applying = subprocess.Popen(
            [sys.executable, "-m", "cdi", "resolve", "--dir", str(folder)], stdout=subprocess.DEVNULL
        )
        most = LONGEST_PUSHING * EACH_SECOND
        meanwhile = _one_by_one(client, records, lambda sent: sent < most and applying.poll() is None)
        ended = applying.poll() is not None
        applying.terminate()  # what is left is no news: it goes on where it was
        if applying.wait() != 0 and ended:
            raise RuntimeError("applying a new model failed")
    during = (
        f"one by one, {EACH_SECOND} a second, while a new model is applied{'' if ended else ' (in its first minutes)'}"
    )
    return [
        _latency(f"batches of {BATCH}", batches, BATCH),
        _latency(f"one by one, {EACH_SECOND} a second", singles, 1),
        _latency(during, meanwhile, 1),
    ]


def _one_by_one(client: Client, records: Iterator[dict[str, Any]], go_on: Callable[[int], bool]) -> list[float]:
    """Single pushes at their set times, whether or not the ones before are answered."""
    began, sent, waiting = time.perf_counter(), 0, []
    with ThreadPoolExecutor(16) as senders:
        while go_on(sent):
            time.sleep(max(0.0, began + sent / EACH_SECOND - time.perf_counter()))
            waiting.append(senders.submit(client.push, [next(records)]))
            sent += 1
    return [answer.result() for answer in waiting]


def _latency(name: str, seconds: Sequence[float], each: int) -> list[str]:
    p50, p95, p99 = (np.quantile(seconds, q) * 1000 for q in (0.5, 0.95, 0.99))
    rate = f"{each * len(seconds) / sum(seconds):,.0f}" if each > 1 else ""
    return [name, f"{each * len(seconds):,}", rate, f"{p50:.1f}", f"{p95:.1f}", f"{p99:.1f}"]


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
def _serving(folder: Path) -> Iterator[str]:
    """The service on a free port of loopback; its address."""
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
        yield address
    finally:
        process.terminate()
        process.wait(60)
