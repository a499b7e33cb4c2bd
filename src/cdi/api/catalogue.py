"""/problems: what every problem type means and what to do about it; the `type` of each answer leads here."""

from dataclasses import asdict, dataclass
from typing import Final

from fastapi import APIRouter, Response

from cdi.api.answers import answer
from cdi.api.problems import PROBLEMS
from cdi.errors import NotFoundError

router = APIRouter(tags=["problems"])


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem: the status that it comes with, what it means, and what a program should do."""

    kind: str
    status: int
    meaning: str
    remedy: str


CATALOGUE: Final[dict[str, ProblemType]] = {
    entry.kind: entry
    for entry in (
        ProblemType(
            "bad-request",
            400,
            "The request cannot be read: its body is no JSON, or nested too deep.",
            "Correct it; sending it again does not help.",
        ),
        ProblemType(
            "unauthenticated",
            401,
            "No API key or token was sent, or one that is unknown, expired or revoked.",
            "Send Authorization: Bearer with a valid one; the detail says what is wrong with a token.",
        ),
        ProblemType(
            "forbidden",
            403,
            "The key is known and may not do this: its role, its data owners, its source or its purposes.",
            "Use a key that may; the detail says what it takes.",
        ),
        ProblemType(
            "not-found",
            404,
            "There is nothing under this name that the caller may see.",
            "Check the name. What may not be seen is answered alike.",
        ),
        ProblemType(
            "method-not-allowed",
            405,
            "The path exists and does not take this method.",
            "The Allow header names those that it takes.",
        ),
        ProblemType(
            "conflict",
            409,
            "The request contradicts what stands: a claim, an id that is retired, a key used for another request.",
            "Read what stands, then decide again.",
        ),
        ProblemType(
            "contradiction",
            409,
            "A decision that standing ones contradict; `decisions` names them.",
            "Revoke those first, if they are wrong.",
        ),
        ProblemType("busy", 409, "Another process does exclusive work; the detail names it.", "Wait and repeat."),
        ProblemType(
            "gone",
            410,
            "The profile ended; `reason` is erased, or retired when its last record went.",
            "Forget the id.",
        ),
        ProblemType(
            "cursor-gone",
            410,
            "The change feed cannot be continued from this cursor: it never gave it out.",
            "Take a new cursor, list all profiles, and follow the feed from that cursor.",
        ),
        ProblemType(
            "stale",
            412,
            "What should be changed is no longer as If-Match says.",
            "Read it again and decide on what it says now.",
        ),
        ProblemType("too-large", 413, "The request is larger than this service takes.", "Send less at once."),
        ProblemType(
            "unsupported-media-type", 415, "The body is of a kind that is not taken here.", "Send application/json."
        ),
        ProblemType(
            "bad-record",
            422,
            "A record that cannot be taken as it is.",
            "Correct the record; the detail names the field.",
        ),
        ProblemType(
            "invalid-input",
            422,
            "A parameter or a field is not as documented; `errors` says where.",
            "Correct it; sending it again does not help.",
        ),
        ProblemType("precondition-required", 428, "This change needs If-Match.", "Send the ETag of what you read."),
        ProblemType(
            "too-many-requests",
            429,
            "The key has made more requests than it may.",
            "Wait as many seconds as Retry-After says.",
        ),
        ProblemType(
            "webhook-refused", 401, "A delivery whose signature is not the vendor's.", "Check the secret on both sides."
        ),
        ProblemType("internal", 500, "A fault of this service; it was logged.", "Repeat later; tell the operator."),
        ProblemType(
            "configuration",
            500,
            "cdi.yaml, a connector or the environment is wrong.",
            "The operator finds it in the log and with cdi doctor.",
        ),
        ProblemType(
            "source-failed",
            502,
            "A source system could not be read.",
            "Repeat later; the operator sees it in cdi status.",
        ),
        ProblemType(
            "database",
            503,
            "PostgreSQL cannot be reached, or its schema is not of this version.",
            "Repeat later; tell the operator.",
        ),
        ProblemType(
            "identity-provider",
            503,
            "The OpenID Connect provider cannot be asked whether a token is its own.",
            "Repeat later; API keys are accepted meanwhile.",
        ),
        ProblemType("stopped", 503, "The service is being stopped.", "Repeat: another process answers."),
    )
}
"""Every type that is ever answered; a test holds it against the errors of the program."""


@router.get("/problems")
def list_problem_types() -> Response:
    """All problem types. No key is needed."""
    return answer({"problems": [asdict(entry) for entry in CATALOGUE.values()]})


@router.get("/problems/{kind}", responses=PROBLEMS)
def get_problem_type(kind: str) -> Response:
    """What a problem type means and what to do about it. No key is needed."""
    entry = CATALOGUE.get(kind)
    if entry is None:
        raise NotFoundError("there is no such problem type", remedy="GET /problems lists them")
    return answer(asdict(entry))
