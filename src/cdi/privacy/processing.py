"""The record of processing activities (Art. 30 GDPR), from what is configured and not from what somebody remembers: one
activity a source system, with its purpose, categories, recipients, retention and measures."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import Connection

from cdi.access import Role
from cdi.fields import ATTRIBUTES
from cdi.pipeline import Installation
from cdi.privacy.retention import rules_of
from cdi.settings import Deployment, SourceSystem
from cdi.store import accounts, processing, webhooks
from cdi.store.accounts import ListedKey

SAMPLED: Final = 1_000
"""Records of each source from which the categories of data are told."""


def record_of_processing(connection: Connection, installation: Installation, now: datetime) -> dict[str, Any]:
    """The record as JSON; `as_markdown` writes it for people."""
    deployment = installation.deployment
    said = deployment.processing
    return {
        "at": now,
        "controller": {
            "name": deployment.company.name,
            "country": deployment.company.country,
            "contact": said.controller,
            "representative": said.representative,
            "officer": said.officer,
        },
        "activities": [
            _activity(connection, installation, name, system) for name, system in deployment.sources.items()
        ],
        "recipients": [
            *_applications(connection, deployment, now),
            *_subscribers(connection, deployment, now),
            *said.recipients,
        ],
        "transfers": list(said.transfers),
        "measures": [*_measures(deployment), *said.measures],
    }


def _activity(connection: Connection, installation: Installation, name: str, system: SourceSystem) -> dict[str, Any]:
    owner = installation.deployment.owner(system.data_owner)
    attributes = processing.attributes_of(connection, name, SAMPLED)
    return {
        "source": name,
        "purpose": system.purpose,
        "purposes": list(system.purposes),
        "legal_basis": system.legal_basis,
        "data_owner": {"id": owner.id, "department": owner.department, "role": owner.role, "contact": owner.contact},
        "persons": processing.kinds_of(connection, name, SAMPLED),
        "categories": [attribute for attribute in ATTRIBUTES if attribute in attributes],
        "streams": processing.streams_of(connection, name),
        "not_kept": list(system.exclude),
        "sensitive": system.sensitivity == "sensitive",
        "retention": [str(rule) for rule in rules_of(installation.deployment, name)],
    }


def _applications(connection: Connection, deployment: Deployment, now: datetime) -> list[str]:
    keys = [key for key in accounts.list_keys(connection) if key.status(now) == "standing"]
    reading = [_key(key) for key in keys if key.role != Role.CONNECTOR]
    grants = deployment.openid.grants if deployment.openid else ()
    tokens = [f"token: {grant.claim} = {grant.holds} ({grant.role})" for grant in grants if grant.role != "connector"]
    return [*sorted(reading), *tokens]


def _key(key: ListedKey) -> str:
    if key.role == Role.LINKS:
        return f"key: {key.name} ({key.role}: sends customers to their own view)"
    seen = ", ".join(key.groups) if key.role == Role.READER else "all field groups"
    wherefore = f" for {', '.join(key.purposes)}" if key.purposes else ""
    return f"key: {key.name} ({key.role}{wherefore}; in full: {seen or 'nothing'})"


def _subscribers(connection: Connection, deployment: Deployment, now: datetime) -> list[str]:
    """By host: the rest of an address may hold a secret."""
    standing = webhooks.standing_subscriptions(connection, deployment.grants, now)
    hosts = {urlsplit(one.url).hostname or "" for one in standing}
    return [f"webhook: {host} (ids and names of attributes)" for host in sorted(hosts)]


FOUR_EYES: Final[Mapping[str, str]] = {
    "bulk": "merges of many take a second steward",
    "merges": "merges take a second steward",
    "all": "merges and splits take a second steward",
}


def _measures(deployment: Deployment) -> list[str]:
    """What cdi does by itself, and what cdi.yaml asks of it."""
    four_eyes = deployment.stewardship.four_eyes
    scheduled = deployment.retention.schedule
    return [
        "access by role, data owner, field group, sensitivity and purpose; what is not allowed is masked or not there",
        "keys and passwords are kept as hashes only, keys can expire",
        "every reading of values in full and every change is in an audit log that is chained by hashes",
        "no value of a customer in logs, metrics, errors and deliveries",
        "every value with its source, time and data owner; merges can be undone",
        *([FOUR_EYES[four_eyes]] if four_eyes in FOUR_EYES else []),
        *([f"retention is carried out by schedule ({scheduled}) with evidence"] if scheduled else []),
        *(["callers prove themselves by an identity provider"] if deployment.openid else []),
        *([f"source {name}: sensitive, seen only by who was given that scope" for name, system in
           deployment.sources.items() if system.sensitivity == "sensitive"]),
    ]  # fmt: skip


# -- for people ------------------------------------------------------------------------------------

ENGLISH: Final = {
    "title": "Record of processing activities (Art. 30 GDPR)",
    "controller": "Controller",
    "contact": "Contact",
    "representative": "Representative",
    "officer": "Data-protection officer",
    "activities": "Activities",
    "purpose": "Purpose",
    "purposes": "May be used for",
    "legal_basis": "Legal basis",
    "owner": "Data owner",
    "persons": "Categories of persons",
    "categories": "Categories of data",
    "streams": "Kinds of records",
    "not_kept": "Not kept",
    "retention": "Erasure",
    "recipients": "Recipients",
    "transfers": "Transfers to third countries",
    "measures": "Technical and organisational measures",
    "nothing": "not stated",
    "none": "none",
    "sensitive": "sensitive",
}
GERMAN: Final = {
    "title": "Verzeichnis der Verarbeitungstätigkeiten (Art. 30 DSGVO)",
    "controller": "Verantwortlicher",
    "contact": "Kontakt",
    "representative": "Vertreter",
    "officer": "Datenschutzbeauftragte Person",
    "activities": "Tätigkeiten",
    "purpose": "Zweck",
    "purposes": "Darf verwendet werden für",
    "legal_basis": "Rechtsgrundlage",
    "owner": "Dateneigner",
    "persons": "Kategorien betroffener Personen",
    "categories": "Kategorien von Daten",
    "streams": "Arten von Datensätzen",
    "not_kept": "Nicht gespeichert",
    "retention": "Löschung",
    "recipients": "Empfänger",
    "transfers": "Übermittlung in Drittländer",
    "measures": "Technische und organisatorische Maßnahmen",
    "nothing": "nicht angegeben",
    "none": "keine",
    "sensitive": "sensibel",
}
LABELS: Final = {"en": ENGLISH, "de": GERMAN}


def as_markdown(record: dict[str, Any], language: str = "en") -> str:
    """The record as a page: its headings in German (`de`) or English; what stands in cdi.yaml as it stands there."""
    label = LABELS.get(language, ENGLISH)
    controller = record["controller"]
    return "\n".join(
        [
            f"# {label['title']}",
            "",
            f"{controller['name']}, {record['at']:%Y-%m-%d}",
            "",
            f"## {label['controller']}",
            "",
            *_listed([f"{label[name]}: {controller[name] or label['nothing']}" for name in ("contact", "officer")]),
            *_listed(
                [f"{label['representative']}: {controller['representative']}"] * bool(controller["representative"])
            ),
            "",
            f"## {label['activities']}",
            "",
            *(line for activity in record["activities"] for line in _told(activity, label)),
            f"## {label['recipients']}",
            "",
            *_listed(record["recipients"] or [label["none"]]),
            "",
            f"## {label['transfers']}",
            "",
            *_listed(record["transfers"] or [label["none"]]),
            "",
            f"## {label['measures']}",
            "",
            *_listed(record["measures"]),
            "",
        ]
    )


def _told(activity: dict[str, Any], label: dict[str, str]) -> Iterable[str]:
    owner = activity["data_owner"]
    facts = {
        "purpose": activity["purpose"],
        "purposes": ", ".join(activity["purposes"]),
        "legal_basis": activity["legal_basis"] or label["nothing"],
        "owner": f"{owner['department']}, {owner['role']}, {owner['contact']}",
        "persons": ", ".join(activity["persons"]) or label["nothing"],
        "categories": ", ".join(activity["categories"]) or label["nothing"],
        "streams": ", ".join(activity["streams"]) or label["nothing"],
        "not_kept": ", ".join(activity["not_kept"]),
        "retention": "; ".join(activity["retention"]) or label["nothing"],
    }
    title = f"### {activity['source']}" + (f" ({label['sensitive']})" if activity["sensitive"] else "")
    return [title, "", *_listed([f"{label[name]}: {fact}" for name, fact in facts.items() if fact]), ""]


def _listed(lines: Sequence[str]) -> list[str]:
    return [f"- {' '.join(line.split())}" for line in lines]
