"""What is exported: every profile that the terms show, or those that became different after a cursor.

The cursor is taken first and the profiles are read after it, page by page, so that what changes meanwhile is in the
next export; a page is a transaction, so that a long export holds nobody up.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Role, Visibility
from cdi.auth import as_caller
from cdi.clock import utc_now
from cdi.errors import NotFoundError
from cdi.exporting.columns import CHANGE_COLUMNS, PROFILE_COLUMNS, change_row, profile_row
from cdi.exporting.files import Format, files, place_of
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.serving import locate, present
from cdi.store import changes, exports
from cdi.store.accounts import ApiKey
from cdi.store.changes import FeedFilter
from cdi.store.finding import ProfileFilter, list_profiles

Progress: TypeAlias = Callable[[str, int, int], None]
PAGE: Final = 1_000


PROFILES: Final = "profiles"
"""What files of profiles are called by; those of changes hold no value."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator wants and may: field groups whose values are shown in full (others are masked), sources that
    may be used for a purpose, sensitive ones or not, profiles of one data owner."""

    groups: Sequence[FieldGroup] = ()
    purpose: str | None = None
    sensitive: bool = False
    data_owner: str | None = None

    def visibility(self, installation: Installation) -> Visibility:
        """The same gate as that of a key with these rights."""
        groups = [group.value for group in self.groups]
        account = ApiKey("export", Role.READER.value, groups, None, None, self.sensitive, None)
        return as_caller(account, installation.gates, self.purpose).visibility

    def __str__(self) -> str:
        said = [f"groups {'+'.join(sorted(self.groups)) or 'none'}"]
        said += [f"purpose {self.purpose}"] if self.purpose else []
        said += ["with sensitive sources"] if self.sensitive else []
        said += [f"of {self.data_owner}"] if self.data_owner else []
        return ", ".join(said)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, how much, and the cursor from which the next export goes on."""

    paths: Mapping[Format, Path]
    rows: int
    cursor: int


@contextmanager
def exporting_into(installation: Installation, folder: Path) -> Iterator[None]:
    """Nobody else exports profiles into this folder meanwhile. Raises BusyError if somebody does."""
    with installation.database.exclusive(f"export of profiles to {folder.resolve()}"):
        yield


def export_profiles(
    installation: Installation,
    folder: Path,
    formats: Sequence[Format],
    terms: Terms,
    since: int | None,
    progress: Progress,
) -> Exported:
    """Every live profile, or with `since` those that became different after that cursor: as they are now, and of those
    that are no more, where their records went."""
    with exporting_into(installation, folder):
        with installation.database.unit_of_work() as connection:
            exports.note_folder(connection, str(folder.resolve()), utc_now())
        until = _newest(installation, since)
        seen = terms.visibility(installation)
        told = _all(installation, seen, terms) if since is None else _different(installation, seen, terms, since, until)
        paths = _paths(folder, PROFILES, formats, since, until)
        rows = 0
        with files(paths, PROFILE_COLUMNS) as write:
            for page in told:
                write(page, [profile_row(document) for document in page])
                rows += len(page)
                progress("profiles", rows, 0)
        return Exported(paths, rows, until)


def export_changes(
    installation: Installation,
    folder: Path,
    formats: Sequence[Format],
    terms: Terms,
    since: int | None,
    progress: Progress,
) -> Exported:
    """The change feed, from its beginning or after a cursor, as far as it goes now."""
    with installation.database.exclusive(f"export of changes to {folder.resolve()}"):
        until, after = _newest(installation, since), since or 0
        seen = terms.visibility(installation)
        wanted = FeedFilter(owners=None if terms.data_owner is None else [terms.data_owner])
        paths = _paths(folder, "changes", formats, since, until)
        rows = 0
        with files(paths, CHANGE_COLUMNS) as write:
            while after < until:
                with installation.database.unit_of_work() as connection:
                    page = changes.read_changes(connection, seen, after, PAGE, wanted)
                found = [change for change in page.changes if change["cursor"] <= until]
                write(found, [change_row(change) for change in found])
                rows, after = rows + len(found), page.after
                progress("changes", min(after, until), until)
        return Exported(paths, rows, until)


def _newest(installation: Installation, since: int | None) -> int:
    """The cursor of now; raises CursorGoneError if `since` was never given out."""
    with installation.database.unit_of_work() as connection:
        newest = changes.last_cursor(connection)
        changes.check_cursor(since or 0, newest)
    return newest


def _paths(folder: Path, what: str, formats: Sequence[Format], since: int | None, until: int) -> dict[Format, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    return {form: place_of(folder, what, since, until, form) for form in formats}


def _all(installation: Installation, seen: Visibility, terms: Terms) -> Iterator[list[dict[str, Any]]]:
    after: str | None = None
    while True:
        with installation.database.unit_of_work() as connection:
            listed = list_profiles(connection, seen, ProfileFilter(data_owner=terms.data_owner), after, PAGE)
            shown = [present(connection, installation, seen, found) for found in listed.profiles]
        yield [{"status": "live", **document} for document in shown if document is not None]
        after = listed.after
        if after is None:
            return


def _different(
    installation: Installation, seen: Visibility, terms: Terms, since: int, until: int
) -> Iterator[list[dict[str, Any]]]:
    after = since
    while True:
        with installation.database.unit_of_work() as connection:
            last = changes.last_events(connection, seen, after, until, PAGE)
            yield [_as_it_is(connection, installation, seen, terms, profile_id) for _, profile_id in last]
        if len(last) < PAGE:
            return
        after = last[-1][0]


def _as_it_is(
    connection: Connection, installation: Installation, seen: Visibility, terms: Terms, profile_id: UUID
) -> dict[str, Any]:
    """A profile as it is now: live, or retired with where its records are, or gone from what these terms show."""
    try:
        where = locate(connection, seen, profile_id)
    except NotFoundError:
        return {"id": str(profile_id), "status": "gone"}
    if where.profile is None:
        homes = [str(home) for home in where.homes]
        return {"id": str(profile_id), "status": where.reason or "retired", "now_in": homes}
    document = present(connection, installation, seen, where.profile)
    if document is None or terms.data_owner not in {None, document["data_owner"]}:
        return {"id": str(profile_id), "status": "gone"}
    return {"status": "live", **document}
