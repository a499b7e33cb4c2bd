"""A real SFTP server on loopback, by another implementation than the one that reads; it can be made to misbehave."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh

USER, PASSWORD = "leser", "sehr geheim"


class Server:
    """The running server: where it listens, its host key, and how it is entered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.user_key = asyncssh.generate_private_key("ssh-ed25519")
        self.port = 0
        self.logins = 0
        self.opened: list[str] = []
        self.on_read = lambda name: None

    @property
    def fingerprint(self) -> str:
        return self.host_key.get_fingerprint()

    @property
    def private_key(self) -> str:
        return self.user_key.export_private_key().decode()

    def address(self, path: str = "/out") -> str:
        return f"sftp://{USER}@127.0.0.1:{self.port}{path}"

    def known_hosts_line(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.host_key.export_public_key().decode().strip()}\n"


@contextmanager
def serving_sftp(folder: Path, port: int = 0, host_key: asyncssh.SSHKey | None = None) -> Iterator[Server]:
    """The server, with `folder` as its root."""
    server = Server(folder)
    if host_key is not None:
        server.host_key = host_key
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        listening = asyncio.run_coroutine_threadsafe(_listen(server, port), loop).result(30)
        server.port = listening.get_port()
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(_close(listening), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _listen(server: Server, port: int) -> asyncssh.SSHAcceptor:
    return await asyncssh.listen(
        "127.0.0.1",
        port,
        server_factory=lambda: _Doorkeeper(server),
        server_host_keys=[server.host_key],
        sftp_factory=lambda channel: _Files(server, channel),
    )


async def _close(listening: asyncssh.SSHAcceptor) -> None:
    listening.close()
    await listening.wait_closed()


class _Doorkeeper(asyncssh.SSHServer):
    def __init__(self, server: Server) -> None:
        self.server = server

    def begin_auth(self, username: str) -> bool:
        self.server.logins += 1
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key == self.server.user_key.convert_to_public()


class _Files(asyncssh.SFTPServer):
    def __init__(self, server: Server, channel: asyncssh.SSHServerChannel) -> None:
        super().__init__(channel, chroot=str(server.folder))
        self.server = server

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        name = path.decode().rpartition("/")[2]
        self.server.opened.append(name)
        opened = super().open(path, pflags, attrs)
        self.server.on_read(name)
        return opened
