"""The shape of what is disclosed to a data subject: published as a JSON Schema, and as the tables of a spreadsheet."""

import csv
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from io import BytesIO, StringIO
from typing import Any, Final
from uuid import UUID

import orjson
from pydantic import TypeAdapter
from typing_extensions import TypedDict  # pydantic reads that of typing from Python 3.12 on

from cdi.spreadsheets import harmless


class Owner(TypedDict):
    """A data owner: who answers for data, and how they are reached."""

    id: str
    department: str
    role: str
    contact: str


class Source(TypedDict):
    """A source system that data came from: what for, on which ground, for how long, and who answers for it."""

    source: str
    purpose: str
    purposes: list[str]
    legal_basis: str | None
    retention: list[str]
    sensitive: bool
    data_owner: str


class Value(TypedDict):
    """A value of the golden record: where it came from, and by which rule it survived."""

    attribute: str
    value: Any
    preferred: bool
    source: str
    key: str
    observed_at: datetime | str | None
    data_owner: str
    rule: str | None


class Version(TypedDict):
    """What a source said, verbatim and as it was understood (null: not, or it is a deletion). `counts`: it holds now;
    `kept_back`: it seems to be about somebody else, and a steward is asked."""

    source: str
    stream: str
    key: str
    kind: str
    live: bool
    counts: bool
    kept_back: bool
    op: str
    source_time: datetime | None
    observed_at: datetime
    recorded_at: datetime
    verbatim: dict[str, Any]
    understood: dict[str, Any] | None


class Seen(TypedDict):
    """Somebody was shown the customer's values, or did something to them."""

    at: datetime
    who: str
    role: str
    action: str
    purpose: str | None
    groups: list[str]


class Recipient(TypedDict):
    """Who received data: an application or a person (`shown`), a subscription to changes (`told`: ids alone), an
    export of all customers (`export`)."""

    kind: str
    who: str
    times: int
    last_at: datetime | None


class Disclosure(TypedDict):
    """Everything that is kept about one customer (Art. 15 and 20 GDPR)."""

    at: datetime
    company: str
    id: UUID
    kind: str
    data_owner: str
    owners: list[Owner]
    sources: list[Source]
    golden: list[Value]
    records: list[Version]
    touchpoints: list[dict[str, Any]]
    consents: list[dict[str, Any]]
    consents_said: list[dict[str, Any]]
    links: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    conflicts: list[dict[str, Any]]
    holds: list[dict[str, Any]]
    requests: list[dict[str, Any]]
    recipients: list[Recipient]
    seen: list[Seen]


TABLES: Final = tuple(name for name, kind in Disclosure.__annotations__.items() if "list[" in str(kind))
SCHEMA_ID: Final = "/v1/privacy/access-schema"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a disclosure."""
    described = TypeAdapter(Disclosure).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **described}


def as_zip(told: Disclosure) -> bytes:
    """One CSV file for each list; what is nested stands in its cell as JSON."""
    out = BytesIO()
    moment = told["at"].timetuple()[:6]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in _tables(told):
            archive.writestr(zipfile.ZipInfo(f"{name}.csv", moment), _csv(rows), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _tables(told: Disclosure) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    yield "customer", [{name: value for name, value in told.items() if name not in TABLES}]
    for name in TABLES:
        rows: list[Mapping[str, Any]] = told[name]  # type: ignore[literal-required]
        yield name, rows


def _csv(rows: Iterable[Mapping[str, Any]]) -> str:
    rows = list(rows)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (dict, list, tuple)):
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    return harmless(value)
