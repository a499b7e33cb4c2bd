"""The image: linted, and its steps run as they stand in the Dockerfile, because that needs no engine. A user who
may do nothing runs it: a home that does not exist, a deployment folder that is read-only, a PostgreSQL of its own."""

import json
import os
import pwd
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from compose_spec import PyCompose
from foreign import foreign_server
from serving_processes import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (CHECKOUT / "compose.yaml").read_text(encoding="utf-8")
UNREACHABLE = ("No matching distribution", "NewConnectionError", "Temporary failure")
DEPLOYMENT = """\
company: {name: Test, country: DE, language: de}
owners: [{id: retail, department: Filialen, role: Leitung, contact: a@test.example}]
customer_owner: retail
sources:
  till: {connector: push, data_owner: retail, purpose: sale, retention: P3Y}
"""


def said_by(instruction: str) -> Any:
    """The JSON form of an instruction's command."""
    (found,) = re.findall(rf"^{instruction}.*?(\[.*\])$", DOCKERFILE.replace("\\\n", ""), re.MULTILINE)
    return json.loads(found)


def test_the_linter_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([linter, "Dockerfile"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_compose_yaml_is_as_the_specification_says_and_starts_nothing_before_its_schema() -> None:
    PyCompose.from_yaml(yaml.safe_dump(yaml.safe_load(COMPOSE))).validate()  # its anchors resolved
    services = yaml.safe_load(COMPOSE)["services"]
    for name in ("serve", "worker"):
        assert services[name]["depends_on"]["upgrade"]["condition"] == "service_completed_successfully"
    for name in ("upgrade", "serve", "worker"):
        assert services[name]["read_only"] and services[name]["cap_drop"] == ["ALL"]
        grace = int(services[name]["stop_grace_period"].removesuffix("s"))
        assert grace > 30, "what is in flight has 25 seconds"
    assert all(port.startswith("127.0.0.1:") for port in services["serve"]["ports"]), "a proxy is the way in"


def test_the_image_is_not_of_root() -> None:
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == ["10001"]
    copied = {line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("COPY") and "--from" not in line}
    allowed = {line.removeprefix("!") for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if "!" in line}
    assert copied <= allowed


def _a_python_that_everybody_may_run() -> Path:
    """Its folder: root's own one below /root would be closed to the user of the container."""
    ours = Path(sys.base_prefix) / "bin"
    for folder in (ours, Path("/usr/local/bin"), Path("/usr/bin")):
        program = (folder / "python3").resolve()
        open_to_all = all(parent.stat().st_mode & 0o005 == 0o005 for parent in program.parents)
        enough = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
        fits = program.exists() and (open_to_all or os.geteuid() != 0)
        if fits and subprocess.run([program, "-c", enough], capture_output=True, check=False).returncode == 0:
            return folder
    pytest.skip("no Python from 3.11 on that others may run; to run this too: apt-get install python3-venv")


@pytest.fixture(scope="module")
def programs() -> Iterator[Path]:
    """What `RUN container/install` leaves."""
    with tempfile.TemporaryDirectory(prefix="cdi-image-") as folder:
        Path(folder).chmod(0o755)
        (step,) = re.findall(r"^RUN (container/install) /opt/cdi$", DOCKERFILE, re.MULTILINE)
        command = [CHECKOUT / step, Path(folder) / "cdi"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        clean["PATH"] = f"{_a_python_that_everybody_may_run()}:{clean['PATH']}"
        result = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
        if result.returncode != 0 and any(sign in result.stderr for sign in UNREACHABLE):
            pytest.skip("no package index can be reached; to run this too: connect to one, or set PIP_INDEX_URL")
        assert result.returncode == 0, result.stderr[-4000:]
        yield Path(folder) / "cdi/bin"


class Container:
    """Commands as the container would run them."""

    def __init__(self, programs: Path, folder: Path, url: str, scratch: Path) -> None:
        self.programs, self.folder, self.port = programs, folder, free_port()
        given = dict(re.findall(r"^(?:ENV)?\s+(\w+)=(\S+?)(?: \\)?$", DOCKERFILE, re.MULTILINE))
        self.environment = {
            **given,
            "PATH": f"{programs}:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "CDI_HOST": "127.0.0.1",
            "CDI_PORT": str(self.port),
            "CDI_DATABASE_URL": url,
            "TMPDIR": str(scratch),  # the tmpfs
            "NUMBA_CACHE_DIR": str(scratch / "numba"),
        }
        nobody = pwd.getpwnam("nobody")
        root = os.geteuid() == 0
        self.switch: dict[str, Any] = (
            {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []} if root else {}
        )

    def start(self, *words: str) -> "subprocess.Popen[str]":
        command = [*said_by("ENTRYPOINT"), *words]
        return subprocess.Popen(
            [str(self.programs / command[0]), *command[1:]],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **self.switch,
        )

    def run(self, *words: str) -> str:
        process = self.start(*words)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return said

    def is_healthy(self) -> bool:
        command = [word.replace(":8000/", f":{self.port}/") for word in said_by("HEALTHCHECK")]
        asked = [str(self.programs / command[0]), *command[1:]]
        return subprocess.run(asked, env=self.environment, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_its_steps_give_a_service_and_a_worker_that_need_no_home_and_write_nothing(
    programs: Path, tmp_path: Path
) -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    with foreign_server() as url, tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder, scratch = Path(place) / "deployment", Path(place) / "tmp"
        folder.mkdir()
        scratch.mkdir()
        scratch.chmod(0o777)
        (folder / "cdi.yaml").write_text(DEPLOYMENT, encoding="utf-8")
        folder.chmod(0o555)
        container = Container(programs, folder, url, scratch)
        container.run(*services["upgrade"]["command"])
        made = json.loads(container.run("key", "create", "till", "--role", "connector", "--source", "till", "--json"))
        serve, worker = container.start(*said_by("CMD")), container.start(*services["worker"]["command"])
        try:
            deadline = time.monotonic() + 120
            while not container.is_healthy():
                assert time.monotonic() < deadline and serve.poll() is None
                time.sleep(0.5)
            records = [{"key": "1", "data": {"name": {"given_name": "Erika", "family_name": "Musterfrau"}}}]
            answer = httpx.post(
                f"http://127.0.0.1:{container.port}/v1/sources/till/records",
                json={"records": records, "wait": True},
                headers={"Authorization": f"Bearer {made['key']}"},
                timeout=120,
            )
            assert (answer.status_code, len(answer.json()["affected"])) == (200, 1)
            assert worker.poll() is None
        finally:
            serve.terminate()
            worker.terminate()
            said = [process.communicate(timeout=60)[0] for process in (serve, worker)]
        assert (serve.returncode, worker.returncode) == (0, 0), said
        assert not container.is_healthy()
        assert [path.name for path in folder.iterdir()] == ["cdi.yaml"]
