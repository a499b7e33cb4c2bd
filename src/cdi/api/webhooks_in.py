"""/v1/sources/{source}/webhook: where source systems tell by themselves what is new. No key is asked for: a delivery
proves by its signature whose it is."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.background import BackgroundTask

from cdi import receiving, sources
from cdi.api.answers import answer
from cdi.api.dependencies import Connecting, Here, Work
from cdi.api.problems import PROBLEMS
from cdi.ingest.contract import WebhookRequest
from cdi.ingest.refusals import TooLargeError
from cdi.ingest.webhook import LARGEST
from cdi.receiving import Afterwards

router = APIRouter(prefix="/v1/sources", tags=["sources"], responses=PROBLEMS)


async def whole_body(request: Request) -> bytes:
    """The bytes as they came, because the signature is over them; more than any vendor sends is not even read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise TooLargeError(f"a delivery has at most {LARGEST >> 20} MB")
    return bytes(body)


def afterwards(request: Request) -> Afterwards:
    """What this process does with deliveries once they have been answered."""
    found: Afterwards = request.app.state.afterwards
    return found


@router.post("/{source}/webhook")
def receive_delivery(
    source: str,
    request: Request,
    installation: Here,
    body: Annotated[bytes, Depends(whole_body)],
    then: Annotated[Afterwards, Depends(afterwards)],
) -> Response:
    """Take a delivery of a source system, if its signature is the vendor's. A repeated one is answered alike and has no
    effect; one that cannot be read is kept aside. What it brings is resolved, and what it points to read, right
    after."""
    delivered = receiving.receive(installation, source, _delivery(installation, request, body))
    told = answer(delivered.as_dict())
    told.background = BackgroundTask(then, source, delivered)
    return told


def _delivery(installation: Here, request: Request, body: bytes) -> WebhookRequest:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return WebhookRequest(request.method, _address(installation, request), headers, body)


def _address(installation: Here, request: Request) -> str:
    """The address that the vendor called, which some signatures are over: behind a proxy only its operator knows it."""
    public = installation.settings.environment.public_url
    if public is None:
        return str(request.url)
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{public.rstrip('/')}{request.url.path}{query}"


@router.get("/{source}/webhook", response_class=Response)
def answer_handshake(source: str, request: Request, installation: Here) -> Response:
    """Answer the question by which a vendor makes sure, before it sends anything, that we are who we say."""
    told = receiving.answer_handshake(installation, source, dict(request.query_params))
    # Never as a page: what is said comes from whoever asked.
    return Response(told.content, media_type=told.media_type, headers={"X-Content-Type-Options": "nosniff"})


@router.get("/{source}/deliveries")
def list_deliveries(
    source: str,
    installation: Here,
    connection: Work,
    caller: Connecting,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """What a source system delivered, newest first, and what came of it; `before` continues the list."""
    found: list[dict[str, Any]] = sources.deliveries(connection, installation, caller, source, limit, before)
    return answer(
        {
            "source": source,
            "data_owner": installation.owner_of(source),
            "deliveries": found,
            "before": found[-1]["delivery_id"] if found else None,
        }
    )
