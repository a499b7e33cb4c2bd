"""The desk, as a table of contents: its pages are added to the application here, and those of customers who come by a
link."""

from fastapi import FastAPI

from cdi.settings import Deployment
from cdi.web import (
    access,
    assets,
    audit,
    conflicts,
    customers,
    deputies,
    model,
    my_data,
    preferences,
    privacy,
    privacy_erasure,
    privacy_rectification,
    privacy_restriction,
    profile,
    review,
    reviews,
    samples,
    sign_in,
    source,
    sources,
    today,
)
from cdi.web.pages import Pages
from cdi.web.routing import install_not_found

ROOMS = (
    today,
    reviews,
    samples,
    deputies,
    review,
    conflicts,
    customers,
    profile,
    privacy,
    privacy_erasure,
    privacy_rectification,
    privacy_restriction,
    sources,
    source,
    access,
    audit,
    model,
    sign_in,
    preferences,
    assets,
)


def add_desk(app: FastAPI, deployment: Deployment) -> None:
    """Serve the pages of the desk."""
    app.state.pages = Pages(deployment)
    install_not_found(app)
    for room in ROOMS:
        app.include_router(room.router)
    app.include_router(my_data.router)
