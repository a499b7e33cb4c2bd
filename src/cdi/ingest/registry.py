"""Finds connectors: folders with a `connector.yaml`, and packages that announce themselves by entry point. A broken one
is named and skipped, so that one bad manifest stops no other source.

Where YAML does not reach, a `connector.py` beside it has a function `extend(connector)`, which takes the declared
connector and gives one that does more.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Final

from cdi.errors import ConfigurationError
from cdi.ingest.contract import Connector
from cdi.ingest.manifest import DeclaredConnector, load_connector

ENTRY_POINTS: Final = "cdi.connectors"
MANIFEST: Final = "connector.yaml"
PLUGIN: Final = "connector.py"


class Registry:
    """The connectors of this installation. `broken` says by name why one could not be loaded."""

    def __init__(self, connectors: dict[str, Connector], broken: dict[str, str]) -> None:
        self._connectors = connectors
        self.broken = broken

    def get(self, name: str, config: Mapping[str, Any] | None = None) -> Connector:
        """The connector of this name as a source with these settings has it; raises ConfigurationError that says why
        not, or which there are."""
        if name in self._connectors:
            connector = self._connectors[name]
            return connector.of_source(config or {}) if isinstance(connector, DeclaredConnector) else connector
        if name in self.broken:
            raise ConfigurationError(f"the connector {name} is broken: {self.broken[name]}")
        raise ConfigurationError(f"no connector {name}", remedy=f"There are {', '.join(self.names()) or 'none'}")

    def names(self) -> list[str]:
        """The connectors that can be used, in alphabetical order."""
        return sorted(self._connectors)


def find_connectors(folders: Sequence[Path]) -> Registry:
    """Every connector in these folders (each holds one folder a connector) and of the installed packages.

    Of two with one name the one of the later folder counts: a deployment's own outranks a shipped one.
    """
    connectors: dict[str, Connector] = {}
    broken: dict[str, str] = {}
    for point in entry_points(group=ENTRY_POINTS):
        try:
            connectors[point.name] = point.load()()
        except Exception as error:  # a plugin may fail in any way; it is named and skipped
            broken[point.name] = f"{point.value}: {type(error).__name__}"
    for path in (path for folder in folders for path in sorted(folder.glob(f"*/{MANIFEST}"))):
        _load(path, connectors, broken)
    return Registry(connectors, broken)


def _load(path: Path, connectors: dict[str, Connector], broken: dict[str, str]) -> None:
    name = path.parent.name
    try:
        connector = _extended(load_connector(path), path.with_name(PLUGIN))
        if connector.name != name:
            raise ConfigurationError(f"{path}:1: it calls itself {connector.name}, its folder {name}")
    except ConfigurationError as error:
        broken[name] = str(error)
        connectors.pop(name, None)
    else:
        connectors[name] = connector
        broken.pop(name, None)


def _extended(connector: Connector, plugin: Path) -> Connector:
    """The connector as the Python file beside its manifest makes it, if there is one."""
    if not plugin.is_file():
        return connector
    spec = spec_from_file_location(f"cdi_connector_{plugin.parent.name}", plugin)
    try:
        if spec is None or spec.loader is None:
            raise ImportError(plugin.name)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        extended: Connector = module.extend(connector)
    except Exception as error:  # as above: whatever it is, it is this connector's
        raise ConfigurationError(f"{plugin}: {type(error).__name__}", remedy="extend(connector) must work") from None
    return extended
