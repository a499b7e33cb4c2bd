"""What a `connector.yaml` may say: one class for each part of it; an unknown word is a fault.

Expressions are texts here; `manifest` compiles them.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cdi.fields import Stream

NAME = r"^[a-z0-9_]+$"
Maturity: TypeAlias = Literal["live-tested", "mock-tested", "spec-only", "own"]
Seconds: TypeAlias = timedelta
"""ISO 8601 (PT10M, P1D)."""


class Part(BaseModel):
    """A part of a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Setting(Part):
    """One setting that `cdi.yaml` gives to a source of this connector. That of type `streams` holds what a manifest
    says under `streams`: a connector for any tables or files leaves it to the source what is in them."""

    type: Literal["string", "integer", "boolean", "list", "streams"] = "string"
    required: bool = False
    secret: bool = False
    default: Any = None
    help: str = ""


GoneAfter: TypeAlias = Annotated[int, Field(ge=1, le=10)]
"""In how many full readings in a row a record must be missing."""


class FlagDelete(Part):
    """A field of the record says that it is gone; `erase` that it must be erased, which is a legal act."""

    mode: Literal["flag"]
    when: str
    erase: bool = False


class Absence(Part):
    """All that is there is listed every so often; what was not seen, in `gone_after` such lists in a row, is gone. More
    than `max_share` at once stops the sync (else the source's `max_delete_share`)."""

    every: timedelta = timedelta(days=1)
    max_share: Annotated[float, Field(ge=0, le=1)] | None = None
    gone_after: GoneAfter = 1


class ReconcileDelete(Absence):
    """Everything is read again, which finds also changes that no cursor told of."""

    mode: Literal["reconcile"]


class KeysDelete(Absence):
    """A second reading lists the keys of all that is there: for streams that are too large to be read again whole."""

    mode: Literal["keys"]
    key: str | tuple[str, ...] | None = None  # else as the stream's own records have it
    each: str | None = None
    when: str | None = None


class FeedDelete(Part):
    """A second reading lists what is gone: each of its records names the key of one that is. `source_time` says when it
    went, so that what came back since is not taken away again."""

    mode: Literal["feed"]
    key: str | tuple[str, ...] | None = None  # else as the stream's own records have it
    source_time: str | None = None
    each: str | None = None
    when: str | None = None
    erase: bool = False


Listed: TypeAlias = FeedDelete | KeysDelete
"""What takes a reading of its own."""


class Cursor(Part):
    """How a stream knows what is new: a field whose greatest value is remembered, read again from `overlap`
    before."""

    field: str
    type: Literal["datetime", "integer", "text", "opaque"] = "datetime"  # opaque: read from the answer, not a record
    overlap: timedelta = timedelta(minutes=10)
    format: str | None = None  # strptime's, or unix, unix_ms: how the source wants the time written in a request
    zone: str | None = None  # of times without an offset
    sorted: bool = False  # the source gives rows in this order, so that a cut run goes on where it ended


class StreamPart(Part):
    """What every stream says, whatever its kind of source."""

    kind: Stream
    key: str | tuple[str, ...]
    source_time: str | None = None
    each: str | None = None  # a list in the record: one record for each of its elements, under the name `each`
    when: str | None = None  # records for which this does not hold are left out
    event_id: str | None = None
    deletes: tuple[FlagDelete | ReconcileDelete | KeysDelete | FeedDelete, ...] = ()
    map: dict[str, Any]


# -- HTTP ----------------------------------------------------------------------------------------------------


class Request(Part):
    """One request; `{config.x}`, `{cursor.from}` and `{cursor.until}` are filled in."""

    method: Literal["GET", "POST"] = "GET"
    path: str
    params: dict[str, Any] = {}
    headers: dict[str, str] = {}
    body: Any = None


class Detail(Part):
    """A request for each record, whose answer the record carries as `detail`; `{record.x}` names one of its fields."""

    path: str
    params: dict[str, Any] = {}


class Addition(Part):
    """What a request carries beside the rest once there is a cursor: merged into it, lists are joined."""

    params: dict[str, Any] = {}
    body: Any = None


class PageNumber(Part):
    """Pages by number, until one is empty (the source may give less than was asked for)."""

    by: Literal["page"]
    into: str = "params.page"
    start: int = 1
    size: int | None = None
    size_into: str | None = None


class Offset(Part):
    """Pages by the number of records before them, until one is empty."""

    by: Literal["offset"]
    into: str = "params.offset"
    size: int
    size_into: str = "params.limit"


class NextUrl(Part):
    """The answer names the address of the next page: an expression on the body, or the Link header."""

    by: Literal["next_url"]
    next: str | None = None


class CursorPage(Part):
    """The answer holds a token for the next page; `more`, where given, says if there is one."""

    by: Literal["cursor"]
    next: str
    more: str | None = None
    into: str
    drop: tuple[str, ...] = ()  # places of the first request that the following ones must not repeat


class Keyset(Part):
    """The next page begins after the last record's `field`."""

    by: Literal["keyset"]
    field: str
    into: str


class SinglePage(Part):
    """Everything is in one answer."""

    by: Literal["none"] = "none"


Paging: TypeAlias = Annotated[
    PageNumber | Offset | NextUrl | CursorPage | Keyset | SinglePage, Field(discriminator="by")
]


class NoAuth(Part):
    """Nothing is asked for."""

    type: Literal["none"] = "none"


class BasicAuth(Part):
    """User and password in every request."""

    type: Literal["basic"]
    user: str
    password: str


class BearerAuth(Part):
    """A fixed token in the Authorization header."""

    type: Literal["bearer"]
    token: str


class HeaderAuth(Part):
    """Keys in headers of the vendor's own."""

    type: Literal["header"]
    headers: dict[str, str]


class ClientCredentials(Part):
    """OAuth 2 client credentials: the token is kept and renewed at 80 % of its life, or once when refused."""

    type: Literal["oauth2_client"]
    token_path: str
    client_id: str
    client_secret: str
    scope: str | None = None
    encoding: Literal["json", "form"] = "form"


class Login(Part):
    """A request of the vendor's own that answers with a token, put into `header` as `prefix` and token."""

    type: Literal["login"]
    path: str
    body: dict[str, Any]
    token: str
    header: str = "Authorization"
    prefix: str = "Bearer "
    life: timedelta = timedelta(minutes=10)


Auth: TypeAlias = Annotated[
    NoAuth | BasicAuth | BearerAuth | HeaderAuth | ClientCredentials | Login, Field(discriminator="type")
]


class Retry(Part):
    """How often a request is tried, and between which bounds the waits grow (at random, so that clients
    spread)."""

    tries: Annotated[int, Field(ge=1, le=20)] = 6
    first_wait: timedelta = timedelta(milliseconds=250)
    longest_wait: timedelta = timedelta(seconds=60)


class HttpConnection(Part):
    """An HTTP API. Only its own host is ever called; plain HTTP only on loopback unless said otherwise."""

    kind: Literal["rest"]
    base_url: str
    auth: Auth = NoAuth()
    headers: dict[str, str] = {}
    timeout: timedelta = timedelta(seconds=30)
    max_response_mb: Annotated[int, Field(ge=1, le=1024)] = 64
    requests_per_second: Annotated[float, Field(gt=0)] | None = None
    retry: Retry = Retry()
    plain_http: bool = False


class HttpReading(Part):
    """Records read by requests. `records` finds them in an answer; `fails_when` tells an error that comes
    with status 200 (GraphQL), `retry_when` one that passes."""

    request: Request
    for_each: str | None = None  # a list of the config: one request for each `{each.value}`, in records `for_value`
    detail: Detail | None = None
    since: Addition | None = None
    records: str = "@"
    page: Paging = SinglePage()
    cursor: Cursor | None = None
    total: str | None = None  # the source's own count; what was read less than that proves nothing gone
    fails_when: str | None = None
    retry_when: str | None = None

    @model_validator(mode="after")
    def _since_needs_a_cursor(self) -> Self:
        if (self.since is None) != (self.cursor is None):
            raise ValueError("cursor and since belong together: one remembers how far, the other asks from there")
        return self


class HttpFeed(FeedDelete, HttpReading):
    """A request that lists what is gone."""


class HttpKeys(KeysDelete, HttpReading):
    """A request that lists the keys of all that is there."""

    cursor: None = None


class HttpStream(StreamPart, HttpReading):
    """A stream read by requests."""

    deletes: tuple[Annotated[FlagDelete | ReconcileDelete | HttpKeys | HttpFeed, Field(discriminator="mode")], ...] = ()


# -- SQL -----------------------------------------------------------------------------------------------------


class SqlConnection(Part):
    """A database, by SQLAlchemy's URL; read only, in a read-only session. A SQLite path is relative to the
    deployment."""

    kind: Literal["sql"]
    dsn: str
    password: str | None = None  # beside the address, so that only the password must be a secret
    statement_timeout: timedelta = timedelta(minutes=5)


class KeysetPage(Part):
    """Pages by the greatest values of these columns so far: unique together, none of them null."""

    keyset: tuple[str, ...] = Field(min_length=1)
    size: Annotated[int, Field(ge=1, le=100_000)] = 5_000


class SqlReading(Part):
    """Rows read by one query. Without a cursor every row is read each time; what is unchanged writes nothing."""

    query: str
    page: KeysetPage
    cursor: Cursor | None = None


class SqlFeed(FeedDelete, SqlReading):
    """A query that lists what is gone."""


class SqlKeys(KeysDelete, SqlReading):
    """A query that lists the keys of all that is there."""

    cursor: None = None


class SqlStream(StreamPart, SqlReading):
    """A stream read by one query."""

    deletes: tuple[Annotated[FlagDelete | ReconcileDelete | SqlKeys | SqlFeed, Field(discriminator="mode")], ...] = ()
    change: Literal["row_hash"] | None = None

    @model_validator(mode="after")
    def _one_way_to_see_changes(self) -> "SqlStream":
        if self.cursor is not None and self.change is not None:
            raise ValueError("give either a cursor or change: row_hash, not both")
        return self


# -- files ---------------------------------------------------------------------------------------------------


class SftpLogin(Part):
    """How an SFTP server is entered, and known again: by the fingerprints of its host keys (`SHA256:…`, several with
    spaces between) or by a file of known hosts in OpenSSH's format. What has no value is not used."""

    user: str | None = None  # or in the address
    password: str | None = None
    key: str | None = None  # the private key itself, as ${file:…} takes it from its file
    passphrase: str | None = None
    host_key: str | None = None
    known_hosts: str | None = None


class HttpAccess(Part):
    """How a web server with files is asked."""

    auth: Auth = NoAuth()
    headers: dict[str, str] = {}
    plain_http: bool = False


class FilesConnection(Part):
    """A folder into which the source system drops files: a path, relative to the deployment;
    `sftp://user@host/folder` (`/~/folder` from the user's home); or `https://host/folder`."""

    kind: Literal["files"]
    folder: str
    sftp: SftpLogin = SftpLogin()
    http: HttpAccess = HttpAccess()
    timeout: timedelta = timedelta(seconds=30)
    max_file_mb: Annotated[int, Field(ge=1)] = 4096  # of a file that is fetched


class CsvFormat(Part):
    """Separated text. `columns` names them where the file has no header."""

    type: Literal["csv"]
    encoding: str = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Field(max_length=1)] = '"'
    columns: tuple[str, ...] | None = None
    skip: Annotated[int, Field(ge=0)] = 0  # lines before the header


class JsonLinesFormat(Part):
    """One JSON object a line."""

    type: Literal["jsonl"]
    encoding: str = "utf-8"


class JsonFormat(Part):
    """One JSON document; `records` finds the list in it."""

    type: Literal["json"]
    encoding: str = "utf-8"
    records: str = "@"


class XmlFormat(Part):
    """XML in which each element called `record` is one record; its encoding stands in the file."""

    type: Literal["xml"]
    record: str
    encoding: Literal["binary"] = "binary"


class ExcelFormat(Part):
    """One sheet of a workbook (.xlsx), the first unless named; everything in it becomes text."""

    type: Literal["excel"]
    sheet: str | None = None
    skip: Annotated[int, Field(ge=0)] = 0  # lines before the header
    encoding: Literal["binary"] = "binary"


class ParquetFormat(Part):
    """A Parquet file."""

    type: Literal["parquet"]
    encoding: Literal["binary"] = "binary"


Format: TypeAlias = Annotated[
    CsvFormat | JsonLinesFormat | JsonFormat | XmlFormat | ExcelFormat | ParquetFormat, Field(discriminator="type")
]


class FilesReading(Part):
    """Records read from files. `snapshot`: the newest file holds everything, what is missing in `gone_after` such files
    in a row is gone; without it every file adds to the ones before. `order` says which of two files is the newer."""

    files: str
    format: Format
    order: Literal["name", "time"] = "name"
    snapshot: bool = False
    gone_after: GoneAfter = 2  # an export that was cut off is followed by a whole one
    settle: timedelta = timedelta(0)  # a file is taken once it has stood still for so long
    marker: str | None = None  # or once a file with this suffix lies beside it (".done")
    move_to: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_./-]*$")] | None = (
        None  # once it was read for good
    )
    optional: tuple[str, ...] = ()  # columns that the mapping reads and a file may lack


class FilesFeed(FeedDelete, FilesReading):
    """Files that list what is gone."""

    snapshot: Literal[False] = False


class FilesStream(StreamPart, FilesReading):
    """A stream read from files."""

    deletes: tuple[Annotated[FlagDelete | ReconcileDelete | FilesFeed, Field(discriminator="mode")], ...] = ()


# -- webhooks --------------------------------------------------------------------------------------------------------


class Signature(Part):
    """How a vendor signs: an HMAC over the parts of `message`, put together in this order, in `header`."""

    header: str
    algorithm: Literal["sha256", "sha1", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    message: tuple[Annotated[str, Field(pattern=r"^(body|method|url|form|header:[A-Za-z0-9-]+)$")], ...] = ("body",)
    secret: str


class SharedToken(Part):
    """For vendors that do not sign: a token in a header, which proves little; such deliveries carry no data."""

    token: str
    header: str


class WebhookEvent(Part):
    """What an event means: `records` of the delivery to land, or, without them, a stream to read again. With `op:
    access` the persons of these records ask what is kept of them: nothing lands."""

    stream: str
    when: str | None = None  # over {headers, body}; names of headers in lower case
    records: str | None = None
    key: str | None = None  # where the delivery's records are built otherwise than the stream's
    source_time: str | None = None  # the same for their time; else that of the stream
    op: Literal["upsert", "delete", "erase", "access"] = "upsert"


class Echo(Part):
    """A question by GET before the vendor sends anything (Meta): who knows the token is told the challenge again."""

    type: Literal["echo"]
    token: str
    token_param: str = "hub.verify_token"  # noqa: S105  the name of a parameter
    challenge_param: str = "hub.challenge"


class SignedAnswer(Part):
    """A question by GET that is answered with the signature of what it holds (X), made as deliveries are signed."""

    type: Literal["sign"]
    param: str = "crc_token"
    answer: str = "response_token"


class SignedRequest(Part):
    """A person demands to be deleted, which the vendor tells in a form; its `field` carries its own signature (Meta).
    `user` is whom it is of, over what was signed: the key of a record of `stream`, or whoever the officer finds."""

    field: str = "signed_request"
    secret: str
    user: str = "user_id"
    stream: str


class Webhook(Part):
    """What the source system tells by itself. `timestamp` and `max_age` refuse what was recorded and is sent again.
    `ping` is the one field of an unsigned form that only asks whether somebody is there (WooCommerce). `deletion` is
    how the vendor tells that a person demands to be deleted, where it tells it in a way of its own."""

    verify: Signature | SharedToken
    handshake: Annotated[Echo | SignedAnswer, Field(discriminator="type")] | None = None
    ping: Annotated[str, Field(pattern=NAME)] | None = None
    deletion: SignedRequest | None = None
    event_id: str | None = None
    timestamp: str | None = None
    timestamp_format: str | None = None
    max_age: timedelta | None = None
    events: tuple[WebhookEvent, ...] = Field(min_length=1)


# -- the whole -----------------------------------------------------------------------------------------------


class Header(Part):
    """What every manifest says, whatever its kind."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    connector: Annotated[str, Field(pattern=NAME)]
    title: str
    maturity: Maturity = "own"
    config: dict[Annotated[str, Field(pattern=NAME)], Setting] = {}
    tables: dict[Annotated[str, Field(pattern=NAME)], dict[str, str]] = {}
    webhook: Webhook | None = None


StreamName: TypeAlias = Annotated[str, Field(pattern=NAME)]


class Question(Part):
    """What `cdi source check` asks beside the streams: a request, and what must hold of its answer; only of sources
    whose setting `needs` has a value."""

    ask: str
    request: Request
    holds: str
    remedy: str
    needs: Annotated[str, Field(pattern=NAME)] | None = None


class HttpManifest(Header):
    """A manifest of an HTTP API."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: HttpConnection
    checks: tuple[Question, ...] = ()
    streams: dict[StreamName, HttpStream] = {}


class SqlManifest(Header):
    """A manifest of a database."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: SqlConnection
    streams: dict[StreamName, SqlStream] = {}


class FilesManifest(Header):
    """A manifest of a folder of files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: FilesConnection
    streams: dict[StreamName, FilesStream] = {}


Reading = TypeVar("Reading")


def feed_names(stream: str, part: StreamPart) -> list[str]:
    """What the readings are called that list what is gone from a stream, or still there: by their place in the
    manifest."""
    return [f"{stream}.deletes.{n}" for n, delete in enumerate(part.deletes) if isinstance(delete, Listed)]


def with_feeds(streams: Mapping[str, Any], reading: type[Reading]) -> dict[str, Reading]:
    """Every reading of a manifest by its name: the streams, and what lists what is gone from them."""
    found: dict[str, Reading] = dict(streams)
    for name, part in streams.items():
        feeds = (delete for delete in part.deletes if isinstance(delete, Listed) and isinstance(delete, reading))
        found |= zip(feed_names(name, part), feeds, strict=True)
    return found


Manifest: TypeAlias = HttpManifest | SqlManifest | FilesManifest
MANIFESTS: dict[str, type[HttpManifest] | type[SqlManifest] | type[FilesManifest]] = {
    "rest": HttpManifest,
    "sql": SqlManifest,
    "files": FilesManifest,
}
