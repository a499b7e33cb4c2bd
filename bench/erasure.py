"""What the law asks, of customers of a large deployment, one call each: how long access, the preview of an erasure, a
restriction and an erasure take."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

from bench import results
from cdi.access import EVERYTHING, Caller, Credential, Role
from cdi.clock import utc_now
from cdi.pipeline import Installation, open_installation
from cdi.privacy import erasing, restricting
from cdi.privacy.disclosure import disclose
from cdi.privacy.requests import Office
from cdi.settings import load_settings
from cdi.store.db import text

OFFICER = Caller("bench", Role.ADMIN, EVERYTHING, credential=Credential.OPERATOR)
HEAD = ("call", "customers", "p50 ms", "p95 ms", "largest ms")


def measure(folder: Path, customers: int, seed: int, command: str) -> None:
    """Erase this many customers of the deployment in `folder` (a copy: they are gone afterwards), and write down how
    it went."""
    with open_installation(load_settings(folder)) as installation:
        profiles, chosen, largest = _chosen(installation, customers, seed)
        rows = [
            _row(installation, "access, first of the process", chosen[:1], disclose),
            _row(installation, "access", chosen, disclose),
            _row(installation, "preview", chosen, erasing.preview),
            _row(installation, "restriction", chosen, partial(restricting.restrict, ground="demanded")),
            _row(installation, "erasure", chosen, partial(erasing.ask, ground="demanded")),
        ]
    body = "\n\n".join(
        [
            f"{profiles:,} profiles. {customers} of them at random and the {len(chosen) - customers} with the most"
            f" records (up to {largest}); one after the other, each in its commit.",
            results.table(HEAD, rows),
        ]
    )
    results.write(f"Erasure, {profiles:,} profiles", command, seed, body)


def _chosen(installation: Installation, customers: int, seed: int) -> tuple[int, list[UUID], int]:
    """How many profiles there are; these of them; how many records the largest has."""
    with installation.database.unit_of_work() as connection:
        total = connection.execute(text("select count(*) from profile where retired_at is null")).scalar_one()
        at_random = connection.execute(
            text(
                "select profile_id from profile where retired_at is null"
                " order by uuid_hash_extended(profile_id, :seed) limit :n"
            ),
            {"seed": seed, "n": customers},
        ).scalars()
        chosen = list(at_random)
        large = connection.execute(
            text(
                "select profile_id, count(*) as n from membership where not profile_id = any(cast(:ids as uuid[]))"
                " group by profile_id order by n desc, profile_id limit 10"
            ),
            {"ids": chosen},
        ).all()
    return int(total), [*chosen, *(row.profile_id for row in large)], max(row.n for row in large)


def _row(
    installation: Installation, name: str, chosen: Sequence[UUID], call: Callable[[Office, UUID], object]
) -> list[str]:
    took = []
    for profile_id in chosen:
        began = time.perf_counter()
        with installation.database.unit_of_work() as connection:
            call(Office(connection, installation, OFFICER, utc_now()), profile_id)
        took.append(1_000 * (time.perf_counter() - began))
    took.sort()
    p95 = took[int(0.95 * (len(took) - 1))]
    return [name, str(len(took)), f"{took[len(took) // 2]:.0f}", f"{p95:.0f}", f"{took[-1]:.0f}"]
