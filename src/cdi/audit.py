"""The audit log as doors use it: a Trail says what one request, page or command does, and is written with its
transaction, so that no value leaves and nothing changes without its entry. Why it is built so: docs/decisions/audit.md.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Caller, Credential, Role
from cdi.fields import ATTRIBUTES, FieldGroup
from cdi.ids import is_uuid
from cdi.settings import Deployment
from cdi.store import audit
from cdi.store.audit import AuditFilter, Entry, Kept
from cdi.store.db import Database

OTHER_PURPOSE: Final = "(other)"
"""A purpose that nobody has named beforehand is free text, and what is in it is not ours to keep."""


@dataclass(slots=True)
class Trail:
    """What somebody is about to do. `changes`: it is written even if no value was shown in full. `about` takes ids,
    names that stand in cdi.yaml or the program, and numbers; nothing else."""

    actor: str
    role: str
    action: str
    groups: frozenset[FieldGroup] = frozenset()
    purpose: str | None = None
    changes: bool = False
    profiles: set[UUID] = field(default_factory=set)
    about: dict[str, int | bool | str | list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, caller: Caller, action: str, *, changes: bool = False, purpose: str | None = None) -> "Trail":
        """The trail of a caller, who sees in full what their visibility says; a connector sees its own words."""
        groups = frozenset(FieldGroup) if caller.role is Role.CONNECTOR else caller.visibility.groups
        return cls(caller.actor, caller.role.value, action, groups, purpose, changes)

    def saw(self, profile_ids: Iterable[UUID | str]) -> None:
        """These profiles are in the answer."""
        self.profiles |= {UUID(str(profile_id)) for profile_id in profile_ids}

    def write(self, connection: Connection, now: datetime) -> None:
        """Append it, if there is anything to tell: a change, or personal values in full."""
        write_all(connection, [self], now)

    def entry(self, now: datetime) -> Entry:
        """What is kept of it."""
        groups = sorted(group.value for group in self.groups)
        return Entry(
            now, self.actor, self.role, self.action, self.purpose, groups, sorted(self.profiles), dict(self.about)
        )


def write_all(connection: Connection, trails: Iterable[Trail], now: datetime) -> None:
    """Append those of these trails that have anything to tell, at once. If nothing was changed, the commit does not
    wait for the disk."""
    telling = [trail for trail in trails if trail.changes or trail.groups]
    told = [trail.entry(now) for trail in telling]
    audit.append_entries(connection, told, hurry=not any(trail.changes for trail in telling))


def trail_of_request(
    caller: Caller,
    deployment: Deployment,
    action: str,
    *,
    changes: bool,
    path: Mapping[str, str],
    criteria: Collection[str],
    purpose: str | None,
) -> Trail:
    """The trail of a request to a route: what its path names, and by which parameters (never what they say)."""
    trail = Trail.of(caller, action, changes=changes, purpose=known_purpose(deployment, purpose))
    for name, value in path.items():
        if name == "profile_id" and is_uuid(value):
            trail.saw([value])
        elif name.endswith("_id") and (value.isdecimal() or is_uuid(value)):
            trail.about[name] = int(value) if value.isdecimal() else value
        elif (name == "source" and value in deployment.sources) or (name == "attribute" and value in ATTRIBUTES):
            trail.about[name] = value
    if criteria:
        trail.about["criteria"] = sorted(criteria)
    return trail


def known_purpose(deployment: Deployment, purpose: str | None) -> str | None:
    """A purpose as it is kept: only by a name that cdi.yaml gives it."""
    if purpose is None:
        return None
    named = {name for source in deployment.sources.values() for name in source.purposes}
    named |= {*deployment.contact.without_consent, *(cap.purpose for cap in deployment.contact.caps if cap.purpose)}
    named |= {
        name for grant in (deployment.openid.grants if deployment.openid else ()) for name in grant.purposes or ()
    }
    return purpose if purpose in named else OTHER_PURPOSE


def by_source(source: str, action: str) -> Trail:
    """The trail of a source system that tells by itself what is new."""
    return Trail(f"{Credential.SOURCE}:{source}", Role.CONNECTOR.value, action, changes=True, about={"source": source})


# -- the chain -------------------------------------------------------------------------------------


def seal(database: Database) -> int:
    """Chain all entries that wait, batch by batch; how many."""
    total = 0
    while True:
        with database.unit_of_work() as connection:
            sealed = audit.seal(connection)
        total += sealed
        if sealed < audit.BATCH:
            return total


@dataclass(frozen=True, slots=True)
class Walked:
    """How far the chain was walked: the number and hash of the last entry, how many there were, and whether the head
    that was exported was among them."""

    number: int = 0
    hash: str = audit.BEGINNING.hex()
    entries: int = 0
    found: bool = False


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of the chain: how many entries are in it, its head, what is wrong in order of the chain (at most a
    hundred lines), and what is not sealed yet. `goes_on`: only so far was walked."""

    entries: int
    head: str
    faults: list[str]
    unsealed: int
    oldest_unsealed: datetime | None
    goes_on: Walked | None = None

    @property
    def holds(self) -> bool:
        return not self.faults


MOST_FAULTS: Final = 100


def verify(
    connection: Connection, exported: str | None = None, since: Walked | None = None, most: int | None = None
) -> Verification:
    """Walk the chain from its beginning, or from where it was walked before; `most` so many entries. Each entry that is
    missing, changed, put in or in another place is named; so is, at its end, a head that was exported before and is not
    in the chain any more, as when its end was cut off."""
    walk = _Walk(exported, _from(connection, since))
    faults = [] if since else list(_untold_cut(connection))
    for fault in walk.faults(audit.read_chain(connection, walk.number or None), most):
        if len(faults) < MOST_FAULTS:
            faults.append(fault)
    waiting, oldest = audit.unsealed(connection)
    return Verification(walk.entries, walk.hash.hex(), faults, waiting, oldest, walk.walked if walk.stopped else None)


def _from(connection: Connection, since: Walked | None) -> Walked:
    """Where the walk goes on, or the beginning of the chain; that moves when the log is cut."""
    number, digest = audit.beginning(connection)
    return since if since is not None and since.number >= number else Walked(number, digest.hex())


def _untold_cut(connection: Connection) -> Iterator[str]:
    number, digest = audit.beginning(connection)
    if number and not audit.is_told(connection, CUT, _about_cut(number, digest)):
        yield f"the log was cut after entry {number}, and no entry tells of it"


class _Walk:
    def __init__(self, exported: str | None, since: Walked) -> None:
        self.exported = exported
        self.entries, self.number, self.hash = since.entries, since.number, bytes.fromhex(since.hash)
        self.found = since.found or exported in {None, since.hash}
        self.stopped = False

    @property
    def walked(self) -> Walked:
        return Walked(self.number, self.hash.hex(), self.entries, self.found)

    def faults(self, chain: Iterable[Kept], most: int | None) -> Iterator[str]:
        end = None if most is None else self.entries + most
        for kept in chain:
            if self.entries == end:
                self.stopped = True
                return
            assert kept.number is not None
            self.entries += 1
            if kept.number != self.number + 1:
                yield _gap(self.number + 1, kept.number)
            should = kept.chained(kept.number, self.hash)
            if kept.number == self.number + 1 and kept.hash != should:
                yield f"entry {kept.number} is not what was sealed, or the one before it is not"
            # From here on by the hash that stands there, so that one fault is told once.
            self.number, self.hash = kept.number, kept.hash or b""
            self.found = self.found or self.hash.hex() == self.exported
        if not self.found:
            yield "the head that was exported is not in the chain: what was sealed then was changed or cut off"


def _gap(first: int, found: int) -> str:
    if found < first:
        return f"entry {found} has no place in the chain"
    return f"entry {first} is missing" if found == first + 1 else f"entries {first} to {found - 1} are missing"


# -- its end in the past ---------------------------------------------------------------------------

CUT: Final = "cut_audit_log"


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the log is cut: how many entries go, and the number and hash of the last of them, to which the first that
    stays is chained."""

    entries: int
    number: int
    hash: str


def cut(database: Database, trail: Trail, before: datetime, now: datetime, *, dry_run: bool = False) -> Cut | None:
    """Cut off the sealed entries up to which all are older than `before`; None if there are none. That it was done, and
    the hash at which, is the entry of this trail. It may be killed and run again."""
    with database.unit_of_work() as connection:
        audit.alone(connection)
        last = audit.last_before(connection, before)
        found = None if last is None else Cut(audit.count_cut(connection, last[0]), last[0], last[1].hex())
        if last is not None and not dry_run:
            audit.cut_after(connection, *last, now)
            trail.about |= _about_cut(*last)
            trail.write(connection, now)
    while not dry_run:
        with database.unit_of_work() as connection:
            if audit.delete_cut(connection) < audit.BATCH:
                break
    return found


def _about_cut(number: int, digest: bytes) -> dict[str, int | str]:
    return {"number": number, "head": digest.hex()}


def sealed_head(database: Database) -> tuple[int, str]:
    """Seal what waits; the number and the hash of the last entry, to be kept elsewhere."""
    seal(database)
    with database.unit_of_work() as connection:
        number, digest = audit.head(connection)
    return number, digest.hex()


@dataclass(frozen=True, slots=True)
class ChainStanding:
    """How many entries are chained, the hash of the last, how many wait to be, and since when the oldest of them."""

    entries: int
    head: str
    unsealed: int
    oldest_unsealed: datetime | None


def chain_standing(connection: Connection) -> ChainStanding:
    """Where the chain ends now."""
    number, digest = audit.head(connection)
    return ChainStanding(number, digest.hex(), *audit.unsealed(connection))


def list_entries(connection: Connection, wanted: AuditFilter, limit: int) -> list[dict[str, Any]]:
    """Entries as they are told, newest first."""
    return [
        {
            "id": kept.entry_id,
            "at": kept.entry.at,
            "actor": kept.entry.actor,
            "role": kept.entry.role,
            "action": kept.entry.action,
            "purpose": kept.entry.purpose,
            "groups": kept.entry.groups,
            "profiles": kept.entry.profiles,
            "about": kept.entry.about,
            "number": kept.number,
            "hash": None if kept.hash is None else kept.hash.hex(),
        }
        for kept in audit.list_entries(connection, wanted, limit)
    ]
