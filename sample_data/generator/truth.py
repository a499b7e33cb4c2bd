"""What is true: whose each record is, which values should survive, and for whom two ownership rules disagree."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from .sighting import Sighting

GOLDEN_COLUMNS = (
    "entity_id,kind,given_name,family_name,organisation,birth_date,email,street,house_number,postal_code,city,"
    "phone,household_id"
).split(",")


def write(seen: Sequence[Sequence[Sighting]], folder: Path) -> None:
    """`truth.csv`, `truth_golden.csv`, `truth_conflicts.csv` of all customers with a record that is not deleted."""
    live = [[s for s in sightings if not s.deleted] for sightings in seen]
    live = [sightings for sightings in live if sightings]
    records = sorted((s.source, s.key, s.customer.entity_id) for sightings in live for s in sightings)
    _write(folder / "truth.csv", ("source", "key", "entity_id"), records)
    _write(folder / "truth_golden.csv", GOLDEN_COLUMNS, sorted(golden(sightings) for sightings in live))
    disputed = sorted({s.customer.entity_id for sightings in live for s in sightings if is_disputed(s)})
    _write(folder / "truth_conflicts.csv", ("entity_id",), [(entity,) for entity in disputed])


def is_disputed(sighting: Sighting) -> bool:
    """An organisation with a gold card: key accounts and retail both claim it under the rules of cdi.yaml."""
    return sighting.gold and sighting.customer.kind == "organisation"


def golden(sightings: Sequence[Sighting]) -> tuple[str, ...]:
    """The true values of one customer; empty where no record says anything of the kind."""
    customer = sightings[0].customer
    person = customer.kind == "person"  # an organisation's contact person is not the customer
    address = any(s.street for s in sightings)
    return (
        customer.entity_id,
        customer.kind,
        customer.given_name if person else "",
        customer.family_name if person else "",
        f"{customer.company} {customer.legal_form}".strip(),
        customer.birth_date.isoformat() if any("birth" in s.clean and s.birth for s in sightings) else "",
        customer.email if any("email" in s.clean and s.email for s in sightings) else "",
        *(
            (
                customer.address.street,
                customer.address.house_number,
                customer.address.postal_code,
                customer.address.city,
            )
            if address
            else ("", "", "", "")
        ),
        _phone(sightings),
        customer.household_id,
    )


def _phone(sightings: Sequence[Sighting]) -> str:
    """The number of the sighting whose phones survive, in E.164; its landline, if it has one, stands first."""
    winner = next((s for s in sightings if "phone" in s.clean and (s.mobile or s.landline)), None)
    if winner is None:
        return ""
    number = winner.customer.landline if _shows_landline(winner) else winner.customer.mobile
    return f"+49{number[1:]}"


def _shows_landline(s: Sighting) -> bool:
    """The webshop and the lead form have one field for a number, and the mobile goes there first."""
    return bool(s.landline) and not (s.mobile and s.form in {"account", "guest", "lead"})


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
