"""/v1/privacy: what data subjects may ask for, for the data-protection officer."""

from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from cdi.access import Caller, Role
from cdi.api.answers import answer
from cdi.api.dependencies import AuditTrail, Here, Officer, Work, allowed
from cdi.api.desk import Body, Number, Reason, RecordName
from cdi.api.problems import CHANGE_PROBLEMS
from cdi.clock import utc_now
from cdi.ids import parse_record_key
from cdi.privacy import correcting, disclosed, erasing, own_view, rectifying, requests, restricting
from cdi.privacy.disclosure import disclose
from cdi.privacy.requests import Office
from cdi.store.privacy_requests import RequestFilter

router = APIRouter(prefix="/v1/privacy", tags=["privacy"], responses=CHANGE_PROBLEMS)


async def get_office(installation: Here, connection: Work, caller: Officer, trail: AuditTrail) -> Office:
    """The caller's office, in the request's transaction."""
    return Office(connection, installation, caller, utc_now(), trail)


AtOffice: TypeAlias = Annotated[Office, Depends(get_office)]


@router.get("/requests")
def list_privacy_requests(
    office: AtOffice,
    kind: Annotated[str | None, Query(max_length=40, examples=["erasure"])] = None,
    state: Annotated[str | None, Query(max_length=40, examples=["asked"])] = None,
    profile: UUID | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """What was asked, by whom, why, and what became of it, newest first; never a value of a customer. `before` of the
    answer continues the list (null: this was all)."""
    found = requests.list_requests(office.connection, RequestFilter(kind, state, profile, before), limit + 1)
    return answer({"requests": found[:limit], "before": found[limit - 1]["id"] if len(found) > limit else None})


@router.get("/requests/{request_id}")
def get_privacy_request(request_id: Number, office: AtOffice) -> Response:
    """One of them; of an erasure that was done also which subscriptions have taken the event that tells of it."""
    return answer(erasing.show(office.connection, request_id))


@router.post("/requests/{request_id}/acknowledgement")
def acknowledge_alert(request_id: Number, office: AtOffice) -> Response:
    """The officer has seen to an alert (a request of the kind `sighting`), or handed over what is kept (`access`)."""
    return answer(requests.acknowledge(office, request_id))


class WantedErasure(Body):
    """Whom to erase and why, by a code: nothing else is kept of it."""

    profile: UUID
    ground: Annotated[str, Field(max_length=40, examples=["consent_withdrawn"])] = "demanded"


class Verdict(Body):
    """What becomes of a request that waits."""

    verdict: Literal["approve", "refuse"]


@router.post("/erasures", status_code=201)
def erase_customer(body: WantedErasure, office: AtOffice, dry_run: bool = False) -> Response:
    """Erase a customer, or with `privacy.four_eyes` ask another officer to. With `dry_run` nothing is changed: the
    answer says by table and source what would go, who was told of this customer, and which legal holds forbid it
    (409 without it)."""
    if dry_run:
        return answer(erasing.preview(office, body.profile))
    return answer(erasing.ask(office, body.profile, body.ground), 201)


@router.post("/erasures/{request_id}/decision")
def decide_erasure(request_id: Number, body: Verdict, office: AtOffice) -> Response:
    """Do the erasure that was asked for by another officer or by a source, or refuse it."""
    return answer(erasing.decide(office, request_id, approve=body.verdict == "approve"))


class WantedRestriction(Body):
    """Whom to close, and why, by a code: to every use (a restriction), or to one purpose (an objection)."""

    profile: UUID
    ground: Annotated[str, Field(max_length=40, examples=["contested"])] = "demanded"
    purpose: Annotated[str | None, Field(min_length=1, max_length=100, examples=["newsletter"])] = None


@router.post("/restrictions", status_code=201)
def restrict_customer(body: WantedRestriction, office: AtOffice) -> Response:
    """Restrict the use of a customer's data (Art. 18), or with `purpose` note their objection to it (Art. 21). It holds
    at once: no reader, feed, export or webhook sees the customer any more (for that purpose); stewards and officers
    do."""
    return answer(restricting.restrict(office, body.profile, body.ground, body.purpose), 201)


@router.post("/restrictions/{request_id}/lifting")
def lift_restriction(request_id: Number, office: AtOffice) -> Response:
    """It holds no more; who lifted it and when is kept."""
    return answer(restricting.lift(office, request_id))


class WantedRectification(Body):
    """What is wrong of whom, the right value (of a list, one of its members), and why. The reason is told to the data
    owners and stands in the profile; the request keeps neither it nor the value."""

    profile: UUID
    attribute: Annotated[str, Field(max_length=200, examples=["birth_date"])]
    value: Annotated[Any, Field(examples=["1984-03-05"])]
    reason: Reason


@router.post("/rectifications", status_code=201)
def rectify_customer(body: WantedRectification, office: AtOffice) -> Response:
    """Rectify a value (Art. 16): it holds at once, the data owner of each source that says otherwise gets a task, and
    when these sources have changed theirs the request ends and they count again. 409 if no source says otherwise."""
    return answer(rectifying.rectify(office, body.profile, body.attribute, body.value, body.reason), 201)


@router.get("/corrections/{request_id}")
def get_correction(request_id: Number, office: AtOffice) -> Response:
    """What a customer asks to be corrected by their own view: `said`, in their words, until it is decided."""
    return answer(correcting.show(office, request_id))


class CorrectionVerdict(Body):
    """What becomes of it. `approve` rectifies: with `value` as it is to be written (what the customer said, if that can
    be taken as it is), for the reason that the data owners are told."""

    verdict: Literal["approve", "done", "refuse"]
    value: Any = None
    reason: str = ""


@router.post("/corrections/{request_id}/decision")
def decide_correction(request_id: Number, body: CorrectionVerdict, office: AtOffice) -> Response:
    """Rectify what the customer says is wrong, say that it was seen to otherwise (`done`), or refuse it. The customer's
    words are forgotten."""
    return answer(correcting.decide(office, request_id, body.verdict, body.value, body.reason))


class WantedLink(Body):
    """Whose own view to open (by `profile`, or by one of its records, `source:key`), and for how many hours the link
    shall wait (not said: as long as cdi.yaml lets it)."""

    profile: UUID | None = None
    record: RecordName | None = None
    hours: Annotated[int | None, Field(ge=1, le=24 * 30, examples=[48])] = None


@router.post("/links", status_code=201)
def make_customer_link(
    body: WantedLink,
    installation: Here,
    connection: Work,
    caller: Annotated[Caller, Depends(allowed(Role.LINKS, Role.PRIVACY))],
    trail: AuditTrail,
) -> Response:
    """A link by which this customer sees what is kept of them: send it to them and nobody else. It opens once and
    is told in this answer only; 409 if the profile may be two persons. A key with the role `links` can do this and
    nothing else, for the customers of its source if it names one."""
    office = Office(connection, installation, caller, utc_now(), trail)
    lifetime = None if body.hours is None else timedelta(hours=body.hours)
    record = None if body.record is None else parse_record_key(body.record)
    made = own_view.make_link(office, own_view.customer_of(office, body.profile, record), lifetime)
    return answer({"id": made.link_id, "url": made.url, "expires_at": made.expires_at}, 201)


@router.get("/access-schema")
def get_access_schema(_: AtOffice) -> Response:
    """The JSON Schema of what `/v1/privacy/access/{profile_id}` answers with."""
    return answer(disclosed.schema())


@router.get("/access/{profile_id}")
def disclose_customer(
    profile_id: UUID,
    office: AtOffice,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
    for_customer: bool = False,
) -> Response:
    """Everything that is kept about one customer (Art. 15, 20): records of all sources verbatim with their versions,
    golden record with provenance, decisions and evidence, touchpoints, consents, who received data, who looked and
    when, purposes, retention, owners. `csv`: a ZIP with a table each. With `for_customer` people who work here are
    told by their role."""
    told = disclose(office, profile_id, for_customer=for_customer)
    if form == "json":
        return answer(told)
    headers = {"content-disposition": f'attachment; filename="customer-{profile_id}.zip"'}
    return Response(disclosed.as_zip(told), media_type="application/zip", headers=headers)
