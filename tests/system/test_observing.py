"""What the operator sees of a running service: figures, logs and spans. They say which route, how often, how long; no
customer's value is in any of them, nor what was looked for."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from domain import email, person, profile_of, push
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families
from serving_processes import serving
from stewarding import company_in

from cdi.access import Role
from cdi.api.observed import METHODS
from cdi.auth import create_key
from cdi.clock import utc_now
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.store.db import Database
from conftest import Doors

CANARIES = ("Kanarivogel", "kanari@vogel.example", "zitronengelb", "LY-CANARY-77", "1931-07-19")
CUSTOMER = person("Zitronengelb", "Kanarivogel", "1931-07-19", emails=email("kanari@vogel.example"))


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    made = company_in(tmp_path, database, more="\napi: {rate_limit: {per_second: 0.01, burst: 60}}\n")
    push(made, "till", {"LY-CANARY-77": CUSTOMER})
    return made


def key_for(company: Installation, role: Role, *groups: FieldGroup, source: str | None = None) -> str:
    with company.database.unit_of_work() as connection:
        return create_key(connection, f"the {role}", role, utc_now(), groups=groups, source=source)


def figures(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def ask_in_every_way(client: httpx.Client, writer: httpx.Client, profile: object) -> None:
    """Values in paths, queries and bodies; requests that are right, wrong and refused."""
    client.get(f"/v1/profiles/{profile}")
    client.get("/v1/profiles", params={"email": "kanari@vogel.example"})
    client.get("/v1/profiles", params={"q": "kanarivogel 1931-07-19"})
    client.get("/v1/profiles", params={"source": "till", "key": "LY-CANARY-77"})
    client.get("/v1/sources/till/records/LY-CANARY-77")
    client.get("/v1/nowhere/kanari@vogel.example")
    client.get("/v1/profiles/Kanarivogel")
    client.request("PROPFIND", "/v1/profiles/Kanarivogel")
    client.post("/v1/profiles/lookup", json={"record": CUSTOMER})
    client.post("/v1/profiles/lookup", json={"record": {"name": "Kanarivogel"}})
    writer.post("/v1/sources/till/records", json={"records": [{"key": "LY-CANARY-77", "data": CUSTOMER}], "wait": True})
    writer.post(
        "/v1/sources/till/records", content=b'{"records": ["Kanarivogel', headers={"content-type": "application/json"}
    )


def assert_no_value(text: str) -> None:
    for canary in CANARIES:
        assert canary.lower() not in text.lower(), f"{canary} is told"


def test_figures_tell_what_waits_and_how_requests_went_and_no_value(company: Installation) -> None:
    push(company, "till", {"later": person("Eva", "Wartend")}, settle=False)
    doors = Doors(company)
    anna = profile_of(company, "till", "LY-CANARY-77")
    reader, writer = doors.as_(Role.READER, *FieldGroup), doors.as_(Role.CONNECTOR, source="till")
    assert TestClient(doors.app).get("/metrics").status_code == 401
    assert writer.get("/metrics").status_code == 403
    ask_in_every_way(reader, writer, anna)
    told = reader.get("/metrics")
    assert told.headers["content-type"].startswith("text/plain")
    assert_no_value(told.text)
    found = figures(told.text)
    routes = {labels["route"] for labels, _ in found["cdi_request_seconds_count"]}
    assert {"/v1/profiles/{profile_id}", "/v1/profiles", "/v1/profiles/lookup", "unmatched"} <= routes
    assert all("{" in route or route.count("/") < 4 for route in routes)
    assert {labels["method"] for labels, _ in found["cdi_request_seconds_count"]} <= {*METHODS, "other"}
    (unresolved,) = found["cdi_unresolved_records"]
    assert unresolved[1] == 1 and found["cdi_unresolved_oldest_seconds"][0][1] >= 0
    assert found["cdi_profiles"][0][1] == 1 and found["cdi_profile_records_max"][0][1] == 1
    assert {labels["source"] for labels, _ in found["cdi_rejected_records"]} == set(company.deployment.sources)
    assert found["cdi_resolver_batch_seconds_count"][0][1] >= 1
    assert [found[f"cdi_webhook_{what}"][0][1] for what in ("waiting", "behind", "dead")] == [0, 0, 0]


def test_several_processes_tell_one_figure_and_count_a_rate_together(company: Installation) -> None:
    key = key_for(company, Role.READER, *FieldGroup)
    with serving(company.folder, company.database.url, workers=2) as service:
        statuses = []
        for _ in range(70):  # each a connection of its own: they fall on both processes
            with service.as_(key) as client:
                statuses.append(client.get("/v1/changes").status_code)
        assert statuses == [200] * 60 + [429] * 10
        with service.as_(key) as client:
            found = figures(client.get("/metrics").text)
    counted = {
        labels["status"]: value
        for labels, value in found["cdi_request_seconds_count"]
        if labels["route"] == "/v1/changes"
    }
    refused = sum(v for labels, v in found["cdi_request_seconds_count"] if labels["status"] == "4xx")
    assert counted["2xx"] == 60 and refused == 10


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_line_for_each_request_says_which_route_and_who_and_no_value(company: Installation, form: str) -> None:
    reader, writer = key_for(company, Role.READER, *FieldGroup), key_for(company, Role.CONNECTOR, source="till")
    anna = profile_of(company, "till", "LY-CANARY-77")
    with (
        serving(company.folder, company.database.url, workers=1, environment={"CDI_LOG_FORMAT": form}) as service,
        service.as_(reader) as client,
        service.as_(writer) as writing,
    ):
        ask_in_every_way(client, writing, anna)
        answer = client.get(f"/v1/profiles/{anna}")
    said = service.log.read_text()
    assert_no_value(said)
    assert reader not in said and str(anna) not in said
    if form == "text":
        assert "route=/v1/profiles/{profile_id} status=200" in said
        return
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    requests = [line for line in lines if line["message"] == "request"]
    assert len(requests) >= 12
    line = next(line for line in requests if line["request_id"] == answer.headers["x-request-id"])
    assert (line["route"], line["status"], line["caller"]) == ("/v1/profiles/{profile_id}", 200, "the reader")
    assert line["milliseconds"] > 0


class Collector(BaseHTTPRequestHandler):
    """An OTLP receiver: what it got stands in `received` of the server."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.received.append((self.path, body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.received = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.received  # type: ignore[attr-defined]
    finally:
        server.shutdown()


def test_a_collector_gets_spans_of_requests_batches_and_statements_without_values(company: Installation) -> None:
    reader, writer = key_for(company, Role.READER, *FieldGroup), key_for(company, Role.CONNECTOR, source="till")
    anna = profile_of(company, "till", "LY-CANARY-77")
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with (
        collector() as (address, received),
        serving(company.folder, company.database.url, workers=2, environment={"CDI_OTLP_ENDPOINT": address}) as service,
        service.as_(reader) as client,
        service.as_(writer) as writing,
    ):
        ask_in_every_way(client, writing, anna)
        client.get("/v1/changes", headers={"traceparent": parent})
        more = {"records": [{"key": "new", "data": person("Neu", "Kanarivogel")}], "wait": True}
        writing.post("/v1/sources/till/records", json=more).raise_for_status()
    spans = []
    for path, body in received:
        assert path == "/v1/traces"
        assert_no_value(body.decode("latin-1"))
        assert str(anna).encode() not in body and reader.encode() not in body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            spans += [span for scope in resource.scope_spans for span in scope.spans]
    names = {span.name for span in spans}
    assert {"GET /v1/profiles/{profile_id}", "POST /v1/profiles/lookup", "GET unmatched", "resolver batch"} <= names
    by_id = {span.span_id: span for span in spans}
    batch = next(span for span in spans if span.name == "resolver batch")
    assert by_id[batch.parent_span_id].name == "POST /v1/sources/{source}/records"
    assert any(span.name == "sql select" and span.parent_span_id == batch.span_id for span in spans)
    joined = next(span for span in spans if span.name == "GET /v1/changes")
    assert joined.trace_id.hex() == parent.split("-")[1]


def test_readiness_says_what_is_missing(company: Installation) -> None:
    client = TestClient(Doors(company).app)
    assert client.get("/readyz").json() == {"status": "ready"}
    with company.database.unit_of_work() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '0001'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    (fault,) = answer.json()["errors"]
    assert fault["where"] == "schema" and "cdi db upgrade" in fault["what"]
