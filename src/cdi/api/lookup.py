"""/v1/profiles/lookup: which profiles may this record be about? Nothing is written."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from cdi import lookup
from cdi.api.answers import answer
from cdi.api.dependencies import READERS, AtDoor
from cdi.api.problems import PROBLEMS
from cdi.fields import ATTRIBUTES

router = APIRouter(prefix="/v1/profiles", tags=["lookup"], responses=PROBLEMS)


class Question(BaseModel):
    """What is known of a customer, in canonical attributes, and how many profiles are wanted at most."""

    model_config = ConfigDict(extra="forbid")

    record: Annotated[
        dict[str, Any],
        Field(
            examples=[
                {
                    "name": {"given_name": "Anna", "family_name": "Müller"},
                    "birth_date": "1984-03-05",
                    "emails": [{"value": "anna.mueller@example.org"}],
                }
            ]
        ),
    ]
    limit: Annotated[int, Field(ge=1, le=50)] = 5


@router.post("/lookup")
def look_up_profiles(body: Question, door: AtDoor) -> Response:
    """Ranked profiles with match weight, probability, evidence, and what resolving would make of it: `match`, `review`
    or `no_match`."""
    with door.opened_for(*READERS) as inside:
        told = lookup.look_up(inside.connection, door.installation, inside.caller.visibility, body.record, body.limit)
        inside.trail.about["criteria"] = sorted(set(body.record) & set(ATTRIBUTES))
        inside.trail.saw(found["id"] for found in told["profiles"])
    return answer(told)
