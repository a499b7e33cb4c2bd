"""A command that is told to end, by Ctrl-C or by `kill`, takes the private server with it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cdi import deployment
from cdi.store import embedded


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_until_served(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError("it never answered")


@pytest.mark.parametrize("request_to_end", [signal.SIGINT, signal.SIGTERM])
def test_serving_ends_with_the_server_stopped(memory_path: Path, request_to_end: signal.Signals) -> None:
    deployment.create_folder(memory_path / "x", empty=True)
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CDI_")}
    command = [sys.executable, "-c", "from cdi.cli import main; main()", "serve", "--dir", str(memory_path / "x")]
    process = subprocess.Popen(command, env=environment | {"CDI_PORT": str(port)}, stdout=-3, stderr=-3)
    try:
        wait_until_served(port, process)
        assert embedded.is_running(memory_path / "x/var")
        process.send_signal(request_to_end)
        process.wait(timeout=60)
        assert not embedded.is_running(memory_path / "x/var")
    finally:
        process.kill()
        process.wait()
        embedded.stop(memory_path / "x/var")
