"""Every page of the desk × every role × own and foreign owners × with and without field scopes. The pages are those of
the application; what holds for all of them is asked of each, what differs stands in ROWS."""

from collections.abc import Iterator

import pytest
from desks import PageClient, signed_in
from domain import ANNA, profile_of, push
from fastapi import FastAPI
from stewarding import WIDE_BAND, Steward, company_in, contradicting

from cdi.access import Role
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.web.desk import ROOMS
from cdi.web.routing import PageRoute
from conftest import Doors, copy_of

CANARY = "krzywdzinski"
OPEN_TO_ALL = {"/sign-in", "/sign-in/link", "/sign-in/openid", "/sign-in/openid/back", "/sign-out", "/preferences"}
CALLERS = ("masked reader", "reader", "steward", "foreign steward", "officer", "admin")
READERS, STEWARDS, OWNERS, ADMINS, OFFICERS = "yyyyyy", "nnyyny", "nnynny", "nnnnny", "nnnnyy"
ROWS = {
    ("GET", "/"): READERS,
    ("GET", "/profiles"): READERS,
    ("GET", "/profiles/suggestions"): READERS,
    ("GET", "/profiles/{profile_id}"): READERS,
    ("GET", "/profiles/{profile_id}/household"): READERS,
    ("GET", "/profiles/{profile_id}/journey"): READERS,
    ("GET", "/profiles/{profile_id}/consents"): READERS,
    ("GET", "/profiles/{profile_id}/history"): READERS,
    ("GET", "/profiles/{profile_id}/split"): STEWARDS,
    ("POST", "/profiles/{profile_id}/split"): OWNERS,
    ("POST", "/profiles/{profile_id}/data-owner"): OWNERS,
    ("POST", "/profiles/{profile_id}/pins"): OWNERS,
    ("POST", "/profiles/{profile_id}/pins/{attribute}/removal"): OWNERS,
    ("POST", "/profiles/{profile_id}/consents/review"): OWNERS,
    ("POST", "/profiles/{profile_id}/decisions/{decision_id}/undo"): STEWARDS,
    ("POST", "/profiles/{profile_id}/touchpoints/{touchpoint_id}/closing"): STEWARDS,
    ("GET", "/reviews"): STEWARDS,
    ("GET", "/reviews/next"): STEWARDS,
    ("POST", "/reviews/together"): STEWARDS,
    ("POST", "/reviews/filters"): STEWARDS,
    ("POST", "/reviews/filters/{name}/forget"): STEWARDS,
    ("GET", "/reviews/samples"): STEWARDS,
    ("POST", "/reviews/samples"): STEWARDS,
    ("GET", "/reviews/samples/{sample_id}"): STEWARDS,
    ("POST", "/reviews/samples/{sample_id}/pairs/{place}"): STEWARDS,
    ("GET", "/reviews/deputies"): STEWARDS,
    ("POST", "/reviews/deputies"): STEWARDS,
    ("POST", "/reviews/deputies/{absence_id}/end"): STEWARDS,
    ("GET", "/reviews/{review_id}"): OWNERS,
    ("GET", "/reviews/{review_id}/following"): STEWARDS,
    ("GET", "/reviews/{review_id}/outcome"): OWNERS,
    ("POST", "/reviews/{review_id}/claim"): OWNERS,
    ("POST", "/reviews/{review_id}/comments"): OWNERS,
    ("POST", "/reviews/{review_id}/assignee"): OWNERS,
    ("POST", "/reviews/{review_id}/snooze"): OWNERS,
    ("POST", "/reviews/{review_id}/wrong"): STEWARDS,
    ("POST", "/reviews/{review_id}/decision"): OWNERS,
    ("POST", "/reviews/{review_id}/undo"): OWNERS,
    ("GET", "/conflicts"): STEWARDS,
    ("GET", "/conflicts/{conflict_id}"): STEWARDS,
    ("POST", "/conflicts/{conflict_id}/resolution"): STEWARDS,
    ("POST", "/conflicts/{conflict_id}/question"): STEWARDS,
    ("GET", "/tasks"): STEWARDS,
    ("POST", "/tasks/{task_id}/answer"): STEWARDS,
    ("GET", "/sources"): READERS,
    ("GET", "/sources/connect-one"): ADMINS,
    ("GET", "/sources/{source}"): READERS,
    ("GET", "/sources/{source}/rejected"): READERS,
    ("POST", "/sources/{source}/rejected"): ADMINS,
    ("POST", "/sources/{source}/run"): ADMINS,
    ("GET", "/sources/{source}/check"): ADMINS,
    ("POST", "/sources/{source}/check"): ADMINS,
    ("GET", "/sources/{source}/preview"): ADMINS,
    ("POST", "/sources/{source}/preview"): ADMINS,
    ("GET", "/access"): ADMINS,
    ("GET", "/access/new-user"): ADMINS,
    ("POST", "/access/new-user"): ADMINS,
    ("GET", "/access/user"): ADMINS,
    ("POST", "/access/user"): ADMINS,
    ("POST", "/access/link"): ADMINS,
    ("POST", "/access/link/withdraw"): ADMINS,
    ("POST", "/access/disable"): ADMINS,
    ("POST", "/access/enable"): ADMINS,
    ("GET", "/access/keys"): ADMINS,
    ("GET", "/access/new-key"): ADMINS,
    ("POST", "/access/new-key"): ADMINS,
    ("GET", "/access/keys/{key_id}"): ADMINS,
    ("POST", "/access/keys/{key_id}/rotation"): ADMINS,
    ("POST", "/access/keys/{key_id}/revocation"): ADMINS,
    ("GET", "/privacy"): OFFICERS,
    ("GET", "/privacy/retention"): OFFICERS,
    ("GET", "/privacy/record-of-processing"): OFFICERS,
    ("GET", "/privacy/profiles/{profile_id}"): OFFICERS,
    ("GET", "/privacy/profiles/{profile_id}/consents.csv"): OFFICERS,
    ("GET", "/privacy/profiles/{profile_id}/access"): OFFICERS,
    ("GET", "/privacy/profiles/{profile_id}/access.{form}"): OFFICERS,
    ("POST", "/privacy/requests/{request_id}/correction"): OFFICERS,
    ("POST", "/privacy/profiles/{profile_id}/link"): OFFICERS,
    ("POST", "/privacy/profiles/{profile_id}/hold"): OFFICERS,
    ("POST", "/privacy/profiles/{profile_id}/withdrawal"): OFFICERS,
    ("POST", "/privacy/holds/{hold_id}/lifting"): OFFICERS,
    ("GET", "/privacy/profiles/{profile_id}/rectification"): OFFICERS,
    ("POST", "/privacy/profiles/{profile_id}/rectification"): OFFICERS,
    ("GET", "/privacy/profiles/{profile_id}/erasure"): OFFICERS,
    ("POST", "/privacy/profiles/{profile_id}/erasure"): OFFICERS,
    ("POST", "/privacy/requests/{request_id}/decision"): OFFICERS,
    ("POST", "/privacy/profiles/{profile_id}/restriction"): OFFICERS,
    ("POST", "/privacy/profiles/{profile_id}/objection"): OFFICERS,
    ("POST", "/privacy/requests/{request_id}/lifting"): OFFICERS,
    ("POST", "/privacy/requests/{request_id}/acknowledgement"): OFFICERS,
    ("GET", "/audit"): OFFICERS,
    ("POST", "/audit/verification"): OFFICERS,
    ("GET", "/model"): ADMINS,
    ("GET", "/model/change"): ADMINS,
    ("GET", "/model/standing"): ADMINS,
    ("GET", "/model/versions"): ADMINS,
    ("POST", "/model/studies"): ADMINS,
    ("POST", "/model/run"): ADMINS,
}
"""What each of CALLERS is answered: `y` it may, `n` 403."""
FORMS = {
    "/profiles/{profile_id}/split": {"record": "till:a2", "reason": "the matrix"},
    "/profiles/{profile_id}/data-owner": {"owner": "retail", "reason": "the matrix", "version": "*"},
    "/profiles/{profile_id}/pins": {"attribute": "name", "record": "till:a", "reason": "the matrix", "version": "*"},
    "/privacy/profiles/{profile_id}/erasure": {"ground": "none that there is"},
    "/privacy/profiles/{profile_id}/restriction": {"ground": "none that there is"},
    "/privacy/profiles/{profile_id}/objection": {"ground": "none that there is", "purpose": "newsletter"},
    "/privacy/profiles/{profile_id}/hold": {"reason": "the matrix"},
    "/profiles/{profile_id}/consents/review": {
        "record": "till:a",
        "purpose": "newsletter",
        "channel": "email",
        "reason": "the matrix",
    },
    "/reviews/{review_id}/comments": {"said": "the matrix"},
    "/reviews/{review_id}/wrong": {"record": "till:a", "attribute": "gender", "said": "the matrix"},
    "/reviews/{review_id}/decision": {"verdict": "unsure", "reason": "the matrix"},
}
OWNED = "ownership: [{name: of the till, owner: retail, has_source: [till]}]\n"


@pytest.fixture(scope="module")
def company(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Anna's profile of the till, one that is similar to it, a review about both, and a record that was rejected."""
    with copy_of(server_url, migrated_template) as database:
        installation = company_in(tmp_path_factory.mktemp("pages"), database, more=WIDE_BAND + OWNED)
        push(installation, "till", {"a": ANNA, "a2": ANNA})
        push(installation, "till", {"b": contradicting(ANNA)})
        assert push(installation, "till", {"c": {"nickname": CANARY}}).rejected == 1
        yield installation


@pytest.fixture(scope="module")
def app(company: Installation) -> FastAPI:
    return Doors(company).app


@pytest.fixture(scope="module")
def people(company: Installation, app: FastAPI) -> dict[str, PageClient]:
    return {
        "masked reader": signed_in(company, app, "masked reader", Role.READER),
        "reader": signed_in(company, app, "reader", Role.READER, groups=tuple(FieldGroup)),
        "steward": signed_in(company, app, "steward", Role.STEWARD, owners=["retail"]),
        "foreign steward": signed_in(company, app, "foreign steward", Role.STEWARD, owners=["online"]),
        "officer": signed_in(company, app, "officer", Role.PRIVACY),
        "admin": signed_in(company, app, "admin", Role.ADMIN),
    }


@pytest.fixture(scope="module")
def tokens(people: dict[str, PageClient]) -> dict[str, str]:
    """What the forms of each carry."""
    return {who: client.form_token("/sources") for who, client in people.items()}


@pytest.fixture(scope="module")
def meant(company: Installation) -> dict[str, str]:
    """What stands in the paths; a name that is not here stands for something that does not exist."""
    review = Steward(company, role=Role.ADMIN).review_between(("till", "a"), ("till", "b"))
    known = {"profile_id": str(profile_of(company, "till", "a")), "review_id": str(review["id"]), "source": "till"}
    return known | dict.fromkeys(
        ("conflict_id", "task_id", "key_id", "decision_id", "touchpoint_id", "hold_id", "request_id"), "4711"
    )


def pages() -> list[tuple[str, str]]:
    """Method and path of every page."""
    routes = [route for room in ROOMS for route in room.router.routes if isinstance(route, PageRoute)]
    return sorted((method, route.path) for route in routes for method in route.methods or ())


def url(path: str, meant: dict[str, str]) -> str:
    for name, value in meant.items():
        path = path.replace("{" + name + "}", value)
    return path.replace("{", "").replace("}", "")


def test_every_page_has_a_row_and_every_row_a_page() -> None:
    assert set(ROWS) == {(method, path) for method, path in pages() if path not in OPEN_TO_ALL}


def test_nobody_gets_anywhere_without_signing_in(app: FastAPI, meant: dict[str, str]) -> None:
    for method, path in pages():
        if path in OPEN_TO_ALL:
            continue
        answer = PageClient(app).request(method, url(path, meant))
        sent_away = answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
        assert sent_away or (method == "POST" and answer.status_code == 403), f"{method} {path}: {answer.status_code}"
        assert CANARY not in answer.text.lower()


def test_no_form_is_taken_without_its_token(app: FastAPI, people: dict[str, PageClient], meant: dict[str, str]) -> None:
    for method, path in pages():
        if method == "POST":
            assert people["admin"].post(url(path, meant)).status_code == 403, path


def test_no_page_shows_a_value_to_who_may_not_see_it(
    app: FastAPI, people: dict[str, PageClient], meant: dict[str, str]
) -> None:
    for method, path in pages():
        if method == "GET":
            answer = people["masked reader"].get(url(path, meant))
            assert CANARY not in answer.text.lower(), path
            assert answer.status_code != 500, path


@pytest.mark.parametrize("route", ROWS, ids=lambda route: f"{route[0]} {route[1]}")
def test_who_may_open_and_do_what(
    route: tuple[str, str], people: dict[str, PageClient], tokens: dict[str, str], meant: dict[str, str]
) -> None:
    method, path = route
    wrong = {}
    for who, expected in zip(CALLERS, ROWS[route], strict=True):
        client, place = people[who], url(path, meant)
        answer = (
            client.get(place)
            if method == "GET"
            else client.post(place, data={"form_token": tokens[who], **FORMS.get(path, {})})
        )
        told = "n" if answer.status_code == 403 else "y"
        if told != expected or answer.status_code >= 500:
            wrong[who] = f"{answer.status_code}, expected {expected}"
    assert not wrong
