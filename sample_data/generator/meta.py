"""`social`: exports of Meta's Graph API as JSON Lines: lead forms, messenger contacts, and the messages they sent."""

import json
import random
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from .population import LAST_DAY
from .shopware import BERLIN
from .sighting import Sighting
from .spelling import street_line

PAGE = {"id": "104385791234567", "name": "Handelshaus Beispiel"}
FORMS = ("2270015512340001", "2270015512340002", "2270015512340003")
QUESTIONS = (
    "Ist der Artikel wieder lieferbar?",
    "Wann öffnet die Filiale am Samstag?",
    "Wie kann ich eine Bestellung zurückgeben?",
    "Gibt es den Gutschein noch?",
    "Danke, das hat geklappt.",
    "Wo finde ich meine Rechnung?",
)
ANSWERS = (
    "Gerne, wir sehen nach.",
    "Das geht im Kundenkonto unter Bestellungen.",
    "Vielen Dank für die Nachricht!",
)
Entity = dict[str, Any]


def graph_time(local: datetime) -> str:
    """Local time of Germany as the Graph API writes UTC."""
    return local.replace(tzinfo=BERLIN).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def write(rng: random.Random, sightings: list[Sighting], folder: Path) -> None:
    """All leads, messenger contacts and messages; gives each sighting its key."""
    ordered = sorted(sightings, key=lambda s: s.created)
    leads = [_lead(rng, s) for s in ordered if s.form == "lead"]
    contacts = [_contact(rng, s) for s in ordered if s.form == "messenger"]
    messages = [m for s in ordered if s.form == "messenger" for m in _messages(rng, s)]
    _write(folder / "leads.jsonl", leads)
    _write(folder / "messenger_contacts.jsonl", contacts)
    _write(folder / "messages.jsonl", sorted(messages, key=lambda m: (m["created_time"], m["id"])))


def _lead(rng: random.Random, s: Sighting) -> Entity:
    s.key = str(rng.randrange(10**15, 10**16))
    return {
        "id": s.key,
        "created_time": graph_time(s.created),
        "form_id": rng.choice(FORMS),
        **({"ad_id": str(rng.randrange(10**15, 10**16))} if (advert := rng.random() < 0.8) else {}),
        "platform": rng.choice(("fb", "fb", "ig")),
        "is_organic": not advert,
        "field_data": [{"name": name, "values": [value]} for name, value in _answers(rng, s).items() if value],
        "custom_disclaimer_responses": [
            {"checkbox_key": "newsletter", "is_checked": "1" if rng.random() < 0.7 else ""},
            {"checkbox_key": "phone_contact", "is_checked": "1" if rng.random() < 0.3 else ""},
        ],
    }


def _answers(rng: random.Random, s: Sighting) -> dict[str, str]:
    whole_name = rng.random() < 0.5
    birth = date.fromisoformat(s.birth).strftime("%m/%d/%Y") if s.birth else ""
    return {
        "full_name": f"{s.given_name} {s.family_name}" if whole_name else "",
        "first_name": "" if whole_name else s.given_name,
        "last_name": "" if whole_name else s.family_name,
        "company_name": s.company,
        "email": s.email,
        "phone_number": s.mobile or s.landline,
        "street_address": street_line(rng, s.street, s.house_number) if s.street else "",
        "post_code": s.postal_code,
        "city": s.city,
        "date_of_birth": birth,
    }


def _contact(rng: random.Random, s: Sighting) -> Entity:
    s.key = str(rng.randrange(10**15, 10**16))
    shared = {"user_email": s.email, "user_phone_number": s.mobile}
    shared = {name: value for name, value in shared.items() if value}
    return {
        "id": s.key,
        "first_name": s.given_name,
        "last_name": s.family_name,
        "page_id": PAGE["id"],
        **({"shared": shared} if shared else {}),
        "first_message_time": graph_time(s.created),
    }


def _messages(rng: random.Random, s: Sighting) -> list[Entity]:
    person = {"id": s.key, "name": f"{s.given_name} {s.family_name}"}
    messages, when = [], s.created
    for turn in range(rng.choice((1, 2, 2, 4))):
        ours = turn % 2 == 1
        messages.append(
            {
                "id": f"m_{rng.getrandbits(96):024x}",
                "created_time": graph_time(when),
                "from": PAGE if ours else person,
                "to": {"data": [person if ours else PAGE]},
                "message": rng.choice(ANSWERS if ours else QUESTIONS),
            }
        )
        when = min(when + timedelta(minutes=rng.randint(1, 600)), datetime.combine(LAST_DAY, s.created.time()))
    return messages


def _write(path: Path, entities: Iterable[Entity]) -> None:
    lines = (json.dumps(entity, ensure_ascii=False) + "\n" for entity in entities)
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
