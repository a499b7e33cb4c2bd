"""A folder on an SFTP server. Its host key must be known beforehand: a server that shows another one is never logged in
to, because whoever answers there would get the password and could give us any customers that he likes.

Only what the manifest and `cdi.yaml` say is used: no agent, no keys and no settings of the user who runs cdi.
"""

import binascii
import io
import logging
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import unquote, urlsplit

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key
from paramiko.hostkeys import InvalidHostKey
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from cdi.errors import ConfigurationError, SourceError
from cdi.ingest.blueprint import FilesConnection
from cdi.ingest.places import Drop, Fetched, Keeping, beside
from cdi.ingest.templates import Values, fill, fill_if_given

CHUNK: Final = 1 << 18
TRIES: Final = 3

logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what it would say, an error says here with its remedy


class _NotReachedError(Exception):
    """The server could not be reached; it may be there in a moment."""


class _OnlyThisKey(paramiko.MissingHostKeyPolicy):
    """Accepts the host key that has one of these fingerprints."""

    def __init__(self, source: str, fingerprints: frozenset[str]) -> None:
        self.source = source
        self.fingerprints = fingerprints

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        if key.fingerprint not in self.fingerprints:
            raise _unknown_key(self.source, hostname, key)


def _unknown_key(source: str, host: str, key: paramiko.PKey) -> SourceError:
    return SourceError(
        source,
        f"{host} shows the host key {key.fingerprint} ({key.get_name()}), which is not the one that is known",
        remedy="Ask who runs the server whether it is theirs; if it is, put it under sftp.host_key or in known_hosts",
    )


class SftpFolder:
    """A folder on an SFTP server, for one run; use it in a `with`."""

    def __init__(self, source: str, connection: FilesConnection, values: Values, deployment: Path) -> None:
        self.source = source
        self.login = connection.sftp
        self.values = values
        self.deployment = deployment
        self.seconds = connection.timeout.total_seconds()
        self.most_bytes = connection.max_file_mb * 1_048_576
        address = urlsplit(str(fill(connection.folder, values)))
        if not address.hostname or address.password is not None:
            raise ConfigurationError(
                f"source {source}: `folder` is no address of an SFTP folder",
                remedy="Write sftp://user@host/folder; the password stands under sftp.password, as a secret",
            )
        self.host, self.port = address.hostname, address.port or paramiko.config.SSH_PORT
        self.user = self._given(self.login.user) or unquote(address.username or "") or None
        path = unquote(address.path).rstrip("/")
        self.folder = (path.removeprefix("/~").removeprefix("/") if path.startswith("/~") else path) or "."
        self.title = f"{self.folder} on {self.host}"
        self._ssh: paramiko.SSHClient | None = None
        self._sftp: paramiko.SFTPClient | None = None

    # -- coming and going --------------------------------------------------------------------------------------------

    def __enter__(self) -> "SftpFolder":
        attempts = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=wait_random_exponential(multiplier=0.25, max=5),
            retry=retry_if_exception_type(_NotReachedError),
            reraise=True,
        )
        try:
            attempts(self._connect)
        except _NotReachedError as error:
            raise SourceError(
                self.source,
                f"{self.host}: {error} (tried {TRIES} times)",
                remedy=f"Check that the server is up at port {self.port}; the next run goes on where this one ended",
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._ssh is not None:
            self._ssh.close()

    def _connect(self) -> None:
        password, key = self._given(self.login.password), self._key()
        if password is None and key is None:
            raise ConfigurationError(
                f"source {self.source}: {self.host} can be entered neither by password nor by key",
                remedy="Give sftp.password or sftp.key, as a secret",
            )
        client = self._client()
        try:
            client.connect(
                self.host,
                self.port,
                self.user,
                password,
                key,
                timeout=self.seconds,
                banner_timeout=self.seconds,
                auth_timeout=self.seconds,
                channel_timeout=self.seconds,
                allow_agent=False,
                look_for_keys=False,
            )
            self._sftp = client.open_sftp()
            channel = self._sftp.get_channel()
            assert channel is not None
            channel.settimeout(self.seconds)
        except paramiko.BadHostKeyException as error:
            client.close()
            raise _unknown_key(self.source, self.host, error.key) from None
        except paramiko.AuthenticationException:
            client.close()
            raise SourceError(
                self.source,
                f"{self.host} does not let {self.user or 'a user without a name'} in",
                remedy="Check user and password or key of this source in cdi.yaml",
            ) from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            client.close()
            raise _NotReachedError(_trouble(error)) from None
        except BaseException:
            client.close()
            raise
        self._ssh = client

    def _client(self) -> paramiko.SSHClient:
        """A client that knows exactly the host keys that this source names."""
        client = paramiko.SSHClient()
        fingerprints = frozenset((self._given(self.login.host_key) or "").replace(",", " ").split())
        known_hosts = self._given(self.login.known_hosts)
        if not fingerprints and known_hosts is None:
            raise ConfigurationError(
                f"source {self.source}: no host key of {self.host} is known, so that nobody can tell who answers there",
                remedy="Ask who runs the server for its fingerprint and write it under sftp.host_key (SHA256:…),"
                " or name a file under sftp.known_hosts",
            )
        client.set_missing_host_key_policy(_OnlyThisKey(self.source, fingerprints))
        if known_hosts is not None:
            try:
                client.load_system_host_keys(str(self.deployment / known_hosts))
            except (OSError, InvalidHostKey, binascii.Error):
                raise ConfigurationError(
                    f"source {self.source}: {known_hosts} cannot be read as a file of known hosts",
                    remedy="sftp.known_hosts is a path from the deployment's folder, in OpenSSH's format",
                ) from None
        return client

    def _key(self) -> paramiko.PKey | None:
        text = self._given(self.login.key)
        if text is None:
            return None
        passphrase = self._given(self.login.passphrase)
        try:
            return _private_key(text if text.endswith("\n") else f"{text}\n", passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm, paramiko.SSHException):
            raise ConfigurationError(
                f"source {self.source}: sftp.key is no private key that can be read",
                remedy="Give the key itself, as ${file:…} takes it from its file, and its passphrase if it has one",
            ) from None

    def _given(self, template: str | None) -> str | None:
        return fill_if_given(template, self.values)

    # -- files -------------------------------------------------------------------------------------------------------

    def listed(self, pattern: str) -> list[Drop]:
        folder, _, names = pattern.rpartition("/")
        with self._told(f"the folder {self.title} cannot be listed", "Check `folder` and the rights of the user there"):
            found = self._open().listdir_attr(self._path(folder))
            return [
                Drop(f"{folder}/{item.filename}" if folder else item.filename, item.st_mtime, item.st_size)
                for item in found
                if fnmatchcase(item.filename, names) and "/" not in item.filename and stat.S_ISREG(item.st_mode or 0)
            ]

    @contextmanager
    def fetched(self, drop: Drop, known: str | None) -> Iterator[Fetched | None]:
        stamp = f"{drop.size} {drop.modified}"
        if stamp == known:
            yield None
            return
        with TemporaryDirectory(prefix="cdi-") as folder:
            path = Path(folder) / drop.name.rpartition("/")[2]
            with self._told(f"{drop.name} cannot be fetched", "The next run goes on where this one ended"):
                self._copy(drop, path)
            yield Fetched(path, stamp)

    def _copy(self, drop: Drop, path: Path) -> None:
        size = drop.size or 0
        if size > self.most_bytes:
            raise SourceError(
                self.source,
                f"{drop.name} is larger than {self.most_bytes >> 20} MB",
                remedy="Ask for smaller files, or raise connection.max_file_mb",
            )
        kept = Keeping(self.source, drop.name, path)
        with kept as local, self._open().open(self._path(drop.name), "rb") as remote:
            remote.prefetch(size)
            left = size  # not a byte more than was announced, however long the file grows meanwhile
            while left and (chunk := remote.read(min(CHUNK, left))):
                local.write(chunk)
                left -= len(chunk)
        if left:
            raise SourceError(
                self.source, f"{drop.name} became shorter while it was read", remedy="It will be read by the next run"
            )

    def stands_still(self, drop: Drop) -> bool:
        with self._told(f"{drop.name} cannot be looked at", "The next run goes on where this one ended"):
            now = self._open().stat(self._path(drop.name))
        return (now.st_mtime, now.st_size) == (drop.modified, drop.size)

    def move(self, name: str, folder: str, now: datetime) -> None:
        with self._told(f"{name} cannot be moved into {folder}", "Grant that right, or drop `move_to` in the manifest"):
            self._make_folder(beside("", folder))
            try:
                self._open().rename(self._path(name), self._path(beside(name, folder)))
            except OSError:  # one of that name lies there already
                self._open().rename(self._path(name), self._path(beside(name, folder, now)))

    def _make_folder(self, folder: str) -> None:
        try:
            self._open().stat(self._path(folder))
        except FileNotFoundError:
            self._open().mkdir(self._path(folder))

    def _open(self) -> paramiko.SFTPClient:
        assert self._sftp is not None
        return self._sftp

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}" if name else self.folder

    @contextmanager
    def _told(self, what: str, remedy: str) -> Iterator[None]:
        """What the server or the disk complains of, as a sentence."""
        try:
            yield
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise SourceError(self.source, f"{what}: {_trouble(error)}", remedy=remedy) from None


def _private_key(text: str, passphrase: str | None) -> paramiko.PKey:
    data, secret = text.encode(), passphrase.encode() if passphrase else None
    try:
        loaded = load_ssh_private_key(data, secret)
    except ValueError:
        loaded = load_pem_private_key(data, secret)  # type: ignore[assignment]  # the classes that both know are looked for
    for kind, known in (
        (rsa.RSAPrivateKey, paramiko.RSAKey),
        (ed25519.Ed25519PrivateKey, paramiko.Ed25519Key),
        (ec.EllipticCurvePrivateKey, paramiko.ECDSAKey),
    ):
        if isinstance(loaded, kind):
            return known.from_private_key(io.StringIO(text), passphrase)
    raise ValueError("a key of another kind")


def _trouble(error: Exception) -> str:
    told = (words for kind, words in _TROUBLES if isinstance(error, kind))
    return next(told, f"the connection failed ({type(error).__name__})")


_TROUBLES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (FileNotFoundError, "it is not there"),
    (PermissionError, "that is not allowed"),
    (TimeoutError, "no answer in time"),
    (socket.gaierror, "its host name is unknown"),
    (ConnectionRefusedError, "nothing listens there"),
    (paramiko.ssh_exception.NoValidConnectionsError, "nothing listens there"),
)
