"""What a process measures of itself, in Prometheus's terms. Labels are names of our own (routes, methods, classes of
status), never a value or an id, so there are as many series as there are routes.

Where several processes answer, the library keeps the figures in files that they share (PROMETHEUS_MULTIPROC_DIR, which
`cdi serve --workers` sets before they start), and whichever is asked tells the sum.
"""

import os
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"

_OWN: Final = CollectorRegistry()
REQUEST_SECONDS: Final = Histogram(
    "cdi_request_seconds",
    "How long requests took to answer, by the template of their route",
    ("method", "route", "status"),
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=_OWN,
)
BATCH_SECONDS: Final = Histogram(
    "cdi_resolver_batch_seconds",
    "How long batches of due records took to resolve, in the processes that answer requests",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    registry=_OWN,
)


def told() -> bytes:
    """The figures of all processes that share them, as Prometheus reads them."""
    if SHARED not in os.environ:
        return generate_latest(_OWN)
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)
