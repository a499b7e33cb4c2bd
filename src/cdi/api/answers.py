"""An answer as it leaves: JSON, written once, without a detour through models."""

from typing import Any

import orjson
from fastapi import Response


def answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response; times become ISO 8601 with their offset, ids text."""
    return Response(
        orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS), status, headers, media_type="application/json"
    )
