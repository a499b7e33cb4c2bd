"""What the service does once a second beside answering, so that it is done also where no worker runs: the audit log is
chained, and new words are put in order for those who search. Of many processes one does it."""

import logging
import threading
from collections.abc import AsyncIterator, Callable
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
WORDS_EVERY: Final = 2
"""So many looks are between two of those at new words: of more profiles at once it takes less for each, and until then
every search reads them through."""


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
    look = 0
    while not ended.wait(EVERY):
        look += 1
        _try("audit log not sealed", seal, database)
        if look % WORDS_EVERY == 0:
            _try("words not put in order", put_words_in_order, database)


def _try(failed: str, chore: Callable[[Database], object], database: Database) -> None:
    try:
        chore(database)
    except CdiError as error:
        LOG.warning(failed, extra={"reason": error.problem})


def put_words_in_order(database: Database) -> None:
    """See `search_text`."""
    with database.reading() as connection:
        search_text.put_in_order(connection)
