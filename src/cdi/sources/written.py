"""What stands in the deployment's files now. A process that goes on for long works by what it read when it began; an
engineer who has just changed a mapping wants to see what it would do before anything is started anew."""

from dataclasses import replace

from cdi.errors import CdiError
from cdi.ingest.manifest import DeclaredConnector
from cdi.ingest.registry import find_connectors
from cdi.pipeline import Installation
from cdi.pipeline.installation import connector_folders
from cdi.settings import SourceSystem, load_settings


def as_written(installation: Installation) -> Installation:
    """The same installation by its files as they are now. Raises ConfigurationError that names the line of a fault."""
    settings = load_settings(installation.folder)
    return replace(installation, settings=settings, connectors=find_connectors(connector_folders(settings)))


def has_changed(installation: Installation, written: Installation, name: str) -> bool:
    """Whether the files say something else of this source than what this process works by."""
    return _said(installation, name) != _said(written, name)


def _said(installation: Installation, name: str) -> tuple[SourceSystem | None, object]:
    system = installation.deployment.sources.get(name)
    if system is None:
        return None, None
    try:
        connector = installation.connector(name)
    except CdiError as error:
        return system, str(error)
    return system, connector.manifest if isinstance(connector, DeclaredConnector) else None
