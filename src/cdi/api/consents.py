"""/v1/consents: given and withdrawn in one call, by whatever is known of the customer; and the proof of it."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, Field

from cdi.access import Caller, Role
from cdi.api.answers import answer
from cdi.api.choices import one_of
from cdi.api.dependencies import AuditTrail, Here, Work, allowed
from cdi.api.desk import Body, RecordName, Stewarding
from cdi.api.problems import CHANGE_PROBLEMS, PROBLEMS
from cdi.clock import utc_now
from cdi.fields import CONSENT_CHANNELS
from cdi.ids import parse_record_key
from cdi.pipeline.identified import typed_identifier
from cdi.privacy import consents
from cdi.privacy.consents import Customer, Word

router = APIRouter(prefix="/v1", tags=["consents"])


class Said(Body):
    """Who said what: the customer by exactly one of `email`, `phone`, `identifier` (TYPE:VALUE), `record`
    (`source:key`) or `profile`; `withdrawn` without a purpose withdraws all of them."""

    email: Annotated[str | None, Field(max_length=320)] = None
    phone: Annotated[str | None, Field(max_length=50)] = None
    identifier: Annotated[str | None, Field(max_length=300, examples=["loyalty_card:70012233"])] = None
    record: RecordName | None = None
    profile: UUID | None = None
    status: Literal["granted", "withdrawn"]
    purpose: Annotated[str | None, Field(min_length=1, max_length=100, examples=["newsletter"])] = None
    channel: Annotated[str, one_of(CONSENT_CHANNELS)] = "any"
    at: AwareDatetime | None = None
    method: Literal["single", "double_opt_in", "verbal", "paper"] | None = None
    legal_basis: Annotated[str | None, Field(max_length=200)] = None
    proof: Annotated[str | None, Field(max_length=2_000)] = None

    def customer(self) -> Customer:
        identifier = None if self.identifier is None else typed_identifier(self.identifier)
        record = None if self.record is None else parse_record_key(self.record)
        return Customer(self.email, self.phone, identifier, record, self.profile)

    def word(self) -> Word:
        return Word(self.status, self.purpose, self.channel, self.at, self.method, self.legal_basis, self.proof)


@router.post("/consents", status_code=201, responses=CHANGE_PROBLEMS)
def say_consent(
    body: Said,
    installation: Here,
    connection: Work,
    caller: Annotated[Caller, Depends(allowed(Role.CONNECTOR, Role.STEWARD, Role.PRIVACY))],
    trail: AuditTrail,
) -> Response:
    """Give or withdraw a consent. It holds at once for all records of the customer, and for everybody who is known by
    the identifier if it is withdrawn (409 if it is given and several are). Connectors find customers of their own
    source."""
    return answer(consents.say(connection, installation, caller, trail, body.customer(), body.word(), utc_now()), 201)


@router.get("/profiles/{profile_id}/consents/proof", responses=PROBLEMS)
def prove_consents(
    profile_id: UUID,
    installation: Here,
    connection: Work,
    caller: Stewarding,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """Every word on a consent that reached us of this customer, verbatim and as understood, in that order: as JSON, or
    as a table."""
    proof = consents.prove(connection, installation, caller.visibility, profile_id, utc_now())
    if form == "json":
        return answer(proof)
    headers = {"content-disposition": f'attachment; filename="consents-{profile_id}.csv"'}
    return Response(consents.as_csv(proof), media_type="text/csv; charset=utf-8", headers=headers)
