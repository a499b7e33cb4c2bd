"""A connector is tried on the small source system in its own folder: the conformance suite, told question by
question. No database and no real source is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cdi.errors import InvalidInputError
from cdi.ingest.conformance import conform
from cdi.ingest.contract import CheckResult
from cdi.ingest.manifest import DeclaredConnector, load_connector
from cdi.ingest.registry import Registry
from cdi.settings import Settings


@dataclass(frozen=True, slots=True)
class Trial:
    """What a connector promises, and which promises it keeps."""

    connector: str
    folder: Path
    results: Sequence[CheckResult]


def try_out(settings: Settings, connectors: Registry, name: str) -> Trial:
    """The trial of the connector that reads this source, or of the connector of this name.

    Raises InvalidInputError for a package, ConfigurationError for a manifest with faults or a name that is neither.
    """
    system = settings.deployment.sources.get(name)
    connector = system.connector if system else name
    own = settings.folder / "connectors" / connector
    if (own / "connector.yaml").is_file():
        load_connector(own / "connector.yaml")  # its faults, line by line, are told first
        return Trial(connector, own, conform(own))
    declared = connectors.get(connector)
    if not isinstance(declared, DeclaredConnector):
        raise InvalidInputError(f"{connector} comes with a package", remedy="Run that package's own tests")
    return Trial(connector, declared.folder, conform(declared.folder))
