"""Today: what waits for whom, and figures that hold what the database says."""

import re

from desks import DeskInBrowser, assert_good_page, signed_in
from domain import ANNA, push
from stewarding import Steward

from cdi import figures
from cdi.access import Role
from cdi.clock import utc_now
from cdi.pipeline import Installation
from conftest import Doors


def test_the_figures_count_what_is_there(company: Installation) -> None:
    push(company, "till", {"a": ANNA, "a2": ANNA})
    with company.database.unit_of_work() as connection:
        told = figures.standing(connection, company, utc_now())
    assert (told["records"], told["profiles"], told["duplicates"], told["rough"]) == (2, 1, 1, False)
    assert len(told["days"]) == figures.DAYS


def test_an_answered_review_counts_today_and_whether_the_model_leant_so(handelshaus: Installation) -> None:
    steward = Steward(handelshaus, role=Role.ADMIN)
    review = next(one for one in steward.get("reviews")["reviews"] if one["kind"] == "pair")
    answer = {"verdict": "no_match", "reason": "two people"}
    assert steward.client.post(f"/v1/reviews/{review['id']}/decision", json=answer).status_code == 200
    with handelshaus.database.unit_of_work() as connection:
        told = figures.standing(connection, handelshaus, utc_now())
    assert told["days"][-1]["answered"] == 1
    assert told["judged"] == 1
    assert told["agreement"] == (0.0 if review["weight"] >= 0 else 1.0)


def test_a_steward_sees_only_what_waits_for_their_owners(handelshaus: Installation) -> None:
    app = Doors(handelshaus).app
    admin = Steward(handelshaus, role=Role.ADMIN)
    for owner in ("marketing", "retail"):
        page = signed_in(handelshaus, app, owner, Role.STEWARD, owners=[owner]).get("/").text
        shown = re.findall(r'href="/reviews/(\d+)"', page)
        assert all(owner in admin.get(f"reviews/{review}")["owners"] for review in shown)
        assert shown
    reader = signed_in(handelshaus, app, "reader", Role.READER).get("/").text
    assert 'href="/reviews/' not in reader


def test_today_with_all_that_waits_is_a_good_page(shared_desk: DeskInBrowser) -> None:
    assert_good_page(shared_desk, "/")
