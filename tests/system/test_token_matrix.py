"""The authorisation matrix once more: callers who come by a token of an OpenID Connect provider instead of a key."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from issuer import Issuer, issuing
from stewarding import WIDE_BAND, company_in
from test_authorisation_matrix import CALLERS, OWNED, company, meant, test_who_may_ask_and_who_sees_values

from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from conftest import Doors

__all__ = ["company", "meant", "test_who_may_ask_and_who_sees_values"]
"""The same company, the same rows, the same question to each."""

pytestmark = pytest.mark.slow

GROUPS = ", ".join(FieldGroup)
GRANTS = f"""
openid:
  issuer: ISSUER
  audience: cdi
  grants:
    - {{claim: groups, holds: connector, role: connector, source: till}}
    - {{claim: groups, holds: other connector, role: connector, source: shop}}
    - {{claim: groups, holds: portal, role: links}}
    - {{claim: groups, holds: masked reader, role: reader}}
    - {{claim: groups, holds: reader, role: reader, groups: [{GROUPS}]}}
    - {{claim: groups, holds: steward, role: steward, owners: [retail]}}
    - {{claim: groups, holds: foreign steward, role: steward, owners: [online]}}
    - {{claim: groups, holds: officer, role: privacy}}
    - {{claim: groups, holds: admin, role: admin}}
"""
SUBJECTS = {"foreign steward": "steward"}
"""The stewards of the matrix have one name."""


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def callers(company: Installation, issuer: Issuer) -> dict[str, TestClient]:
    grants = GRANTS.replace("ISSUER", issuer.url)
    doors = Doors(company_in(company.folder, company.database, more=WIDE_BAND + OWNED + grants))

    def by_token(name: str) -> TestClient:
        client = doors.stranger()
        client.headers["authorization"] = f"Bearer {issuer.token(sub=SUBJECTS.get(name, name), groups=[name])}"
        return client

    names = [name for name in CALLERS if name != "nobody"]
    return {"nobody": doors.stranger(), **{name: by_token(name) for name in names}}
