"""A profile as one caller sees it: as it is stored if every record in it may be seen, else built again from those
that may; values of field groups without their scope are masked."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Visibility, mask_key, masked
from cdi.clock import utc_now
from cdi.errors import ConflictError, NotFoundError
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.pipeline.publishing import record_facts
from cdi.resolution.document import StewardFacts, assemble
from cdi.store import pins, profiles, records
from cdi.store.profiles import FoundProfile


def present(
    connection: Connection, installation: Installation, visibility: Visibility, found: FoundProfile
) -> dict[str, Any] | None:
    """A live profile as this caller sees it; None if no record of it may be seen."""
    document = found.document
    if found.sources & visibility.hidden_sources:
        rebuilt = _rebuilt(connection, installation, visibility, found)
        if rebuilt is None:
            return None
        document = rebuilt
    return shown(document, visibility)


def shown(document: Mapping[str, Any], visibility: Visibility) -> dict[str, Any]:
    """The document with the values masked that this caller may not see."""
    if visibility.groups >= frozenset(FieldGroup):
        return dict(document)
    told = dict(document) | {"golden": masked(document["golden"], visibility.groups)}
    if FieldGroup.CONTACT not in visibility.groups:
        told["records"] = [{**record, "key": mask_key(record["key"])} for record in document["records"]]
    return told


def _rebuilt(
    connection: Connection, installation: Installation, visibility: Visibility, found: FoundProfile
) -> dict[str, Any] | None:
    members = profiles.load_members(connection, [found.profile_id])[found.profile_id]
    current = records.load_current(connection, members).values()
    visible = [record for record in current if record.source not in visibility.hidden_sources]
    if not visible:
        return None
    ids = [record.record_id for record in visible]
    facts = StewardFacts(
        pins.load_pins(connection, ids, utc_now()), assignments=profiles.load_assignments(connection, ids)
    )
    assembly = assemble(
        found.profile_id,
        [record_facts(installation, record) for record in visible],
        installation.rules,
        facts,
    )
    return assembly.document | {
        "version": found.version,
        "updated_at": found.document["updated_at"],
    }


def key_as_seen(key: str, visibility: Visibility) -> str:
    """A record's key; that of a record which a bare contact made is that contact."""
    return key if FieldGroup.CONTACT in visibility.groups else mask_key(key)


def live_profile(connection: Connection, visibility: Visibility, profile_id: UUID) -> FoundProfile:
    """The live profile with this id of which the caller may see a record.

    Raises NotFoundError, and ConflictError for an id that is retired, naming where its records are now.
    """
    found = profiles.find_profile(connection, profile_id)
    if found is None:
        raise NotFoundError("there is no profile with this id")
    if found.retired:
        homes = seen_at_all(connection, visibility, profiles.successors(connection, profile_id))
        where = ", ".join(str(home) for home in homes)
        raise ConflictError(
            "this id is retired", remedy=f"Its records are in {where} now" if where else "Its last record went"
        )
    if found.sources <= visibility.hidden_sources:
        raise NotFoundError("there is no profile with this id")
    return found


def seen_at_all(connection: Connection, visibility: Visibility, profile_ids: Sequence[UUID]) -> list[UUID]:
    """Those of these profiles of which the caller may see a record."""
    found = [profiles.find_profile(connection, profile_id) for profile_id in profile_ids]
    return [f.profile_id for f in found if f is not None and not f.sources <= visibility.hidden_sources]
