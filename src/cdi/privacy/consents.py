"""Consent is given and withdrawn in one call, by whatever is known of the customer; and every word on it can be proved.

A withdrawal counts for everybody who is known by the identifier: who reads that mailbox has said stop. A consent is
given by one customer only.
"""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Connection

from cdi.access import Caller, Role, Visibility
from cdi.audit import Trail
from cdi.errors import ConflictError, InvalidInputError, NotFoundError
from cdi.ids import RecordKey
from cdi.pipeline import Installation
from cdi.pipeline.identified import carriers_of
from cdi.resolution.consents import ANY
from cdi.serving import key_as_seen, locate
from cdi.spreadsheets import harmless
from cdi.store import changes, consent_words, profiles, records, touchpoints
from cdi.store.changes import Change
from cdi.store.consent_words import ConsentWord, Said
from cdi.store.db import resolver_lock
from cdi.store.profiles import FoundProfile

GRANTED: Final = "granted"
WITHDRAWN: Final = "withdrawn"
PROVING: Final = ("method", "legal_basis", "proof", "until")


@dataclass(frozen=True, slots=True)
class Customer:
    """By what a customer is known: exactly one of these. `identifier` is (type, value)."""

    email: str | None = None
    phone: str | None = None
    identifier: tuple[str, str] | None = None
    record: RecordKey | None = None
    profile: UUID | None = None

    def handles(self) -> list[tuple[str, str]]:
        typed = [("email", self.email), ("phone", self.phone), self.identifier or ("", None)]
        return [(kind, value) for kind, value in typed if value is not None]

    def named(self) -> int:
        return len(self.handles()) + (self.record is not None) + (self.profile is not None)


@dataclass(frozen=True, slots=True)
class Word:
    """What they said. `purpose` None: of all purposes of which anything was said; only a withdrawal can be that."""

    status: str
    purpose: str | None
    channel: str = ANY
    at: datetime | None = None
    method: str | None = None
    legal_basis: str | None = None
    proof: str | None = None


def say(
    connection: Connection,
    installation: Installation,
    caller: Caller,
    trail: Trail,
    customer: Customer,
    word: Word,
    now: datetime,
) -> dict[str, Any]:
    """Keep what the customer said of a consent; it holds at once, for all their records, and the feed tells of it.

    Raises InvalidInputError, NotFoundError if nobody is known by that, ConflictError if several are and it is given.
    """
    _check(installation, customer, word, now)
    resolver_lock(connection)
    found = _customers(connection, installation, caller, customer)
    if not found:
        raise NotFoundError("no customer is known by this", remedy="Check it, or push a record of the customer first")
    if len(found) > 1 and word.status == GRANTED:
        raise ConflictError(
            f"{len(found)} customers are known by this, and only one can have consented",
            remedy="Name the customer's profile or a record (source:key)",
        )
    members = profiles.load_members(connection, [one.profile_id for one in found])
    told: set[str] = set()
    for one in found:
        purposes = [word.purpose] if word.purpose else _purposes_of(connection, one.profile_id)
        said = [_as_kept(caller, word, purpose, now) for purpose in purposes]
        consent_words.save_words(connection, members[one.profile_id], said, now)
        told |= set(purposes)
    _announce(connection, found, now)
    trail.saw(one.profile_id for one in found)
    return {
        "status": word.status,
        "purposes": sorted(told),
        "channel": word.channel,
        "affected": [one.profile_id for one in found],
        "data_owners": {str(one.profile_id): one.document["data_owner"] for one in found},
    }


def _check(installation: Installation, customer: Customer, word: Word, now: datetime) -> None:
    if customer.named() != 1:
        raise InvalidInputError(
            "a customer is named by exactly one thing", remedy="Send email, phone, identifier, record or profile"
        )
    if word.purpose is None and word.status == GRANTED:
        raise InvalidInputError("a consent is given for a purpose", remedy="Name it; only a withdrawal can be of all")
    if word.at is not None and word.at > now + installation.deployment.clock_tolerance:
        raise InvalidInputError("this was said in the future", remedy="Send at as it was, or leave it out for now")


def _customers(
    connection: Connection, installation: Installation, caller: Caller, customer: Customer
) -> list[FoundProfile]:
    """The live profiles of whoever is known by this, to a connector only through records of its own source."""
    if customer.profile is not None:
        if caller.role is Role.CONNECTOR:
            return []
        where = locate(connection, caller.visibility, customer.profile)
        return [] if where.profile is None else [where.profile]
    carriers = [i for kind, value in customer.handles() for i in carriers_of(connection, installation, kind, value)]
    if customer.record is not None:
        named = records.find_record_ids(connection, [(customer.record.source, customer.record.key)])
        carriers += [record_id for _, _, record_id in named]
    names = records.load_names(connection, carriers)
    seen = [
        record_id
        for record_id in carriers
        if names[record_id].source not in caller.visibility.hidden_sources
        and (caller.role is not Role.CONNECTOR or names[record_id].source == caller.source)
    ]
    homes = set(profiles.load_memberships(connection, seen).values())
    return list(profiles.find_profiles(connection, sorted(homes)).values())


def _purposes_of(connection: Connection, profile_id: UUID) -> list[str]:
    return sorted({said.purpose for said in touchpoints.load_consents(connection, profile_id)})


def _as_kept(caller: Caller, word: Word, purpose: str, now: datetime) -> ConsentWord:
    given = {name: getattr(word, name) for name in ("method", "legal_basis", "proof")}
    document = {"author": caller.actor, **{name: value for name, value in given.items() if value is not None}}
    at = min(word.at or now, now)
    return ConsentWord(purpose, word.channel, word.status, at, document)


def _announce(connection: Connection, found: Sequence[FoundProfile], now: datetime) -> None:
    events = [
        Change(
            "updated",
            one.profile_id,
            one.document["data_owner"],
            sorted(one.sources),
            one.version,
            attributes=("consents",),
        )
        for one in found
    ]
    changes.append_changes(connection, events, now)


# -- proof -----------------------------------------------------------------------------------------

COLUMNS: Final = (
    "purpose", "channel", "status", "at", "recorded_at", "said_to", "record", "key", "method", "legal_basis", "proof",
    "until", "author", "op",
)  # fmt: skip


def prove(
    connection: Connection, installation: Installation, visibility: Visibility, profile_id: UUID, now: datetime
) -> dict[str, Any]:
    """Every word on a consent that reached us of this customer, in that order, verbatim and as understood: what was
    said, when, to whom, by which method, with which proof. `digest` is the SHA-256 of the entries as JSON."""
    where = locate(connection, visibility, profile_id)
    if where.profile is None:
        raise NotFoundError("this profile has ended", remedy="Ask for it: the answer names where its records are")
    said = consent_words.load_proof(connection, where.profile.profile_id, visibility.hidden_sources)
    entries = [_entry(one, visibility) for one in said]
    return {
        "id": where.profile.profile_id,
        "data_owner": where.profile.document["data_owner"],
        "company": installation.deployment.company.name,
        "at": now,
        "entries": entries,
        "digest": hashlib.sha256(orjson.dumps(entries, option=orjson.OPT_SORT_KEYS)).hexdigest(),
    }


def _entry(said: Said, visibility: Visibility) -> dict[str, Any]:
    meant = said.canonical or {}
    return {
        "purpose": meant.get("purpose"),
        "channel": meant.get("channel"),
        "status": meant.get("status"),
        "at": meant.get("at") or said.at,
        "recorded_at": said.recorded_at,
        "said_to": "cdi" if said.said_key is None else said.source,
        "record": f"{said.source}:{key_as_seen(said.key, visibility)}",
        "key": said.said_key,
        **{name: meant.get(name) for name in (*PROVING, "author")},
        "op": said.op,
        "verbatim": said.native,
    }


def as_csv(proof: dict[str, Any]) -> str:
    """The entries of a proof as a table; what was said verbatim as JSON in its last column."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow((*COLUMNS, "verbatim"))
    for entry in proof["entries"]:
        cells = (entry[name] for name in COLUMNS)
        writer.writerow(
            [
                *(cell.isoformat() if isinstance(cell, datetime) else harmless(cell) for cell in cells),
                orjson.dumps(entry["verbatim"]).decode(),
            ]
        )
    return out.getvalue()
