"""The sample webshop over HTTP, and the sample company as its generator makes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cdi.sample.admin_api import AdminApi
from cdi.sample.http import serving
from cdi.sample.shop import Shop, load_shop
from cdi.settings import bundled

CLIENT = ("SAMPLE", "for-tests-only")


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Webshop:
    """Somebody who talks to the sample webshop over HTTP."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.clock = clock
        self.http = httpx.Client(base_url=url, headers={"Accept": "application/json"}, trust_env=False)

    def sign_in(self, client: tuple[str, str] = CLIENT) -> httpx.Response:
        body = {"grant_type": "client_credentials", "client_id": client[0], "client_secret": client[1]}
        answer = self.http.post("/api/oauth/token", json=body)
        if answer.is_success:
            self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer

    def post(self, entity: str, **criteria: Any) -> httpx.Response:
        body = {name.replace("_", "-"): value for name, value in criteria.items()}
        return self.http.post(f"/api/search/{entity}", json=body)

    def search(self, entity: str, **criteria: Any) -> list[dict[str, Any]]:
        answer = self.post(entity, **{"limit": 500, **criteria})
        assert answer.is_success, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def ids(self, entity: str, **criteria: Any) -> set[str]:
        """The ids on all pages."""
        found: set[str] = set()
        for page in range(1, 100):
            rows = self.search(entity, page=page, sort=[{"field": "id"}], **criteria)
            if not rows:
                return found
            found |= {row["id"] for row in rows}
        raise AssertionError("the pages do not end")


@pytest.fixture(scope="session")
def sample_folder() -> Path:
    return bundled("sample_data")


@pytest.fixture(scope="session")
def shop(sample_folder: Path) -> Shop:
    return load_shop(sample_folder / "data/webshop")


@pytest.fixture
def webshop(shop: Shop) -> Iterator[Webshop]:
    """Signed in already."""
    clock = Clock()
    api = AdminApi(shop, *CLIENT, clock=clock)
    with serving(api) as url:
        caller = Webshop(url, clock)
        assert caller.sign_in().is_success
        yield caller
        caller.http.close()
