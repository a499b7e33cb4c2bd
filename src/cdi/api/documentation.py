"""/docs: the API for people, by Swagger UI; its files are vendored, so that the page loads nothing from elsewhere."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

FILES = Path(__file__).parent / "vendor" / "swagger-ui"
PLACE = "/docs/files"


def add_documentation(app: FastAPI) -> None:
    """Serve the page and its files."""
    app.mount(PLACE, StaticFiles(directory=FILES), name="documentation")

    @app.get("/docs", include_in_schema=False)
    def documentation() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="cdi",
            swagger_js_url=f"{PLACE}/swagger-ui-bundle.js",
            swagger_css_url=f"{PLACE}/swagger-ui.css",
            swagger_favicon_url="data:,",
        )
