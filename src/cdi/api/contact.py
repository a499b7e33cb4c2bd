"""/v1/profiles/{id}/consents and /contactability: what the customer allowed, and whether we may contact them now."""

from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from cdi import contact
from cdi.api.answers import answer
from cdi.api.choices import one_of
from cdi.api.dependencies import Here, Reader, Work
from cdi.api.desk import Body, Reason, RecordName, Stewarding
from cdi.api.moved import MOVED, moved
from cdi.api.problems import CHANGE_PROBLEMS, PROBLEMS
from cdi.clock import utc_now
from cdi.fields import CONSENT_CHANNELS
from cdi.ids import parse_record_key
from cdi.serving import locate

router = APIRouter(prefix="/v1/profiles", tags=["contact"])

Purpose: TypeAlias = Annotated[str, Field(min_length=1, max_length=100, examples=["newsletter"])]


@router.get("/{profile_id}/consents", responses=PROBLEMS | MOVED)
def get_consents(profile_id: UUID, installation: Here, connection: Work, caller: Reader) -> Response:
    """By purpose and channel what holds, and what each record said of it, with time and proof. Where records
    contradict, the most restrictive counts until a steward has reviewed it (`contradicted`)."""
    where = locate(connection, caller.visibility, profile_id)
    if where.profile is None:
        return moved(profile_id, where.status, where.homes, where.reason, "/consents")
    return answer(contact.consents(connection, installation, caller.visibility, where.profile, utc_now()))


class ConsentWord(Body):
    """Whose word counts: the record (`source:key`) that says what holds for this purpose on this channel."""

    purpose: Purpose
    channel: Annotated[str, one_of(CONSENT_CHANNELS)]
    record: RecordName
    reason: Reason


@router.post("/{profile_id}/consents/review", responses=CHANGE_PROBLEMS | MOVED, status_code=201)
def review_consent(
    profile_id: UUID, body: ConsentWord, installation: Here, connection: Work, caller: Stewarding
) -> Response:
    """Settle what records contradict each other about. It goes with the record if the profile is split; what is said
    later by another record is not reviewed."""
    where = locate(connection, caller.visibility, profile_id)
    if where.profile is None:
        return moved(profile_id, where.status, where.homes, where.reason, "/consents/review")
    told = contact.review(
        connection,
        installation,
        caller,
        where.profile,
        body.purpose,
        body.channel,
        parse_record_key(body.record),
        body.reason,
        utc_now(),
    )
    return answer(told, 201)


@router.get("/{profile_id}/contactability", responses=PROBLEMS | MOVED)
def get_contactability(
    profile_id: UUID,
    installation: Here,
    connection: Work,
    caller: Reader,
    purpose: Annotated[str, Query(min_length=1, max_length=100, description="What for, as consents name it")],
) -> Response:
    """May we contact this customer for this purpose: on which channel, why not, and when next."""
    seen = contact.asking_about(caller.visibility, purpose)
    where = locate(connection, seen, profile_id)
    if where.profile is None:
        return moved(profile_id, where.status, where.homes, where.reason, "/contactability")
    told = contact.contactability(connection, installation, seen, where.profile, purpose, utc_now())
    return answer(told)
