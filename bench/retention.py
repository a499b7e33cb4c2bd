"""A retention run while applications read: how long it takes, and what readers notice of it.

So many records of a deployment are made due (their last change is set eleven years back), then `cdi retention` removes
them while profiles are read at a fixed rate, from the same machine, as before it began.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import psycopg
from psycopg.conninfo import make_conninfo

from bench import results, serving
from bench.serving import Customer, Offered
from cdi.pipeline import Installation, open_installation
from cdi.settings import load_settings
from cdi.store.db import text
from cdi.store.embedded import SUPERUSER

A_SECOND = 100
WINDOWS_BEFORE = 5
SETTLING = 30.0
MOVED = frozenset({"200", "301"})
"""Where a record went, two profiles may become one."""
HEAD = ("profiles read", "windows of 10 s", "p50 ms", "p99 ms", "worst p99 ms of a window", "largest ms")


def measure(folder: Path, due: int, seed: int, command: str) -> None:
    """Remove `due` records of the deployment in `folder` (a copy: they are gone afterwards), and write down how it
    went."""
    settings = load_settings(folder)
    with open_installation(settings) as installation, TemporaryDirectory(prefix="cdi-bench-") as scratch:
        customers, profiles = serving.sample_customers(installation, seed)
        key = serving.reader_key(installation)
        _make_due(installation, due, customers, seed)
        _settle(installation)
        place = Path(scratch)
        serving.compile_openloop(place)
        with serving.served_by_workers(folder, serving.WORKERS) as port:
            serving.warm(port, key, customers)
            time.sleep(SETTLING)  # until the service has read what it reads when it begins
            offered = next(o for o in serving.offers(customers, key, seed) if o.name == "profile")
            asked = Offered("profile", A_SECOND, offered.requests, 0.99, 1e9)
            before = [serving.open_loop(port, asked, place) for _ in range(WINDOWS_BEFORE)]
            spent = _of_children()
            # a session of its own, as under a service manager: it has no part in the service's share of the processors
            with subprocess.Popen(_run(folder), stdout=subprocess.PIPE, start_new_session=True) as run:
                during = list(_windows(run, port, asked, place))
                assert run.stdout is not None
                told = orjson.loads(run.stdout.read())
            cpu = _of_children() - spent
        seconds = (datetime.fromisoformat(told["ended_at"]) - datetime.fromisoformat(told["began_at"])).total_seconds()
    removed = sum(rule["removed"] for rule in told["rules"])
    rows = [["before", *_figures(before)], ["during the run", *_figures(during)]]
    body = "\n\n".join(
        [
            f"{profiles:,} profiles. {removed:,} due records removed in {seconds:.0f} s ({removed / seconds:,.0f} a"
            f" second; {cpu:.0f} CPU seconds of its process), each with its values, in commits of about 0.3 s with a"
            " pause after each of once to twice as long.",
            f"Meanwhile {A_SECOND} profiles a second were read over HTTP:",
            results.table(HEAD, rows),
        ]
    )
    results.write(f"Retention, {removed:,} records of {profiles:,} profiles", command, seed, body)


def _of_children() -> float:
    """CPU seconds of the programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _make_due(installation: Installation, due: int, kept: Sequence[Customer], seed: int) -> None:
    """Records at random, of none of these customers, were last heard of eleven years ago; all others a year ago."""
    with installation.database.unit_of_work() as connection:
        old = "observed_at < now() - interval '9 years'"
        connection.execute(text(f"update record set observed_at = now() - interval '1 year' where {old}"))
        connection.execute(
            text(
                """
                update record set observed_at = now() - interval '11 years' where record_id in (
                    select record_id from record join membership using (record_id)
                    where live and kind = 'customer' and not profile_id = any(cast(:kept as uuid[]))
                    order by hashint8extended(record_id, :seed) limit :due)
                """
            ),
            {"kept": [customer.profile_id for customer in kept], "seed": seed, "due": due},
        )


def _settle(installation: Installation) -> None:
    """Until nothing is left to do of having made them due, which would disturb who reads before the run."""
    ours = installation.database.url
    for url, statement in ((ours, "vacuum analyze record"), (make_conninfo(ours, user=SUPERUSER), "checkpoint")):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)
    time.sleep(SETTLING)


def _run(folder: Path) -> list[str]:
    return [sys.executable, "-m", "cdi", "retention", "--confirm", "--json", "--dir", str(folder)]


def _windows(run: "subprocess.Popen[bytes]", port: int, asked: Offered, place: Path) -> Iterator[list[str]]:
    while run.poll() is None:
        yield serving.open_loop(port, asked, place, MOVED)


def _figures(windows: Sequence[Sequence[str]]) -> list[str]:
    """p50 and p99: the middle one of all windows."""
    p50, p99, largest = ([float(window[n]) for window in windows] for n in (2, 4, 5))
    middle = len(windows) // 2
    return [
        str(len(windows)),
        f"{sorted(p50)[middle]:.1f}",
        f"{sorted(p99)[middle]:.1f}",
        f"{max(p99):.1f}",
        f"{max(largest):.1f}",
    ]
