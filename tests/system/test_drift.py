"""A version is named by its frozen body and by how much was found since."""

from domain import ANNA, push

from cdi.clock import utc_now
from cdi.pipeline import Installation
from cdi.store import models
from cdi.store.models import ModelShelf


def test_a_model_is_named_by_its_body_and_its_drift(company: Installation) -> None:
    push(company, "till", {"anna": ANNA})
    with company.database.unit_of_work() as connection:
        body = models.active_version(connection)
        for kind, values in ((models.REFUSED, [5, 7]), (models.SHARED, [11])):
            models.add_drift(connection, kind, values, utc_now())
            named = models.active_version(connection)
            for shelf in (company.models, ModelShelf()):
                active = shelf.active(connection)
                assert active is not None and active.version == named
        assert active.refused.tolist() == [5, 7] and active.shared.tolist() == [11]
        assert named == f"{body}+3"
