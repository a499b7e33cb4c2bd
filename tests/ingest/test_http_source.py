"""An HTTP source is read to its end, politely; what may pass is tried again, what may not is told in one line."""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from loopback import Answer, Asked, Site, Told, serving
from reading import NOW, context, declared, gathered, read

from cdi.errors import ConfigurationError, SourceError
from cdi.ingest.contract import Checkpoint, Record

PEOPLE = [{"id": n, "name": f"Kunde {n}", "changed": f"2026-11-{n:02}T10:00:00Z"} for n in range(1, 8)]


def manifest(**stream: str) -> str:
    """A manifest whose stream has these further lines; tests wait milliseconds, not seconds."""
    lines = {"page": "{by: page, size: 3, size_into: params.size}", "records": "items", **stream}
    connection = lines.pop("connection", "")
    return "\n".join(
        [
            "connector: test",
            "title: Test",
            "config: {base_url: {required: true}, token: {secret: true, default: geheim}}",
            "connection:",
            "  kind: rest",
            '  base_url: "{config.base_url}"',
            "  timeout: PT1S",
            "  retry: {tries: 3, first_wait: PT0.01S, longest_wait: PT0.05S}",
            *(f"  {line}" for line in connection.splitlines()),
            "streams:",
            "  customers:",
            "    kind: customer",
            "    key: =id",
            "    request: {path: /people}" if "request" not in lines else "",
            *(f"    {name}: {value}" for name, value in lines.items()),
            "    map: {name: {full: =name}}",
        ]
    )


def by_page(asked: Asked) -> Told:
    page, size = int(asked.params["page"]), int(asked.params["size"])
    return Told({"items": PEOPLE[(page - 1) * size : page * size], "total": len(PEOPLE)})


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(by_page) as running:
        yield running


def config(site: Site) -> dict[str, str]:
    return {"base_url": site.url}


def everybody() -> list[str]:
    return [str(person["id"]) for person in PEOPLE]


# -- paging ---------------------------------------------------------------------------------------------------------


def by_offset(asked: Asked) -> Told:
    offset, limit = int(asked.params["offset"]), int(asked.params["limit"])
    return Told({"items": PEOPLE[offset : offset + limit]})


def by_token(asked: Asked) -> Told:
    begin = int((asked.body or {}).get("after") or 0)
    following = begin + 2 if begin + 2 < len(PEOPLE) else None
    return Told({"items": PEOPLE[begin : begin + 2], "next": following})


def by_body_url(asked: Asked) -> Told:
    begin = int(asked.params.get("from", 0))
    more = f"/people?from={begin + 4}" if begin + 4 < len(PEOPLE) else None
    return Told({"items": PEOPLE[begin : begin + 4], "next": more})


def by_link_header(asked: Asked) -> Told:
    begin = int(asked.params.get("from", 0))
    link = {"Link": f'<http://{asked.headers["host"]}/people?from={begin + 4}>; rel="next"'}
    return Told({"items": PEOPLE[begin : begin + 4]}, headers=link if begin + 4 < len(PEOPLE) else {})


def by_key(asked: Asked) -> Told:
    after = int(asked.params.get("after", 0))
    return Told({"items": [p for p in PEOPLE if p["id"] > after][:3]})


@pytest.mark.parametrize(
    ("answer", "page", "request_"),
    [
        (by_page, "{by: page, size: 3, size_into: params.size}", "{path: /people}"),
        (by_offset, "{by: offset, size: 3}", "{path: /people}"),
        (by_token, "{by: cursor, next: next, into: body.after}", "{path: /people, method: POST, body: {x: 1}}"),
        (by_body_url, "{by: next_url, next: next}", "{path: /people}"),
        (by_link_header, "{by: next_url}", "{path: /people}"),
        (by_key, "{by: keyset, field: id, into: params.after}", "{path: /people}"),
        (lambda _: Told({"items": PEOPLE}), "{by: none}", "{path: /people}"),
    ],
)
def test_every_way_of_paging_gives_everybody_once(tmp_path: Path, answer: Answer, page: str, request_: str) -> None:
    connector = declared(tmp_path, manifest(page=page, request=request_))
    with serving(answer) as site:
        assert read(connector, tmp_path, config(site)).keys == everybody()


def test_a_server_that_gives_smaller_pages_than_asked_for_is_read_to_its_end(tmp_path: Path) -> None:
    def stingy(asked: Asked) -> Told:
        page = int(asked.params["page"])
        return Told({"items": PEOPLE[(page - 1) * 2 : page * 2]})

    connector = declared(tmp_path, manifest())
    with serving(stingy) as site:
        assert read(connector, tmp_path, config(site)).keys == everybody()


def test_the_last_page_repeated_for_ever_ends(tmp_path: Path) -> None:
    def repeating(asked: Asked) -> Told:
        page = min(int(asked.params["page"]), 3)
        return Told({"items": PEOPLE[(page - 1) * 3 : page * 3]})

    connector = declared(tmp_path, manifest())
    with serving(repeating) as site:
        assert read(connector, tmp_path, config(site)).keys == everybody()


def test_a_cursor_that_does_not_move_is_told(tmp_path: Path) -> None:
    counter = iter(range(1000))
    connector = declared(tmp_path, manifest(page="{by: cursor, next: next, into: params.after}"))
    with (
        serving(lambda _: Told({"items": [{"id": next(counter)}], "next": "same"})) as site,
        pytest.raises(SourceError, match="pages never end"),
    ):
        read(connector, tmp_path, config(site))


def test_each_page_may_be_committed_while_the_next_is_fetched(tmp_path: Path, site: Site) -> None:
    events = declared(tmp_path, manifest()).read(config(site), "customers", None, context(tmp_path))
    first_page = [type(next(events)) for _ in range(4)]
    assert first_page == [Record, Record, Record, Checkpoint]
    assert len(site.asked) <= 2


def test_a_preview_stops_at_its_limit_and_moves_nothing(tmp_path: Path, site: Site) -> None:
    reading = read(declared(tmp_path, manifest()), tmp_path, config(site), limit=2)
    assert reading.keys == ["1", "2"]
    assert reading.state == {}
    assert not reading.full_scan


# -- cursors and full scans -----------------------------------------------------------------------------------------

INCREMENTAL = {
    "cursor": "{field: changed, overlap: PT1H}",
    "since": '{params: {since: "{cursor.from}"}}',
    "deletes": "[{mode: reconcile, every: P1D}]",
    "total": "total",
}


def changed_since(asked: Asked) -> Told:
    since = datetime.fromisoformat(asked.params.get("since", "2000-01-01T00:00:00Z"))
    found = [p for p in PEOPLE if datetime.fromisoformat(str(p["changed"])) >= since]
    page = int(asked.params["page"])
    return Told({"items": found[(page - 1) * 3 : page * 3], "total": len(found)})


def test_the_second_reading_asks_only_for_what_is_new_with_an_overlap(tmp_path: Path) -> None:
    connector = declared(tmp_path, manifest(**INCREMENTAL))
    with serving(changed_since) as site:
        first = read(connector, tmp_path, config(site))
        assert first.keys == everybody()
        assert first.full_scan
        second = read(connector, tmp_path, config(site), state=first.state)
    assert second.keys == ["7"]
    assert not second.full_scan
    assert site.asked[-1].params["since"] == "2026-11-07T09:00:00.000+00:00"
    assert second.state == first.state


def test_after_a_day_everything_is_read_again_so_that_what_is_gone_is_found(tmp_path: Path) -> None:
    connector = declared(tmp_path, manifest(**INCREMENTAL))
    with serving(changed_since) as site:
        first = read(connector, tmp_path, config(site))
        later = read(connector, tmp_path, config(site), state=first.state, now=NOW + timedelta(days=1))
    assert later.full_scan
    assert later.keys == everybody()


def test_a_source_that_miscounts_concludes_nothing(tmp_path: Path) -> None:
    def lying(asked: Asked) -> Told:
        return Told({"items": by_page(asked).document["items"], "total": len(PEOPLE) + 1})

    connector = declared(tmp_path, manifest(deletes="[{mode: reconcile}]", total="total"))
    with serving(lying) as site:
        reading = read(connector, tmp_path, config(site))
    assert reading.keys == everybody()
    assert not reading.full_scan


def test_a_time_from_the_future_does_not_freeze_the_cursor(tmp_path: Path) -> None:
    person = {"id": 1, "changed": "2999-01-01T00:00:00Z"}
    connector = declared(tmp_path, manifest(page="{by: none}", **INCREMENTAL))
    with serving(lambda _: Told({"items": [person]})) as site:
        reading = read(connector, tmp_path, config(site))
    assert reading.state is not None
    assert datetime.fromisoformat(reading.state["cursor"]) == NOW


def test_a_cut_run_reads_again_from_where_the_last_whole_one_ended(tmp_path: Path) -> None:
    def breaking(asked: Asked) -> Told:
        return by_page(asked) if asked.params["page"] == "1" else Told(status=500)

    connector = declared(tmp_path, manifest(**INCREMENTAL))
    state: Any = None
    seen: list[str] = []
    with serving(breaking) as site:
        events = connector.read(config(site), "customers", None, context(tmp_path))
        with pytest.raises(SourceError, match="answered 500"):
            for event in events:
                if isinstance(event, Record):
                    seen.append(event.key)
                if isinstance(event, Checkpoint):
                    state = event.state
        site.answer = by_page
        healed = read(connector, tmp_path, config(site), state=state)
    assert seen == ["1", "2", "3"]
    assert healed.keys == everybody()


def test_a_null_in_the_cursor_field_harms_nothing(tmp_path: Path) -> None:
    people = [{"id": 1, "changed": None}, {"id": 2, "changed": "2026-11-02T10:00:00Z"}, {"id": 3, "changed": "soon"}]
    connector = declared(tmp_path, manifest(page="{by: none}", **INCREMENTAL))
    with serving(lambda _: Told({"items": people})) as site:
        reading = read(connector, tmp_path, config(site))
    assert reading.keys == ["1", "2", "3"]
    assert reading.state is not None
    assert reading.state["cursor"].startswith("2026-11-02")


# -- partitions, details, cursors of the source's own ---------------------------------------------------------------


def test_a_request_is_made_for_each_value_of_a_setting(tmp_path: Path) -> None:
    text = manifest(page="{by: none}", for_each='"{config.lists}"', request='{path: "/lists/{each.value}/people"}')
    text = text.replace("config: {", "config: {lists: {type: list}, ")
    text = text.replace("key: =id", "key: [=for_value, =id]")

    def by_list(asked: Asked) -> Told:
        return Told({"items": [{"id": 1}]} if asked.path == "/lists/a/people" else {"items": [{"id": 1}, {"id": 2}]})

    connector = declared(tmp_path, text)
    with serving(by_list) as site:
        reading = read(connector, tmp_path, {**config(site), "lists": ["b", "a"]})
        assert reading.keys == ["a/1", "b/1", "b/2"]
        read(connector, tmp_path, {**config(site), "lists": ["../admin"]})
    assert site.asked[-1].path == "/lists/..%2Fadmin/people"


def test_of_a_value_that_was_added_everything_is_new(tmp_path: Path) -> None:
    text = manifest(**INCREMENTAL, for_each='"{config.lists}"').replace("config: {", "config: {lists: {type: list}, ")
    connector = declared(tmp_path, text)
    with serving(changed_since) as site:
        first = read(connector, tmp_path, {**config(site), "lists": ["a"]})
        same = read(connector, tmp_path, {**config(site), "lists": ["a"]}, state=first.state)
        added = read(connector, tmp_path, {**config(site), "lists": ["a", "b"]}, state=first.state)
    assert same.keys == ["7"]
    assert added.keys == everybody() * 2


def test_a_record_may_need_a_request_of_its_own(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Told:
        if asked.path == "/people":
            return Told({"items": [{"id": "@a/b:example"}]})
        return Told({"mail": asked.path})

    text = manifest(page="{by: none}", detail='{path: "/people/{record.id}"}')
    connector = declared(tmp_path, text.replace("full: =name", "full: =detail.mail"))
    with serving(answer) as site:
        (record,) = read(connector, tmp_path, config(site)).records
    assert connector.map("customers", record.data, {}) == {"name": {"full": "/people/%40a%2Fb%3Aexample"}}


OPAQUE = {
    "page": "{by: cursor, next: after, more: more, into: params.cursor}",
    "request": '{path: /people, params: {start_time: "0"}}',
    "cursor": "{field: after, type: opaque}",
    "since": '{params: {cursor: "{cursor.from}", start_time: null}}',
}


class Export:
    """Gives two records a page and a token to go on with, also after the last; forgets tokens when told to."""

    def __init__(self) -> None:
        self.people = [{"id": n} for n in range(1, 6)]
        self.forgotten = False

    def __call__(self, asked: Asked) -> Told:
        if self.forgotten and "cursor" in asked.params:
            self.forgotten = False
            return Told({"error": "expired"}, status=400)
        begin = int(asked.params.get("cursor", "t0").removeprefix("t"))
        found = self.people[begin : begin + 2]
        return Told({"items": found, "after": f"t{begin + len(found)}", "more": begin + 2 < len(self.people)})


def test_a_cursor_of_the_sources_own_goes_on_where_it_ended(tmp_path: Path) -> None:
    connector, export = declared(tmp_path, manifest(**OPAQUE)), Export()
    with serving(export) as site:
        first = read(connector, tmp_path, config(site))
        assert first.keys == ["1", "2", "3", "4", "5"]
        export.people.append({"id": 6})
        second = read(connector, tmp_path, config(site), state=first.state)
    assert second.keys == ["6"]
    assert site.asked[-1].params == {"cursor": "t5"}
    assert site.asked[0].params == {"start_time": "0"}


def test_a_cursor_that_expired_starts_anew(tmp_path: Path) -> None:
    connector, export = declared(tmp_path, manifest(**OPAQUE)), Export()
    with serving(export) as site:
        first = read(connector, tmp_path, config(site))
        export.forgotten = True
        again = read(connector, tmp_path, config(site), state=first.state)
    assert again.keys == first.keys
    assert again.state == first.state


def test_a_record_that_fell_between_two_pages_is_asked_for_again(tmp_path: Path) -> None:
    people = list(PEOPLE)

    def shrinking(asked: Asked) -> Told:
        page = int(asked.params["page"])
        found = people[(page - 1) * 3 : page * 3]
        total = len(people)
        if page == 1 and len(people) == len(PEOPLE):
            people.pop(0)  # deleted once its page was given: everything after it moves up by one
        return Told({"items": found, "total": total})

    connector = declared(tmp_path, manifest(**INCREMENTAL))
    with serving(shrinking) as site:
        first = read(connector, tmp_path, config(site))
        healed = read(connector, tmp_path, config(site), state=first.state)
    assert "4" not in first.keys
    assert not first.full_scan
    assert "cursor" not in (first.state or {})
    assert healed.keys == ["2", "3", "4", "5", "6", "7"]
    assert healed.full_scan


# -- faults ---------------------------------------------------------------------------------------------------------


def failing_first(*failures: Told) -> Answer:
    """A server that fails so, then works."""
    remaining = list(failures)
    return lambda asked: remaining.pop(0) if remaining else by_page(asked)


@pytest.mark.parametrize(
    "failure",
    [
        Told(status=500),
        Told(status=408),
        Told(status=429, headers={"Retry-After": "0"}),
        Told(b'{"items": [{"id": 1', headers={"Content-Type": "application/json"}),
        Told(b"<html>502</html>"),
        Told(b'{"items": []}', headers={"Content-Length": "500"}),
    ],
    ids=["500", "408", "429", "cut off", "an error page", "a broken connection"],
)
def test_what_may_pass_is_tried_again(tmp_path: Path, failure: Told) -> None:
    with serving(failing_first(failure, failure)) as site:
        assert read(declared(tmp_path, manifest()), tmp_path, config(site)).keys == everybody()


@pytest.mark.parametrize(
    ("status", "told"),
    [(400, "does not accept"), (401, "refused the credentials"), (403, "may not read"), (404, "no such address")],
)
def test_what_may_not_pass_is_told_at_once(tmp_path: Path, status: int, told: str) -> None:
    with (
        serving(lambda _: Told({"message": "Erika"}, status=status)) as site,
        pytest.raises(SourceError, match=told) as failure,
    ):
        read(declared(tmp_path, manifest()), tmp_path, config(site))
    assert len(site.asked) == 1
    assert "source quelle" in str(failure.value)
    assert "\n" not in str(failure.value)
    assert "Erika" not in str(failure.value)


def test_the_wait_that_the_server_asks_for_is_kept(tmp_path: Path) -> None:
    with serving(failing_first(Told(status=429, headers={"Retry-After": "1"}))) as site:
        began = time.monotonic()
        read(declared(tmp_path, manifest()), tmp_path, config(site))
        assert time.monotonic() - began >= 1


def test_a_very_long_wait_is_left_to_the_next_run(tmp_path: Path) -> None:
    with (
        serving(lambda _: Told(status=429, headers={"Retry-After": "7200"})) as site,
        pytest.raises(SourceError, match="asks to wait 7200 s"),
    ):
        read(declared(tmp_path, manifest()), tmp_path, config(site))


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with serving(by_page) as site:
        gone = config(site)
    with pytest.raises(SourceError, match=r"source quelle: GET /people: nothing listens .* Check that 127.0.0.1 is up"):
        read(declared(tmp_path, manifest()), tmp_path, gone)


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    def asleep(_: Asked) -> Told:
        time.sleep(0.4)
        return Told({"items": []})

    text = manifest().replace("timeout: PT1S", "timeout: PT0.1S")
    with serving(asleep) as site, pytest.raises(SourceError, match="no answer in time"):
        read(declared(tmp_path, text), tmp_path, config(site))


@pytest.mark.parametrize("document", [{"elements": []}, [], "text", None, {"items": {"id": 1}}])
def test_a_changed_api_is_told(tmp_path: Path, document: Any) -> None:
    with serving(lambda _: Told(document)) as site, pytest.raises(SourceError, match="holds no list at items"):
        read(declared(tmp_path, manifest()), tmp_path, config(site))


def test_an_answer_that_is_too_large_is_cut_off(tmp_path: Path) -> None:
    text = manifest(connection="max_response_mb: 1")
    with (
        serving(lambda _: Told(b" " * 2_000_000)) as site,
        pytest.raises(SourceError, match="larger than 1 MB"),
    ):
        read(declared(tmp_path, text), tmp_path, config(site))


def test_a_record_without_a_key_is_rejected_and_the_rest_go_on(tmp_path: Path) -> None:
    people = [{"id": 1}, {"id": None}, {"name": "nobody"}, "text", {"id": 2}]
    text = manifest(page="{by: none}", deletes="[{mode: reconcile}]")
    with serving(lambda _: Told({"items": people})) as site:
        reading = read(declared(tmp_path, text), tmp_path, config(site))
    assert reading.keys == ["1", "2"]
    assert not reading.full_scan
    assert [r.reason.partition(":")[0] for r in reading.rejected] == [
        "no key",
        "no key",
        "the record is no JSON object",
    ]


# -- who asks, and whom ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ("{type: basic, user: cdi, password: '{config.token}'}", "authorization", "Basic Y2RpOmdlaGVpbQ=="),
        ("{type: bearer, token: '{config.token}'}", "authorization", "Bearer geheim"),
        ("{type: header, headers: {X-Api-Key: '{config.token}'}}", "x-api-key", "geheim"),
    ],
)
def test_credentials_go_into_the_headers(tmp_path: Path, site: Site, auth: str, header: str, value: str) -> None:
    read(declared(tmp_path, manifest(connection=f"auth: {auth}")), tmp_path, config(site))
    assert {asked.headers[header] for asked in site.asked} == {value}


OAUTH = (
    "auth: {type: oauth2_client, token_path: /token, client_id: cdi, client_secret: '{config.token}', encoding: json}"
)


class TokenServer:
    """Gives tokens of which only the newest is good, and refuses everything after `good_for` requests."""

    def __init__(self, good_for: int = 1000, life: int = 600) -> None:
        self.given = 0
        self.left = 0
        self.good_for = good_for
        self.life = life

    def __call__(self, asked: Asked) -> Told:
        if asked.path == "/token":
            if asked.body["client_secret"] != "geheim":
                return Told({"error": "invalid_client"}, status=401)
            self.given += 1
            self.left = self.good_for
            return Told({"access_token": f"t{self.given}", "expires_in": self.life})
        self.left -= 1
        good = asked.headers.get("authorization") == f"Bearer t{self.given}" and self.left >= 0
        return by_page(asked) if good else Told(status=401)


def test_one_token_serves_a_whole_reading(tmp_path: Path) -> None:
    tokens = TokenServer()
    with serving(tokens) as site:
        assert read(declared(tmp_path, manifest(connection=OAUTH)), tmp_path, config(site)).keys == everybody()
    assert tokens.given == 1


def test_a_token_refused_early_is_renewed_once(tmp_path: Path) -> None:
    tokens = TokenServer(good_for=2)
    with serving(tokens) as site:
        assert read(declared(tmp_path, manifest(connection=OAUTH)), tmp_path, config(site)).keys == everybody()
    assert tokens.given == 2


def test_a_token_is_renewed_before_its_life_is_over(tmp_path: Path) -> None:
    tokens = TokenServer(life=0)
    with serving(tokens) as site:
        read(declared(tmp_path, manifest(connection=OAUTH)), tmp_path, config(site))
    assert tokens.given == len([asked for asked in site.asked if asked.path == "/people"])


def test_a_token_that_is_never_accepted_is_told(tmp_path: Path) -> None:
    with (
        serving(TokenServer(good_for=0)) as site,
        pytest.raises(SourceError, match="refused the credentials"),
    ):
        read(declared(tmp_path, manifest(connection=OAUTH)), tmp_path, config(site))


def test_a_wrong_secret_is_told_and_never_shown(tmp_path: Path) -> None:
    with serving(TokenServer()) as site, pytest.raises(SourceError, match="client id and secret") as failure:
        read(declared(tmp_path, manifest(connection=OAUTH)), tmp_path, {**config(site), "token": "verraten"})
    assert "verraten" not in str(failure.value)


def test_a_login_of_the_vendors_own(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Told:
        if asked.path == "/login":
            return Told({"session": "abc"}, status=200 if asked.body == {"user": "cdi"} else 403)
        return by_page(asked) if asked.headers.get("x-session") == "abc" else Told(status=401)

    login = "auth: {type: login, path: /login, body: {user: cdi}, token: session, header: X-Session, prefix: ''}"
    with serving(answer) as site:
        assert read(declared(tmp_path, manifest(connection=login)), tmp_path, config(site)).keys == everybody()


def test_redirects_stay_on_the_host(tmp_path: Path) -> None:
    def moved(asked: Asked) -> Told:
        if asked.path == "/people":
            query = "&".join(f"{name}={value}" for name, value in asked.params.items())
            return Told(status=307, headers={"Location": f"/v2/people?{query}"})
        return by_page(asked)

    with serving(moved) as site:
        assert read(declared(tmp_path, manifest()), tmp_path, config(site)).keys == everybody()


@pytest.mark.parametrize("where", ["redirect", "next_url"])
def test_no_other_host_is_ever_called(tmp_path: Path, where: str) -> None:
    with serving(lambda _: Told({"items": []})) as other:

        def luring(_: Asked) -> Told:
            if where == "redirect":
                return Told(status=302, headers={"Location": f"{other.url}/people"})
            return Told({"items": PEOPLE, "next": f"{other.url}/people"})

        page = "{by: next_url, next: next}"
        with serving(luring) as site, pytest.raises(SourceError, match="another host"):
            read(declared(tmp_path, manifest(page=page)), tmp_path, config(site))
        assert other.asked == []


@pytest.mark.parametrize("address", ["http://shop.example", "ftp://127.0.0.1", "shop.example", "file:///etc/passwd"])
def test_an_unsafe_address_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigurationError):
        read(declared(tmp_path, manifest()), tmp_path, {"base_url": address})


def test_never_more_requests_than_allowed(tmp_path: Path, site: Site) -> None:
    began = time.monotonic()
    read(declared(tmp_path, manifest(connection="requests_per_second: 10")), tmp_path, config(site))
    assert time.monotonic() - began >= (len(site.asked) - 1) / 10


def test_logs_hold_neither_values_nor_tokens(tmp_path: Path, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    connector = declared(tmp_path, manifest(connection="auth: {type: bearer, token: '{config.token}'}"))
    with caplog.at_level(logging.DEBUG, logger="cdi"):
        read(connector, tmp_path, config(site))
    logged = " ".join(str(record.__dict__) for record in caplog.records)
    assert "/people" in logged
    assert "Kunde" not in logged
    assert "geheim" not in logged
    assert "page=1" not in logged


def test_check_tells_what_is_wrong_and_raises_nothing(tmp_path: Path, site: Site) -> None:
    connector = declared(tmp_path, manifest())
    assert all(result.ok for result in connector.check(config(site), context(tmp_path, now=datetime.now(UTC))))
    site.answer = lambda _: Told(status=403)
    (refused,) = connector.check(config(site), context(tmp_path))
    assert not refused.ok
    assert "Grant the right" in refused.detail
    (unset,) = connector.check({}, context(tmp_path))
    assert not unset.ok


def test_check_notices_a_wrong_clock(tmp_path: Path) -> None:
    def late(asked: Asked) -> Told:
        return Told(by_page(asked).document, headers={"Date": "Sat, 01 Jan 2000 00:00:00 GMT"})

    with serving(late) as site:
        results = declared(tmp_path, manifest()).check(config(site), context(tmp_path))
    assert [result.question for result in results if not result.ok] == ["its clock agrees with ours"]


def test_errors_that_come_with_status_200_are_seen(tmp_path: Path) -> None:
    throttled = Told({"errors": [{"code": "THROTTLED"}]})
    stream = {"fails_when": "errors", "retry_when": "\"errors[?code=='THROTTLED']\""}
    with serving(failing_first(throttled)) as site:
        assert read(declared(tmp_path, manifest(**stream)), tmp_path, config(site)).keys == everybody()
    with (
        serving(lambda _: Told({"errors": [{"code": "SYNTAX"}], "items": []})) as site,
        pytest.raises(SourceError, match="reports an error"),
    ):
        read(declared(tmp_path, manifest(**stream)), tmp_path, config(site))


def test_a_stream_that_does_not_exist_is_told(tmp_path: Path, site: Site) -> None:
    events = declared(tmp_path, manifest()).read(config(site), "orders", None, context(tmp_path))
    with pytest.raises(ConfigurationError, match=r"no stream orders\. There are customers"):
        gathered(events)
