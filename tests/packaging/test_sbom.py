"""What is in the software bill of materials that `make sbom` writes."""

import json
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_pinned_dependency_is_listed_with_its_version() -> None:
    """Of this environment, and so of the one with nothing but what is shipped, which is listed by the same program."""
    program = Path(sys.executable).with_name("cyclonedx-py")
    command = [str(program), "environment", "--no-validate", "--output-format", "JSON", sys.executable]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    listed = {canonical(one["name"]): one for one in json.loads(said)["components"]}
    pins = (line.split("==") for line in (CHECKOUT / "constraints.txt").read_text("utf-8").splitlines() if line)
    pinned = {canonical(name): version for name, version in pins}
    here = {canonical(found.metadata["Name"]) for found in distributions()} & set(pinned)
    assert len(here) > 100
    assert {name: listed[name]["version"] for name in here} == {name: pinned[name] for name in here}
    assert all(listed[name].get("licenses") for name in ("fastapi", "sqlalchemy", "psycopg", "numpy"))
