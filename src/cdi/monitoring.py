"""What an operator watches, for Prometheus: how the service answers, how old what sources said is, what waits and since
when, and whether profiles grow larger than they should. Names of sources are the only labels that the data decide."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from cdi import measured
from cdi.clock import utc_now
from cdi.pipeline import Installation
from cdi.pipeline.timing import timing
from cdi.store import changes, jobs, redo, sources, standing

SIZES_KEPT: Final = 300.0
"""Seconds for which the sizes of profiles are kept: to count them reads every membership."""
LARGE: Final = 10
"""Profiles of more records are counted as large."""


@dataclass(slots=True)
class Monitoring:
    """The figures of one installation; sizes of profiles are kept for a while."""

    installation: Installation
    _sizes: Mapping[int, int] = field(default_factory=dict)
    _counted_at: float = -SIZES_KEPT

    def exposition(self, connection: Connection) -> bytes:
        """Everything in Prometheus's text format."""
        registry = CollectorRegistry()
        registry.register(_Given([*self._sources(connection), *self._waiting(connection), *self._profiles(connection)]))
        return measured.told() + generate_latest(registry)

    def _sources(self, connection: Connection) -> Iterator[GaugeMetricFamily]:
        names, now = list(self.installation.deployment.sources), utc_now()
        states = sources.run_states(connection, names)
        timings = {name: timing(self.installation, name, states.get(name), now) for name in names}
        lag = _by_source("cdi_source_lag_seconds", "Age of what the source said; absent: it was never read to its end")
        overdue = _by_source("cdi_source_overdue_seconds", "How long its next reading should have begun")
        failures = _by_source("cdi_source_failures", "Readings in a row that failed")
        for name, said in timings.items():
            if said["lag_seconds"] is not None:
                lag.add_metric([name], said["lag_seconds"])
            overdue.add_metric([name], said["overdue_seconds"])
            failures.add_metric([name], said["failures"])
        rejected = _by_source("cdi_rejected_records", "Records that were rejected and have not come right")
        counts = standing.standing_rejections(connection)
        for name in names:
            rejected.add_metric([name], counts.get(name, 0))
        yield from (lag, overdue, failures, rejected)

    def _waiting(self, connection: Connection) -> Iterator[GaugeMetricFamily]:
        now = utc_now()
        waiting, oldest = redo.backlog(connection)
        yield _gauge("cdi_unresolved_records", "Records that are due to be resolved", waiting)
        yield _gauge("cdi_unresolved_oldest_seconds", "How long the oldest of them waits", _age(oldest, now))
        for kind, questions in standing.open_questions(connection).items():
            yield _gauge(f"cdi_open_{kind}s", f"{kind.title()}s that no steward has answered", questions.open)
            yield _gauge(f"cdi_{kind}_oldest_seconds", "How long the oldest of them waits", _age(questions.oldest, now))
        sent = standing.deliveries(connection)
        yield _gauge("cdi_webhook_waiting", "Deliveries to webhooks that wait", sent.waiting)
        yield _gauge("cdi_webhook_behind", "Events that the slowest webhook has not come to", sent.behind)
        yield _gauge(
            "cdi_webhook_failing_seconds", "Since when the oldest waiting one is tried", _age(sent.oldest_tried, now)
        )
        yield _gauge("cdi_webhook_dead", "Deliveries to webhooks that were given up", sent.dead)
        yield _gauge("cdi_feed_cursor", "The last cursor of the change feed", changes.last_cursor(connection))
        yield _gauge("cdi_workers", "Processes that work off what is due", len(jobs.workers(connection)))

    def _profiles(self, connection: Connection) -> Iterator[GaugeMetricFamily]:
        if time.monotonic() - self._counted_at >= SIZES_KEPT:
            self._sizes, self._counted_at = standing.profile_sizes(connection), time.monotonic()
        profiles = sum(self._sizes.values())
        records = sum(size * n for size, n in self._sizes.items())
        large = sum(n for size, n in self._sizes.items() if size > LARGE)
        yield _gauge("cdi_profiles", "Live profiles", profiles)
        yield _gauge("cdi_profile_records_mean", "Records a profile", records / profiles if profiles else 0)
        yield _gauge("cdi_profile_records_max", "Records of the largest profile", max(self._sizes, default=0))
        yield _gauge("cdi_profiles_large", f"Profiles of more than {LARGE} records", large)


class _Given(Collector):
    """Figures that are known already."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self.families = families

    def collect(self) -> list[GaugeMetricFamily]:
        return self.families


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, value=value)


def _by_source(name: str, documentation: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, labels=["source"])


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
