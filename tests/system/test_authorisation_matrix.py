"""Every route × every role × own and foreign data owner × with and without field scopes. The routes are those that the
application has: one without a row fails."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from domain import ANNA, email, profile_of, push
from fastapi.testclient import TestClient
from stewarding import WIDE_BAND, Steward, company_in, contradicting
from test_contact import allowed, consent
from test_journey import NOON, happened, touchpoint

from cdi.access import Role
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from conftest import Doors, copy_of

SIMILAR = contradicting(ANNA)
CANARY = "krzywdzinski"

CALLERS = (
    "nobody",
    "connector",  # of the source till
    "other connector",  # of the source shop
    "portal",  # it makes links
    "masked reader",
    "reader",
    "steward",  # of the owner retail, whose source the till is
    "foreign steward",  # of the owner online
    "officer",  # for data protection
    "admin",
)
WITHOUT_SCOPES = {"nobody", "connector", "other connector", "portal", "masked reader"}


@dataclass(frozen=True)
class Row:
    """What each of CALLERS is answered: `y` it may (whatever else is said), `n` 403, `u` 401, `-` 404.

    `values`: the answer holds the customer's name, for those who may see it in full.
    """

    answers: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    values: bool = False
    own_words: bool = False  # it is what the connector's own source said


READERS = "unnnyyyyyy"
STEWARDS = "unnnnnyyny"
SEEN_BY_STEWARDS = "unnnnnyyyy"
OWNERS = "unnnnnynny"
SEEN_BY_OWNERS = "unnnnnynyy"
OFFICERS = "unnnnnnnyy"
ADMINS = "unnnnnnnny"
SOURCES = "uy-nyyyyyy"
PUBLIC = "yyyyyyyyyy"
WEBHOOKS = "unnn-----y"
"""Of somebody else: only an admin knows of it."""
REASON = {"reason": "the matrix"}
ANY_VERSION = {"If-Match": "*"}

# In this order: what changes least comes first.
ROUTES: dict[tuple[str, str], Row] = {
    ("GET", "/healthz"): Row(PUBLIC),
    ("GET", "/readyz"): Row(PUBLIC),
    ("GET", "/metrics"): Row(READERS),
    ("GET", "/problems"): Row(PUBLIC),
    ("GET", "/problems/{kind}"): Row(PUBLIC),
    ("GET", "/v1/profiles"): Row(READERS, values=True),
    ("GET", "/v1/profiles/{profile_id}"): Row(READERS, values=True),
    ("POST", "/v1/profiles/batch"): Row(READERS, {"ids": ["{profile_id}"]}, values=True),
    ("POST", "/v1/profiles/lookup"): Row(READERS, {"record": {"emails": email("anna.krz@gmx.de")}}, values=True),
    ("GET", "/v1/profiles/{profile_id}/explain"): Row(READERS),
    ("GET", "/v1/profiles/{profile_id}/history"): Row(READERS, values=True),
    ("GET", "/v1/profiles/{profile_id}/household"): Row(READERS),
    ("GET", "/v1/profiles/{profile_id}/touchpoints"): Row(READERS, values=True),
    ("GET", "/v1/profiles/{profile_id}/consents"): Row(READERS, values=True),
    ("GET", "/v1/profiles/{profile_id}/contactability"): Row(READERS, query={"purpose": "newsletter"}),
    ("GET", "/v1/explain"): Row(READERS, query={"a": "till:a", "b": "till:b"}, values=True),
    ("GET", "/v1/changes"): Row(READERS),
    ("GET", "/v1/webhooks"): Row(READERS),
    ("POST", "/v1/webhooks"): Row(READERS, {"url": "https://app.example/hook"}),
    ("GET", "/v1/webhooks/{webhook_id}"): Row(WEBHOOKS),
    ("POST", "/v1/webhooks/{webhook_id}/test"): Row(WEBHOOKS),
    ("POST", "/v1/webhooks/{webhook_id}/replay"): Row(WEBHOOKS, {"after": 0}),
    ("POST", "/v1/webhooks/{webhook_id}/secret"): Row(WEBHOOKS),
    ("GET", "/v1/webhooks/{webhook_id}/dead-letters"): Row(WEBHOOKS),
    ("POST", "/v1/webhooks/{webhook_id}/dead-letters/retry"): Row(WEBHOOKS),
    ("DELETE", "/v1/webhooks/{webhook_id}"): Row(WEBHOOKS),
    ("GET", "/v1/audit"): Row(OFFICERS),
    ("GET", "/v1/privacy/requests"): Row(OFFICERS),
    ("GET", "/v1/privacy/requests/{request_id}"): Row("unnnnnnn--"),
    ("POST", "/v1/privacy/requests/{request_id}/acknowledgement"): Row("unnnnnnn--"),
    ("GET", "/v1/privacy/record-of-processing"): Row(OFFICERS),
    ("POST", "/v1/privacy/restrictions"): Row(OFFICERS, {"profile": "{profile_id}", "purpose": "profiling"}),
    ("POST", "/v1/privacy/restrictions/{request_id}/lifting"): Row("unnnnnnn--"),
    ("POST", "/v1/privacy/rectifications"): Row(
        OFFICERS, {**REASON, "profile": "{profile_id}", "attribute": "gender", "value": "f"}
    ),
    ("GET", "/v1/privacy/corrections/{request_id}"): Row("unnnnnnn--"),
    ("POST", "/v1/privacy/corrections/{request_id}/decision"): Row("unnnnnnn--", {"verdict": "refuse"}),
    ("POST", "/v1/privacy/links"): Row("unnynnnnyy", {"profile": "{profile_id}"}),
    ("GET", "/v1/privacy/access-schema"): Row(OFFICERS),
    ("GET", "/v1/privacy/access/{profile_id}"): Row(OFFICERS, values=True),
    ("POST", "/v1/privacy/erasures"): Row(OFFICERS, {"profile": "{profile_id}"}, query={"dry_run": True}),
    ("POST", "/v1/privacy/erasures/{request_id}/decision"): Row("unnnnnnn--", {"verdict": "refuse"}),
    ("GET", "/v1/retention/due"): Row(OFFICERS),
    ("GET", "/v1/retention/runs"): Row(OFFICERS),
    ("GET", "/v1/holds"): Row(OFFICERS),
    ("POST", "/v1/holds"): Row(OFFICERS, {**REASON, "record": "till:a"}),
    ("GET", "/v1/holds/{hold_id}"): Row("unnnnnnn--"),
    ("DELETE", "/v1/holds/{hold_id}"): Row("unnnnnnn--", REASON),
    ("GET", "/v1/profiles/{profile_id}/consents/proof"): Row(SEEN_BY_STEWARDS, values=True),
    ("GET", "/v1/keys"): Row(ADMINS),
    ("POST", "/v1/keys"): Row(ADMINS, {"name": "the matrix", "role": "reader"}),
    ("POST", "/v1/keys/{key_id}/rotation"): Row("unnnnnnnn-", {"grace_hours": 1}),
    ("DELETE", "/v1/keys/{key_id}"): Row("unnnnnnnn-"),
    ("GET", "/v1/sources"): Row("uyynyyyyyy"),
    ("GET", "/v1/sources/{source}/runs"): Row(SOURCES),
    ("POST", "/v1/sources/{source}/runs"): Row(ADMINS),
    ("GET", "/v1/sources/{source}/rejected"): Row(SOURCES),
    ("GET", "/v1/sources/{source}/records/{key}"): Row(SOURCES, values=True, own_words=True),
    ("GET", "/v1/sources/{source}/deliveries"): Row(SOURCES),
    ("GET", "/v1/sources/{source}/webhook"): Row("----------"),
    ("POST", "/v1/sources/{source}/webhook"): Row("----------"),
    ("GET", "/v1/reviews"): Row(SEEN_BY_STEWARDS, values=False),
    ("GET", "/v1/reviews/{review_id}"): Row(SEEN_BY_OWNERS),
    ("POST", "/v1/reviews/{review_id}/claim"): Row(OWNERS),
    ("POST", "/v1/reviews/{review_id}/release"): Row(OWNERS),
    ("GET", "/v1/conflicts"): Row(SEEN_BY_STEWARDS),
    ("GET", "/v1/conflicts/{conflict_id}"): Row("unnnnn----"),
    ("POST", "/v1/conflicts/{conflict_id}/resolution"): Row("unnnnn--n-", {**REASON, "record": "till:a"}),
    ("POST", "/v1/conflicts/{conflict_id}/question"): Row("unnnnn--n-", {"owner": "online", "said": "which?"}),
    ("GET", "/v1/tasks"): Row(SEEN_BY_STEWARDS),
    ("POST", "/v1/tasks/{task_id}/answer"): Row("unnnnn--n-", {"answer": "mended"}),
    ("POST", "/v1/tasks"): Row(STEWARDS, {"record": "till:a", "attribute": "gender", "said": "she is a woman"}),
    ("GET", "/v1/absences"): Row(SEEN_BY_STEWARDS),
    ("POST", "/v1/absences"): Row(STEWARDS, {"deputy": "nobody", "until": "2999-01-01T00:00:00Z"}),
    ("DELETE", "/v1/absences/{absence_id}"): Row("unnnnn--n-"),
    ("GET", "/v1/saved-filters"): Row(SEEN_BY_STEWARDS),
    ("PUT", "/v1/saved-filters/{name}"): Row(STEWARDS, {"filter": {"kind": "pair"}}),
    ("DELETE", "/v1/saved-filters/{name}"): Row("unnnnny-ny"),  # both stewards of the matrix have one name
    ("GET", "/v1/samples"): Row(SEEN_BY_STEWARDS),
    ("POST", "/v1/samples"): Row(STEWARDS, {"size": 10, "seed": 1}),
    ("GET", "/v1/samples/{sample_id}"): Row("unnnnn----"),
    ("PUT", "/v1/samples/{sample_id}/pairs/{place}"): Row("unnnnn--n-", {"verdict": "match"}),
    ("GET", "/v1/reviews/{review_id}/involved"): Row(SEEN_BY_OWNERS, values=True),
    ("PUT", "/v1/reviews/{review_id}/assignee"): Row(OWNERS, {"steward": None}),
    ("PUT", "/v1/reviews/{review_id}/snooze"): Row(OWNERS, {"until": None}),
    ("POST", "/v1/reviews/{review_id}/comments"): Row(OWNERS, {"said": "the matrix"}),
    ("POST", "/v1/reviews/decisions"): Row(
        STEWARDS, {**REASON, "verdict": "unsure", "reviews": [{"id": 4711}]}, query={"dry_run": True}
    ),
    ("POST", "/v1/reviews/{review_id}/undo"): Row(OWNERS, REASON),
    ("GET", "/v1/overrides"): Row(SEEN_BY_STEWARDS),
    ("GET", "/v1/overrides/{override_id}"): Row("unnnnn----"),
    ("DELETE", "/v1/overrides/{override_id}"): Row("unnnnn--n-", REASON),
    ("POST", "/v1/touchpoints/{touchpoint_id}/closing"): Row("uyynnnyyny", {"outcome": "done"}),
    ("POST", "/v1/sources/{source}/records"): Row("uynnnnnnny", {"records": []}),
    ("POST", "/v1/consents"): Row("uy-nnnyyyy", {"status": "withdrawn", "purpose": "newsletter", "record": "till:a"}),
    ("POST", "/v1/profiles/{profile_id}/consents/review"): Row(
        OWNERS, {**REASON, "purpose": "newsletter", "channel": "email", "record": "till:a"}
    ),
    ("PUT", "/v1/profiles/{profile_id}/pins/{attribute}"): Row(OWNERS, {**REASON, "value": "f"}, headers=ANY_VERSION),
    ("DELETE", "/v1/profiles/{profile_id}/pins/{attribute}"): Row("unnnnnynn-", headers=ANY_VERSION),
    ("PUT", "/v1/profiles/{profile_id}/data-owner"): Row(OWNERS, {**REASON, "owner": "retail"}, headers=ANY_VERSION),
    ("POST", "/v1/profiles/{profile_id}/split"): Row(
        OWNERS, {**REASON, "records": ["till:a2"]}, query={"dry_run": True}, headers=ANY_VERSION
    ),
    ("POST", "/v1/overrides"): Row(OWNERS, {**REASON, "verdict": "no_match", "left": ["till:a"], "right": ["till:b"]}),
    ("POST", "/v1/reviews/{review_id}/decision"): Row(OWNERS, {**REASON, "verdict": "unsure"}),
}
OUTSIDE = {"/openapi.json", "/docs"}
"""Pages without data, which are not in the document that describes the API."""


OWNED = "ownership: [{name: of the till, owner: retail, has_source: [till]}]\n"


@pytest.fixture(scope="module")
def company(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Anna's profile of the till, one that is similar to it, a review about both, an open request, a consent."""
    with copy_of(server_url, migrated_template) as database:
        installation = company_in(tmp_path_factory.mktemp("matrix"), database, more=WIDE_BAND + OWNED)
        push(installation, "till", {"a": ANNA, "a2": ANNA})
        push(installation, "till", {"b": SIMILAR})
        happened(
            installation,
            "till",
            {"t": touchpoint("request", "shop", NOON, state="open", subject=f"for Mrs {CANARY.title()}")},
        )
        allowed(installation, "till", {"c": consent("granted", proof=f"signed by {CANARY.title()}")})
        yield installation


@pytest.fixture(scope="module")
def doors(company: Installation) -> Doors:
    return Doors(company)


@pytest.fixture(scope="module")
def callers(doors: Doors) -> dict[str, TestClient]:
    return {
        "nobody": doors.stranger(),
        "connector": doors.as_(Role.CONNECTOR, source="till"),
        "other connector": doors.as_(Role.CONNECTOR, source="shop"),
        "portal": doors.as_(Role.LINKS),
        "masked reader": doors.as_(Role.READER),
        "reader": doors.as_(Role.READER, *FieldGroup),
        "steward": doors.as_(Role.STEWARD, owners=["retail"]),
        "foreign steward": doors.as_(Role.STEWARD, owners=["online"]),
        "officer": doors.as_(Role.PRIVACY),
        "admin": doors.as_(Role.ADMIN),
    }


@pytest.fixture(scope="module")
def meant(company: Installation) -> dict[str, str]:
    """What stands in the paths."""
    admin = Steward(company, role=Role.ADMIN)
    (request,) = admin.get(f"profiles/{profile_of(company, 'till', 'a')}/touchpoints")["touchpoints"]
    return {
        "profile_id": str(profile_of(company, "till", "a")),
        "review_id": str(admin.review_between(("till", "a"), ("till", "b"))["id"]),
        "touchpoint_id": str(request["id"]),
        "webhook_id": admin.client.post("/v1/webhooks", json={"url": "https://app.example/hook"}).json()["id"],
        "conflict_id": "4711",
        "override_id": "4711",
        "key_id": "4711",
        "request_id": "4711",
        "task_id": "4711",
        "absence_id": "4711",
        "sample_id": "4711",
        "hold_id": "4711",
        "place": "1",
        "name": "mine",
        "attribute": "gender",
        "source": "till",
        "key": "a",
        "kind": "gone",
    }


def routes_of(doors: Doors) -> set[tuple[str, str]]:
    paths = doors.app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_every_route_has_a_row_and_every_row_a_route(doors: Doors) -> None:
    assert routes_of(doors) == set(ROUTES)


def test_what_the_document_does_not_describe_holds_no_data(doors: Doors, callers: dict[str, TestClient]) -> None:
    for path in OUTSIDE:
        text = callers["nobody"].get(path).text
        assert CANARY not in text.lower()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
def test_who_may_ask_and_who_sees_values(
    route: tuple[str, str], callers: dict[str, TestClient], meant: dict[str, str]
) -> None:
    method, path = route
    row = ROUTES[route]
    assert len(row.answers) == len(CALLERS)
    url = path.format(**meant)
    body = None if row.body is None else filled(row.body, meant)
    wrong = {}
    for name, expected in zip(CALLERS, row.answers, strict=True):
        answer = callers[name].request(method, url, json=body, params=dict(row.query), headers=dict(row.headers))
        seen = CANARY in answer.text.lower()
        if outcome(answer.status_code) != expected:
            wrong[name] = f"{answer.status_code}, expected {expected}"
        elif seen and (expected != "y" or name in WITHOUT_SCOPES) and not (row.own_words and name == "connector"):
            wrong[name] = "sees a value"
        elif row.values and expected == "y" and not seen and name not in WITHOUT_SCOPES:
            wrong[name] = "does not see the value"
    assert not wrong


def outcome(status: int) -> str:
    assert status < 500
    return {401: "u", 403: "n", 404: "-"}.get(status, "y")


def filled(body: Any, meant: Mapping[str, str]) -> Any:
    if isinstance(body, Mapping):
        return {name: filled(value, meant) for name, value in body.items()}
    if isinstance(body, list):
        return [filled(value, meant) for value in body]
    return body.format(**meant) if isinstance(body, str) else body
