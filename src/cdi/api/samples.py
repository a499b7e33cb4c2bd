"""/v1/samples: how many of the merges that nobody decided are right."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import Field

from cdi import stewardship
from cdi.api.answers import answer
from cdi.api.desk import AtDesk, Body, Number
from cdi.api.problems import CHANGE_PROBLEMS
from cdi.resolution.decisions import Verdict
from cdi.stewardship.samples import LARGEST

router = APIRouter(prefix="/v1/samples", tags=["samples"], responses=CHANGE_PROBLEMS)


class Drawing(Body):
    """How many pairs are drawn; the same seed over the same merges draws the same ones."""

    size: Annotated[int, Field(ge=1, le=LARGEST)] = 200
    seed: Annotated[int | None, Field(ge=0, lt=2**31)] = None


class Judgement(Body):
    """Whether a pair is one customer."""

    verdict: Verdict


@router.get("")
def list_samples(desk: AtDesk) -> Response:
    """The caller's samples, newest first, each with the precision that it tells (95 % interval); an admin sees all."""
    return answer({"samples": stewardship.list_samples(desk)})


@router.post("", status_code=201)
def draw_sample(body: Drawing, desk: AtDesk) -> Response:
    """Draw pairs of records that the machine made one customer, at random, of the caller's owners."""
    return answer(stewardship.draw_sample(desk, body.size, body.seed), 201)


@router.get("/{sample_id}")
def show_sample(sample_id: Number, desk: AtDesk) -> Response:
    """One sample, with its pairs and what was said of them."""
    return answer(stewardship.show_sample(desk, sample_id))


@router.put("/{sample_id}/pairs/{place}")
def judge_pair(
    sample_id: Number, place: Annotated[int, Path(ge=1, le=LARGEST)], body: Judgement, desk: AtDesk
) -> Response:
    """Judge a pair. It measures and changes nothing."""
    return answer(stewardship.judge_pair(desk, sample_id, place, body.verdict))
