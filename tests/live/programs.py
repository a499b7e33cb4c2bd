"""Real programs of a test's own, unpacked by .ci/live-programs: they listen on loopback, keep everything in a folder of
the test and end with it."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

LIVE = Path(__file__).parents[2] / "var" / "live"
DEBIAN = LIVE / "debian"
NOBODY = 65534
"""As root some programs refuse to work, or should not: they run as this user."""


def needed(path: Path, title: str) -> Path:
    """The program, or a skipped test that says how to get it."""
    if not path.exists():
        pytest.skip(f"{title} is not there; .ci/live-programs puts it into var/live")
    return path


def libraries() -> dict[str, str]:
    """The environment in which unpacked programs find the libraries that were unpacked with them."""
    folders = [path for name in ("usr/lib", "lib") for path in (DEBIAN / name).glob("*-linux-gnu")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, folders))}


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Program:
    """A program that listens on a port, started, killed and started again by its test."""

    command: list[str]
    port: int
    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    patience: float = 60.0
    process: subprocess.Popen[bytes] | None = None
    ready: Callable[[], bool] | None = None

    def start(self) -> None:
        """Returns once the program answers; raises AssertionError with the end of its log when it does not."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        ready = self.ready or (lambda: listens(self.port))
        ends = time.monotonic() + self.patience
        while time.monotonic() < ends and self.process.poll() is None:
            if ready():
                return
            time.sleep(0.1)
        self.kill()
        raise AssertionError(f"{self.command[0]} does not answer: {(self.folder / 'log').read_text()[-2000:]}")

    def kill(self) -> None:
        """As power fails: at once, without a goodbye."""
        if self.process is not None:
            # A server may have a process for each connection, which would serve it to its end.
            for process in (*psutil.Process(self.process.pid).children(recursive=True), self.process):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self.process.wait(timeout=30)
            self.process = None


@contextmanager
def running(program: Program) -> Iterator[Program]:
    program.start()
    try:
        yield program
    finally:
        program.kill()


@contextmanager
def mariadb(folder: Path) -> Iterator[Program]:
    """A MariaDB server whose root may log in without a password."""
    server = needed(DEBIAN / "usr/sbin/mariadbd", "MariaDB")
    base, port = DEBIAN / "usr", free_port()
    environment = libraries()
    install = [f"{base}/bin/mariadb-install-db", "--no-defaults", f"--basedir={base}", f"--datadir={folder}/data"]
    user = ["--user=root"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*install, "--auth-root-authentication-method=normal", "--skip-test-db", *user],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    said = [f"--basedir={base}", f"--datadir={folder}/data", f"--lc-messages-dir={base}/share/mysql"]
    place = [f"--socket={folder}/socket", f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={folder}/pid"]
    with running(Program([str(server), "--no-defaults", *user, *said, *place], port, folder, environment)) as program:
        yield program


@dataclass(frozen=True)
class SftpServer:
    """OpenSSH's own server: who may log in with which key, and the folder that this user may read."""

    program: Program
    user: str
    private_key: Path
    host_key: str
    folder: Path


@contextmanager
def sftp(folder: Path) -> Iterator[SftpServer]:
    """An OpenSSH server that one user may enter with a key. The user exists in this server's world only."""
    server = needed(DEBIAN / "usr/sbin/sshd", "OpenSSH")
    (wrapper,) = DEBIAN.glob("usr/lib/*-linux-gnu/libnss_wrapper.so")
    port, uid = free_port(), NOBODY if os.geteuid() == 0 else os.geteuid()
    folder.chmod(0o755)
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True, timeout=30, stdin=subprocess.DEVNULL)
    drop = folder / "drop"
    drop.mkdir()
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\n",
        encoding="utf-8",
    )
    (folder / "passwd").write_text(f"reader:x:{uid}:{uid}::{drop}:/bin/sh\n", encoding="utf-8")
    (folder / "group").write_text(f"reader:x:{uid}:\n", encoding="utf-8")
    environment = {
        **libraries(),
        "LD_PRELOAD": str(wrapper),
        "NSS_WRAPPER_PASSWD": f"{folder}/passwd",
        "NSS_WRAPPER_GROUP": f"{folder}/group",
    }
    command = [str(server), "-D", "-e", "-f", f"{folder}/config"]
    if os.geteuid() == 0:
        os.chown(folder / "host", NOBODY, NOBODY)
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
    fingerprint = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(folder / "host.pub")], capture_output=True, text=True, check=True, timeout=30
    ).stdout.split()[1]
    with running(Program(command, port, folder, environment)) as program:
        yield SftpServer(program, "reader", folder / "user", fingerprint, drop)
