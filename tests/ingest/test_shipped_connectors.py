"""Every shipped connector passes the suite that its author could run in three lines."""

from pathlib import Path

import pytest

from cdi.ingest.conformance import Conformance
from cdi.ingest.registry import find_connectors
from cdi.settings import bundled

FOLDERS = sorted(path.parent for path in bundled("connectors").glob("*/connector.yaml"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
class TestShipped(Conformance):
    @pytest.fixture(autouse=True)
    def _one(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "folder", folder, raising=False)


def test_none_is_broken() -> None:
    assert find_connectors([bundled("connectors")]).broken == {}
