"""The connectors that there are: shipped, and this deployment's own."""

from typing import Any

from cdi.ingest.manifest import DeclaredConnector
from cdi.ingest.registry import Registry


def list_connectors(connectors: Registry) -> list[dict[str, Any]]:
    """Each with how it was tested (`maturity`), its streams (none where cdi.yaml says what is there), and its settings;
    None for one that comes with a package, whose settings only its own pages tell."""
    return [_told(connectors, name) for name in connectors.names()]


def _told(connectors: Registry, name: str) -> dict[str, Any]:
    connector = connectors.get(name)
    settings = None
    if isinstance(connector, DeclaredConnector):
        settings = {setting: spec.model_dump() for setting, spec in connector.manifest.config.items()}
    return {
        "name": name,
        "title": connector.title,
        "maturity": connector.maturity,
        "streams": [stream.name for stream in connector.streams()],
        "settings": settings,
    }
