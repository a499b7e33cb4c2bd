"""The application, as a table of contents."""

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from cdi import __version__
from cdi.api import (
    audit,
    catalogue,
    changes,
    conflicts,
    consents,
    contact,
    health,
    history,
    journey,
    keys,
    lookup,
    metrics,
    overrides,
    ownership,
    privacy,
    processing,
    profiles,
    queue,
    retention,
    reviews,
    samples,
    sources,
    splitting,
    tasks,
    webhooks,
    webhooks_in,
)
from cdi.api.documentation import add_documentation
from cdi.api.guards import install_guards
from cdi.api.housekeeping import housekeeping
from cdi.api.observed import Observed
from cdi.api.problems import install_handlers
from cdi.api.rates import exchanges
from cdi.api.together import ReadTogether
from cdi.monitoring import Monitoring
from cdi.openid import IdentityProvider
from cdi.pipeline import Installation
from cdi.receiving import Afterwards
from cdi.web.desk import add_desk

SILENT: Final[TelemetryConfig] = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""The framework's own spans hold a request's query, and its logs an error's text: ours (`api.observed`) do not."""


def create_app(installation: Installation, common: Path | None = None) -> FastAPI:
    """The HTTP service of one installation. `common` is a folder that the processes of this service share, if there are
    several."""
    app = FastAPI(
        title="cdi",
        version=__version__,
        description="One golden record per customer.",
        docs_url=None,
        redoc_url=None,
        telemetry=SILENT,
        lifespan=housekeeping,
    )
    app.state.installation = installation
    app.state.afterwards = Afterwards(installation)
    app.state.monitoring = Monitoring(installation)
    openid = installation.deployment.openid
    app.state.identity_provider = None if openid is None else IdentityProvider(openid)
    app.state.exchanges = exchanges(common)
    install_handlers(app)
    app.add_middleware(ReadTogether, installation=installation)
    install_guards(app, installation.deployment.api, common)
    app.add_middleware(Observed)
    add_documentation(app)
    rooms = (  # a request is held against them in this order, so what is asked most comes first
        lookup,
        profiles,
        sources,
        journey,
        consents,
        contact,
        history,
        reviews,
        overrides,
        conflicts,
        tasks,
        queue,
        samples,
        splitting,
        ownership,
        changes,
        webhooks,
        retention,
        processing,
        privacy,
        audit,
        keys,
        catalogue,
        health,
        metrics,
    )
    for room in (*rooms, webhooks_in):
        app.include_router(room.router)
    add_desk(app, installation.deployment)
    return app
