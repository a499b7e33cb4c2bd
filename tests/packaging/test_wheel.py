"""The built wheel alone, in an empty environment outside the checkout, does the main job."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
UNREACHABLE = ("No matching distribution", "NewConnectionError", "Could not find a version", "Temporary failure")


def run(*command: object, folder: Path, **variables: str) -> str:
    """What the command prints; it sees nothing of this checkout or its environment."""
    hidden = ("PYTHON", "VIRTUAL_ENV", "CDI_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)} | variables
    result = subprocess.run(
        [str(part) for part in command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode != 0 and any(sign in result.stderr for sign in UNREACHABLE):
        pytest.skip("no package index can be reached; to run this too: connect to one, or set PIP_INDEX_URL")
    assert result.returncode == 0, f"{command}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    with TemporaryDirectory(prefix="cdi-wheel-") as folder:
        run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, CHECKOUT, folder=Path(folder))
        (wheel,) = Path(folder).glob("*.whl")
        yield wheel


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Path]:
    """The programs of an environment that holds the wheel and what it needs, and nothing else."""
    with TemporaryDirectory(prefix="cdi installed ü ") as folder:
        run(sys.executable, "-m", "venv", Path(folder) / "venv", folder=Path(folder))
        programs = Path(folder) / "venv/bin"
        pip = [programs / "python", "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        run(*pip, "--constraint", CHECKOUT / "constraints.txt", wheel, folder=Path(folder))
        yield programs


def test_it_carries_all_that_the_program_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for source, place in (
        ("connectors", "cdi/_bundled/connectors"),
        ("migrations", "cdi/_bundled/migrations"),
        ("sample_data", "cdi/_bundled/sample_data"),
        ("src/cdi", "cdi"),
    ):
        tracked = run("git", "ls-files", "-z", source, folder=CHECKOUT).split("\0")
        expected = {place + name.removeprefix(source) for name in tracked if name and (CHECKOUT / name).is_file()}
        assert expected <= names
        assert expected
    assert "cdi/py.typed" in names


def test_it_carries_nothing_that_does_not_belong(wheel: Path) -> None:
    for name in zipfile.ZipFile(wheel).namelist():
        assert name.startswith(("cdi/", "cdi-")), name
        assert "__pycache__" not in name


def test_it_runs_the_sample_company_and_a_second_run_changes_nothing(installed: Path, tmp_path: Path) -> None:
    cdi = installed / "cdi"
    run(cdi, "init", "x", folder=tmp_path)
    deployment = tmp_path / "x"
    run(cdi, "run", "--no-serve", folder=deployment)
    status = json.loads(run(cdi, "status", "--json", folder=deployment))
    assert len(status["sources"]) == 4
    assert all(source["records"] > 0 for source in status["sources"])
    assert status["profiles"] > 1000
    run(cdi, "run", "--no-serve", folder=deployment)
    again = json.loads(run(cdi, "status", "--json", folder=deployment))
    assert (again["profiles"], again["cursor"]) == (status["profiles"], status["cursor"])


def test_it_installs_no_development_tools(installed: Path) -> None:
    packages = {
        package["name"] for package in json.loads(run(installed / "pip", "list", "--format=json", folder=installed))
    }
    assert not packages & {"pytest", "mypy", "ruff", "hypothesis", "build", "splink", "duckdb"}
