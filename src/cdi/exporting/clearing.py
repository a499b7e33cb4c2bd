"""Who is erased, or kept no longer, leaves the files that were exported too: their rows are taken out of every file in
every folder that profiles were exported into. A file is replaced at once by the same without them, or stays as it was.

What was moved or copied elsewhere has left our control; its receiver is told by the next export and by the feed.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from cdi.clock import utc_now
from cdi.errors import CdiError
from cdi.exporting.files import drop_drafts, files_in
from cdi.exporting.rewriting import rewrite_without
from cdi.exporting.writing import PROFILES, Progress, exporting_into
from cdi.pipeline import Installation
from cdi.store import exports
from cdi.store.exports import Taken

SETTLED: Final = timedelta(seconds=10)
LONGEST: Final = timedelta(minutes=15)
"""Files are gone through when nobody was erased for `SETTLED`, or somebody `LONGEST` ago: seldom, and for many."""


def waits(connection: Connection, now: datetime) -> bool:
    """Whether it is time to go through the files."""
    return exports.waits(connection, now - SETTLED, now - LONGEST)


def clear(installation: Installation, progress: Progress) -> str | None:
    """Take out what has to leave, folder by folder; in words, how much that was. May be killed and done again.

    Raises BusyError if somebody else does it; and what kept a folder from being cleared (an export into it is under
    way, a file cannot be read) when the others are done.
    """
    with installation.database.exclusive("clearing of exported files"):
        return _clear(installation, progress)


def _clear(installation: Installation, progress: Progress) -> str | None:
    with installation.database.unit_of_work() as connection:
        taken = exports.take_clearing(connection)
        folders = exports.uncleared_folders(connection, taken.ticket) if taken else []
    if taken is None:
        return None
    rows = 0
    hindered: CdiError | None = None
    for folder in folders:
        try:
            rows += _clear_folder(installation, Path(folder), taken, progress)
        except CdiError as error:
            hindered = hindered or error
    with installation.database.unit_of_work() as connection:
        exports.drop_cleared(connection)
    if hindered is not None:
        raise hindered
    return f"{rows} rows taken out of exported files" if rows else None


def _clear_folder(installation: Installation, folder: Path, taken: Taken, progress: Progress) -> int:
    with exporting_into(installation, folder):  # whoever exports from here on reads what is cleared already
        drop_drafts(folder, PROFILES)
        files = sorted(files_in(folder, PROFILES), key=lambda file: file.path.name)
    rows = 0
    for n, file in enumerate(files, 1):
        gone = {str(profile_id) for profile_id, before in taken.before.items() if file.until < before}
        with suppress(FileNotFoundError):  # whoever received it deleted it
            rows += rewrite_without(file.path, file.form, gone)
        progress("files", n, len(files))
    with installation.database.unit_of_work() as connection:
        exports.cleared(connection, str(folder), taken.ticket, utc_now(), missing=not folder.is_dir())
    return rows
