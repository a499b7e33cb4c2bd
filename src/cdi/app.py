"""The application, as a table of contents."""

from fastapi import FastAPI

from cdi import __version__
from cdi.api import (
    catalogue,
    changes,
    conflicts,
    contact,
    health,
    history,
    journey,
    lookup,
    overrides,
    ownership,
    profiles,
    queue,
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
from cdi.api.problems import install_handlers
from cdi.api.together import ReadTogether
from cdi.openid import IdentityProvider
from cdi.pipeline import Installation
from cdi.receiving import Afterwards
from cdi.web.desk import add_desk


def create_app(installation: Installation) -> FastAPI:
    """The HTTP service of one installation."""
    app = FastAPI(
        title="cdi", version=__version__, description="One golden record per customer.", docs_url=None, redoc_url=None
    )
    app.state.installation = installation
    app.state.afterwards = Afterwards(installation)
    openid = installation.deployment.openid
    app.state.identity_provider = None if openid is None else IdentityProvider(openid)
    install_handlers(app)
    app.add_middleware(ReadTogether, installation=installation)
    install_guards(app, installation.deployment.api)
    add_documentation(app)
    rooms = (
        lookup,
        profiles,
        journey,
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
        sources,
        changes,
        webhooks,
        catalogue,
        health,
    )
    for room in (*rooms, webhooks_in):
        app.include_router(room.router)
    add_desk(app, installation.deployment)
    return app
