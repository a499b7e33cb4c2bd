"""The only reader of configuration: the environment, secrets, and `cdi.yaml`, whose faults are listed by line.

A deployment is a folder: `cdi.yaml`, optionally `connectors/` of its own, and `var/` for what cdi keeps.
Whether connectors, models and attributes that `cdi.yaml` names exist is checked a few floors up, in `deployment`.
"""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from cdi.errors import ConfigurationError
from cdi.fields import ATTRIBUTES, FieldGroup
from cdi.periods import HELP as PERIOD_HELP
from cdi.periods import Period
from cdi.schedule import HELP as SCHEDULE_HELP
from cdi.schedule import Schedule

NAME = r"^[a-z0-9_]+$"
PUSH = "push"
"""The connector of a source that is not read: applications push its records, in canonical attributes."""
TODO: Final = "TODO"
"""What `cdi source new` leaves for its engineer to say; a source that still says it is not read."""
DOTENV: Final = ".env"
SECRET_REFERENCE = re.compile(r"\$\{(env|file):([^}]+)\}")


class Environment(BaseSettings):
    """What the environment decides; everything else stands in `cdi.yaml`."""

    model_config = SettingsConfigDict(env_prefix="CDI_", extra="ignore")

    database_url: str | None = None
    log_level: str = "INFO"
    log_format: Literal["json", "text"] = "json"
    otlp_endpoint: str | None = None  # an OpenTelemetry collector to which spans are sent; none: nothing is
    host: str = "127.0.0.1"
    port: int = 8000
    webhook_key: SecretStr | None = None  # from which the secrets of webhooks are derived
    privacy_key: SecretStr | None = None  # with which what was erased is known again
    erasures: Path | None = None  # the file of erasures that restored backups are compared with
    openid_secret: SecretStr | None = None  # by which the desk proves itself at the identity provider
    public_url: str | None = None  # where others reach us, behind a proxy: some signatures are over it

    @property
    def address(self) -> str:
        """Where we are reached, without a slash at its end: for links that leave us."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


class Model(BaseModel):
    """A part of `cdi.yaml`: an unknown name is a fault, not a silent nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(f"no time zone {name}; write one such as Europe/Berlin") from None
    return name


def _schedule(said: object) -> Schedule:
    if isinstance(said, Schedule):
        return said
    return Schedule.parse(str(said))


ScheduleText: TypeAlias = Annotated[
    Schedule,
    PlainValidator(_schedule),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "description": SCHEDULE_HELP, "examples": ["PT15M", "0 3 * * *"]}),
]


class Company(Model):
    """Whose customers these are; country and language are the defaults for values that name none."""

    name: str
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "de"
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"  # in which schedules are meant


class Owner(Model):
    """A data owner: the party accountable for data."""

    id: Annotated[str, Field(pattern=NAME)]
    department: str
    role: str  # the accountable role, not a person: people leave
    contact: str
    deputy: str | None = None


def _period(said: object) -> Period:
    return said if isinstance(said, Period) else Period.parse(str(said))


PeriodText: TypeAlias = Annotated[
    Period,
    PlainValidator(_period),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "description": PERIOD_HELP, "examples": ["P10Y", "P90D"]}),
]


class Retention(Model):
    """How long what a source says is kept: its customer records (with their touchpoints and consents), single
    attributes of them, and its touchpoints by themselves, each after its own date. What is not named is kept as long
    as the record. `after` is from when records and attributes count: the customer's last activity at this source (a
    change, a touchpoint, a consent), the last change, or when the record was first seen."""

    records: PeriodText | None = None
    attributes: dict[str, PeriodText] = {}
    touchpoints: PeriodText | None = None
    after: Literal["last_activity", "last_change", "first_seen"] = "last_activity"

    @model_validator(mode="after")
    def _attributes_can_go(self) -> "Retention":
        unknown = sorted(set(self.attributes) - {*ATTRIBUTES} | {*self.attributes} & {"kind"})
        if unknown:
            there = ", ".join(name for name in ATTRIBUTES if name != "kind")
            raise ValueError(f"no attribute {', '.join(unknown)} that could go alone; there are {there}")
        return self


def _retention(said: object) -> object:
    """A bare period is for the records."""
    return {"records": said} if isinstance(said, str) and said != TODO else said


class SourceSystem(Model):
    """A source system: which connector reads it, how, and who answers for what it says."""

    connector: str
    config: dict[str, Any] = {}
    data_owner: str
    purpose: str
    retention: Annotated[
        Retention | Literal["TODO"],
        BeforeValidator(_retention, json_schema_input_type=Retention | PeriodText | Literal["TODO"]),
    ]
    legal_basis: str | None = None
    trust: Annotated[float, Field(ge=0, le=1)] = 0.5
    one_record_per_customer: bool = False
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    language: str | None = None
    sensitivity: Literal["open", "sensitive"] = "open"
    purposes: tuple[
        Annotated[str, Field(min_length=1, max_length=100)], ...
    ] = ()  # for which it may be used; none: any
    exclude: tuple[str, ...] = ()
    schedule: ScheduleText | None = None
    max_delete_share: Annotated[float, Field(ge=0, le=1)] = 0.05

    @property
    def kept(self) -> Retention:
        """How long what it says is kept; for ever as long as that is not said."""
        return Retention() if isinstance(self.retention, str) else self.retention

    def unsaid(self) -> list[str]:
        """What still has to be said: the fields and settings that hold a bare TODO, as dotted paths."""
        said = {**self.model_dump(include={"purpose", "retention", "data_owner"}), **_flat(self.config, "config")}
        return [name for name, value in said.items() if value == TODO]


def _flat(config: Mapping[str, Any], path: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in config.items():
        inner = f"{path}.{name}"
        flat |= _flat(value, inner) if isinstance(value, dict) else {inner: value}
    return flat


class OwnershipRule(Model):
    """The first rule that holds names the profile's owner. All conditions given must hold."""

    name: str
    owner: str
    has_source: tuple[str, ...] = ()  # a live record of one of these sources
    attribute: str | None = None  # with `equals`: a golden value
    equals: str | None = None


Rule = Literal["validated", "trust", "newest", "oldest", "most_frequent", "most_complete"]


class Survivorship(Model):
    """By attribute, the ordered rules by which one value survives; `default` for the attributes not named."""

    default: tuple[Rule, ...] = ("trust", "newest")
    attributes: dict[str, tuple[Rule, ...]] = {}

    @model_validator(mode="after")
    def _attributes_exist(self) -> "Survivorship":
        unknown = sorted(set(self.attributes) - set(ATTRIBUTES))
        if unknown:
            raise ValueError(f"no attribute {', '.join(unknown)}; there are {', '.join(ATTRIBUTES)}")
        return self


class Matching(Model):
    """Which model decides, and at what probability: link at `match` and above, ask a steward from `review`."""

    model: str = "default"
    match: Annotated[float, Field(gt=0, lt=1)] = 0.5
    review: Annotated[float, Field(gt=0, lt=1)] = 0.2
    custom: dict[str, Literal["exact", "text", "number"]] = {}

    @model_validator(mode="after")
    def _review_below_match(self) -> "Matching":
        if self.review > self.match:
            raise ValueError("review must not be above match")
        return self


class Stewardship(Model):
    """What a steward may do alone: a merge of records of several owners is allowed, refused, or waits for the
    consent of the other owners' stewards; and when merges, and with `all` what takes records out of a profile, take a
    second steward, whoever the owners are."""

    cross_owner: Literal["allow", "consent", "refuse"] = "consent"
    four_eyes: Literal["never", "bulk", "merges", "all"] = "never"


class ContactCap(Model):
    """At most so many contacts by us on a channel (`any`: on all together) within a period; for one purpose if it is
    named."""

    channel: Literal[
        "any", "shop", "webshop", "app", "phone", "email", "sms", "messenger", "social", "community", "post"
    ] = "any"
    at_most: Annotated[int, Field(ge=0)]
    per: Annotated[timedelta, Field(gt=timedelta(0))]
    purpose: str | None = None


class Contact(Model):
    """When a customer may be contacted: for which purposes silence is enough, on which channels a consent counts only
    when it was confirmed (double opt-in), and how often."""

    without_consent: tuple[str, ...] = ()
    double_opt_in: tuple[str, ...] = ()
    caps: tuple[ContactCap, ...] = ()


class RequestRate(Model):
    """How many requests a second a key may make of each process, and how many at once."""

    per_second: Annotated[float, Field(gt=0)]
    burst: Annotated[int, Field(ge=1)] = 50


class Api(Model):
    """The doors: pages of which other origins may ask the API in a browser (none), how large a request may be, and how
    many a key may make (as many as it likes)."""

    cors_origins: tuple[Annotated[str, Field(pattern=r"^https?://[^/*\s]+$")], ...] = ()
    largest_request_mb: Annotated[int, Field(ge=1, le=1_000)] = 20
    rate_limit: RequestRate | None = None


def is_private_address(address: str) -> bool:
    """Whether nobody between can read or change what is sent to this URL: https, or http that stays on this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        stays = host == "localhost" or ip_address(host).is_loopback if parts.scheme == "http" else False
    except ValueError:
        return False
    return bool(host) and parts.username is None and (parts.scheme == "https" or stays)


def _issuer(address: str) -> str:
    if not is_private_address(address) or urlsplit(address).query or urlsplit(address).fragment:
        raise ValueError("an issuer is an https address (http only on this machine), without ? and #")
    return address


def fault_of_source(role: str, source: str | None) -> str | None:
    """What is wrong with a caller of this role that names this source, or none."""
    if role == "connector" and source is None:
        return "a connector names its source"
    if role not in {"connector", "links"} and source is not None:
        return "only a connector, and who makes links, names a source"
    return None


class Grant(Model):
    """Whom a token lets in as what: those of whom the claim says (or among whose values is) this text."""

    claim: Annotated[str, Field(min_length=1, max_length=200, examples=["groups", "realm_access.roles"])]
    holds: Annotated[str, Field(min_length=1, max_length=500)]
    role: Literal["reader", "connector", "links", "steward", "privacy", "admin"]
    groups: tuple[FieldGroup, ...] = ()  # shown in full to a reader
    owners: tuple[str, ...] | None = None  # for whom a steward acts; none named: all
    source: str | None = None  # the one that a connector pushes to, or whose customers links are for
    purposes: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] | None = None  # none named: any
    sensitive: bool = False  # may see records of sensitive sources

    @property
    def name(self) -> str:
        """What a subscription is bound to that was made by it."""
        return f"{self.role} {self.claim}={self.holds}"

    @model_validator(mode="after")
    def _source_fits_the_role(self) -> "Grant":
        if (fault := fault_of_source(self.role, self.source)) is not None:
            raise ValueError(fault)
        return self


Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]  # by public keys only: whoever can check an HMAC can make one


class OpenId(Model):
    """The OpenID Connect provider whose tokens the API accepts beside keys, and what they allow; with a `client_id`
    people sign in there for the desk."""

    issuer: Annotated[str, AfterValidator(_issuer)]
    audience: Annotated[str, Field(min_length=1, max_length=500)]
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256", "ES256")
    leeway: Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(minutes=2))] = timedelta(seconds=30)
    name_claim: Annotated[str, Field(min_length=1, max_length=200)] = "sub"  # what the audit log calls a caller
    grants: Annotated[tuple[Grant, ...], Field(min_length=1)]
    client_id: Annotated[str, Field(min_length=1, max_length=500)] | None = None  # as which the desk is known there
    scopes: tuple[Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$")], ...] = (
        "openid",
        "profile",
    )  # what the desk asks for

    @model_validator(mode="after")
    def _desk_asks_who_it_is(self) -> "OpenId":
        if "openid" not in self.scopes:
            raise ValueError("scopes must hold openid, else nobody is told who it is")
        return self


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError(f"{text!r} is no network; write one such as 10.20.0.0/16") from None


Positive: TypeAlias = Annotated[timedelta, Field(gt=timedelta(0))]


class Webhooks(Model):
    """How what became different is delivered to those who subscribed: into which networks besides the open internet
    (unencrypted only to loopback, if it is named), how many deliveries to one subscriber at once, how long an answer
    may take, how long to wait after a failure (twice as long each time), and when a delivery is laid aside as dead."""

    allowed_networks: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    at_once: Annotated[int, Field(ge=1, le=100)] = 16
    timeout: Positive = timedelta(seconds=10)
    first_wait: Positive = timedelta(seconds=1)
    longest_wait: Positive = timedelta(hours=1)
    give_up_after: Positive = timedelta(days=3)


class Processing(Model):
    """What the record of processing activities says that nothing else here does: the controller's address and contact,
    the data-protection officer, who else receives data, transfers to third countries with their safeguards, and
    measures besides those that cdi takes."""

    controller: str | None = None
    representative: str | None = None
    officer: str | None = None
    recipients: tuple[str, ...] = ()
    transfers: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()


class Privacy(Model):
    """What takes two: an erasure that one data-protection officer asks for, another one must decide. How long a link to
    a customer's own view may wait to be opened."""

    four_eyes: bool = False
    link_lifetime: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=30))] = timedelta(days=7)


class RetentionRuns(Model):
    """When `cdi worker` removes what is kept no longer; without a schedule only `cdi retention` and `cdi audit cut` do.
    How long the audit log is kept; without a period for ever."""

    schedule: ScheduleText | None = None
    audit: PeriodText | None = None


class Deployment(Model):
    """`cdi.yaml` as a whole."""

    company: Company
    owners: tuple[Owner, ...]
    customer_owner: str
    sources: dict[Annotated[str, Field(pattern=NAME)], SourceSystem]
    ownership: tuple[OwnershipRule, ...] = ()
    survivorship: Survivorship = Survivorship()
    matching: Matching = Matching()
    stewardship: Stewardship = Stewardship()
    contact: Contact = Contact()
    api: Api = Api()
    openid: OpenId | None = None
    webhooks: Webhooks = Webhooks()
    retention: RetentionRuns = RetentionRuns()
    processing: Processing = Processing()
    privacy: Privacy = Privacy()
    clock_tolerance: timedelta = timedelta(minutes=5)
    sample_company: bool = False

    @model_validator(mode="after")
    def _owners_and_sources_exist(self) -> "Deployment":
        known = {owner.id for owner in self.owners}
        named = {"customer_owner": self.customer_owner}
        named |= {f"sources.{n}.data_owner": s.data_owner for n, s in self.sources.items()}
        named |= {f"ownership.{i}.owner": r.owner for i, r in enumerate(self.ownership)}
        grants = self.openid.grants if self.openid else ()
        named |= {
            f"openid.grants.{i}.owners.{n}": o for i, g in enumerate(grants) for n, o in enumerate(g.owners or ())
        }
        missing = [f"{place}: no owner {owner!r} in owners" for place, owner in named.items() if owner not in known]
        missing += [
            f"openid.grants.{i}.source: no source {g.source!r} in sources"
            for i, g in enumerate(grants)
            if g.source is not None and g.source not in self.sources
        ]
        if missing:
            raise ValueError("; ".join(missing))
        return self

    @property
    def grants(self) -> list[str]:
        """The names of the grants by which tokens are let in."""
        return [grant.name for grant in self.openid.grants] if self.openid else []

    def owner(self, owner_id: str) -> Owner:
        return next(owner for owner in self.owners if owner.id == owner_id)


class Settings:
    """All that configures one process, built once at the door and passed down."""

    def __init__(
        self,
        folder: Path,
        deployment: Deployment,
        environment: Environment,
        lines: "Lines | None" = None,
        dotenv: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.deployment = deployment
        self.environment = environment
        self._lines = lines or {}
        self._dotenv = dotenv or {}

    @property
    def data_folder(self) -> Path:
        """Where this deployment keeps what is its own: the embedded database, its lock."""
        return self.folder / "var"

    def resolve(self, config: dict[str, Any]) -> dict[str, Any]:
        """Settings of a source with every secret in place; raises ConfigurationError when one is missing."""
        resolved: dict[str, Any] = resolve_secrets(config, self.folder, self._dotenv)
        return resolved

    def place(self, *path: str) -> str:
        """Where in `cdi.yaml` this stands, as `cdi.yaml:LINE: the.path`; the line of what is around it where it does
        not stand there."""
        return f"cdi.yaml:{line_of(self._lines, path)}: {'.'.join(path)}" if self._lines else ".".join(path)


def load_settings(folder: Path) -> Settings:
    """Read the deployment in `folder`; every fault of `cdi.yaml` is named with its line.

    Raises ConfigurationError.
    """
    path = folder / "cdi.yaml"
    if not path.is_file():
        raise ConfigurationError(f"{path} does not exist", remedy=f"cdi init {folder} makes a new deployment folder")
    deployment, lines = _read_deployment(path)
    dotenv = folder / DOTENV
    environment = Environment(_env_file=dotenv)
    return Settings(folder.resolve(), deployment, environment, lines, _dotenv(dotenv))


def load_deployment(path: Path) -> Deployment:
    """`cdi.yaml` as a checked structure; raises ConfigurationError with all faults, one a line."""
    return _read_deployment(path)[0]


def _read_deployment(path: Path) -> tuple[Deployment, "Lines"]:
    document, lines = load_yaml(path)
    try:
        return Deployment.model_validate(document), lines
    except ValidationError as error:
        raise ConfigurationError(describe_faults(path, error, lines)) from None


def _dotenv(path: Path) -> dict[str, str]:
    """The variables of a `.env` beside `cdi.yaml`, if there is one; one that the environment has too wins there."""
    return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value is not None}


Lines: TypeAlias = dict[tuple[str | int, ...], int]


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where PyYAML was built with it: ten times as fast, which every command notices."""


def load_yaml(path: Path) -> tuple[Any, Lines]:
    """A YAML file and the line of each of its nodes, by path; raises ConfigurationError with the line."""
    lines: Lines = {}
    twice: list[str] = []
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        try:
            node = loader.get_single_node()
            if node is not None:
                _collect_lines(node, (), lines, twice)  # before it is constructed, which joins merged parts into it
            document = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        remedy = "This is not valid YAML; a text that begins with * & ! % @ ` { [ or has ': ' in it needs quotes"
        raise ConfigurationError(f"{path}:{line}: {error.problem}", remedy=remedy) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}") from None
    except yaml.reader.ReaderError as error:
        raise ConfigurationError(f"{path}: a character that YAML does not allow: {error.reason}") from None
    if twice:
        raise ConfigurationError("\n".join(f"{path}:{fault}" for fault in twice))
    return document, lines


def _collect_lines(node: yaml.Node, path: tuple[str | int, ...], lines: Lines, twice: list[str]) -> None:
    """The line of every part of a file; a name that stands twice, of which YAML would drop the first, is noted."""
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            inner, line = (*path, name), key.start_mark.line + 1
            if name in seen and key.tag != "tag:yaml.org,2002:merge":
                twice.append(f"{line}: {'.'.join(map(str, inner))}: stands in line {seen[name]} already")
            seen[name] = line
            _collect_lines(value, inner, lines, twice)
            lines[inner] = line
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _collect_lines(item, (*path, index), lines, twice)


def line_of(lines: Lines, path: tuple[str | int, ...]) -> int:
    """The line of this part, or of the closest part around it that the file has."""
    return next((lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in lines), 1)


def describe_faults(path: Path, error: ValidationError, lines: Lines, under: tuple[str, ...] = ()) -> str:
    """Every fault as `file:line: where: what`, one a line; `under` is the part of the file that was checked."""
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        where = (*under, *(part for part in fault["loc"] if part != "[key]"))
        line = line_of(lines, where)
        message = fault["msg"].removeprefix("Value error, ")
        faults.append(f"{path}:{line}: {'.'.join(map(str, where)) or 'the file'}: {message}")
    return "\n".join(faults)


def resolve_secrets(value: Any, folder: Path, dotenv: Mapping[str, str] = {}) -> Any:
    """`value` with every `${env:NAME}` and `${file:PATH}` replaced, at any depth; the message never holds one.
    `dotenv` says what the environment does not.

    Raises ConfigurationError when the variable or file is missing.
    """
    if isinstance(value, dict):
        return {key: resolve_secrets(item, folder, dotenv) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve_secrets(item, folder, dotenv) for item in value]
    if isinstance(value, str):
        return SECRET_REFERENCE.sub(lambda match: _secret(match[1], match[2], folder, dotenv), value)
    return value


def literal_secrets(config: dict[str, Any], secret: frozenset[str]) -> list[str]:
    """The settings among `secret` whose value stands in the file itself instead of being referred to."""
    return sorted(n for n in secret if n in config and not SECRET_REFERENCE.fullmatch(str(config[n])))


def _secret(kind: str, name: str, folder: Path, dotenv: Mapping[str, str]) -> str:
    if kind == "env":
        value = os.environ.get(name, dotenv.get(name))
        if value is None:
            remedy = "cdi.yaml refers to it: set it where cdi runs, or in a file .env beside cdi.yaml"
            raise ConfigurationError(f"the environment variable {name} is not set", remedy=remedy)
        return value
    try:
        return (folder / name).read_text(encoding="utf-8").strip()
    except OSError:
        raise ConfigurationError(f"the secret file {name} cannot be read", remedy="cdi.yaml refers to it") from None


def bundled(name: str) -> Path:
    """A folder that ships with the program: `connectors`, `migrations` or `sample_data`.

    In a wheel it lies inside the package, in a checkout at the root.
    """
    package = Path(__file__).parent
    inside = package / "_bundled" / name
    return inside if inside.is_dir() else package.parents[1] / name
