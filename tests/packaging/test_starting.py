"""What every command costs before it does anything."""

import subprocess
import sys
from importlib.metadata import version

LOADED = "import sys, cdi.cli; print(*sorted(sys.modules))"


def test_only_who_serves_loads_the_service_and_only_who_reads_excel_its_library() -> None:
    loaded = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True).stdout.split()
    assert "cdi.cli.service" in loaded
    assert not {"cdi.app", "fastapi", "uvicorn", "openpyxl", "pandas", "numba"} & set(loaded)


def test_the_program_tells_its_version() -> None:
    said = subprocess.run([sys.executable, "-m", "cdi", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"cdi {version('cdi')}\n"
