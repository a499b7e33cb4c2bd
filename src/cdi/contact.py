"""May we contact this customer, for what, on which channel, and when next: consent, restriction and contact frequency
together.

A refusal and a cap protect the customer: they count whoever asks, also where the asker may not see who said it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from cdi.access import EVERY_USE, Caller, Visibility
from cdi.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from cdi.fields import FieldGroup
from cdi.ids import RecordKey
from cdi.pipeline import Installation
from cdi.resolution.consents import ANY, ConsentState, Review, Saying, consent_state
from cdi.serving import key_as_seen, present
from cdi.settings import Contact, ContactCap
from cdi.store import consent_reviews, profiles, touchpoints
from cdi.store.consent_reviews import ConsentReview
from cdi.store.db import resolver_lock
from cdi.store.profiles import FoundProfile
from cdi.store.touchpoints import StoredConsent

REACHED_BY: Final[Mapping[str, tuple[str, str | None]]] = {
    "email": ("emails", None),
    "phone": ("phones", None),
    "sms": ("phones", None),
    "messenger": ("phones", None),
    "post": ("addresses", None),
    "social": ("identifiers", "social_handle"),
    "app": ("identifiers", "device"),
}
"""By channel, the attribute (and type of identifier) without which nobody can be reached on it."""
PROOF: Final = ("method", "legal_basis", "proof")
"""What a source says of how a consent came about; of one that was said to us `author` tells who took it."""


@dataclass(frozen=True, slots=True)
class Consents:
    """All that the records of one profile say, and what stewards said of it."""

    said: Sequence[StoredConsent]
    reviews: Sequence[ConsentReview]

    def seen_by(self, visibility: Visibility) -> "Consents":
        said = [consent for consent in self.said if consent.source not in visibility.hidden_sources]
        known = {consent.customer for consent in said}
        return Consents(said, [review for review in self.reviews if review.record_id in known])

    def pairs(self) -> list[tuple[str, str]]:
        """The (purpose, channel) of which anything is said, in order."""
        return sorted({(consent.purpose, consent.channel) for consent in self.said})

    def state(self, purpose: str, channel: str, now: datetime) -> ConsentState:
        about = [
            Review(review.record_id, review.covers, review.at)
            for review in self.reviews
            if review.purpose == purpose and review.channel in {channel, ANY}
        ]
        return consent_state(map(_saying, self.said), about, purpose, channel, now)


def _saying(consent: StoredConsent) -> Saying:
    return Saying(
        consent.customer, consent.purpose, consent.channel, consent.status, consent.at, _time(consent.document)
    )


def _time(document: Mapping[str, Any]) -> datetime | None:
    """When a consent ends, if its source says so in a way that can be understood."""
    try:
        until = datetime.fromisoformat(str(document["until"]))
    except (KeyError, ValueError):
        return None
    return until if until.tzinfo else until.replace(tzinfo=UTC)


def _load(connection: Connection, found: FoundProfile) -> Consents:
    said = touchpoints.load_consents(connection, found.profile_id)
    return Consents(said, consent_reviews.load_reviews(connection, sorted({consent.customer for consent in said})))


# -- consents --------------------------------------------------------------------------------------


def consents(
    connection: Connection, installation: Installation, visibility: Visibility, found: FoundProfile, now: datetime
) -> dict[str, Any]:
    """What is allowed, by purpose and channel, and what each record said of it: with time and proof."""
    seen = _load(connection, found).seen_by(visibility)
    return {
        "id": found.profile_id,
        "data_owner": found.document["data_owner"],
        "consents": [
            {
                "purpose": purpose,
                "channel": channel,
                **_told(seen.state(purpose, channel, now)),
                "said": [
                    _as_said(installation, visibility, consent)
                    for consent in sorted(seen.said, key=lambda consent: consent.at, reverse=True)
                    if consent.purpose == purpose and consent.channel in {channel, ANY}
                ],
            }
            for purpose, channel in seen.pairs()
        ],
    }


def _told(state: ConsentState) -> dict[str, Any]:
    return {
        "status": state.status,
        "since": state.counts.at if state.counts else None,
        "contradicted": state.contradicted,
        "reviewed_at": state.reviewed.at if state.reviewed else None,
    }


def _as_said(installation: Installation, visibility: Visibility, consent: StoredConsent) -> dict[str, Any]:
    told: dict[str, Any] = {
        "record": f"{consent.source}:{key_as_seen(consent.key, visibility)}",
        "data_owner": installation.owner_of(consent.source),
        "channel": consent.channel,
        "status": consent.status,
        "at": consent.at,
        **{name: consent.document[name] for name in (*PROOF, "until", "author") if name in consent.document},
    }
    if FieldGroup.CONTACT not in visibility.groups:
        told.pop("proof", None)  # an address and the number it came from, often
    return told


def review(
    connection: Connection,
    installation: Installation,
    caller: Caller,
    found: FoundProfile,
    purpose: str,
    channel: str,
    record: RecordKey,
    reason: str,
    now: datetime,
) -> dict[str, Any]:
    """Of what the records of this profile say about a purpose on a channel, the word of `record` counts from now on.

    Raises ForbiddenError for a steward of other owners, NotFoundError for a record that says nothing of it,
    ConflictError if the profile has moved meanwhile.
    """
    resolver_lock(connection)
    current = profiles.find_profile(connection, found.profile_id)
    if current is None or current.retired:
        raise ConflictError("the profile has moved meanwhile", remedy="Ask for it again")
    if not reason.strip():
        raise InvalidInputError("a review needs a reason", remedy="Say it in a few words: they are kept")
    seen = _load(connection, found).seen_by(caller.visibility)
    about = [consent for consent in seen.said if consent.purpose == purpose and consent.channel in {channel, ANY}]
    owners = {found.document["data_owner"], *(installation.owner_of(consent.source) for consent in about)}
    if caller.visibility.owners is not None and caller.visibility.owners.isdisjoint(owners):
        raise ForbiddenError(
            f"this belongs to {', '.join(sorted(owners))}", remedy="A steward of these owners may do it"
        )
    chosen = {consent.customer for consent in about if (consent.source, consent.key) == (record.source, record.key)}
    if not chosen:
        raise NotFoundError(
            "this record says nothing of this consent in this profile", remedy="GET …/consents tells which ones do"
        )
    covers = frozenset(consent.customer for consent in about)
    word = ConsentReview(min(chosen), covers, purpose, channel, caller.name, reason.strip(), now)
    consent_reviews.save_review(connection, word)
    return consents(connection, installation, caller.visibility, found, now)


# -- contactability --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Contacts:
    """When we contacted this customer, within the longest period of any cap: (channel, time, purpose)."""

    made: Sequence[tuple[str, datetime, str | None]]

    def next_under(self, cap: ContactCap, now: datetime) -> datetime | None:
        """None if the cap leaves room for one more now; else when it will (the end of time: never)."""
        if cap.at_most == 0:
            return NEVER
        counted = [
            at
            for channel, at, purpose in self.made
            if cap.channel in {ANY, channel} and cap.purpose in {None, purpose} and at > now - cap.per
        ]
        return counted[-cap.at_most] + cap.per if len(counted) >= cap.at_most else None


NEVER: Final = datetime.max.replace(tzinfo=UTC)


def asking_about(visibility: Visibility, purpose: str) -> Visibility:
    """What whoever asks may see for this question: that a customer objected to this purpose is its answer."""
    return replace(visibility, uses=visibility.uses - {purpose})


def contactability(
    connection: Connection,
    installation: Installation,
    visibility: Visibility,
    found: FoundProfile,
    purpose: str,
    now: datetime,
) -> dict[str, Any]:
    """May we contact this customer for this purpose: by channel whether, why not, and when next; the first channel that
    is allowed in the order that the customer prefers. NotFoundError if the caller may see no record of the profile."""
    document = present(connection, installation, visibility, found)
    if document is None:
        raise NotFoundError("there is no profile with this id")
    rules = installation.deployment.contact
    said = _load(connection, found)
    longest = max((cap.per for cap in rules.caps), default=timedelta(0))
    made = Contacts(touchpoints.contacts_since(connection, found.profile_id, now - longest) if rules.caps else ())
    channels = [
        _channel(rules, said, made, document["golden"], purpose, channel, now, _closed(found, purpose))
        for channel in _preferred(connection, visibility, found, now)
    ]
    allowed = [channel for channel in channels if channel["allowed"]]
    waiting = [channel["next"] for channel in channels if channel["next"] is not None]
    return {
        "id": found.profile_id,
        "data_owner": document["data_owner"],
        "purpose": purpose,
        "allowed": bool(allowed),
        "channel": allowed[0]["channel"] if allowed else None,
        "next": None if allowed else min(waiting, default=None),
        "channels": channels,
    }


def _closed(found: FoundProfile, purpose: str) -> list[str]:
    return [
        *(["restriction: the customer's data are not to be used"] if EVERY_USE in found.closed_to else []),
        *(["objection: the customer objected to this purpose"] if purpose in found.closed_to else []),
    ]


def _preferred(connection: Connection, visibility: Visibility, found: FoundProfile, now: datetime) -> Iterable[str]:
    used = [use.channel for use in touchpoints.channels_used(connection, visibility, found.profile_id, now)]
    return dict.fromkeys([*(channel for channel in used if channel in REACHED_BY), *REACHED_BY])


def _channel(
    rules: Contact,
    said: Consents,
    made: Contacts,
    golden: Mapping[str, Any],
    purpose: str,
    channel: str,
    now: datetime,
    closed: Sequence[str],
) -> dict[str, Any]:
    state = said.state(purpose, channel, now)
    why = [
        *closed,
        *(["no address: nothing is known to reach the customer by"] if not _reachable(golden, channel) else []),
        *_against(rules, said, state, purpose, channel),
    ]
    caps = [cap for cap in rules.caps if cap.channel in {ANY, channel} and cap.purpose in {None, purpose}]
    blocked = [(cap, until) for cap in caps if (until := made.next_under(cap, now)) is not None]
    why += [f"contact frequency: at most {cap.at_most} within {_days(cap.per)}" for cap, _ in blocked]
    only_caps = blocked and len(why) == len(blocked)
    next_at = max(until for _, until in blocked) if only_caps else None
    return {
        "channel": channel,
        "allowed": not why,
        "why_not": why,
        "consent": state.status,
        "contradicted": state.contradicted,
        "next": None if next_at in {None, NEVER} else next_at,
    }


def _against(rules: Contact, said: Consents, state: ConsentState, purpose: str, channel: str) -> list[str]:
    if state.refused:
        return [f"consent: {state.status}" + (", and records contradict: review it" if state.contradicted else "")]
    if purpose in rules.without_consent:
        return []
    if state.status != "granted":
        return ["consent: none was given" if state.counts is None else f"consent: {state.status}"]
    if channel in rules.double_opt_in and not _confirmed(said, state):
        return ["consent: not confirmed by double opt-in"]
    return []


def _confirmed(said: Consents, state: ConsentState) -> bool:
    counted = state.counts
    return counted is not None and any(
        consent.document.get("method") == "double_opt_in" for consent in said.said if _saying(consent) == counted
    )


def _reachable(golden: Mapping[str, Any], channel: str) -> bool:
    attribute, kind = REACHED_BY[channel]
    entry = golden.get(attribute)
    if entry is None or kind is None:
        return entry is not None
    return any(each["value"].get("type") == kind for each in (entry, *entry["alternatives"]))


def _days(period: timedelta) -> str:
    return f"{period.days} days" if period % timedelta(days=1) == timedelta(0) else f"{period}"
