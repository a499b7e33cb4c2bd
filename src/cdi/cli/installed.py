"""Opening the installation that a command works on. Whoever runs commands holds the database anyway; what they do
through them is in the audit log nevertheless, before it is done."""

import getpass
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from cdi import sample
from cdi.access import EVERYTHING, Caller, Credential, Role
from cdi.audit import Trail
from cdi.cli.terminal import command_words
from cdi.clock import utc_now
from cdi.logs import configure_logging
from cdi.pipeline import Installation, open_installation
from cdi.privacy.erasing import reconcile
from cdi.settings import load_settings
from cdi.store.traced import trace_statements
from cdi.tracing import tracing

UNAUDITED: Final = frozenset(
    {
        "status", "doctor", "audit head", "audit verify", "audit cut", "key list", "user list", "source list",
        "source check", "source schema", "model list", "model show", "show", "why", "privacy erase",
        "privacy decide", "privacy restrict", "privacy lift", "privacy access",
    }
)  # fmt: skip
"""Commands that change nothing and show no customer's value; and those that write an entry of their own, with the
profiles that they show."""


@contextmanager
def installed(folder: Path, *, reading_sources: bool = False) -> Iterator[Installation]:
    """The installation in this folder, its database running and migrated; while `reading_sources`, the sample
    company's systems answer too."""
    settings = load_settings(folder)
    configure_logging("WARNING")
    if reading_sources:
        with sample.running(settings), open_installation(settings) as installation:
            _begin(installation)
            yield installation
    else:
        with open_installation(settings) as installation:
            _begin(installation)
            yield installation


@contextmanager
def traced(installation: Installation, service: str) -> Iterator[None]:
    """While the block runs, what this process does is told to the collector that the environment names, if any."""
    collector = installation.settings.environment.otlp_endpoint
    with tracing(collector, service):
        if collector is not None:
            trace_statements(installation.database)
        yield


def operator() -> Caller:
    """Whoever runs the command."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        name = "unnamed"
    return Caller(name, Role.ADMIN, EVERYTHING, credential=Credential.OPERATOR)


def note_shown(connection: Connection, profile_ids: Iterable[UUID | str]) -> None:
    """The command shows these profiles in full."""
    trail = Trail.of(operator(), f"cdi {command_words()}")
    trail.saw(profile_ids)
    trail.write(connection, utc_now())


def _begin(installation: Installation) -> None:
    """Nothing is read or served before what was erased is erased in this database too."""
    reconcile(installation)
    _note_command(installation)


def _note_command(installation: Installation) -> None:
    command = command_words()
    if command and command not in UNAUDITED:
        with installation.database.unit_of_work() as connection:
            Trail.of(operator(), f"cdi {command}", changes=True).write(connection, utc_now())
