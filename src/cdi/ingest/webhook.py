"""A webhook is believed only after its signature has been verified over the raw bytes; one that carries no signature is
only a reason to read again, never data.

The verifier is a declaration (header, algorithm, encoding, the parts of the message, an age limit), so that a vendor is
a few lines of YAML and not a class.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from jmespath.exceptions import JMESPathError

from cdi.errors import InvalidInputError, UnauthenticatedError
from cdi.ingest.blueprint import SharedToken, Signature, Webhook, WebhookEvent
from cdi.ingest.contract import Native, Op, Record, WebhookRequest, WebhookResult
from cdi.ingest.expressions import Evaluate, is_false
from cdi.ingest.mapping import Compilation, Loc, condition
from cdi.ingest.templates import Values, fill
from cdi.ingest.transforms import TransformError, as_text, moment

LARGEST: Final = 5 * 2**20  # bytes of one delivery


class WebhookRefusedError(UnauthenticatedError):
    """A delivery that is not the vendor's: unsigned, wrongly signed, or too old. The message does not say which value
    was expected."""

    problem = "webhook-refused"
    title = "Webhook refused"


@dataclass(frozen=True, slots=True)
class CompiledEvent:
    """One kind of event, ready to run."""

    spec: WebhookEvent
    when: Evaluate | None
    records: Evaluate | None
    key: Evaluate | None


@dataclass(frozen=True, slots=True)
class CompiledWebhook:
    """The webhook of a connector, ready to run."""

    spec: Webhook
    event_id: Evaluate | None
    timestamp: Evaluate | None
    events: tuple[CompiledEvent, ...]

    def receive(self, request: WebhookRequest, values: Values, now: datetime) -> WebhookResult:
        """What a delivery brings. Raises WebhookRefusedError, and InvalidInputError for one that cannot be read."""
        if len(request.body) > LARGEST:
            raise InvalidInputError("the delivery is too large")
        self._verify(request, values)
        view = {"headers": dict(request.headers), "body": _document(request)}
        self._demand_fresh(view, now)
        try:
            return self._result(view)
        except (ValueError, TypeError, JMESPathError):
            raise InvalidInputError("the delivery is not built as expected") from None

    def _verify(self, request: WebhookRequest, values: Values) -> None:
        match self.spec.verify:
            case Signature() as signature:
                verify_signature(signature, request, str(fill(signature.secret, values)))
            case SharedToken() as token:
                said = request.headers.get(token.header.lower(), "")
                if not hmac.compare_digest(said.encode(), str(fill(token.token, values)).encode()):
                    raise WebhookRefusedError("the token is missing or wrong")

    def _demand_fresh(self, view: Mapping[str, Any], now: datetime) -> None:
        """A delivery that was recorded and is sent again later is refused."""
        if self.timestamp is None or self.spec.max_age is None:
            return
        text = as_text(self.timestamp(view))
        try:
            sent = moment(text or "", self.spec.timestamp_format, "UTC")
        except TransformError:
            raise WebhookRefusedError("the delivery does not say when it was sent") from None
        if abs(now - sent) > self.spec.max_age:
            raise WebhookRefusedError("the delivery is too old")

    def _result(self, view: Mapping[str, Any]) -> WebhookResult:
        records: list[Record] = []
        again: list[str] = []
        for event in self.events:
            if event.when is not None and is_false(event.when(view)):
                continue
            if event.records is None:
                again.append(event.spec.stream)
            else:
                records += _records(event, event.records(view))
        return WebhookResult(
            records=tuple(records),
            read_again=tuple(dict.fromkeys(again)),
            event_id=as_text(self.event_id(view)) if self.event_id is not None else None,
        )


def _records(event: CompiledEvent, found: Any) -> list[Record]:
    natives: list[Native] = [n for n in (found if isinstance(found, list) else [found]) if isinstance(n, dict)]
    records = []
    for native in natives:
        key = as_text(event.key(native)) if event.key is not None else None
        if key is None:
            raise InvalidInputError("the delivery names no key")
        records.append(Record(event.spec.stream, key, native, Op(event.spec.op)))
    return records


def verify_signature(spec: Signature, request: WebhookRequest, secret: str) -> None:
    """Raises WebhookRefusedError unless the delivery carries the signature that this secret makes."""
    said = request.headers.get(spec.header.lower(), "")
    if not said.startswith(spec.prefix):
        raise WebhookRefusedError("the signature is missing or wrong")
    message = b"".join(_message_part(part, request) for part in spec.message)
    digest = hmac.new(secret.encode(), message, getattr(hashlib, spec.algorithm)).digest()
    expected = digest.hex() if spec.encoding == "hex" else base64.b64encode(digest).decode()
    given = said.removeprefix(spec.prefix)
    if not hmac.compare_digest(expected.encode(), (given.lower() if spec.encoding == "hex" else given).encode()):
        raise WebhookRefusedError("the signature is missing or wrong")


def _message_part(part: str, request: WebhookRequest) -> bytes:
    match part:
        case "body":
            return request.body
        case "method":
            return request.method.upper().encode()
        case "url":
            return request.url.encode()
        case "form":  # every field and its value, in the order of the names
            fields = sorted(set(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)))
            return "".join(name + value for name, value in fields).encode()
        case _:
            return request.headers.get(part.removeprefix("header:").lower(), "").encode()


def _document(request: WebhookRequest) -> Any:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    if not kind.endswith("json"):
        raise InvalidInputError("the delivery is neither JSON nor a form")
    try:
        return orjson.loads(request.body)
    except ValueError:
        raise InvalidInputError("the delivery is not JSON") from None


def compile_webhook(spec: Webhook, keys: Mapping[str, str | tuple[str, ...]], shared: Compilation) -> CompiledWebhook:
    """The webhook with its expressions compiled; `keys` are those of the streams, by name. Faults are noted."""
    place: Loc = ("webhook",)
    events = []
    for index, event in enumerate(spec.events):
        where: Loc = (*place, "events", index)
        key = event.key or keys.get(event.stream)
        if event.stream not in keys:
            shared.fault((*where, "stream"), f"no stream {event.stream}; there are {', '.join(keys)}")
        if event.records is not None and not isinstance(spec.verify, Signature):
            shared.fault((*where, "records"), "what is not signed is no data: leave records out, it is read again")
        if event.records is not None and not isinstance(key, str):
            shared.fault((*where, "key"), "write the expression of the key")
        events.append(
            CompiledEvent(
                event,
                _optional(event.when, (*where, "when"), shared),
                _optional(event.records, (*where, "records"), shared),
                _optional(key if isinstance(key, str) else None, (*where, "key"), shared),
            )
        )
    return CompiledWebhook(
        spec,
        _optional(spec.event_id, (*place, "event_id"), shared),
        _optional(spec.timestamp, (*place, "timestamp"), shared),
        tuple(events),
    )


def _optional(text: str | None, place: Loc, shared: Compilation) -> Evaluate | None:
    return None if text is None else condition(text, shared, place)
