"""`shop`: the till system's SQLite file, written in one order so that equal rows make an equal file."""

import random
import sqlite3
from datetime import date, datetime, timedelta
from pathlib import Path

from . import lists
from .population import LAST_DAY
from .sighting import Sighting
from .spelling import street_line

SCHEMA = """
CREATE TABLE branch (branch_no INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL);
CREATE TABLE customer (
  customer_id INTEGER PRIMARY KEY, card_no TEXT, club_level TEXT, salutation TEXT, title TEXT, first_name TEXT,
  last_name TEXT, birth_name TEXT, company TEXT, vat_id TEXT, birthday TEXT, street TEXT, zip TEXT, city TEXT,
  country TEXT, phone TEXT, mobile TEXT, email TEXT, email_checked INTEGER NOT NULL, ads_allowed INTEGER,
  ads_asked_at TEXT, branch_no INTEGER NOT NULL REFERENCES branch, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE receipt (
  receipt_id INTEGER PRIMARY KEY, receipt_no TEXT NOT NULL, customer_id INTEGER NOT NULL REFERENCES customer,
  branch_no INTEGER NOT NULL REFERENCES branch, kind TEXT NOT NULL, sold_at TEXT NOT NULL, total_cents INTEGER NOT NULL
);
CREATE INDEX customer_by_update ON customer (updated_at, customer_id);
"""


def german_date(iso: str) -> str | None:
    """`1999-12-31` as `31.12.1999`; None for nothing."""
    return date.fromisoformat(iso).strftime("%d.%m.%Y") if iso else None


def write(rng: random.Random, sightings: list[Sighting], path: Path) -> None:
    """All customers of the till with their receipts; gives each sighting its key."""
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    database.executescript(SCHEMA)
    branches = [(number, f"Filiale {city}", city) for number, city in enumerate(lists.BRANCHES, 1)]
    database.executemany("INSERT INTO branch VALUES (?, ?, ?)", branches)
    receipts: list[tuple[object, ...]] = []
    for number, sighting in enumerate(sorted(sightings, key=lambda s: s.created), 100_001):
        sighting.key = str(number)
        branch = rng.randint(1, len(branches))
        database.execute(f"INSERT INTO customer VALUES ({', '.join('?' * 25)})", _row(rng, sighting, branch))
        receipts += _receipts(rng, sighting, branch, len(receipts))
    database.executemany("INSERT INTO receipt VALUES (?, ?, ?, ?, ?, ?, ?)", receipts)
    database.commit()
    database.execute("VACUUM")
    database.close()


def _row(rng: random.Random, s: Sighting, branch: int) -> tuple[object, ...]:
    organisation, person = s.customer.kind == "organisation", s.customer.kind == "person" or s.contact_person
    asked = rng.random() < 0.6
    return (
        int(s.key),
        s.card or None,
        ("gold" if s.gold else rng.choice(("standard", "standard", "silber"))) if s.card else None,
        "Firma" if organisation else s.salutation or None,
        s.customer.title if person and rng.random() < 0.8 and s.customer.title else None,
        s.given_name if person else None,
        s.family_name if person else None,
        s.birth_name or None,
        s.company or None,
        s.customer.vat_id if organisation and s.customer.vat_id and rng.random() < 0.5 else None,
        german_date(s.birth),
        street_line(rng, s.street, s.house_number) or None,
        s.postal_code or None,
        s.city or None,
        "DE",
        s.landline or None,
        s.mobile or None,
        s.email or None,
        int(s.verified_email),
        int(rng.random() < 0.7) if asked else None,
        s.created.isoformat(" ") if asked else None,
        branch,
        s.created.isoformat(" "),
        s.changed.isoformat(" "),
        int(s.deleted),
    )


def _receipts(rng: random.Random, s: Sighting, branch: int, before: int) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for _ in range(rng.choices((0, 1, 2, 3, 5, 8), weights=(15, 25, 25, 20, 10, 5))[0]):
        number = before + len(rows) + 1
        days = (LAST_DAY - s.created.date()).days
        sold = s.created + timedelta(days=rng.randint(0, max(days - 1, 0)), minutes=rng.randint(0, 240))
        goods_back = rng.random() < 0.04
        cents = rng.randint(199, 34_900) * (-1 if goods_back else 1)
        kind = "return" if goods_back else "sale"
        rows.append((number, f"{branch:02}-{sold:%y%m%d}-{number:05}", int(s.key), branch, kind, _text(sold), cents))
    return rows


def _text(moment: datetime) -> str:
    return moment.isoformat(" ", "seconds")
