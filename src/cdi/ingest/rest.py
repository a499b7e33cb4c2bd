"""Reading an HTTP API stream by stream: pages of records, each page committed before the next is asked for;
the cursor moves once everything has been read, so that a cut run loses nothing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from jmespath.exceptions import JMESPathError

from cdi.clock import utc_now
from cdi.errors import SourceError
from cdi.ingest.blueprint import HttpConnection, HttpManifest, HttpStream
from cdi.ingest.contract import (
    Checkpoint,
    CheckResult,
    FullScanEnd,
    Native,
    ReadContext,
    ReadEvent,
    Rejected,
    State,
)
from cdi.ingest.cursors import Position
from cdi.ingest.expressions import Evaluate, is_false
from cdi.ingest.http_auth import authenticator
from cdi.ingest.http_session import Answer, Call, HttpSession
from cdi.ingest.mapping import Compilation, Loc, condition
from cdi.ingest.paginators import Page, Paginator, compile_paginator
from cdi.ingest.streams import CompiledStream
from cdi.ingest.templates import Values, fill, merge

MOST_PAGES: Final = 1_000_000
CLOCK_TOLERANCE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class HttpPlan:
    """What only an HTTP stream has, compiled."""

    records: Evaluate
    paginator: Callable[[], Paginator]
    fails_when: Evaluate | None
    retry_when: Evaluate | None
    total: Evaluate | None


def compile_http(stream: HttpStream, shared: Compilation, place: Loc) -> HttpPlan:
    """The stream's own expressions; faults are noted in `shared`."""
    total = next((d.total for d in stream.deletes if d.mode == "reconcile"), None)
    deletes: Loc = (*place, "deletes")
    return HttpPlan(
        records=condition(stream.records, shared, (*place, "records")),
        paginator=compile_paginator(stream.page, shared, (*place, "page")),
        fails_when=None if stream.fails_when is None else condition(stream.fails_when, shared, (*place, "fails_when")),
        retry_when=None if stream.retry_when is None else condition(stream.retry_when, shared, (*place, "retry_when")),
        total=None if total is None else condition(total, shared, deletes),
    )


@dataclass(slots=True)
class Tally:
    """What a full scan saw, against what the source says there is."""

    records: int = 0
    totals: frozenset[int] = frozenset()

    def holds(self) -> bool:
        """Whether all was seen: the source's count, if it gives one, stood still and equals ours."""
        return self.totals in (frozenset(), frozenset({self.records}))


class HttpReader:
    """Reads the streams of one API for one run."""

    def __init__(
        self,
        manifest: HttpManifest,
        streams: Mapping[str, CompiledStream],
        plans: Mapping[str, HttpPlan],
        values: Values,
        context: ReadContext,
    ) -> None:
        self.connection: HttpConnection = manifest.connection
        self.blueprints: Mapping[str, HttpStream] = manifest.streams
        self.streams = streams
        self.plans = plans
        self.values = values
        self.context = context

    def read(self, name: str, state: State | None) -> Iterator[ReadEvent]:
        """The records of one stream, page by page; raises SourceError."""
        stream = self.streams[name]
        full = stream.scan_is_due(state, self.context.now)
        position = self._position(stream, None if full else state)
        tally = Tally()
        with self._session() as session:
            for records in self._pages(session, name, self._first_call(session, name, position), tally):
                for native in records:
                    yield from self._events(stream, native, position)
                    tally.records += 1
                    if tally.records == self.context.limit:
                        yield Checkpoint(name, state or {})
                        return
                yield Checkpoint(name, state or {})
        complete = full and stream.reconcile is not None and tally.holds()
        if complete:
            yield FullScanEnd(name)
        yield Checkpoint(name, self._end_state(state, position, complete))

    def _events(self, stream: CompiledStream, native: Any, position: Position | None) -> Iterator[ReadEvent]:
        if not isinstance(native, dict):
            yield Rejected(stream.name, "the record is no JSON object", {"record": native})
            return
        yield from stream.events(native)
        if position is not None:
            position.observe(native)

    def _position(self, stream: CompiledStream, state: State | None) -> Position | None:
        if stream.cursor is None or stream.cursor_field is None:
            return None
        return Position(stream.cursor, stream.cursor_field, state, self.context.now)

    def _end_state(self, state: State | None, position: Position | None, complete: bool) -> State:
        ended: State = dict(state or {})
        if position is not None and position.value is not None:
            ended["cursor"] = position.value
        if complete:
            ended["scanned_at"] = self.context.now.isoformat()
        return ended

    def _session(self) -> HttpSession:
        base_url = str(fill(self.connection.base_url, self.values))
        auth = authenticator(self.connection.auth, self.values)
        return HttpSession(self.context.source, self.connection, base_url, auth)

    def _first_call(self, session: HttpSession, name: str, position: Position | None) -> Call:
        blueprint = self.blueprints[name]
        request = blueprint.request
        params, body, values = dict(request.params), request.body, self.values
        begin = position.since() if position is not None else None
        if position is not None and begin is not None and blueprint.since is not None:
            params = merge(params, blueprint.since.params)
            body = merge(body, blueprint.since.body)
        if position is not None:
            values = {**values, "cursor.until": position.written(self.context.now)}
            if begin is not None:
                values = {**values, "cursor.from": position.written(begin)}
        return Call(
            request.method,
            session.url(str(fill(request.path, values))),
            request.path,
            fill(params, values),
            fill(request.headers, values),
            fill(body, values),
        )

    def _pages(self, session: HttpSession, name: str, call: Call, tally: Tally) -> Iterator[list[Any]]:
        plan = self.plans[name]
        paginator = plan.paginator()
        call = paginator.first(call)
        previous: list[Any] | None = None
        for _ in range(MOST_PAGES):
            answer = session.send(call, self._passing(plan))
            records = self._records(name, plan, answer)
            if records and records == previous:
                return  # some servers answer a page beyond the last with the last one again
            if plan.total is not None and isinstance(total := plan.total(answer.document), int):
                tally.totals |= {total}
            yield records
            following = paginator.next(call, Page(answer.document, answer.links, records))
            if following is None:
                return
            if following == call:
                break
            call, previous = following, records
            session.url(call.url)
        raise SourceError(
            self.context.source,
            f"stream {name}: its pages never end",
            remedy="Correct `page` in the manifest",
        )

    def _passing(self, plan: HttpPlan) -> Callable[[Any], bool] | None:
        if plan.retry_when is None:
            return None
        passes = plan.retry_when
        return lambda document: not is_false(passes(document))

    def _records(self, name: str, plan: HttpPlan, answer: Answer) -> list[Native]:
        try:
            if plan.fails_when is not None and not is_false(plan.fails_when(answer.document)):
                raise self._unexpected(name, "the server reports an error in its answer")
            records = plan.records(answer.document)
        except (JMESPathError, ValueError, TypeError):
            raise self._unexpected(name, "the answer is not built as expected") from None
        if not isinstance(records, list):
            raise self._unexpected(name, f"the answer holds no list at {self.blueprints[name].records}")
        return records

    def _unexpected(self, name: str, message: str) -> SourceError:
        remedy = "Compare the API's answer with `records` in the manifest; its version may have changed"
        return SourceError(self.context.source, f"stream {name}: {message}", remedy=remedy)

    def check(self) -> Iterator[CheckResult]:
        """Is the API there, may we read each stream, and does its clock agree with ours?"""
        try:
            with self._session() as session:
                for name in self.blueprints:
                    yield from self._check_stream(session, name)
        except SourceError as error:
            yield CheckResult("the API answers", False, str(error))

    def _check_stream(self, session: HttpSession, name: str) -> Iterator[CheckResult]:
        question = f"stream {name} can be read"
        stream = self.streams[name]
        try:
            call = self.plans[name].paginator().first(self._first_call(session, name, self._position(stream, None)))
            answer = session.send(call, self._passing(self.plans[name]))
            records = self._records(name, self.plans[name], answer)
        except SourceError as error:
            yield CheckResult(question, False, str(error))
            return
        yield CheckResult(question, True, f"{len(records)} records on its first page")
        yield from _clock(answer)


def _clock(answer: Answer) -> Iterator[CheckResult]:
    date = answer.headers.get("date")
    if date is None:
        return
    try:
        skew = abs(parsedate_to_datetime(date) - utc_now())
    except (ValueError, TypeError):
        return
    if skew > CLOCK_TOLERANCE:
        yield CheckResult("its clock agrees with ours", False, f"they differ by {round(skew.total_seconds())} s")
