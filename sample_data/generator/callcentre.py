"""`callcentre`: monthly CSV exports of contacts and calls; a later export overrides an earlier one."""

import csv
import io
import random
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from .population import LAST_DAY
from .sighting import Sighting
from .spelling import in_code_page
from .till import german_date

EXPORTS = {
    "2026-09": datetime(2026, 10, 1),
    "2026-10": datetime(2026, 11, 1),
    "2026-11": datetime(2027, 1, 1),
}
CONTACT_COLUMNS = (
    "Kontaktnummer;Anrede;Titel;Vorname;Nachname;Firma;Geburtsdatum;Straße;Hausnummer;PLZ;Ort;Telefon;Mobil;"
    "E-Mail;Kundenkarte;Angelegt am;Geändert am"
).split(";")
CALL_COLUMNS = "Anruf-ID;Kontaktnummer;Rufnummer;Richtung;Beginn;Dauer;Thema".split(";")
SUBJECTS = (
    "Lieferung",
    "Reklamation",
    "Rechnung",
    "Produktfrage",
    "Rückgabe",
    "Kundenkarte",
    "Adressänderung",
)
ENCODING = "windows-1252"


def write(rng: random.Random, sightings: list[Sighting], folder: Path) -> None:
    """All contacts and calls; gives each sighting its key."""
    contacts: dict[str, list[list[str]]] = {month: [] for month in EXPORTS}
    calls: list[tuple[datetime, list[str]]] = []
    for number, sighting in enumerate(sorted(sightings, key=lambda s: s.created), 100_001):
        sighting.key = f"K-{number}"
        month = _month(sighting.changed)
        contacts[month].append(_contact(sighting))
        if month != "2026-09" and sighting.created < EXPORTS["2026-09"]:
            contacts["2026-09"].append(_contact(_before_its_change(rng, sighting)))
        calls += _calls(rng, sighting)
    for month, rows in contacts.items():
        _write(folder / f"contacts-{month}.csv", CONTACT_COLUMNS, sorted(rows))
    calls.sort(key=lambda call: call[0])
    exported: dict[str, list[list[str]]] = {month: [] for month in EXPORTS}
    for number, (begin, row) in enumerate(calls, 500_001):
        exported[_month(begin)].append([f"A-{number}", *row])
    for month, rows in exported.items():
        _write(folder / f"calls-{month}.csv", CALL_COLUMNS, rows)


def _month(moment: datetime) -> str:
    return next(month for month, end in EXPORTS.items() if moment < end)


def _before_its_change(rng: random.Random, s: Sighting) -> Sighting:
    """The contact as the September export had it: without something that was added later."""
    before = replace(s, changed=min(s.created + timedelta(days=1), datetime(2026, 9, 29, 12, 0)))
    setattr(before, rng.choice(("mobile", "email", "landline", "birth")), "")
    return before


def _contact(s: Sighting) -> list[str]:
    organisation, person = s.customer.kind == "organisation", s.customer.kind == "person" or s.contact_person
    return [
        s.key,
        "Firma" if organisation else s.salutation,
        s.customer.title if person else "",
        s.given_name if person else "",
        s.family_name if person else "",
        s.company,
        german_date(s.birth) or "",
        s.street,
        s.house_number,
        s.postal_code,
        s.city,
        s.landline,
        s.mobile,
        s.email,
        s.card,
        s.created.strftime("%d.%m.%Y %H:%M"),
        s.changed.strftime("%d.%m.%Y %H:%M"),
    ]


def _calls(rng: random.Random, s: Sighting) -> list[tuple[datetime, list[str]]]:
    """Calls since the contact exists; in some the agent did not say whose call it was."""
    calls = []
    for _ in range(rng.choices((0, 1, 2, 3), weights=(35, 40, 18, 7))[0]):
        end = datetime.combine(LAST_DAY, s.created.time())
        begin = (s.created + (end - s.created) * rng.random()).replace(microsecond=0)
        number = s.mobile or s.landline or "anonym"
        unnamed = number != "anonym" and rng.random() < 0.03
        direction = rng.choices(("eingehend", "ausgehend"), weights=(8, 2))[0]
        row = ["" if unnamed else s.key, number, direction, begin.strftime("%d.%m.%Y %H:%M:%S")]
        calls.append((begin, [*row, str(rng.randint(15, 900)), rng.choice(SUBJECTS)]))
    return calls


def _write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    path.write_bytes(in_code_page(text.getvalue(), ENCODING).encode(ENCODING))
