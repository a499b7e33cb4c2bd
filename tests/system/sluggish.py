"""A source system that takes its time, so that there is a middle in which a reading can be ended."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MANIFEST = """\
connector: sluggish
title: A sluggish system
config: {base_url: {required: true}}
connection: {kind: rest, base_url: "{config.base_url}"}
streams:
  customers:
    kind: customer
    key: =id
    request: {path: /customers}
    records: =data
    page: {by: page, size: 10, size_into: params.limit}
    map: {name: {given_name: =first, family_name: =last}, emails: [{value: =email}]}
"""
PAGES, PAGE = 40, 10


@contextmanager
def sluggish(seconds: float) -> Iterator[str]:
    """The address of a system with 400 customers, in pages each of which takes so long."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

        def do_GET(self) -> None:
            page = int(parse_qs(urlsplit(self.path).query)["page"][0])
            time.sleep(seconds)
            numbers = range((page - 1) * PAGE, page * PAGE) if page <= PAGES else range(0)
            people = [
                {"id": n, "first": f"Given{n}", "last": f"Family{n}", "email": f"p{n}@test.example"} for n in numbers
            ]
            content = json.dumps({"data": people}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
