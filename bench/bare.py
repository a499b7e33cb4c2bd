"""What the framework costs by itself: a route that returns a document which lies in memory, as a dict."""

import json
import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI

app = FastAPI()
DOCUMENT: dict[str, Any] = json.loads(Path(os.environ["BENCH_DOCUMENT"]).read_text(encoding="utf-8"))


@app.get("/v1/profiles/{profile_id}")
def typed(profile_id: str) -> dict[str, Any]:  # noqa: ARG001
    """As the framework likes it best: with the type of what it returns, which it then writes without looking at it."""
    return DOCUMENT


@app.get("/untyped/{profile_id}")
def untyped(profile_id: str):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """As its tutorial begins."""
    return DOCUMENT
