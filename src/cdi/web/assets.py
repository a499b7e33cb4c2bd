"""The desk's own files (styles, scripts, icons), each under an address that names its content, so that browsers keep
it for ever and a new version has a new address."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response

from cdi.errors import NotFoundError

FILES: Final = Path(__file__).parent / "static"
PLACE: Final = "/static"
KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

router = APIRouter(include_in_schema=False)


@cache
def _content(name: str) -> bytes:
    return (FILES / name).read_bytes()


@cache
def _names() -> frozenset[str]:
    return frozenset(str(path.relative_to(FILES)) for path in FILES.rglob("*") if path.suffix in KINDS)


@cache
def address(name: str) -> str:
    """Where a file is served, as templates write it."""
    return f"{PLACE}/{hashlib.sha256(_content(name)).hexdigest()[:12]}/{name}"


@router.get(PLACE + "/{version}/{name:path}")
def get_asset(version: str, name: str) -> Response:
    """A file; of a version that is no longer served the one of today, which is not kept."""
    if name not in _names():
        raise NotFoundError("there is no such file")
    current = address(name) == f"{PLACE}/{version}/{name}"
    kept = "public, max-age=31536000, immutable" if current else "no-cache"
    return Response(_content(name), media_type=KINDS[Path(name).suffix], headers={"cache-control": kept})
