"""What is connected and how it is; what a source said of one record."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from cdi.access import Caller, Role, mask
from cdi.clock import utc_now
from cdi.errors import NotFoundError
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.pipeline.timing import source_standing, timing
from cdi.store import received, records, sources
from cdi.store.restrictions import closed_among

TIMES = ("schedule", "running", "next_run_at", "lag_seconds", "overdue_seconds", "failures")
"""What is told of a source's schedule."""


def list_sources(connection: Connection, installation: Installation, caller: Caller) -> list[dict[str, Any]]:
    """Every source system that the caller may see, with its owner, its figures and its last run."""
    figures = source_standing(connection, installation)
    return [describe(installation, name, figures[name]) for name in figures if may_see(caller, name)]


def list_health(connection: Connection, installation: Installation, caller: Caller) -> list[dict[str, Any]]:
    """How each source that the caller may see stands: its owner, when it was last read to its end, and its `timing`,
    without the figures that would have to be counted."""
    names = [name for name in installation.deployment.sources if may_see(caller, name)]
    states, now = sources.run_states(connection, names), utc_now()
    return [
        {
            "name": name,
            "data_owner": installation.owner_of(name),
            "last_run": state.known_until if (state := states.get(name)) else None,
            **timing(installation, name, state, now),
        }
        for name in names
    ]


def describe(installation: Installation, name: str, figures: dict[str, Any]) -> dict[str, Any]:
    """One source system: what reads it, who answers for it, how it is."""
    system = installation.source(name)
    owner = installation.deployment.owner(system.data_owner)
    return {
        "name": name,
        "connector": system.connector,
        "data_owner": owner.id,
        "owner": owner.model_dump(),
        "purpose": system.purpose,
        "trust": system.trust,
        "one_record_per_customer": system.one_record_per_customer,
        "records": figures.get("records", 0),
        "rejected": figures.get("rejected", 0),
        "last_run": figures.get("last_run"),
        **{name: figures.get(name) for name in TIMES},
    }


def runs(
    connection: Connection,
    installation: Installation,
    caller: Caller,
    name: str,
    limit: int,
    before: int | None = None,
) -> list[dict[str, Any]]:
    """How the syncs of a source went, newest first."""
    demand_visible(installation, caller, name)
    return sources.list_runs(connection, name, limit, before)


def deliveries(
    connection: Connection,
    installation: Installation,
    caller: Caller,
    name: str,
    limit: int,
    before: int | None = None,
) -> list[dict[str, Any]]:
    """What a source system delivered by webhook, newest first."""
    demand_visible(installation, caller, name)
    return received.list_deliveries(connection, name, limit, before)


def record(
    connection: Connection,
    installation: Installation,
    caller: Caller,
    name: str,
    key: str,
    stream: str | None = None,
) -> dict[str, Any]:
    """What the source said of this record, verbatim and by version, and the profile that it belongs to."""
    demand_visible(installation, caller, name)
    found = records.find_record(connection, name, key, stream)
    if found is None:
        raise NotFoundError(f"source {name} has no record with this key", remedy="Check the key and the stream")
    home = found["profile_id"]
    if caller.role is not Role.CONNECTOR and home and closed_among(connection, [home], caller.visibility.uses):
        raise NotFoundError(f"source {name} has no record with this key", remedy="Check the key and the stream")
    return {
        "source": name,
        "stream": found["stream"],
        "key": key,
        "live": found["live"],
        "data_owner": installation.owner_of(name),
        "profile_id": found["profile_id"],
        "observed_at": found["observed_at"],
        "first_seen": found["first_seen"],
        **_said(found, caller),
    }


def _said(found: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """What the source said. Verbatim only for those who may see every field group, and for its own connector."""
    told = {name: found[name] for name in ("native", "canonical", "versions")}
    if caller.role is Role.CONNECTOR or caller.visibility.groups >= frozenset(FieldGroup):
        return told
    versions = [{**version, "native": mask_all(version["native"])} for version in found["versions"]]
    return {
        "native": mask_all(found["native"]),
        "canonical": mask_all(found["canonical"]),
        "versions": versions,
        "masked": True,
    }


def mask_all(said: Any) -> Any:
    """What a source said with every text and number in it masked: a phone number may be either."""
    if isinstance(said, Mapping):
        return {name: mask_all(inner) for name, inner in said.items()}
    return [mask_all(inner) for inner in said] if isinstance(said, list) else mask(said)


def may_see(caller: Caller, name: str) -> bool:
    """A connector's key sees its own source, others what is not hidden from them."""
    if caller.role is Role.CONNECTOR:
        return name == caller.source
    return name not in caller.visibility.hidden_sources


def demand_visible(installation: Installation, caller: Caller, name: str) -> None:
    """Raises NotFoundError for a source that there is not, or that the caller may not see."""
    if name not in installation.deployment.sources or not may_see(caller, name):
        raise NotFoundError(f"there is no source {name}", remedy="GET /v1/sources lists them")
