"""A receiver of webhooks: a web server that verifies each delivery with an independent library, and fails as told."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


@dataclass
class Receiver:
    """What came, in its order. `answer` says the status of the n-th request; a delivery is `taken` if it was 2xx."""

    url: str = ""
    secret: str = ""
    answer: Callable[[int], int] = lambda _: 204
    headers: dict[str, str] = field(default_factory=dict)
    drips: bool = False  # header by header, for ever
    requests: int = 0
    connections: int = 0
    forged: list[str] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def receive(self, headers: dict[str, str], body: bytes) -> int:
        with self.lock:
            self.requests += 1
            status = self.answer(self.requests)
            try:
                Webhook(self.secret).verify(body, headers)
            except WebhookVerificationError as error:
                self.forged.append(str(error))
                return 401
            (self.taken if status < 300 else self.refused).append(json.loads(body))
            if status < 300:
                self.ids.append(headers["webhook-id"])
            return status

    def cursors(self) -> list[int]:
        """The events that were taken, each once, in the order in which they first came."""
        return list(dict.fromkeys(event["data"]["cursor"] for event in self.taken))

    def in_order_by_profile(self) -> bool:
        """Whether the events of each profile first came in the order of the feed."""
        seen: dict[str, int] = {}
        first = set()
        for event in self.taken:
            cursor, profile = event["data"]["cursor"], event["data"]["profile_id"]
            if cursor in first:
                continue
            first.add(cursor)
            if cursor < seen.get(profile, 0):
                return False
            seen[profile] = cursor
        return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on a port of loopback; with `tls` it speaks HTTPS."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            receiver.connections += 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if len(body) < int(self.headers["content-length"]):
                return  # the sender died in the middle
            status = receiver.receive({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            while receiver.drips:
                self.send_header("x-drip", "drop")
                self.flush_headers()
                time.sleep(0.2)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("content-length", "0")
            self.end_headers()

        def handle(self) -> None:
            with suppress(ConnectionError):  # the sender died
                super().handle()

        def log_message(self, *_: object) -> None:
            pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            receiver.url = f"https://localhost:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
