"""What an id answers that is retired: where its records are now, for every resource below it alike."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import Response

from cdi.api.answers import answer
from cdi.api.problems import described, problem

MOVED: dict[int | str, dict[str, Any]] = {
    300: {"description": "The id is retired; its records lie in several profiles now"},
    301: {"description": "The id is retired; its records lie in one profile now"},
    410: described("The id ended: erased, or its last record went"),
}


def moved(profile_id: UUID, status: HTTPStatus, homes: Sequence[UUID], reason: str, rest: str = "") -> Response:
    """301 to its survivor, 300 with all of them, 410 with the reason. `rest` is the path below the profile."""
    if status is HTTPStatus.GONE:
        return problem(410, "gone", "Gone", "This profile ended", reason=reason)
    body = {"id": str(profile_id), "profiles": [str(home) for home in homes]}
    one = status is HTTPStatus.MOVED_PERMANENTLY
    return answer(body, int(status), {"Location": f"/v1/profiles/{homes[0]}{rest}"} if one else None)
