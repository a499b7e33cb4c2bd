"""While the service runs, the audit log is sealed once a second, so that it is chained also where no worker runs. Of
many processes one does it."""

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from cdi.audit import seal
from cdi.errors import CdiError
from cdi.store.db import Database

LOG = logging.getLogger("cdi.api")
EVERY: Final = 1.0
"""Seconds between two looks."""


@asynccontextmanager
async def sealing(app: FastAPI) -> AsyncIterator[None]:
    """Seal until the service ends."""
    ended = threading.Event()
    thread = threading.Thread(target=_seal_until, args=(ended, app.state.installation.database), name="audit seal")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _seal_until(ended: threading.Event, database: Database) -> None:
    while not ended.wait(EVERY):
        try:
            seal(database)
        except CdiError as error:
            LOG.warning("audit log not sealed", extra={"reason": error.problem})
