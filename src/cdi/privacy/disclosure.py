"""Access and portability (Art. 15, 20): everything that is kept about one customer, in one call; what is told is what
an erasure would remove. Of others nothing: records that are not this customer's are neither shown nor named.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Connection

from cdi import contact, journey, profiles
from cdi.access import EVERYTHING, Credential
from cdi.privacy import consents
from cdi.privacy.disclosed import Disclosure, Owner, Recipient, Seen, Source, Value, Version
from cdi.privacy.erasing import Subject, subject_of
from cdi.privacy.holds import list_holds
from cdi.privacy.requests import Office, list_requests
from cdi.privacy.retention import rules_of
from cdi.resolution.decisions import Verdict
from cdi.resolution.golden import STEWARD, GoldenRecord
from cdi.serving import live_profile
from cdi.store import audit, corrections, disclosures, erasures
from cdi.store.audit import AuditFilter, Entry
from cdi.store.privacy_requests import RequestFilter
from cdi.store.touchpoints import JourneyFilter

MOST: Final = 100_000
"""More of a kind is not told in one answer; nobody has so many."""
EXPORT: Final = "cdi export profiles"
PEOPLE: Final = frozenset({Credential.USER, Credential.OPERATOR})


def disclose(office: Office, profile_id: UUID, *, for_customer: bool = False) -> Disclosure:
    """All about this customer. `for_customer`: as it may be handed over. People who work here are told by their role;
    what may be about somebody else (words on records kept apart, versions that were kept back) is left out.

    Raises NotFoundError, ConflictError for an id that is retired (it names where its records are).
    """
    connection, installation = office.connection, office.installation
    found = live_profile(connection, office.caller.visibility, profile_id)
    subject = subject_of(connection, profile_id)
    if office.trail is not None:
        office.trail.saw([profile_id])
    document = found.document
    explained = profiles.explain_profile(connection, installation, EVERYTHING, profile_id)
    said = consents.prove(connection, installation, EVERYTHING, profile_id, office.now)
    stood = contact.consents(connection, installation, EVERYTHING, found, office.now)
    told = journey.journey(connection, installation, EVERYTHING, found, JourneyFilter(), MOST, office.now)
    kept = list_holds(connection, EVERYTHING, office.now, MOST, profile=profile_id)
    asked = _with_words(connection, list_requests(connection, RequestFilter(profile_id=profile_id), MOST))
    versions = cast(list[Version], disclosures.load_versions(connection, [*subject.records, *subject.said_ids]))
    first = min((version["recorded_at"] for version in versions), default=office.now)
    people = _Naming(for_customer)
    looked = [kept.entry for kept in audit.list_entries(connection, AuditFilter(profile_id=profile_id), MOST)]
    named = {version["source"] for version in versions}
    sources = [_source(office, name) for name in sorted(named & installation.deployment.sources.keys())]
    golden = list(_values(document["golden"], people))
    return Disclosure(
        at=office.now,
        company=installation.deployment.company.name,
        id=profile_id,
        kind=document["kind"],
        data_owner=document["data_owner"],
        owners=_owners(office, {document["data_owner"], *(one["data_owner"] for one in (*sources, *golden))}),
        sources=sources,
        golden=golden,
        records=[one for one in versions if not (for_customer and one["kept_back"])],
        touchpoints=[people.within(one) for one in told["touchpoints"]],
        consents=[people.within(one) for one in stood["consents"]],
        consents_said=[people.within(one) for one in said["entries"]],
        links=explained["links"],
        decisions=[people.within(_decision(one, for_customer)) for one in explained["decisions"]],
        conflicts=explained["conflicts"],
        holds=[people.within(one) for one in kept],
        requests=[people.within(one) for one in asked],
        recipients=list(_recipients(office, subject, looked, people, first)),
        seen=[_seen(entry, people) for entry in looked],
    )


def _with_words(connection: Connection, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Requests; of a correction that waits with what the customer says."""
    words = corrections.load_corrections(connection, [one["id"] for one in requests])
    return [one | {"said": words[one["id"]].said} if one["id"] in words else one for one in requests]


def _decision(told: Mapping[str, Any], for_customer: bool) -> Mapping[str, Any]:
    """A decision; why records were kept apart is often said of another person."""
    apart = told["verdict"] != Verdict.MATCH
    return {name: None if name == "reason" and for_customer and apart else value for name, value in told.items()}


class _Naming:
    """By which name those who did something are told: programs by theirs; people only to those who work here."""

    AUTHORS: Final = frozenset(
        {"author", "by", "asked_by", "decided_by", "ended_by", "placed_by", "lifted_by", "agreed_by", "revoked_by"}
    )

    def __init__(self, for_customer: bool) -> None:
        self.for_customer = for_customer

    def actor(self, actor: str) -> str:
        """The actor of an audit entry (`user:anna`)."""
        kind = actor.partition(":")[0]
        return kind if self.for_customer and kind in PEOPLE else actor

    def within(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """The same, at every depth without names of people."""
        shown: dict[str, Any] = self._without(dict(told)) if self.for_customer else dict(told)
        return shown

    def _without(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                name: Credential.USER.value if name in self.AUTHORS and inner else self._without(inner)
                for name, inner in value.items()
                if name != "verbatim" or "said_to" not in value or value["said_to"] != "cdi"
            }
        return [self._without(inner) for inner in value] if isinstance(value, list) else value


def _values(golden: Mapping[str, Any], people: _Naming) -> Iterator[Value]:
    for path, entry in GoldenRecord(dict(golden)).entries():
        for place, one in enumerate([entry, *entry.get("alternatives", ())]):
            by_steward = one["source"] == STEWARD
            yield Value(
                attribute=path,
                value=one["value"],
                preferred=place == 0,
                source=one["source"],
                key=Credential.USER.value if by_steward and people.for_customer else one["key"],
                observed_at=one.get("observed_at"),
                data_owner=one["data_owner"],
                rule=one.get("rule"),
            )


def _source(office: Office, name: str) -> Source:
    deployment = office.installation.deployment
    system = deployment.sources[name]
    return Source(
        source=name,
        purpose=system.purpose,
        purposes=list(system.purposes),
        legal_basis=system.legal_basis,
        retention=[str(rule) for rule in rules_of(deployment, name)],
        sensitive=system.sensitivity == "sensitive",
        data_owner=system.data_owner,
    )


def _owners(office: Office, ids: set[str]) -> list[Owner]:
    return [
        Owner(id=one.id, department=one.department, role=one.role, contact=one.contact)
        for one in office.installation.deployment.owners
        if one.id in ids
    ]


def _seen(entry: Entry, people: _Naming) -> Seen:
    return Seen(
        at=entry.at,
        who=people.actor(entry.actor),
        role=entry.role,
        action=entry.action,
        purpose=entry.purpose,
        groups=list(entry.groups),
    )


def _recipients(
    office: Office, subject: Subject, looked: list[Entry], people: _Naming, first: datetime
) -> Iterator[Recipient]:
    """Who was shown values; whom webhooks told of changes (ids, never values); exports since we know this customer,
    which hold all customers that their filters let through."""
    shown: dict[str, list[datetime]] = {}
    for entry in looked:
        if entry.groups:
            shown.setdefault(people.actor(entry.actor), []).append(entry.at)
    for who, times in sorted(shown.items()):
        yield Recipient(kind="shown", who=who, times=len(times), last_at=max(times))
    for webhook in erasures.told_by_webhook(office.connection, subject.profile_id):
        yield Recipient(kind="told", who=people.actor(webhook["made_by"]), times=1, last_at=None)
    for kept in audit.list_entries(office.connection, AuditFilter(action=EXPORT, since=first), MOST):
        yield Recipient(kind="export", who=people.actor(kept.entry.actor), times=1, last_at=kept.entry.at)
