"""Opening the installation that a command works on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cdi import sample
from cdi.logs import configure_logging
from cdi.pipeline import Installation, open_installation
from cdi.settings import load_settings
from cdi.store.traced import trace_statements
from cdi.tracing import tracing


@contextmanager
def installed(folder: Path, *, reading_sources: bool = False) -> Iterator[Installation]:
    """The installation in this folder, its database running and migrated; while `reading_sources`, the sample
    company's systems answer too."""
    settings = load_settings(folder)
    configure_logging("WARNING")
    if reading_sources:
        with sample.running(settings), open_installation(settings) as installation:
            yield installation
    else:
        with open_installation(settings) as installation:
            yield installation


@contextmanager
def traced(installation: Installation, service: str) -> Iterator[None]:
    """While the block runs, what this process does is told to the collector that the environment names, if any."""
    collector = installation.settings.environment.otlp_endpoint
    with tracing(collector, service):
        if collector is not None:
            trace_statements(installation.database)
        yield
