"""Today: what waits for whom, and figures that hold what the database says."""

import re
from pathlib import Path

from desks import DeskInBrowser, assert_good_page, signed_in
from domain import ANNA, assert_same_profile, profile_of, push
from stewarding import WIDE_BAND, Steward, company_in, contradicting
from test_audit import entries

from cdi import figures
from cdi.access import Role
from cdi.clock import utc_now
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.store.db import Database
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
    assert told["agreement"] == told["days"][-1]["agreement"] == (0.0 if review["weight"] >= 0 else 1.0)
    assert told["days"][-2]["agreement"] is None, "nobody judged anything the day before"


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


AGREES = "Waits for you to agree"


def two_eyes_more(folder: Path, database: Database) -> Installation:
    """A company in which a merge takes the consent of the other owner and a second steward; one is asked about."""
    company = company_in(folder, database, f"{WIDE_BAND}stewardship: {{cross_owner: consent, four_eyes: merges}}\n")
    push(company, "till", {"anna": ANNA})
    push(company, "shop", {"anna": contradicting(ANNA)})
    return company


def test_what_others_said_is_shown_to_whom_it_waits_for_until_they_agree(database: Database, tmp_path: Path) -> None:
    company = two_eyes_more(tmp_path, database)
    app = Doors(company).app
    owners = {"eva": ["retail"], "max": ["retail"], "ida": ["online"], "jan": ["central"]}
    desks = {name: signed_in(company, app, name, Role.STEWARD, owners=of) for name, of in owners.items()}
    here = desks["eva"].get("/reviews/next").headers["location"]
    desks["eva"].submit(f"{here}/decision", page=here, verdict="match", reason="asked her")

    def waits_for() -> set[str]:
        return {name for name, desk in desks.items() if AGREES in desk.get("/").text}

    assert waits_for() == {"max", "ida"}, "nobody agrees with themselves, or for others' owners"
    page = desks["max"].get("/").text
    assert "eva said: Same customer." in page
    assert f'href="{here}?status=agree"' in page
    assert here in desks["max"].get("/reviews?status=agree").text
    assert here not in desks["eva"].get("/reviews?status=agree").text
    assert desks["max"].get("/reviews/next?status=agree").headers["location"] == f"{here}?status=agree"
    desks["max"].submit(f"{here}/decision", page=here, verdict="match", status="agree")
    assert waits_for() == {"ida"}, "the other owner is still asked"
    asked = Steward(company, "ida", owners=["online"]).get("reviews", agreeable=True)["reviews"]
    assert [f"/reviews/{one['id']}" for one in asked] == [here]
    desks["ida"].submit(f"{here}/decision", page=here, verdict="match")
    assert waits_for() == set()
    assert_same_profile(company, ("till", "anna"), ("shop", "anna"))


def test_what_is_asked_of_my_owners_is_shown_and_whose_names_were_seen_is_in_the_log(
    database: Database, tmp_path: Path
) -> None:
    company = two_eyes_more(tmp_path, database)
    app = Doors(company).app
    asking = Steward(company, "ida", owners=["online"])
    task = {"record": "till:anna", "attribute": "birth_date", "said": "she is older"}
    assert asking.client.post("/v1/tasks", json=task).status_code == 201
    max_ = signed_in(company, app, "max", Role.STEWARD, owners=["retail"], groups=list(FieldGroup))
    assert "she is older" in max_.get("/").text
    (seen,) = entries(company, 1)
    assert (seen["actor"], seen["action"]) == ("user:max", "show_today")
    assert str(profile_of(company, "till", "anna")) in map(str, seen["profiles"])
    assert "she is older" not in signed_in(company, app, "ida", Role.STEWARD, owners=["online"]).get("/").text


def test_officers_are_told_that_customers_wait_for_a_decision(database: Database, tmp_path: Path) -> None:
    company = company_in(tmp_path, database, "privacy: {four_eyes: true}\n")
    push(company, "till", {"anna": ANNA})
    doors = Doors(company)
    told = {role: signed_in(company, doors.app, role=role) for role in (Role.PRIVACY, Role.STEWARD, Role.READER)}
    waits = "1 request of a customer waits for a decision."
    assert waits not in told[Role.PRIVACY].get("/").text
    demanded = {"profile": str(profile_of(company, "till", "anna"))}
    asked = doors.as_(Role.PRIVACY, name="one").post("/v1/privacy/erasures", json=demanded)
    assert asked.json()["state"] == "asked"
    assert [role for role, desk in told.items() if waits in desk.get("/").text] == [Role.PRIVACY]


def test_today_with_all_that_waits_is_a_good_page(shared_desk: DeskInBrowser) -> None:
    assert_good_page(shared_desk, "/")
