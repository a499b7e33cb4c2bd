"""The wire: a small HTTP server on loopback, on a port that the system chooses, while its block runs."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from cdi.sample.admin_api import AdminApi

MAX_BODY: Final = 1_000_000


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: AdminApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller who hangs up is no fault of ours; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "SampleCompany"
    disable_nagle_algorithm = True  # an answer goes out in two writes; the second would wait for the caller's ack

    def do_POST(self) -> None:
        self._respond("POST")

    def do_GET(self) -> None:
        self._respond("GET")

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: whoever reads the shop logs what it does."""

    def _respond(self, method: str) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.api.answer(method, urlsplit(self.path).path, headers, self._body())
        content = json.dumps(answer.document, ensure_ascii=False).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> Any:
        """The document in the body; None where there is none that can be understood."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self.close_connection = True
            return None
        content = self.rfile.read(length)
        if self.headers.get_content_type() == "application/x-www-form-urlencoded":
            return dict(parse_qsl(content.decode("utf-8", errors="replace")))
        try:
            return json.loads(content or b"{}")
        except ValueError:
            return None


@contextmanager
def serving(api: AdminApi) -> Iterator[str]:
    """The API answers over HTTP while the block runs; the value is its base address."""
    with _Server(api) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="sample-webshop", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
