"""Many native records as their mapping and their source's country and language make them canonical, in other processes
if there are enough of them."""

import pickle
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from cdi.errors import BadRecordError
from cdi.ingest.manifest import DeclaredConnector
from cdi.normalise.record import Context, canonicalise
from cdi.pipeline.workers import WORTH_IT, Workers

CHUNK: Final = 1_250

Made: TypeAlias = "list[str | BadRecordError]"
"""By record, its canonical form as JSON, or why there is none."""


class Mapper(NamedTuple):
    """What makes the customers of one source canonical; picklable."""

    connector: DeclaredConnector
    config: Mapping[str, Any]
    context: Context

    def made(self, stream: str, said: Sequence[bytes]) -> Made:
        """Canonical forms of native records, given as JSON."""
        return [self._one(stream, native) for native in said]

    def _one(self, stream: str, said: bytes) -> str | BadRecordError:
        try:
            mapped = self.connector.map(stream, orjson.loads(said), self.config)
            return orjson.dumps(canonicalise(mapped, self.context)).decode()
        except BadRecordError as error:
            return error


class ManyHands:
    """A mapper that goes to work in other processes once there have been enough records to be worth it."""

    def __init__(self, mapper: Mapper, workers: Workers) -> None:
        self._mapper = mapper
        self._packed = pickle.dumps(mapper)
        self._workers = workers
        self._seen = 0

    def made(self, stream: str, said: Sequence[bytes]) -> Made:
        """As `Mapper.made`."""
        self._seen += len(said)
        if self._seen <= WORTH_IT:
            return self._mapper.made(stream, said)
        chunks = (said[start : start + CHUNK] for start in range(0, len(said), CHUNK))
        done = self._workers.each(_made, ((self._packed, stream, chunk) for chunk in chunks))
        return list(chain.from_iterable(done))


def _made(task: tuple[bytes, str, Sequence[bytes]]) -> Made:
    packed, stream, said = task
    return _unpacked(packed).made(stream, said)


@lru_cache(maxsize=16)
def _unpacked(packed: bytes) -> Mapper:
    mapper: Mapper = pickle.loads(packed)  # noqa: S301  our own, from the process that started this one
    return mapper
