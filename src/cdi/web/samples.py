"""/reviews/samples: how many of the merges that nobody decided are right, pair by pair of a random sample."""

import math
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Path, Response

from cdi import stewardship
from cdi.errors import InvalidInputError
from cdi.resolution.decisions import Verdict
from cdi.web.review import ICONS, KEYS
from cdi.web.reviews import verdict_of
from cdi.web.routing import pages_router
from cdi.web.side_by_side import side_by_side
from cdi.web.values import told_value
from cdi.web.visits import Stewarding, Visit

router = pages_router()

SIZES: Final = (50, 100, 200, 500)
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/reviews/samples")
def show_samples(visit: Stewarding) -> Response:
    """The samples that were drawn, each with the precision that it tells."""
    return visit.page("samples.html", {"samples": stewardship.list_samples(visit.desk), "sizes": SIZES})


@router.post("/reviews/samples")
def draw(visit: Stewarding) -> Response:
    """Draw one."""
    size = visit.said("size")
    if not size.isdigit():
        raise InvalidInputError("a sample needs a size", remedy="Choose one")
    sample = stewardship.draw_sample(visit.desk, int(size))
    return visit.back(f"/reviews/samples/{sample['id']}")


@router.get("/reviews/samples/{sample_id}")
def show_sample(sample_id: Number, visit: Stewarding, place: int | None = None) -> Response:
    """A pair of it: the one asked for, else the next that nobody judged."""
    return _page(visit, stewardship.show_sample(visit.desk, sample_id), place)


@router.post("/reviews/samples/{sample_id}/pairs/{place}")
def judge(sample_id: Number, place: Number, visit: Stewarding) -> Response:
    """Judge a pair, and go on with the next; to htmx the answer is the next."""
    verdict = verdict_of(visit)
    sample = stewardship.judge_pair(visit.desk, sample_id, place, verdict)
    if "hx-request" in visit.request.headers:
        return _page(visit, sample, None, judged=(place, verdict))
    return visit.back(f"/reviews/samples/{sample_id}")


def _page(
    visit: Visit, sample: dict[str, Any], place: int | None, judged: tuple[int, Verdict] | None = None
) -> Response:
    left = [pair["place"] for pair in sample["pairs"] if pair["verdict"] is None]
    at = place or (left[0] if left else None)
    values: dict[str, Any] = {
        "sample": sample,
        "left": len(left),
        "judged": judged,
        "wrong": [pair for pair in sample["pairs"] if pair["verdict"] in {"no_match", "household"}],
        "pair": None,
        "verdicts": KEYS,
        "icons": ICONS,
    }
    if at is not None:
        pair = stewardship.look_at_pair(visit.desk, sample["id"], at)
        sides = pair["records"]
        write = partial(told_value, visit.language)
        fields = side_by_side(sides[0]["says"], sides[1]["says"], write) if len(sides) == 2 else []
        values |= {"pair": pair, "sides": sides, "fields": fields}
        values["probability"] = 1 / (1 + math.exp(-min(700.0, pair["weight"])))
    return visit.page("sample.html", values, fragment="sample")
