"""What a source's mapping and its country and language make of what it said, in this process or in another."""

import pickle
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from cdi.errors import ConfigurationError
from cdi.fields import CanonicalData
from cdi.ingest.contract import Native
from cdi.ingest.manifest import DeclaredConnector
from cdi.normalise.record import Context, canonicalise
from cdi.pipeline.installation import Installation


class Mapper(NamedTuple):
    """What makes the customers of one source canonical; picklable."""

    connector: DeclaredConnector
    config: Mapping[str, Any]
    context: Context

    def made(self, stream: str, native: Native) -> CanonicalData:
        """What this customer's record means. Raises BadRecordError naming the field."""
        return canonicalise(self.connector.map(stream, native, self.config), self.context)


def mapper_of(installation: Installation, source: str) -> Mapper | None:
    """The mapper of a source; None where a connector in Python maps, which stays in its process, or where the
    source is not in cdi.yaml as it must be."""
    try:
        connector, config = installation.connector(source), installation.config(source)
    except ConfigurationError:
        return None
    return Mapper(connector, config, installation.context(source)) if isinstance(connector, DeclaredConnector) else None


@lru_cache(maxsize=16)
def unpacked(packed: bytes) -> Mapper:
    """A pickled mapper, compiled once in a process."""
    mapper: Mapper = pickle.loads(packed)  # noqa: S301  our own, from the process that started this one
    return mapper
