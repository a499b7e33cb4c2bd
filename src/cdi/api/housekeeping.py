"""What the service does once a second beside answering, so that it is done also where no worker runs: the audit log is
chained, and new words are put in order for those who search. Of many processes one does it."""

import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from cdi.audit import seal
from cdi.errors import CdiError
from cdi.store import search_text
from cdi.store.db import Database

LOG = logging.getLogger("cdi.api")
EVERY: Final = 1.0
"""Seconds between two looks."""


def put_words_in_order(database: Database) -> None:
    """See `search_text`."""
    with database.reading() as connection:
        search_text.put_in_order(connection)


CHORES: Final[Mapping[str, Callable[[Database], object]]] = {
    "audit log not sealed": seal,
    "words not put in order": put_words_in_order,
}
"""What is done, by what is logged if it fails."""


@asynccontextmanager
async def housekeeping(app: FastAPI) -> AsyncIterator[None]:
    """Do it until the service ends."""
    ended = threading.Event()
    thread = threading.Thread(target=_keep_house, args=(ended, app.state.installation.database), name="housekeeping")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _keep_house(ended: threading.Event, database: Database) -> None:
    while not ended.wait(EVERY):
        for failed, chore in CHORES.items():
            try:
                chore(database)
            except CdiError as error:
                LOG.warning(failed, extra={"reason": error.problem})
