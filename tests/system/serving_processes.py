"""`cdi serve` as its operator starts it: processes of their own, asked over real HTTP."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

PATIENCE = 180.0


class Service:
    """A running service: its process, its address and what it wrote."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log
        self.url = f"http://127.0.0.1:{port}"

    def until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.2)

    def as_(self, key: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE)


@contextmanager
def serving(
    folder: Path, url: str, *, workers: int, port: int = 0, environment: Mapping[str, str] | None = None
) -> Iterator[Service]:
    """The service of this folder on this database, while the block runs."""
    port = port or free_port()
    log = folder / f"serve-{time.monotonic_ns()}.log"
    given = serve_environment(url, port) | (environment or {})
    with log.open("wb") as file:
        process = subprocess.Popen(serve_command(folder, workers), env=given, stdout=file, stderr=file)
    service = Service(process, port, log)
    try:
        service.until_ready()
        yield service
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            for each in [*psutil.Process(process.pid).children(recursive=True), process]:
                each.kill()
            process.wait()


def serve_command(folder: Path, workers: int) -> list[str]:
    return [sys.executable, "-m", "cdi", "serve", "--workers", str(workers), "--dir", str(folder)]


def serve_environment(url: str, port: int) -> dict[str, str]:
    """This process's environment with nothing of cdi's but these."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CDI_", "OTEL_"))}
    return clean | {"CDI_DATABASE_URL": url, "CDI_PORT": str(port)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
