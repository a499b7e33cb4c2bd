"""What waits is delivered, many receivers and many profiles at once, for each profile in the order of the feed.

One turn is one transaction: what became of the attempts that ended is noted, more of the feed becomes rows, and the
next deliveries are taken up. Who is killed repeats the attempts of one turn at most. A receiver that fails time and
again is left alone for a while, then tried with one delivery.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from sqlalchemy import Connection

from cdi.clock import utc_now
from cdi.errors import StoppedError
from cdi.pipeline import Installation
from cdi.schedule import wait_after
from cdi.settings import Webhooks
from cdi.store import changes, restrictions, webhooks
from cdi.store.webhooks import Delivery, Failure, Subscription
from cdi.webhooks.makers import seen_by
from cdi.webhooks.messages import event_message, secrets_of
from cdi.webhooks.secrets import Keyring, keyring
from cdi.webhooks.sending import Outcome, Sender, trusted

Going: TypeAlias = Callable[[str, int, int], None]
"""Told how far it is; raises StoppedError when it shall end."""

TROUBLED: Final = 10
"""Attempts that fail in a row before a receiver is left alone."""
READY: Final = 4
"""Deliveries that are taken up for each one that may be on its way."""
TURN: Final = 0.05
"""Seconds in which attempts that end are noted together."""
OTHER_KEY_WAIT: Final = timedelta(minutes=5)


def waits(connection: Connection, installation: Installation, now: datetime) -> bool:
    """Whether there is anything to deliver now."""
    return webhooks.anything_due(connection, installation.deployment.grants, now)


def deliver(installation: Installation, going: Going) -> str | None:
    """Deliver until nothing is due; tells how many were taken and how many attempts failed."""
    dispatch = _Dispatch(installation, keyring(installation.settings), going)
    asyncio.run(dispatch.run())
    if not (dispatch.taken or dispatch.failed):
        return None
    return f"{dispatch.taken} delivered, {dispatch.failed} attempts failed"


@dataclass(slots=True)
class _Lane:
    """The way to one receiver, and what is on it."""

    subscription: Subscription
    sender: Sender
    gate: asyncio.Semaphore
    rests: bool = False
    on_the_way: dict[int, tuple[Delivery, asyncio.Task[Outcome | None]]] = field(default_factory=dict)

    def ended(self) -> list[tuple[Delivery, Outcome]]:
        """The attempts that ended since they were last asked for; what was not begun is as it was."""
        done = [(delivery, task.result()) for delivery, task in self.on_the_way.values() if task.done()]
        for delivery, _ in done:
            del self.on_the_way[delivery.cursor]
        return [(delivery, outcome) for delivery, outcome in done if outcome is not None]


class _Dispatch:
    """One run of the job."""

    def __init__(self, installation: Installation, keys: Keyring, going: Going) -> None:
        self.installation, self.keys, self.going = installation, keys, going
        self.rules: Webhooks = installation.deployment.webhooks
        self.trust: ssl.SSLContext = trusted()
        self.lanes: dict[tuple[UUID, str], _Lane] = {}
        self.taken = self.failed = 0
        self.stopping = False

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            try:
                while await self._turn(stack):
                    self.going("delivered", self.taken, 0)
                    await self._some_end()
            except StoppedError:
                await self._all_end()
                raise

    async def _turn(self, stack: AsyncExitStack) -> bool:
        """One turn; whether there is more to do."""
        now = utc_now()
        more = False
        with self.installation.database.unit_of_work() as connection:
            for lane in self.lanes.values():
                self._note(connection, lane, now)
            for subscription in webhooks.standing_subscriptions(connection, self.installation.deployment.grants, now):
                more |= await self._take_up(connection, stack, subscription, now)
        return more or any(lane.on_the_way for lane in self.lanes.values())

    async def _take_up(
        self, connection: Connection, stack: AsyncExitStack, subscription: Subscription, now: datetime
    ) -> bool:
        """Begin its next deliveries; whether more of the feed can be read for it at once."""
        locked = webhooks.find_subscription(connection, subscription.webhook_id, lock=True)
        if locked is None:
            return False
        if locked.fingerprint != self.keys.fingerprint():
            trouble = "its secret was derived from another key: rotate it"
            webhooks.note_trouble(connection, locked.webhook_id, locked.failures, now + OTHER_KEY_WAIT, trouble)
            return False
        more = self._read_feed(connection, locked, now)
        lane = await self._lane(stack, locked)
        room = 1 if locked.failures >= TROUBLED else self.rules.at_once * READY
        room -= len(lane.on_the_way)
        if room <= 0:
            return more
        seen = seen_by(self.installation, locked)
        due = webhooks.due_deliveries(connection, locked.webhook_id, now, room, lane.on_the_way.keys())
        closed = restrictions.closed_among(connection, {each.profile_id for each in due}, seen.uses)
        unseen = [
            delivery.cursor
            for delivery in due
            if (delivery.sources and delivery.sources <= seen.hidden_sources)
            or (delivery.profile_id in closed and delivery.change["type"] != "restricted")
        ]
        if unseen:
            webhooks.not_for_them(connection, locked.webhook_id, unseen)
        for delivery in due:
            if delivery.cursor not in unseen:
                lane.on_the_way[delivery.cursor] = (delivery, asyncio.create_task(self._send(lane, delivery)))
        return more

    def _read_feed(self, connection: Connection, subscription: Subscription, now: datetime) -> bool:
        """Let more of the feed become rows; whether there is still more, and room for it."""
        if subscription.cursor >= changes.last_cursor(connection):
            return False
        room = webhooks.room_ahead(connection, subscription.webhook_id)
        if room <= 0:
            return False
        limit = min(room, 1_000)
        seen = seen_by(self.installation, subscription)
        page = changes.read_changes(connection, seen, subscription.cursor, limit, subscription.wanted)
        webhooks.add_deliveries(connection, subscription.webhook_id, page.changes, page.after, now)
        return page.more and room > limit

    async def _lane(self, stack: AsyncExitStack, subscription: Subscription) -> _Lane:
        key = (subscription.webhook_id, subscription.url)
        lane = self.lanes.get(key)
        if lane is None:
            sender = await stack.enter_async_context(Sender(subscription.url, self.rules, self.trust))
            lane = self.lanes[key] = _Lane(subscription, sender, asyncio.Semaphore(self.rules.at_once))
        lane.subscription, lane.rests = subscription, False
        return lane

    async def _send(self, lane: _Lane, delivery: Delivery) -> Outcome | None:
        async with lane.gate:
            if self.stopping or lane.rests:
                return None
            now = utc_now()
            message = event_message(delivery.webhook_id, delivery.change)
            return await lane.sender.send(
                message.body, message.headers(secrets_of(self.keys, lane.subscription, now), now)
            )

    async def _some_end(self) -> None:
        tasks = self._tasks()
        if tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(tasks, timeout=TURN)

    async def _all_end(self) -> None:
        """Asked to stop: what is on its way has its time limit; then it is noted."""
        self.stopping = True
        tasks = self._tasks()
        if tasks:
            await asyncio.wait(tasks)
        with self.installation.database.unit_of_work() as connection:
            for lane in self.lanes.values():
                self._note(connection, lane, utc_now())

    def _tasks(self) -> list[asyncio.Task[Outcome | None]]:
        return [task for lane in self.lanes.values() for _, task in lane.on_the_way.values()]

    def _note(self, connection: Connection, lane: _Lane, now: datetime) -> None:
        """What became of the attempts that ended."""
        ended = lane.ended()
        taken = [delivery.cursor for delivery, outcome in ended if outcome.taken]
        refused = [(delivery, outcome) for delivery, outcome in ended if not outcome.taken]
        webhook_id = lane.subscription.webhook_id
        self.taken += len(taken)
        self.failed += len(refused)
        if taken:
            webhooks.taken(connection, webhook_id, taken, now)
        if refused:
            failures = [self._failure(delivery, outcome, now) for delivery, outcome in refused]
            webhooks.failed(connection, webhook_id, failures, now)
            if not taken:
                self._leave_alone(connection, lane, len(refused), refused[-1][1].error, now)

    def _failure(self, delivery: Delivery, outcome: Outcome, now: datetime) -> Failure:
        if delivery.first_tried_at is not None and now - delivery.first_tried_at >= self.rules.give_up_after:
            return Failure(delivery.cursor, outcome.error, None)
        attempts = delivery.attempts + 1
        seed = f"{delivery.webhook_id} {delivery.cursor} {attempts}"
        wait = wait_after(attempts, seed, self.rules.first_wait, self.rules.longest_wait)
        if outcome.wait is not None:
            wait = max(wait, min(timedelta(seconds=outcome.wait), self.rules.longest_wait))
        return Failure(delivery.cursor, outcome.error, now + wait)

    def _leave_alone(self, connection: Connection, lane: _Lane, refused: int, error: str, now: datetime) -> None:
        """Count what failed in a row, and let the receiver rest when it is too much."""
        before = lane.subscription.failures
        failures = before + 1 if before >= TROUBLED else min(before + refused, TROUBLED)
        rests_until = None
        if failures >= TROUBLED:
            rounds = failures - TROUBLED + 1
            seed = f"{lane.subscription.webhook_id} {rounds}"
            lane.rests = True
            rests_until = now + wait_after(rounds, seed, self.rules.first_wait, self.rules.longest_wait)
        webhooks.note_trouble(connection, lane.subscription.webhook_id, failures, rests_until, error)
