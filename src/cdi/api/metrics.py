"""/metrics: what Prometheus scrapes, with a key like every other reader."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from cdi.api.dependencies import Reader, Work
from cdi.api.problems import PROBLEMS
from cdi.monitoring import Monitoring

router = APIRouter(tags=["health"], responses=PROBLEMS)


@router.get("/metrics", response_class=PlainTextResponse)
def get_metrics(request: Request, connection: Work, _caller: Reader) -> Response:
    """Figures in Prometheus's text format: counts and ages, no value and no id. A reader's key without any field
    group is enough."""
    monitoring: Monitoring = request.app.state.monitoring
    return Response(monitoring.exposition(connection), media_type=CONTENT_TYPE_LATEST)
