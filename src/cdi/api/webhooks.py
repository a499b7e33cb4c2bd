"""/v1/webhooks: the change feed, delivered. (What source systems deliver to us is in `webhooks_in`.)"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from cdi import webhooks
from cdi.access import Caller, Role
from cdi.api.answers import answer
from cdi.api.choices import one_of
from cdi.api.dependencies import Here, Reader, Work, allowed_apart
from cdi.api.problems import CHANGE_PROBLEMS
from cdi.store.changes import EVENT_TYPES, FeedFilter

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], responses=CHANGE_PROBLEMS)

Cursor = Annotated[int, Field(ge=0, le=2**62)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Asking = Annotated[Caller, Depends(allowed_apart(Role.READER, Role.STEWARD, Role.PRIVACY))]


class NewWebhook(BaseModel):
    """Where to deliver, and what: all that is named must hold (nothing named: everything). `after`: the cursor of the
    feed to begin from; without it with what comes from now on."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=1, max_length=2_000, examples=["https://shop.example/cdi"])]
    types: Annotated[list[Annotated[str, one_of(EVENT_TYPES)]] | None, Field(min_length=1, max_length=20)] = None
    data_owners: Annotated[list[Name] | None, Field(min_length=1, max_length=100)] = None
    sources: Annotated[list[Name] | None, Field(min_length=1, max_length=100)] = None
    after: Cursor | None = None


class Replay(BaseModel):
    """The cursor after which to go on."""

    model_config = ConfigDict(extra="forbid")

    after: Cursor


class Retry(BaseModel):
    """Cursors of dead letters; without them all."""

    model_config = ConfigDict(extra="forbid")

    cursors: Annotated[list[Cursor] | None, Field(min_length=1, max_length=1_000)] = None


@router.post("", status_code=201)
def add_webhook(body: NewWebhook, installation: Here, connection: Work, caller: Reader) -> Response:
    """Subscribe to the change feed. `secret` in the answer verifies deliveries and is shown this once. What the key may
    not see is not delivered; with `?purpose=` only what may be used for it. It stops when the key is revoked, or the
    token's grants leave cdi.yaml."""
    wanted = FeedFilter(body.types, body.data_owners, body.sources)
    new = webhooks.NewSubscription(body.url, wanted, body.after)
    return answer(webhooks.add(connection, installation, caller, new), 201)


@router.get("")
def list_webhooks(installation: Here, connection: Work, caller: Reader) -> Response:
    """The subscriptions of this caller and how they stand; for an admin everybody's."""
    return answer({"webhooks": webhooks.list_all(connection, installation, caller)})


@router.get("/{webhook_id}")
def get_webhook(webhook_id: UUID, installation: Here, connection: Work, caller: Reader) -> Response:
    """One subscription: its `state` (active, resting after many failures, stopped with its maker's rights), what
    waits, what is dead."""
    return answer(webhooks.show(connection, installation, caller, webhook_id))


@router.delete("/{webhook_id}", status_code=204, response_class=Response)
def delete_webhook(webhook_id: UUID, connection: Work, caller: Reader) -> None:
    """End it. What waits is dropped; the feed has it still."""
    webhooks.remove(connection, caller, webhook_id)


@router.post("/{webhook_id}/test")
def test_webhook(webhook_id: UUID, installation: Here, caller: Asking) -> Response:
    """Send a delivery of the type `test` now, once, and tell what the receiver answered."""
    return answer(webhooks.try_out(installation, caller, webhook_id))


@router.post("/{webhook_id}/replay")
def replay_webhook(webhook_id: UUID, body: Replay, installation: Here, connection: Work, caller: Reader) -> Response:
    """Deliver again what follows a cursor of the feed, under the same ids; a later cursor skips what waits."""
    return answer(webhooks.replay(connection, installation, caller, webhook_id, body.after))


@router.post("/{webhook_id}/secret")
def rotate_secret(webhook_id: UUID, installation: Here, connection: Work, caller: Reader) -> Response:
    """Another secret, shown this once. For a day deliveries carry a signature of the one before, too."""
    return answer(webhooks.rotate(connection, installation, caller, webhook_id))


@router.get("/{webhook_id}/dead-letters")
def list_dead_letters(
    webhook_id: UUID,
    connection: Work,
    caller: Reader,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Deliveries that were given up, in the order of the feed, each with the last error; list on from the cursor of the
    last one."""
    return answer({"dead_letters": webhooks.dead_letters(connection, caller, webhook_id, after, limit)})


@router.post("/{webhook_id}/dead-letters/retry")
def retry_dead_letters(webhook_id: UUID, connection: Work, caller: Reader, body: Retry | None = None) -> Response:
    """Deliver them after all: those named, or all."""
    return answer({"retried": webhooks.retry_dead(connection, caller, webhook_id, body.cursors if body else None)})
