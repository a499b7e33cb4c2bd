"""The matcher that anybody would write first: equal normalised name and birth date, or equal e-mail. It is the
yardstick that shows that the sample company is not easy."""

import csv
import json
import re
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from .callcentre import ENCODING, EXPORTS
from .spelling import ascii_fold


class Plain(NamedTuple):
    """All that the plain matcher looks at."""

    source: str
    key: str
    name: str
    birth: str
    email: str


class Score(NamedTuple):
    """Pairwise: of the pairs joined, how many are true; of the true pairs, how many were joined."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def score(folder: Path) -> Score:
    """How well the plain matcher does on the native data in `folder`/data, against `folder`/truth.csv."""
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as file:
        entity = {(row["source"], row["key"]): row["entity_id"] for row in csv.DictReader(file)}
    records = [r for r in read(folder / "data") if (r.source, r.key) in entity]
    clusters = _components(records)
    truth = [entity[r.source, r.key] for r in records]
    joined = _pairs(clusters)
    both = _pairs(zip(clusters, truth, strict=True))
    return Score(both / joined, both / _pairs(truth))


def read(data: Path) -> Iterator[Plain]:
    """The live customer records of all four systems."""
    with sqlite3.connect(data / "shop/pos.sqlite") as database:
        for key, *rest in database.execute(
            "SELECT customer_id, first_name, last_name, birthday, email FROM customer WHERE deleted = 0"
        ):
            yield _plain("shop", str(key), *rest)
    database.close()
    for row in _json_lines(data / "webshop/customer.jsonl"):
        yield _plain("webshop", row["id"], row["firstName"], row["lastName"], row["birthday"], row["email"])
    contacts: dict[str, dict[str, str]] = {}
    for month in EXPORTS:
        with (data / f"callcentre/contacts-{month}.csv").open(encoding=ENCODING, newline="") as file:
            contacts |= {row["Kontaktnummer"]: row for row in csv.DictReader(file, delimiter=";")}
    for key, row in contacts.items():
        yield _plain("callcentre", key, row["Vorname"], row["Nachname"], row["Geburtsdatum"], row["E-Mail"])
    for lead in _json_lines(data / "social/leads.jsonl"):
        said = {item["name"]: item["values"][0] for item in lead["field_data"]}
        first, last = said.get("first_name"), said.get("last_name", said.get("full_name"))
        yield _plain("social", lead["id"], first, last, said.get("date_of_birth"), said.get("email"))
    for contact in _json_lines(data / "social/messenger_contacts.jsonl"):
        email = contact.get("shared", {}).get("user_email")
        yield _plain("social", contact["id"], contact["first_name"], contact["last_name"], None, email)


def _plain(source: str, key: str, first: str | None, last: str | None, birth: str | None, email: str | None) -> Plain:
    folded = ascii_fold(f"{first or ''}{last or ''}")
    letters = re.sub("[^a-z]", "", unicodedata.normalize("NFKD", folded).lower())
    return Plain(source, key, letters, _iso(birth or ""), (email or "").strip().lower())


def _iso(text: str) -> str:
    for pattern in ("%d.%m.%Y", "%m/%d/%Y"):
        try:
            return datetime.strptime(text, pattern).date().isoformat()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
    return text[:10]


def _components(records: list[Plain]) -> list[int]:
    parent = list(range(len(records)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first_with: dict[Hashable, int] = {}
    for i, record in enumerate(records):
        keys: list[Hashable] = [record.email] if record.email else []
        if record.name and record.birth:
            keys.append((record.name, record.birth))
        for key in keys:
            parent[root(i)] = root(first_with.setdefault(key, i))
    return [root(i) for i in range(len(records))]


def _pairs(labels: Iterable[Hashable]) -> int:
    return sum(n * (n - 1) // 2 for n in Counter(labels).values())


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)
