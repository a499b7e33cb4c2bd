"""Each trap of a shipped connector's vendor has a test: `traps.yaml` says which, or what a manifest would say whose
author did not know of it; such a manifest does not get through the suite on the connector's own fixture."""

import re
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest
import yaml

from cdi.ingest.conformance import conform
from cdi.ingest.manifest import load_connector
from cdi.settings import bundled

TESTS: Final = Path(__file__).parents[1]
READINGS: Final = ("reading from nothing gives what is expected", "a second reading brings nothing new")


@dataclass(frozen=True)
class Trap:
    """One trap of one connector: the tests that hold it, or the words of the manifest that do (`forgets`, which an
    author who does not know of it replaces by `says`)."""

    connector: str
    trap: str
    held_by: tuple[str, ...] = ()
    forgets: str = ""
    says: str = ""

    def __str__(self) -> str:
        return f"{self.connector}: {self.trap}"


def traps() -> list[Trap]:
    listed = yaml.safe_load((TESTS / "ingest" / "traps.yaml").read_text(encoding="utf-8"))
    return [Trap(connector, **said) for connector, each in listed.items() for said in each]


TRAPS: Final = traps()


def test_every_shipped_connector_has_its_traps() -> None:
    shipped = {path.parent.name for path in bundled("connectors").glob("*/connector.yaml")}
    assert {trap.connector for trap in TRAPS} == shipped
    assert [str(trap) for trap in TRAPS if not (trap.held_by or trap.forgets)] == []


@cache
def functions(file: str) -> frozenset[str]:
    return frozenset(re.findall(r"^def (test_\w+)", (TESTS / file).read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("name", sorted({name for trap in TRAPS for name in trap.held_by}))
def test_what_holds_a_trap_is_there(name: str) -> None:
    file, _, function = name.partition("::")
    assert function in functions(file)


@pytest.mark.parametrize("trap", [trap for trap in TRAPS if trap.forgets], ids=str)
def test_a_manifest_that_forgot_a_trap_does_not_get_through_its_fixture(trap: Trap, tmp_path: Path) -> None:
    folder = tmp_path / trap.connector
    shutil.copytree(bundled("connectors") / trap.connector, folder)
    manifest = (folder / "connector.yaml").read_text(encoding="utf-8")
    assert trap.forgets in manifest, "the manifest says it in other words by now"
    (folder / "connector.yaml").write_text(manifest.replace(trap.forgets, trap.says), encoding="utf-8")
    load_connector(folder / "connector.yaml")  # what is wrong with it is that trap alone
    assert not all(answer.ok for reading in READINGS for answer in conform(folder, [reading]))
