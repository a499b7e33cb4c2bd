"""A webhook is believed only after its signature has been verified over the raw bytes; one that carries no signature is
only a reason to read again, never data.

The verifier is a declaration (header, algorithm, encoding, the parts of the message, an age limit), so that a vendor is
a few lines of YAML and not a class.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from jmespath.exceptions import JMESPathError

from cdi.errors import ConfigurationError
from cdi.ingest import signed_requests
from cdi.ingest.blueprint import Echo, SharedToken, Signature, SignedAnswer, Webhook, WebhookEvent
from cdi.ingest.contract import (
    AccessDemand,
    ErasureDemand,
    HandshakeAnswer,
    Native,
    Op,
    Record,
    Rejected,
    WebhookRequest,
    WebhookResult,
)
from cdi.ingest.expressions import Evaluate, is_false
from cdi.ingest.mapping import Compilation, Loc, condition
from cdi.ingest.refusals import TooLargeError, WebhookRefusedError
from cdi.ingest.streams import CompiledStream
from cdi.ingest.templates import Values, fill_if_given
from cdi.ingest.transforms import TransformError, as_text, moment

LARGEST: Final = 5 * 2**20  # bytes of one delivery
FORM: Final = "application/x-www-form-urlencoded"
UNREADABLE: Final = "webhook"
"""The stream under which a verified delivery is rejected that is not built as its connector expects."""


@dataclass(frozen=True, slots=True)
class CompiledEvent:
    """One kind of event, ready to run. `stream` is the one that it belongs to; `key`, where the delivery's records have
    one of their own."""

    spec: WebhookEvent
    stream: CompiledStream | None
    when: Evaluate | None
    records: Evaluate | None
    key: Evaluate | None
    source_time: Evaluate | None

    def happenings(self, native: Native) -> Iterator[Record | Rejected | AccessDemand]:
        """What one record of a delivery means: what the stream would make of it, unless the event says otherwise."""
        assert self.stream is not None
        if self.spec.op == "upsert" and self.spec.key is None:
            yield from self.stream.events(native)
            return
        key = as_text(self.key(native)) if self.key is not None else None
        if key is None:
            yield Rejected(self.spec.stream, "no key: what the manifest names as key is empty", native)
        elif self.spec.op == "access":
            yield AccessDemand(self.spec.stream, key)
        else:
            yield Record(self.spec.stream, key, native, Op(self.spec.op), self._time(native))

    def _time(self, native: Native) -> datetime | None:
        text = as_text(self.source_time(native)) if self.source_time is not None else None
        try:
            return moment(text, None, "UTC") if text else None
        except TransformError:
            return None


@dataclass(frozen=True, slots=True)
class CompiledWebhook:
    """The webhook of a connector, ready to run."""

    spec: Webhook
    event_id: Evaluate | None
    timestamp: Evaluate | None
    events: tuple[CompiledEvent, ...]
    demanded_by: Evaluate | None = None

    def receive(self, request: WebhookRequest, values: Values, now: datetime) -> WebhookResult:
        """What a delivery brings. Raises WebhookRefusedError, TooLargeError.

        One that is the vendor's and cannot be read is rejected, not refused: sent again it would be no better, and most
        vendors stop sending to whom they think is broken.
        """
        if len(request.body) > LARGEST:
            raise TooLargeError(f"a delivery has at most {LARGEST >> 20} MB")
        if self._is_ping(request):
            return WebhookResult()
        if self.spec.deletion is not None and (field := _form(request).get(self.spec.deletion.field)) is not None:
            return self._demand(field, secret_of(self.spec.deletion.secret, values))
        fingerprint = self._verified(request, values)
        document = _document(request)
        view = {"headers": dict(request.headers), "body": document}
        self._demand_fresh(view, now)
        try:
            if isinstance(document, _Unreadable):
                raise TypeError
            return replace(self._result(view), fingerprint=fingerprint)
        except (ValueError, TypeError, JMESPathError):
            reason = "the delivery is not built as expected"
            return WebhookResult(rejected=(Rejected(UNREADABLE, reason, {"body": document}),), fingerprint=fingerprint)

    def answer(self, params: Mapping[str, str], values: Values) -> HandshakeAnswer:
        """What the vendor wants to hear. Raises WebhookRefusedError."""
        match self.spec.handshake:
            case Echo() as echo:
                said, token = params.get(echo.token_param, ""), secret_of(echo.token, values)
                if echo.challenge_param in params and hmac.compare_digest(said.encode(), token.encode()):
                    return HandshakeAnswer(params[echo.challenge_param])
            case SignedAnswer() as signed if isinstance(self.spec.verify, Signature) and signed.param in params:
                own = signature_of(self.spec.verify, params[signed.param].encode(), values)
                return HandshakeAnswer(orjson.dumps({signed.answer: own}).decode(), "application/json")
        raise WebhookRefusedError("this is no question that the vendor would ask")

    def _demand(self, field: str, secret: str) -> WebhookResult:
        """Whose data must go: the record here with the key by which the vendor knows the person, if there is one."""
        assert self.spec.deletion is not None and self.demanded_by is not None
        said, stream = signed_requests.verified(field, secret), self.spec.deletion.stream
        try:
            who = as_text(self.demanded_by(said.payload))
        except (ValueError, TypeError, JMESPathError):
            who = None
        if not who:
            rejected = Rejected(UNREADABLE, "the delivery does not say who demands to be deleted", {})
            return WebhookResult(rejected=(rejected,), fingerprint=said.fingerprint)
        record = Record(stream, who, {}, Op.ERASE)
        return WebhookResult((record,), fingerprint=said.fingerprint, demand=ErasureDemand(stream, who, said.code))

    def _is_ping(self, request: WebhookRequest) -> bool:
        name, equals, number = request.body.partition(b"=")
        return self.spec.ping is not None and name == self.spec.ping.encode() and bool(equals) and number.isdigit()

    def _verified(self, request: WebhookRequest, values: Values) -> str | None:
        """The digest of what was signed; None where nothing is."""
        match self.spec.verify:
            case Signature() as signature:
                verify_signature(signature, request, secret_of(signature.secret, values))
                return hashlib.sha256(_message(signature, request)).hexdigest()
            case SharedToken() as token:
                said = request.headers.get(token.header.lower(), "")
                if not hmac.compare_digest(said.encode(), secret_of(token.token, values).encode()):
                    raise WebhookRefusedError("the token is missing or wrong")
                return None

    def _demand_fresh(self, view: Mapping[str, Any], now: datetime) -> None:
        """A delivery that was recorded and is sent again later is refused."""
        if self.timestamp is None or self.spec.max_age is None:
            return
        try:
            sent = moment(as_text(self.timestamp(view)) or "", self.spec.timestamp_format, "UTC")
        except (TransformError, ValueError, TypeError, JMESPathError):
            raise WebhookRefusedError("the delivery does not say when it was sent") from None
        if abs(now - sent) > self.spec.max_age:
            raise WebhookRefusedError("the delivery is too old")

    def _result(self, view: Mapping[str, Any]) -> WebhookResult:
        happened: list[Record | Rejected | AccessDemand] = []
        again: list[str] = []
        for event in self.events:
            if event.when is not None and is_false(event.when(view)):
                continue
            if event.records is None:
                again.append(event.spec.stream)
            else:
                for native in _natives(event.records(view)):
                    happened += event.happenings(native)
        return WebhookResult(
            records=tuple(item for item in happened if isinstance(item, Record)),
            rejected=tuple(item for item in happened if isinstance(item, Rejected)),
            accesses=tuple(item for item in happened if isinstance(item, AccessDemand)),
            read_again=tuple(dict.fromkeys(again)),
            event_id=as_text(self.event_id(view)) if self.event_id is not None else None,
        )


def _natives(found: Any) -> list[Native]:
    """The records that a delivery holds; a TypeError if it holds none."""
    natives = found if isinstance(found, list) else [found]
    if not natives or not all(isinstance(native, dict) for native in natives):
        raise TypeError
    return natives


def secret_of(template: str, values: Values) -> str:
    """The secret that a source has; ConfigurationError without one, since an empty one would vouch for everybody."""
    secret = fill_if_given(template, values)
    if not secret:
        raise ConfigurationError("the source has no secret for its webhooks", remedy="Give it in cdi.yaml")
    return secret


def signature_of(spec: Signature, message: bytes, values: Values) -> str:
    """The signature that our own secret makes, written as the vendor writes it."""
    return spec.prefix + _encoded(spec, message, secret_of(spec.secret, values))


def _encoded(spec: Signature, message: bytes, secret: str) -> str:
    digest = hmac.new(secret.encode(), message, getattr(hashlib, spec.algorithm)).digest()
    return digest.hex() if spec.encoding == "hex" else base64.b64encode(digest).decode()


def _message(spec: Signature, request: WebhookRequest) -> bytes:
    return b"".join(_message_part(part, request) for part in spec.message)


def verify_signature(spec: Signature, request: WebhookRequest, secret: str) -> None:
    """Raises WebhookRefusedError unless the delivery carries the signature that this secret makes."""
    said = request.headers.get(spec.header.lower(), "")
    if not said.startswith(spec.prefix):
        raise WebhookRefusedError("the signature is missing or wrong")
    expected = _encoded(spec, _message(spec, request), secret)
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


def _kind(request: WebhookRequest) -> str:
    return request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()


def _form(request: WebhookRequest) -> dict[str, str]:
    """The fields of a delivery that is a form."""
    if _kind(request) != FORM:
        return {}
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


class _Unreadable(str):
    """The text of a delivery that is neither JSON nor a form."""


def _document(request: WebhookRequest) -> Any:
    kind = _kind(request)
    text = request.body.decode("utf-8", "replace")
    if kind == FORM:
        return _form(request)
    try:
        return orjson.loads(request.body) if kind.endswith("json") else _Unreadable(text)
    except ValueError:
        return _Unreadable(text)


def compile_webhook(
    spec: Webhook,
    streams: Mapping[str, CompiledStream],
    keys: Mapping[str, str | tuple[str, ...]],
    shared: Compilation,
) -> CompiledWebhook:
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
        if event.records is None and event.op == "access":
            shared.fault((*where, "records"), "write the expression that gives who asks")
        if event.records is not None and event.op != "upsert" and not isinstance(key, str):
            shared.fault((*where, "key"), "write the expression of the key")
        events.append(
            CompiledEvent(
                event,
                streams.get(event.stream),
                _optional(event.when, (*where, "when"), shared),
                _optional(event.records, (*where, "records"), shared),
                _optional(key if isinstance(key, str) else None, (*where, "key"), shared),
                _optional(event.source_time, (*where, "source_time"), shared),
            )
        )
    if spec.deletion is not None and spec.deletion.stream not in keys:
        shared.fault((*place, "deletion", "stream"), f"no stream {spec.deletion.stream}; there are {', '.join(keys)}")
    if isinstance(spec.handshake, SignedAnswer) and not isinstance(spec.verify, Signature):
        shared.fault((*place, "handshake"), "only a signature can be answered with: write verify with a secret")
    return CompiledWebhook(
        spec,
        _optional(spec.event_id, (*place, "event_id"), shared),
        _optional(spec.timestamp, (*place, "timestamp"), shared),
        tuple(events),
        _optional(spec.deletion.user if spec.deletion else None, (*place, "deletion", "user"), shared),
    )


def _optional(text: str | None, place: Loc, shared: Compilation) -> Evaluate | None:
    return None if text is None else condition(text, shared, place)
