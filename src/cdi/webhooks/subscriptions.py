"""Who is told what became different: subscriptions, made by whoever may read the feed, with their rights and no more.

A caller manages the subscriptions of their own name; an admin all of them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Caller, Role
from cdi.audit import Trail
from cdi.clock import utc_now
from cdi.errors import ConflictError, InvalidInputError, NotFoundError
from cdi.ids import new_id
from cdi.pipeline import Installation
from cdi.store import changes, restrictions, webhooks
from cdi.store.changes import FeedFilter
from cdi.store.webhooks import Backlog, Subscription
from cdi.webhooks.addresses import check_url
from cdi.webhooks.messages import secrets_of, trial_message
from cdi.webhooks.secrets import Keyring, keyring
from cdi.webhooks.sending import Outcome, Sender, trusted

MOST: Final = 50
"""Subscriptions of one caller."""


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """What is asked for; `after` is the cursor to begin from (None: now)."""

    url: str
    wanted: FeedFilter
    after: int | None = None


def add(connection: Connection, installation: Installation, caller: Caller, new: NewSubscription) -> dict[str, Any]:
    """Subscribe. The answer holds the secret, this once."""
    check_url(new.url, installation.deployment.webhooks.allowed_networks)
    _check_filter(installation, new.wanted)
    if len(webhooks.subscriptions(connection, caller.actor)) >= MOST:
        raise ConflictError(f"there are {MOST} subscriptions of this name already", remedy="Delete one first")
    last = changes.last_cursor(connection)
    after = last if new.after is None else new.after
    _check_cursor(after, last)
    keys = keyring(installation.settings, make=True)
    subscription = Subscription(
        webhook_id=new_id(),
        url=new.url,
        wanted=new.wanted,
        made_by=caller.actor,
        role=caller.role.value,
        sensitive=caller.sensitive,
        purposes=caller.purposes,
        grants=caller.grants or None,
        created_at=utc_now(),
        generation=1,
        rotated_at=None,
        fingerprint=keys.fingerprint(),
        cursor=after,
    )
    webhooks.add_subscription(connection, subscription)
    secret = keys.secret(subscription.webhook_id, subscription.generation)
    return show(connection, installation, caller, subscription.webhook_id) | {"secret": secret}


def list_all(connection: Connection, installation: Installation, caller: Caller) -> list[dict[str, Any]]:
    """The caller's subscriptions and how they stand; for an admin everybody's."""
    found = webhooks.subscriptions(connection, None if caller.role is Role.ADMIN else caller.actor)
    backlogs = webhooks.backlogs(connection, [subscription.webhook_id for subscription in found])
    return [_told(connection, installation, one, backlogs[one.webhook_id]) for one in found]


def show(connection: Connection, installation: Installation, caller: Caller, webhook_id: UUID) -> dict[str, Any]:
    """One subscription and how it stands."""
    subscription = _own(connection, caller, webhook_id)
    return _told(connection, installation, subscription, webhooks.backlogs(connection, [webhook_id])[webhook_id])


def remove(connection: Connection, caller: Caller, webhook_id: UUID) -> None:
    """End it; what waits for it is dropped, the feed has it still."""
    webhooks.remove_subscription(connection, _own(connection, caller, webhook_id).webhook_id)


def replay(
    connection: Connection, installation: Installation, caller: Caller, webhook_id: UUID, after: int
) -> dict[str, Any]:
    """Deliver what follows this cursor of the feed, also what was delivered before; what waits is part of it or, if the
    cursor is a later one, skipped."""
    subscription = _own(connection, caller, webhook_id)
    _check_cursor(after, changes.last_cursor(connection))
    webhooks.go_on_from(connection, subscription.webhook_id, after)
    return show(connection, installation, caller, webhook_id)


def rotate(connection: Connection, installation: Installation, caller: Caller, webhook_id: UUID) -> dict[str, Any]:
    """Another secret, shown this once; for a day deliveries are signed with the one before too."""
    subscription = _own(connection, caller, webhook_id)
    keys = keyring(installation.settings, make=True)
    generation = webhooks.rotate_secret(connection, subscription.webhook_id, keys.fingerprint(), utc_now())
    return show(connection, installation, caller, webhook_id) | {"secret": keys.secret(webhook_id, generation)}


def dead_letters(
    connection: Connection, caller: Caller, webhook_id: UUID, after: int, limit: int
) -> list[dict[str, Any]]:
    """Deliveries that were given up, in the order of the feed, of profiles that the caller may see still."""
    subscription = _own(connection, caller, webhook_id)
    seen = caller.visibility
    dead = webhooks.dead_deliveries(connection, subscription.webhook_id, after, limit)
    closed = restrictions.closed_among(connection, {each.profile_id for each in dead}, seen.uses)
    return [
        {
            "change": delivery.change,
            "attempts": delivery.attempts,
            "error": delivery.error,
            "first_tried_at": delivery.first_tried_at,
            "dead_at": delivery.dead_at,
        }
        for delivery in dead
        if (not delivery.sources or not delivery.sources <= seen.hidden_sources)
        and (delivery.profile_id not in closed or delivery.change["type"] == "restricted")
    ]


def retry_dead(connection: Connection, caller: Caller, webhook_id: UUID, cursors: Sequence[int] | None) -> int:
    """Deliver these dead letters (None: all) after all; how many there were."""
    subscription = _own(connection, caller, webhook_id)
    return webhooks.revive(connection, subscription.webhook_id, cursors, utc_now())


def try_out(installation: Installation, caller: Caller, webhook_id: UUID) -> dict[str, Any]:
    """Send a delivery of the type `test` now, once, and tell what the receiver made of it."""
    trail = Trail.of(caller, "test_webhook", changes=True)
    trail.about["webhook_id"] = str(webhook_id)
    with installation.database.unit_of_work() as connection:
        subscription = _own(connection, caller, webhook_id)
        trail.write(connection, utc_now())
    keys = keyring(installation.settings)
    if subscription.fingerprint != keys.fingerprint():
        raise ConflictError("its secret was derived from another key", remedy="Rotate it")
    outcome = asyncio.run(_sent(installation, subscription, keys))
    return {"taken": outcome.taken, **asdict(outcome)} | {"error": outcome.error or None}


async def _sent(installation: Installation, subscription: Subscription, keys: Keyring) -> Outcome:
    now = utc_now()
    message = trial_message(subscription.webhook_id, now)
    async with Sender(subscription.url, installation.deployment.webhooks, trusted()) as sender:
        return await sender.send(message.body, message.headers(secrets_of(keys, subscription, now), now))


def _own(connection: Connection, caller: Caller, webhook_id: UUID) -> Subscription:
    found = webhooks.find_subscription(connection, webhook_id)
    if found is None or (caller.role is not Role.ADMIN and found.made_by != caller.actor):
        raise NotFoundError("there is no such subscription")
    return found


def _check_filter(installation: Installation, wanted: FeedFilter) -> None:
    deployment = installation.deployment
    owners = {owner.id for owner in deployment.owners}
    if not set(wanted.owners or ()) <= owners:
        raise InvalidInputError("data_owners names one that is not in cdi.yaml", remedy="GET /v1/sources names them")
    if not set(wanted.sources or ()) <= deployment.sources.keys():
        raise InvalidInputError("sources names one that is not in cdi.yaml", remedy="GET /v1/sources lists them")


def _check_cursor(after: int, last: int) -> None:
    if after > last:
        raise InvalidInputError("after is later than the newest change", remedy="Leave it out to begin with what comes")


def _told(
    connection: Connection, installation: Installation, subscription: Subscription, backlog: Backlog
) -> dict[str, Any]:
    wanted = subscription.wanted
    return {
        "id": subscription.webhook_id,
        "url": subscription.url,
        "types": wanted.types,
        "data_owners": wanted.owners,
        "sources": wanted.sources,
        "made_by": subscription.made_by,
        "purposes": subscription.purposes,
        "created_at": subscription.created_at,
        "state": _state(connection, installation, subscription),
        "trouble": subscription.trouble,
        "cursor": subscription.cursor,
        "delivered": subscription.delivered,
        "delivered_at": subscription.delivered_at,
        "waiting": backlog.waiting,
        "unread": backlog.ahead,
        "dead": backlog.dead,
        "oldest_waiting_at": backlog.oldest,
        "rests_until": subscription.rests_until,
    }


def _state(connection: Connection, installation: Installation, subscription: Subscription) -> str:
    """`stopped` with the key or the grants of whoever made it, `resting` after many failures, else `active`."""
    now = utc_now()
    if not webhooks.stands(connection, subscription, installation.deployment.grants, now):
        return "stopped"
    return "resting" if subscription.rests_until is not None and subscription.rests_until > now else "active"
