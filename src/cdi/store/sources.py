"""How far each source has been read, how each run went, and what was rejected on the way."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Connection, DateTime, Identity, Index, Row, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from cdi.ingest.contract import Native, Rejected, State
from cdi.store.db import lock_key, metadata, text

TIME = DateTime(timezone=True)
PART = "part"
"""The status of a run that read some streams only: it went well, and says nothing of when the source was read."""

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("source", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("state", JSONB, nullable=False),
    Column("updated_at", TIME, nullable=False),
)

sync_run = Table(
    "sync_run",
    metadata,
    Column("run_id", BigInteger, Identity(always=True), primary_key=True),
    Column("source", Text, nullable=False),
    Column("started_at", TIME, nullable=False),
    Column("ended_at", TIME),
    Column("status", Text, nullable=False),  # running, ok, part, failed, stopped
    Column("counts", JSONB, nullable=False),
    Column("error", Text),
    Index(None, "source", "run_id"),
)

rejected = Table(
    "rejected",
    metadata,
    Column("rejected_id", BigInteger, Identity(always=True), primary_key=True),
    Column("source", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("key", Text),
    Column("native", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("first_at", TIME, nullable=False),
    Column("last_at", TIME, nullable=False),
    Column("resolved_at", TIME),
    Index(
        "uq_rejected_open",
        "source",
        "stream",
        "content_hash",
        unique=True,
        postgresql_where=text("resolved_at is null"),
    ),
)


@dataclass(slots=True)
class Counts:
    """What a run did, in records. `read` is the sum of the others. `older`: versions that came late and do not
    count; `held`: kept back because they seem to be about another person, until a steward decides."""

    read: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    older: int = 0
    deleted: int = 0
    held: int = 0
    rejected: int = 0

    def __iadd__(self, other: "Counts") -> "Counts":
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self

    @property
    def versions(self) -> int:
        """New versions written."""
        return self.added + self.changed + self.deleted + self.older + self.held


def load_checkpoint(connection: Connection, source: str, stream: str) -> State | None:
    """How far the stream has been read; None before its first checkpoint."""
    row = connection.execute(
        text("select state from checkpoint where source = :source and stream = :stream"),
        {"source": source, "stream": stream},
    ).scalar()
    return None if row is None else dict(row)


def save_checkpoint(connection: Connection, source: str, stream: str, state: State, now: datetime) -> None:
    """Record how far the stream has been read, in the transaction that holds the records before it."""
    connection.execute(
        text(
            """
            insert into checkpoint (source, stream, state, updated_at)
            values (:source, :stream, cast(:state as jsonb), :now)
            on conflict (source, stream) do update set state = excluded.state, updated_at = excluded.updated_at
            where checkpoint.state is distinct from excluded.state
            """
        ),
        {"source": source, "stream": stream, "state": orjson.dumps(state).decode(), "now": now},
    )


def start_run(connection: Connection, source: str, now: datetime) -> int:
    """A new run of this source; an earlier one that never ended was killed and is closed as failed."""
    connection.execute(
        text(
            "update sync_run set status = 'failed', ended_at = :now, error = 'the run was interrupted'"
            " where source = :source and status = 'running'"
        ),
        {"source": source, "now": now},
    )
    return int(
        connection.execute(
            text(
                "insert into sync_run (source, started_at, status, counts)"
                " values (:source, :now, 'running', '{}') returning run_id"
            ),
            {"source": source, "now": now},
        ).scalar_one()
    )


def end_run(
    connection: Connection,
    run_id: int,
    counts: Counts,
    now: datetime,
    error: str | None = None,
    status: str | None = None,
) -> None:
    """Close a run with what it did; `error` is None when it went well. `status`, where it is neither ok nor failed."""
    connection.execute(
        text(
            "update sync_run set status = :status, ended_at = :now, counts = cast(:counts as jsonb), error = :error"
            " where run_id = :run_id"
        ),
        {
            "run_id": run_id,
            "status": status or ("failed" if error else "ok"),
            "now": now,
            "counts": orjson.dumps(asdict(counts)).decode(),
            "error": error,
        },
    )


def note_progress(connection: Connection, source: str, counts: Counts) -> None:
    """How far the run of this source has come, for those who ask meanwhile."""
    connection.execute(
        text(
            "update sync_run set counts = cast(:counts as jsonb) where run_id ="
            " (select run_id from sync_run where source = :source order by run_id desc limit 1) and status = 'running'"
        ),
        {"source": source, "counts": orjson.dumps(asdict(counts)).decode()},
    )


@dataclass(frozen=True, slots=True)
class RunState:
    """How a source stands: its last run, how many failures in a row, and the beginning of the last run that went
    well: what the source said until then is known. A run that nobody is at any more has failed."""

    status: str
    started_at: datetime
    ended_at: datetime | None
    failures: int
    known_until: datetime | None


def run_states(connection: Connection, sources: Sequence[str]) -> dict[str, RunState]:
    """How these sources stand; those that were never read are left out."""
    rows = connection.execute(
        text(
            """
            select s.source, last.status, last.started_at, last.ended_at, good.started_at as known_until,
                (select count(*) from sync_run f where f.source = s.source
                    and f.run_id > coalesce(good.run_id, 0) and f.status = 'failed') as failures,
                exists (select from pg_locks l where l.locktype = 'advisory' and l.granted and l.objsubid = 1
                    and l.database = (select oid from pg_database where datname = current_database())
                    and (l.classid::bigint << 32 | l.objid::bigint) = s.lock) as held
            from unnest(cast(:sources as text[]), cast(:locks as bigint[])) as s(source, lock)
            cross join lateral (select * from sync_run r where r.source = s.source and r.status <> 'part'
                order by run_id desc limit 1) last
            left join lateral (select * from sync_run r where r.source = s.source and r.status = 'ok'
                order by run_id desc limit 1) good on true
            """
        ),
        {"sources": list(sources), "locks": [lock_key(sync_lock(source)) for source in sources]},
    )
    return {row.source: _state(row) for row in rows}


def _state(row: Row[Any]) -> RunState:
    died = row.status == "running" and not row.held
    status = "failed" if died else row.status
    return RunState(status, row.started_at, row.ended_at, row.failures + died, row.known_until)


def forget_runs(connection: Connection, before: datetime) -> int:
    """Runs that ended before this moment are forgotten, except the last of each source and the last that went well;
    how many they were."""
    result = connection.execute(
        text(
            """
            delete from sync_run r where r.ended_at < :before and r.run_id < (
                select min(kept.run_id) from (select max(run_id) as run_id from sync_run where source = r.source
                    union all select max(run_id) from sync_run where source = r.source and status = 'ok') kept)
            """
        ),
        {"before": before},
    )
    return int(result.rowcount)


def sync_lock(source: str) -> str:
    """The name of the lock that whoever reads this source holds."""
    return f"sync of {source}"


def list_runs(connection: Connection, source: str, limit: int = 50, before: int | None = None) -> list[dict[str, Any]]:
    """The runs of a source, newest first; `before` continues a list."""
    rows = connection.execute(
        text(
            "select run_id, status, started_at, ended_at, counts, error from sync_run"
            " where source = :source and (cast(:before as bigint) is null or run_id < :before)"
            " order by run_id desc limit :limit"
        ),
        {"source": source, "limit": limit, "before": before},
    ).mappings()
    return [dict(row) for row in rows]


def save_rejected(connection: Connection, source: str, items: Sequence[tuple[Rejected, str]], now: datetime) -> int:
    """Keep records that could not be taken, each once while it stands unresolved; how many are new.

    Each item is a rejected record with the hash of its content.
    """
    if not items:
        return 0
    result = connection.execute(
        text(
            """
            insert into rejected (source, stream, key, native, reason, content_hash, first_at, last_at)
            values (:source, :stream, :key, cast(:native as jsonb), :reason, :hash, :now, :now)
            on conflict (source, stream, content_hash) where resolved_at is null
            do update set last_at = excluded.last_at, reason = excluded.reason
            """
        ),
        [
            {
                "source": source,
                "stream": item.stream,
                "key": item.key,
                "native": orjson.dumps(item.data).decode(),
                "reason": item.reason,
                "hash": content_hash,
                "now": now,
            }
            for item, content_hash in items
        ],
    )
    return int(result.rowcount)


@dataclass(frozen=True, slots=True)
class StandingRejection:
    """A record that was rejected and has not come right: when it came first and last, and why it is not taken."""

    rejected_id: int
    stream: str
    key: str | None
    native: Native
    reason: str
    first_at: datetime
    last_at: datetime


def open_rejected(
    connection: Connection,
    source: str,
    *,
    only: Sequence[int] | None = None,
    reason: str | None = None,
    after: int | None = None,
    limit: int | None = None,
) -> list[StandingRejection]:
    """What stands rejected of a source, oldest first; of `only` these, for this `reason`; `after` continues a list."""
    rows = connection.execute(
        text(
            "select rejected_id, stream, key, native, reason, first_at, last_at from rejected"
            " where source = :source and resolved_at is null"
            " and (cast(:only as bigint[]) is null or rejected_id = any(:only))"
            " and (cast(:reason as text) is null or reason = :reason)"
            " and (cast(:after as bigint) is null or rejected_id > :after)"
            " order by rejected_id limit :limit"
        ),
        {
            "source": source,
            "only": None if only is None else list(only),
            "reason": reason,
            "after": after,
            "limit": limit,
        },
    )
    return [StandingRejection(*row) for row in rows]


def rejection_reasons(connection: Connection, source: str, limit: int) -> list[tuple[str, int]]:
    """Why records of a source stand rejected, and how many for each reason; the most frequent first."""
    rows = connection.execute(
        text(
            "select reason, count(*) as n from rejected where source = :source and resolved_at is null"
            " group by reason order by n desc, reason limit :limit"
        ),
        {"source": source, "limit": limit},
    )
    return [(row.reason, row.n) for row in rows]


def resolve_rejected(connection: Connection, rejected_ids: Sequence[int], now: datetime) -> None:
    """These were taken after all."""
    connection.execute(
        text("update rejected set resolved_at = :now where rejected_id = any(cast(:ids as bigint[]))"),
        {"ids": list(rejected_ids), "now": now},
    )


def heal_rejected(connection: Connection, source: str, keys: Sequence[tuple[str, str]], now: datetime) -> None:
    """Records of these (stream, key) were taken: what was rejected of them before is settled."""
    connection.execute(
        text(
            """
            update rejected r set resolved_at = :now
            from unnest(cast(:streams as text[]), cast(:keys as text[])) as t(stream, key)
            where r.source = :source and r.resolved_at is null and r.stream = t.stream and r.key = t.key
            """
        ),
        {"source": source, "streams": [s for s, _ in keys], "keys": [k for _, k in keys], "now": now},
    )


def joined(connection: Connection, source: str) -> tuple[int, int]:
    """How many live profiles have customer records of this source, and how many of these have records of other sources
    too."""
    row = connection.execute(
        text(
            """
            with ours as (select distinct m.profile_id from record r join membership m using (record_id)
                where r.source = :source and r.live)
            select count(*) as profiles, count(*) filter (where exists (
                select from membership m join record r using (record_id)
                where m.profile_id = ours.profile_id and r.source <> :source)) as elsewhere
            from ours
            """
        ),
        {"source": source},
    ).one()
    return int(row.profiles), int(row.elsewhere)


def source_figures(connection: Connection) -> dict[str, dict[str, Any]]:
    """By source: live customer records, standing rejections, and the last run."""
    figures: dict[str, dict[str, Any]] = {}
    queries = {
        "records": "select source, count(*) as value from record where live and kind = 'customer' group by source",
        "rejected": "select source, count(*) as value from rejected where resolved_at is null group by source",
        "last_run": "select distinct on (source) source, to_jsonb(sync_run) - 'source' as value"
        " from sync_run order by source, run_id desc",
    }
    for name, query in queries.items():
        for row in connection.execute(text(query)):
            figures.setdefault(row.source, {})[name] = row.value
    return figures
