"""What the service does beside answering, so that it is done also where no worker runs: once a second the audit log is
chained, every ten seconds new words are put in order for those who search, which gives way to all; and when it begins,
what every push looks into is read, if the server is its own. Of many processes one does it."""

import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

from fastapi import FastAPI

from cdi.audit import seal
from cdi.errors import BusyError, CdiError
from cdi.pipeline import Installation
from cdi.store import search_text, warming
from cdi.store.db import Database
from cdi.store.giving_way import giving_way

LOG = logging.getLogger("cdi.api")
EVERY: Final = 1.0
"""Seconds between two looks."""
WORDS_EVERY: Final = 10
"""So many looks are between two of those at new words: of more profiles at once it takes less for each (of 2,000 half
as much as of 500), and until then every search reads them through."""


@asynccontextmanager
async def housekeeping(app: FastAPI) -> AsyncIterator[None]:
    """Do it until the service ends."""
    installation: Installation = app.state.installation
    database, private = installation.database, installation.has_own_server
    ended = threading.Event()
    with giving_way(database, private=private) as gently:
        threads = [threading.Thread(target=_keep_house, args=(ended, database, gently), name="housekeeping")]
        if private:
            threads.append(threading.Thread(target=_warm, args=(ended, database), name="warming"))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()


def _keep_house(ended: threading.Event, database: Database, gently: Database) -> None:
    look = 0
    while not ended.wait(EVERY):
        look += 1
        _try("audit log not sealed", seal, database)
        if look % WORDS_EVERY == 0:
            _try("words not put in order", put_words_in_order, gently)


def _warm(ended: threading.Event, database: Database) -> None:
    _try("memory not warmed", partial(warm_up, ended), database)


def _try(failed: str, chore: Callable[[Database], object], database: Database) -> None:
    try:
        chore(database)
    except CdiError as error:
        LOG.warning(failed, extra={"reason": error.problem})


def put_words_in_order(database: Database) -> None:
    """See `search_text`."""
    with database.reading() as connection:
        search_text.put_in_order(connection)


def warm_up(ended: threading.Event, database: Database) -> None:
    """See `warming`; between two steps it rests as long as the last one took."""
    with suppress(BusyError), database.exclusive("warming"):
        with database.unit_of_work() as connection:
            steps = warming.steps_of_warming(connection)
        took = 0.0
        for step in steps:
            if ended.wait(took):
                return
            began = time.monotonic()
            with database.unit_of_work() as connection:
                warming.warm(connection, step)
            took = time.monotonic() - began
