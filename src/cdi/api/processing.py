"""/v1/privacy/record-of-processing: the record of processing activities (Art. 30), from what is configured."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response

from cdi.api.answers import answer
from cdi.api.dependencies import Here, Officer, Work
from cdi.api.problems import PROBLEMS
from cdi.clock import utc_now
from cdi.privacy import processing

router = APIRouter(prefix="/v1/privacy", tags=["privacy"], responses=PROBLEMS)


AS_PAGE: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}}


@router.get("/record-of-processing", responses=AS_PAGE)
def get_record_of_processing(
    installation: Here,
    connection: Work,
    _caller: Officer,
    form: Annotated[Literal["json", "markdown"], Query(alias="format")] = "json",
    language: Literal["de", "en"] = "en",
) -> Response:
    """One activity a source, with purpose, categories, retention and owner; recipients (keys, tokens, webhooks, what
    cdi.yaml names), transfers and measures. As JSON, or as a page."""
    record = processing.record_of_processing(connection, installation, utc_now())
    if form == "json":
        return answer(record)
    page = processing.as_markdown(record, language)
    return Response(page, media_type="text/markdown; charset=utf-8")
