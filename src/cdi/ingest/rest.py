"""Reading an HTTP API stream by stream: pages of records, each page committed before the next is asked for;
the cursor moves once everything has been read, so that a cut run loses nothing."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from jmespath.exceptions import JMESPathError

from cdi.clock import utc_now
from cdi.errors import SourceError
from cdi.ingest.ahead import ahead
from cdi.ingest.blueprint import HttpConnection, HttpManifest, HttpReading, Question, with_feeds
from cdi.ingest.contract import (
    Checkpoint,
    CheckResult,
    FullScanEnd,
    Native,
    ReadContext,
    ReadEvent,
    Record,
    Rejected,
    State,
)
from cdi.ingest.cursors import Position
from cdi.ingest.expressions import Evaluate, is_false
from cdi.ingest.http_auth import authenticator
from cdi.ingest.http_session import Answer, Call, HttpSession, RefusedError
from cdi.ingest.mapping import Compilation, Loc, condition
from cdi.ingest.paginators import Page, Paginator, compile_paginator
from cdi.ingest.questions import ask, is_asked
from cdi.ingest.streams import CompiledStream
from cdi.ingest.templates import Values, fill, fill_path, merge
from cdi.ingest.transforms import as_text

log = logging.getLogger(__name__)

MOST_PAGES: Final = 1_000_000
CLOCK_TOLERANCE: Final = timedelta(minutes=5)


class _ExpiredCursorError(Exception):
    """The source does not know its own cursor any more."""


@dataclass(frozen=True, slots=True)
class HttpPlan:
    """What only an HTTP stream has, compiled."""

    records: Evaluate
    paginator: Callable[[], Paginator]
    fails_when: Evaluate | None
    retry_when: Evaluate | None
    total: Evaluate | None


def compile_http(stream: HttpReading, shared: Compilation, place: Loc) -> HttpPlan:
    """The stream's own expressions; faults are noted in `shared`."""

    def optional(name: str) -> Evaluate | None:
        text: str | None = getattr(stream, name)
        return None if text is None else condition(text, shared, (*place, name))

    return HttpPlan(
        records=condition(stream.records, shared, (*place, "records")),
        paginator=compile_paginator(stream.page, shared, (*place, "page")),
        fails_when=optional("fails_when"),
        retry_when=optional("retry_when"),
        total=optional("total"),
    )


@dataclass(slots=True)
class Tally:
    """What a reading saw, against what the source says there is."""

    records: int = 0
    announced: int = 0  # by the source, over all partitions
    moved: bool = False  # the source's count changed while its pages were read
    unreadable: int = 0

    def saw_all(self) -> bool:
        """Whether nothing can have fallen between two pages; a source that does not count is believed."""
        return self.records >= self.announced

    def proves_absence(self) -> bool:
        """Whether what was not seen is gone: all was seen, and nothing moved meanwhile."""
        return not self.moved and not self.unreadable and (self.announced in {0, self.records})


class HttpReader:
    """Reads the streams of one API for one run."""

    def __init__(
        self,
        manifest: HttpManifest,
        streams: Mapping[str, CompiledStream],
        plans: Mapping[str, HttpPlan],
        values: Values,
        context: ReadContext,
        questions: Sequence[tuple[Question, Evaluate]] = (),
    ) -> None:
        self.questions = questions
        self.connection: HttpConnection = manifest.connection
        self.blueprints: Mapping[str, HttpReading] = with_feeds(manifest.streams, HttpReading)
        self.streams = streams
        self.plans = plans
        self.values = values
        self.context = context

    def read(self, name: str, state: State | None) -> Iterator[ReadEvent]:
        """The records of one stream, page by page; raises SourceError."""
        partitions = self._partitions(name)
        if (state or {}).get("for_each", partitions) != partitions:
            state = None  # of what was added, everything is new
        try:
            yield from self._read(name, state, partitions)
        except _ExpiredCursorError:
            yield from self._read(name, None, partitions)

    def _read(self, name: str, state: State | None, partitions: list[Any]) -> Iterator[ReadEvent]:
        stream = self.streams[name]
        full = stream.scan_is_due(state, self.context.now)
        position = self._position(stream, None if full else state)
        tally = Tally()
        with self._session() as session:
            for partition in partitions:
                for records in ahead(self._pages(session, name, partition, position, tally)):
                    for native in records:
                        for event in self._events(stream, native, position):
                            tally.unreadable += isinstance(event, Rejected)
                            yield event
                        tally.records += 1
                        if tally.records == self.context.limit:
                            yield Checkpoint(name, state or {})
                            return
                    yield Checkpoint(name, state or {})
        complete = full and stream.reconcile is not None and tally.proves_absence()
        if complete:
            assert stream.reconcile is not None
            yield FullScanEnd(name, stream.reconcile.max_share, stream.reconcile.gone_after)
        if not tally.saw_all():
            log.warning("fewer records than announced", extra={"source": self.context.source, "stream": name})
            position = None  # something fell between two pages: the next run asks from the same place again
        yield Checkpoint(name, self._end_state(name, state, position, complete))

    def _events(self, stream: CompiledStream, native: Any, position: Position | None) -> Iterator[ReadEvent]:
        if not isinstance(native, dict):
            yield Rejected(stream.name, "the record is no JSON object", {"record": native})
            return
        yield from stream.events(native)
        if position is not None and position.cursor.type != "opaque":
            position.observe(native)

    def _position(self, stream: CompiledStream, state: State | None) -> Position | None:
        if stream.cursor is None or stream.cursor_field is None:
            return None
        return Position(stream.cursor, stream.cursor_field, state, self.context.now)

    def _partitions(self, name: str) -> list[Any]:
        """The values for each of which the request is made; one None where it is made once."""
        template = self.blueprints[name].for_each
        if template is None:
            return [None]
        values = fill(template, self.values)
        return sorted(values) if isinstance(values, list) else [values]

    def _end_state(self, name: str, state: State | None, position: Position | None, complete: bool) -> State:
        ended: State = dict(state or {})
        if position is not None and position.value is not None:
            ended["cursor"] = position.value
        if complete:
            ended["scanned_at"] = self.context.now.isoformat()
        if self.blueprints[name].for_each is not None:
            ended["for_each"] = self._partitions(name)
        return ended

    def _session(self) -> HttpSession:
        base_url = str(fill(self.connection.base_url, self.values))
        auth = authenticator(self.connection.auth, self.values)
        return HttpSession(self.context.source, self.connection, base_url, auth)

    def _first_call(self, session: HttpSession, name: str, partition: Any, position: Position | None) -> Call:
        blueprint = self.blueprints[name]
        request = blueprint.request
        params, body, values = dict(request.params), request.body, dict(self.values)
        if partition is not None:
            values["each.value"] = partition
        if position is not None:
            values["cursor.until"] = position.written(self.context.now)
            begin = position.since()
            if begin is not None and blueprint.since is not None:
                values["cursor.from"] = position.written(begin)
                params = merge(params, blueprint.since.params)
                body = body if blueprint.since.body is None else merge(body, blueprint.since.body)
        return Call(
            request.method,
            session.url(fill_path(request.path, values)),
            request.path,
            {key: value for key, value in fill(params, values).items() if value is not None},
            fill(request.headers, values),
            fill(body, values),
        )

    def _pages(
        self, session: HttpSession, name: str, partition: Any, position: Position | None, tally: Tally
    ) -> Iterator[list[Any]]:
        plan, paginator = self.plans[name], self.plans[name].paginator()
        call = paginator.first(self._first_call(session, name, partition, position))
        asked = {_address(call)}
        previous: list[Any] | None = None
        announced: int | None = None
        for _ in range(MOST_PAGES):
            answer = self._answer(session, name, call, position)
            records = self._records(name, plan, answer)
            if records and previous is not None and self._is_repeated(name, records, previous):
                return  # some servers answer a page beyond the last with the last one again
            announced = self._count(plan, answer, announced, tally)
            yield [self._completed(session, name, record, partition) for record in records]
            self._follow(position, answer)
            following = paginator.next(call, Page(answer.document, answer.links, records))
            if following is None:
                return
            if _address(following) in asked:
                break  # round and round
            call, previous = following, records
            asked.add(_address(call))
            session.url(call.url)
        raise SourceError(
            self.context.source, f"stream {name}: its pages never end", remedy="Correct `page` in the manifest"
        )

    def _is_repeated(self, name: str, records: list[Any], previous: list[Any]) -> bool:
        """Whether a page is the one before again: the same records, whatever else each says (when it was sent, say)."""
        if records == previous or len(records) != len(previous) or self.streams[name].each is not None:
            return records == previous
        pairs = ((self._key(name, new), self._key(name, old)) for new, old in zip(records, previous, strict=True))
        return all(new is not None and new == old for new, old in pairs)

    def _key(self, name: str, record: Any) -> str | None:
        found = self.streams[name].record_of(record) if isinstance(record, dict) else None
        return found.key if isinstance(found, Record) else None

    def _answer(self, session: HttpSession, name: str, call: Call, position: Position | None) -> Answer:
        """An answer; an opaque cursor that the source does not know any more makes the reading start anew."""
        try:
            return session.send(call, self._passing(self.plans[name]))
        except RefusedError as error:
            opaque = position is not None and position.cursor.type == "opaque" and position.start is not None
            if opaque and error.answered in {400, 404, 410, 422}:
                raise _ExpiredCursorError from None
            raise

    def _count(self, plan: HttpPlan, answer: Answer, announced: int | None, tally: Tally) -> int | None:
        """What the source says that there is; noted once a partition, watched on every page."""
        total = plan.total(answer.document) if plan.total is not None else None
        if not isinstance(total, int):
            return announced
        if announced is None:
            tally.announced += total
        elif total != announced:
            tally.moved = True
        return total

    def _follow(self, position: Position | None, answer: Answer) -> None:
        if position is None or position.cursor.type != "opaque":
            return
        token = as_text(position.field(answer.document))
        if token is not None:
            position.move_to(token)

    def _completed(self, session: HttpSession, name: str, record: Any, partition: Any) -> Any:
        """The record with what only its own request tells, and with the value it was asked for."""
        if not isinstance(record, dict):
            return record
        if partition is not None:
            record = {**record, "for_value": partition}
        detail = self.blueprints[name].detail
        if detail is None:
            return record
        values = {**self.values, **{f"record.{field}": as_text(value) for field, value in record.items()}}
        call = Call("GET", session.url(fill_path(detail.path, values)), detail.path, fill(detail.params, values), {})
        return {**record, "detail": session.send(call).document}

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
                for question, holds in self.questions:
                    if is_asked(question, self.values):
                        yield ask(question, holds, session, self.values)
        except SourceError as error:
            yield CheckResult("the API answers", False, str(error))

    def _check_stream(self, session: HttpSession, name: str) -> Iterator[CheckResult]:
        question = f"stream {name} can be read"
        stream = self.streams[name]
        try:
            first = self._first_call(session, name, self._partitions(name)[0], self._position(stream, None))
            call = self.plans[name].paginator().first(first)
            answer = session.send(call, self._passing(self.plans[name]))
            records = self._records(name, self.plans[name], answer)
        except SourceError as error:
            yield CheckResult(question, False, str(error))
            return
        yield CheckResult(question, True, f"{len(records)} records on its first page")
        yield from _clock(answer)


def _address(call: Call) -> int:
    """What tells a request from all others of a reading, in few bytes."""
    return hash((call.url, repr(call.params), repr(call.body)))


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
