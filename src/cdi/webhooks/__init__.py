"""Webhooks: the change feed, delivered to whoever subscribed. A delivery that is due is a row; the worker
works them off."""

from cdi.webhooks.delivering import deliver, waits
from cdi.webhooks.subscriptions import (
    NewSubscription,
    add,
    dead_letters,
    list_all,
    remove,
    replay,
    retry_dead,
    rotate,
    show,
    try_out,
)

__all__ = [
    "NewSubscription",
    "add",
    "dead_letters",
    "deliver",
    "list_all",
    "remove",
    "replay",
    "retry_dead",
    "rotate",
    "show",
    "try_out",
    "waits",
]
