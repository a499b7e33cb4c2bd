"""The customer's own view: a link that opens once, and a session of half an hour in which they see what is kept of
them.

The token is 32 random bytes, so there is nothing to forge; only its hash is kept. What is shown is what an officer
would hand over. A link is for the records that the profile had when it was made: once it has others, or fewer, somebody
else's may be among them, so the view is shut and the officer is told.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi import contact
from cdi.access import EVERYTHING, Caller, Credential, Role
from cdi.audit import Trail
from cdi.auth import digest
from cdi.errors import ConflictError, InvalidInputError, NotFoundError
from cdi.fields import FieldGroup
from cdi.ids import RecordKey
from cdi.pipeline import Installation
from cdi.privacy import consents, correcting, restricting
from cdi.privacy.consents import WITHDRAWN, Customer, Word
from cdi.privacy.disclosed import Disclosure
from cdi.privacy.disclosure import MOST, disclose
from cdi.privacy.requests import SIGHTING, Office
from cdi.serving import live_profile
from cdi.settings import Environment
from cdi.store import customer_links, privacy_requests, profiles, reviews
from cdi.store.customer_links import CustomerLink
from cdi.store.db import resolver_lock, see_one_moment
from cdi.store.privacy_requests import PrivacyRequest, RequestFilter

SESSION: Final = timedelta(minutes=30)
"""So long a view stays open, however busy."""
CUSTOMER: Final = "customer"
"""The role by which the audit log knows whoever came by a link."""
NOBODY: Final = "nobody"
CHANGED: Final = "own_view_changed"
"""The ground of the alert that a profile is no longer what it was when a link to it was made."""


class ViewShutError(ConflictError):
    """The profile is no longer what it was when the link was made."""

    def __init__(self, link: CustomerLink) -> None:
        super().__init__("this view is closed: your records were put together anew since the link was made")
        self.link = link


@dataclass(frozen=True, slots=True)
class Made:
    """A link, told this once; the token is kept nowhere."""

    link_id: int
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class View:
    """A customer who looks at their own data, in one transaction, at one moment."""

    connection: Connection
    installation: Installation
    link: CustomerLink
    now: datetime

    def trail(self, action: str) -> Trail:
        """What the audit log is told of it: ids, never values."""
        groups = frozenset(FieldGroup)
        return Trail(_actor(self.link), CUSTOMER, action, groups, changes=True, profiles={self.link.profile_id})

    def office(self, trail: Trail) -> Office:
        """The office at which what this customer asks is seen to."""
        caller = Caller(str(self.link.link_id), Role.READER, EVERYTHING, credential=Credential.LINK)
        return Office(self.connection, self.installation, caller, self.now, trail)


def make_link(office: Office, profile_id: UUID, lifetime: timedelta | None = None) -> Made:
    """A link to this profile's own view, for its customer alone. It opens once, within `lifetime` (as long as
    `privacy.link_lifetime` of cdi.yaml says, which is the longest too).

    Raises InvalidInputError, NotFoundError, ConflictError for an id that is retired, and for a profile that may be two
    persons.
    """
    longest = office.installation.deployment.privacy.link_lifetime
    lives = longest if lifetime is None else lifetime
    if not timedelta(0) < lives <= longest:
        raise InvalidInputError("a link cannot live so long", remedy=f"At most {longest}: privacy.link_lifetime")
    found = live_profile(office.connection, office.caller.visibility, profile_id)
    if _is_foreign(office.caller, found.sources):
        raise NotFoundError("there is no profile with this id")
    _must_be_one_person(office.connection, profile_id)
    token, ends = secrets.token_urlsafe(32), office.now + lives
    link_id = customer_links.save_link(
        office.connection, digest(token), profile_id, office.caller.actor, office.now, ends
    )
    if office.trail is not None:
        office.trail.saw([profile_id])
        office.trail.about["link"] = link_id
    return Made(link_id, _address(office.installation.settings.environment, token), ends)


def customer_of(office: Office, profile: UUID | None, record: RecordKey | None) -> UUID:
    """The profile that is meant by exactly one of these. Raises InvalidInputError; NotFoundError for a record that is
    in none, and for one of another source than the caller's; ConflictError for a key that several customers have, in
    streams of their own."""
    if profile is not None and record is None:
        return profile
    if profile is not None or record is None:
        raise InvalidInputError("a customer is named by exactly one thing", remedy="Send profile or record")
    foreign = _is_foreign(office.caller, {record.source})
    homes = set() if foreign else profiles.find_homes(office.connection, record.source, [record.key])
    if not homes:
        raise NotFoundError("there is no customer with this record")
    if len(homes) > 1:
        raise ConflictError("several customers have a record with this key", remedy="Send profile")
    return homes.pop()


def _is_foreign(caller: Caller, sources: Collection[str]) -> bool:
    """Whether an application that makes links for the customers of one source learns nothing of one who has these."""
    return caller.role is Role.LINKS and caller.source is not None and caller.source not in sources


def _must_be_one_person(connection: Connection, profile_id: UUID) -> None:
    doubts = reviews.doubts_about(connection, profile_id)
    if doubts:
        raise ConflictError(
            "this profile may be two persons, and one would see the other's data",
            remedy=f"Answer review {', '.join(map(str, doubts))} first",
        )


def _address(environment: Environment, token: str) -> str:
    return f"{environment.address}/my-data/{token}"


def open_view(connection: Connection, token: str, now: datetime) -> str | None:
    """The token of the session that this link opens, which uses it up; None if it is unknown, used or too old, and the
    audit log is told so. Raises ViewShutError."""
    session = secrets.token_urlsafe(32)
    link = customer_links.open_link(connection, digest(token), digest(session), now, now + SESSION)
    if link is None:
        Trail(NOBODY, "none", "open_own_view_refused", changes=True).write(connection, now)
        return None
    _must_be_unchanged(connection, link)
    Trail(_actor(link), CUSTOMER, "open_own_view", changes=True, profiles={link.profile_id}).write(connection, now)
    return session


def find_view(
    installation: Installation, connection: Connection, session: str, now: datetime, *, looking: bool
) -> View | None:
    """The view of this session; None if it is over. `looking`: nothing is changed by it, and all that this transaction
    (of which this is the first question) is told is of one moment, so that nothing moves under what is checked."""
    if looking:
        see_one_moment(connection)
    link = customer_links.find_session(connection, digest(session), now)
    return None if link is None else View(connection, installation, link, now)


def show(view: View, action: str) -> Disclosure:
    """What is kept of this customer, as it may be handed over. Raises ViewShutError."""
    _must_be_unchanged(view.connection, view.link)
    trail = view.trail(action)
    told = disclose(view.office(trail), view.link.profile_id, for_customer=True)
    trail.write(view.connection, view.now)
    return told


def withdraw(view: View, purpose: str, channel: str) -> None:
    """The customer withdraws this consent; it holds at once. Raises InvalidInputError, ViewShutError."""
    trail = _acting(view, "withdraw_own_consent")
    if (purpose, channel) not in {(one["purpose"], one["channel"]) for one in _consents(view)}:
        raise InvalidInputError("there is no such consent", remedy="Choose another one")
    office, whose = view.office(trail), Customer(profile=view.link.profile_id)
    word = Word(WITHDRAWN, purpose, channel, method="own view")
    consents.say(office.connection, office.installation, office.caller, trail, whose, word, view.now)
    trail.write(view.connection, view.now)


def purposes_to_object(view: View) -> dict[str, str]:
    """By purpose of contacting this customer that they have not objected to: on which ground they object. Direct
    marketing is what asks for consent; what does without may be something else."""
    standing = RequestFilter(restricting.OBJECTION, "in_force", view.link.profile_id)
    objected = {one.about.get("purpose") for one in privacy_requests.list_requests(view.connection, standing, MOST)}
    rules = view.installation.deployment.contact
    offered = dict.fromkeys(sorted(rules.without_consent), "demanded")
    offered |= dict.fromkeys(sorted({one["purpose"] for one in _consents(view)}), "marketing")
    return {purpose: ground for purpose, ground in offered.items() if purpose not in objected}


def _consents(view: View) -> list[dict[str, Any]]:
    """What this customer allows and does not, by purpose and channel."""
    found = live_profile(view.connection, EVERYTHING, view.link.profile_id)
    told: list[dict[str, Any]] = contact.consents(view.connection, view.installation, EVERYTHING, found, view.now)[
        "consents"
    ]
    return told


def object_to(view: View, purpose: str) -> None:
    """The customer objects to this purpose; it holds at once. Raises InvalidInputError, ViewShutError."""
    trail = _acting(view, "object_by_own_view")
    grounds = purposes_to_object(view)
    if purpose not in grounds:
        raise InvalidInputError("there is no such purpose, or you have objected to it", remedy="Choose another one")
    restricting.restrict(view.office(trail), view.link.profile_id, grounds[purpose], purpose)
    trail.write(view.connection, view.now)


def correct(view: View, attribute: str, said: str) -> None:
    """The customer says what is right; the officer looks at it. Raises InvalidInputError, ConflictError."""
    trail = _acting(view, "ask_for_correction")
    correcting.ask(view.office(trail), view.link.profile_id, attribute, said)
    trail.write(view.connection, view.now)


def _acting(view: View, action: str) -> Trail:
    """The profile stays as it is until the end of the transaction."""
    resolver_lock(view.connection)
    _must_be_unchanged(view.connection, view.link)
    return replace(view.trail(action), groups=frozenset())


def leave(view: View) -> None:
    """The customer is done; the view is over."""
    customer_links.end_session(view.connection, view.link.link_id)
    replace(view.trail("close_own_view"), groups=frozenset()).write(view.connection, view.now)


def shut(connection: Connection, link: CustomerLink, now: datetime) -> None:
    """Nobody sees anything by this link any more, and the officer is told why, once."""
    if not customer_links.shut_link(connection, link.link_id, now):
        return
    asked = PrivacyRequest(SIGHTING, link.profile_id, CHANGED, "asked", _actor(link), now, about={"link": link.link_id})
    about: dict[str, int | bool | str | list[str]] = {
        "privacy_request": privacy_requests.save_request(connection, asked)
    }
    Trail(_actor(link), CUSTOMER, "own_view_shut", changes=True, profiles={link.profile_id}, about=about).write(
        connection, now
    )


def _must_be_unchanged(connection: Connection, link: CustomerLink) -> None:
    found = profiles.find_profile(connection, link.profile_id)
    members = profiles.load_members(connection, [link.profile_id]).get(link.profile_id, ())
    same = found is not None and not found.retired and list(members) == list(link.record_ids)
    if not same or reviews.doubts_about(connection, link.profile_id):
        raise ViewShutError(link)


def _actor(link: CustomerLink) -> str:
    return f"{Credential.LINK}:{link.link_id}"
