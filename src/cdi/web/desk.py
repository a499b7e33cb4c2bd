"""The desk, as a table of contents: its pages are added to the application here."""

from fastapi import FastAPI

from cdi.settings import Deployment
from cdi.web import assets, conflicts, customers, preferences, profile, review, reviews, sign_in, today
from cdi.web.pages import Pages
from cdi.web.routing import install_not_found

ROOMS = (today, reviews, review, conflicts, customers, profile, sign_in, preferences, assets)


def add_desk(app: FastAPI, deployment: Deployment) -> None:
    """Serve the pages of the desk."""
    app.state.pages = Pages(deployment)
    install_not_found(app)
    for room in ROOMS:
        app.include_router(room.router)
