"""Model versions: everything that the engine decides by, frozen. Training and cdi.yaml add versions; what is found
while data grow (a value that strangers share, a block over its budget) is appended to the active one as drift."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Connection, Identity, Index, Table, Text

from cdi.matching.model import MatchModel
from cdi.store.db import copy_rows, metadata, one_row, text
from cdi.store.sources import TIME

model = Table(
    "model",
    metadata,
    Column("version", Text, primary_key=True),
    Column("name", Text, nullable=False),  # as named in cdi.yaml
    Column("body", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    Index("uq_model_active", "active", unique=True, postgresql_where=text("active")),
)

model_drift = Table(
    "model_drift",
    metadata,
    Column("drift_id", BigInteger, Identity(always=True), primary_key=True),
    Column("version", Text, nullable=False),
    Column("kind", Text, nullable=False),  # shared: the hash of a value; refused: a block key
    Column("value", BigInteger, nullable=False),
    Column("at", TIME, nullable=False),
    Index("uq_model_drift_value", "version", "kind", "value", unique=True),
    Index(None, "version", "drift_id"),  # every lookup and every push asks how far its version has drifted
)

derivation = Table(
    "derivation",
    metadata,
    Column("single", Boolean, primary_key=True),
    Column("rules", Text, nullable=False),  # the fingerprint of the rules by which the profiles were built
    Column("addresses_are_homes", Boolean, nullable=False, server_default="false"),
    CheckConstraint("single", name="one_row"),
)

SHARED: Final = "shared"
REFUSED: Final = "refused"


class ModelShelf:
    """The active model, read from the store when it or its drift has moved, else remembered."""

    def __init__(self) -> None:
        self._kept: tuple[str, int, MatchModel] | None = None  # replaced as a whole: threads ask beside each other

    def active(self, connection: Connection) -> MatchModel | None:
        """The model that decides now, its drift included; None before the first."""
        row = one_row(
            connection,
            "select m.version, (select coalesce(max(drift_id), 0) from model_drift d where d.version = m.version)"
            " as drift from model m where m.active",
            {},
        )
        if row is None:
            return None
        kept = self._kept
        if kept is None or row.version != kept[0]:
            body = connection.execute(text("select body from model where active")).scalar_one()
            kept = row.version, 0, MatchModel.from_json(body)
        version, drift, model = kept
        if row.drift > drift:  # it may be less: another thread has heard of more meanwhile
            kept = version, row.drift, _drifted(connection, version, model, drift)
        self._kept = kept
        return kept[2]


def _drifted(connection: Connection, version: str, model: MatchModel, since: int) -> MatchModel:
    """The model with what was found after this mark; it is appended under the resolver's lock, so in order."""
    rows = connection.execute(text(DRIFTED), {"version": version, "since": since})
    found = {row.kind: np.frombuffer(row.packed, dtype=">i8").astype(np.int64) for row in rows}
    nothing = np.zeros(0, dtype=np.int64)
    shared, refused = found.get(SHARED, nothing), found.get(REFUSED, nothing)
    return model.with_found(shared=shared.view(np.uint64), refused=refused)


# A million values are told with the first answer of a process: as rows they took most of a second.
DRIFTED = """
select kind, string_agg(int8send(value), ''::bytea) as packed from model_drift
where version = :version and drift_id > :since group by kind
"""


def add_drift(connection: Connection, kind: str, values: Sequence[int], now: datetime) -> None:
    """Append to the active version what was found; hashes as signed 64-bit integers."""
    version = connection.execute(text("select version from model where active")).scalar_one()
    copy_rows(
        connection,
        "model_drift",
        ("version", "kind", "value", "at"),
        ((version, kind, value, now) for value in sorted(set(values))),
    )


def active_version(connection: Connection) -> str | None:
    """The version that decides now, and how much it has drifted: `8668dc81b4d0+12`. It is counted, so who has the
    model at hand asks that."""
    row = connection.execute(
        text(
            "select m.version, (select count(*) from model_drift d where d.version = m.version) as drift"
            " from model m where m.active"
        )
    ).one_or_none()
    return None if row is None else f"{row.version}+{row.drift}" if row.drift else str(row.version)


def active_base(connection: Connection) -> tuple[str, str] | None:
    """(name in cdi.yaml, version) of the active model without its drift; None before the first."""
    row = connection.execute(text("select name, version from model where active")).one_or_none()
    return None if row is None else (row.name, row.version)


def named_model(connection: Connection, name: str) -> MatchModel | None:
    """The newest version under this name; None when there is none."""
    body = connection.execute(
        text("select body from model where name = :name order by created_at desc, version limit 1"), {"name": name}
    ).scalar()
    return None if body is None else MatchModel.from_json(body)


def names(connection: Connection) -> list[str]:
    """The names under which models were trained."""
    return list(
        connection.execute(text("select distinct name from model where name <> 'default' order by name")).scalars()
    )


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version that was trained or has decided: its name, whether it decides now, why it is there and how it was
    made."""

    version: str
    name: str
    active: bool
    reason: str
    created_at: datetime
    provenance: dict[str, Any]


def list_versions(connection: Connection) -> list[ModelVersion]:
    """All versions, newest first."""
    rows = connection.execute(
        text(
            "select version, name, active, reason, created_at, body::json -> 'provenance' as provenance from model"
            " order by created_at desc, version"
        )
    )
    return [ModelVersion(*row) for row in rows]


def load_version(connection: Connection, version: str) -> MatchModel | None:
    """The model of this version, without its drift; None when there is none."""
    body = connection.execute(text("select body from model where version = :version"), {"version": version}).scalar()
    return None if body is None else MatchModel.from_json(body)


def save_model(connection: Connection, name: str, body: MatchModel, reason: str, now: datetime) -> None:
    """Keep a version that does not decide yet."""
    connection.execute(
        text(
            """
            insert into model (version, name, body, active, reason, created_at)
            values (:version, :name, :body, false, :reason, :now)
            on conflict (version) do nothing
            """
        ),
        {"version": body.version, "name": name, "body": body.to_json(), "reason": reason, "now": now},
    )


def activate_model(connection: Connection, name: str, body: MatchModel, reason: str, now: datetime) -> None:
    """Make this version the one that decides; versions are kept, their drift is not carried on."""
    connection.execute(text("update model set active = false where active"))
    connection.execute(
        text(
            """
            insert into model (version, name, body, active, reason, created_at)
            values (:version, :name, :body, true, :reason, :now)
            on conflict (version) do update set active = true, name = excluded.name
            """
        ),
        {"version": body.version, "name": name, "body": body.to_json(), "reason": reason, "now": now},
    )


def rules_moved(connection: Connection, fingerprint: str) -> bool:
    """Whether profiles were built by other rules than these; False before the first."""
    known = connection.execute(text("select rules from derivation")).scalar()
    if known is None:
        remember_rules(connection, fingerprint)
    return known is not None and known != fingerprint


def remember_rules(connection: Connection, fingerprint: str) -> None:
    """From now on profiles are built by these rules."""
    connection.execute(
        text(
            "insert into derivation (single, rules) values (true, :rules)"
            " on conflict (single) do update set rules = excluded.rules"
        ),
        {"rules": fingerprint},
    )


def remember_homes(connection: Connection, addresses_are_homes: bool) -> None:
    """What the addresses of all records told a run over everything: is a shared address a home?"""
    connection.execute(text("update derivation set addresses_are_homes = :homes"), {"homes": addresses_are_homes})


def addresses_are_homes(connection: Connection) -> bool:
    """Whether a shared address is a home; False until a run over everything could tell."""
    return bool(connection.execute(text("select addresses_are_homes from derivation")).scalar())
