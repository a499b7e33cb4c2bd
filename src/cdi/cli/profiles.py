"""Profiles in the terminal: show and why."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table
from sqlalchemy import Connection

from cdi import profiles
from cdi.access import EVERYTHING
from cdi.cli.installed import installed, note_shown
from cdi.cli.terminal import HERE, Folder, Json, out, print_json, print_table, when
from cdi.errors import GoneError, NotFoundError
from cdi.fields import ATTRIBUTES
from cdi.ids import RecordKey, parse_record_key
from cdi.journey import latest
from cdi.matching.evidence import Evidence
from cdi.pipeline import Installation


def show(
    name: Annotated[str, typer.Argument(metavar="ID_OR_SOURCE:KEY", help="A profile's id, or a source's record.")],
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """One profile, each value with its source and its data owner."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        document = _find(connection, installation, name)
        note_shown(connection, [document["id"]])
        touchpoints = latest(connection, EVERYTHING, UUID(document["id"]))
    if as_json:
        print_json(document)
    else:
        _print_profile(document)
        _print_journey(touchpoints)


def _find(connection: Connection, installation: Installation, name: str) -> dict[str, Any]:
    try:
        answer = profiles.show(connection, installation, EVERYTHING, UUID(name))
    except ValueError:
        key = parse_record_key(name)
        page = profiles.find(
            connection, installation, EVERYTHING, profiles.Query(source=key.source, key=key.key), limit=1
        )
        if not page.items:
            raise NotFoundError(f"source {key.source} has no live customer record with this key") from None
        return page.items[0]
    if answer.document is not None:
        return answer.document
    if answer.profiles:
        raise NotFoundError(f"this id is retired; its records are now in {', '.join(map(str, answer.profiles))}")
    raise GoneError("this profile ended", reason=answer.reason)


def _print_profile(document: dict[str, Any]) -> None:
    out.print(f"[bold]{document['kind']} {document['id']}[/bold]  version {document['version']}")
    out.print(f"data owner: {document['data_owner']} ({document['ownership']['rule']})")
    for other in document["ownership"]["disagreement"]:
        out.print(f"[yellow]owner conflict: {other['rule']} names {other['owner']}[/yellow]")
    table = Table("attribute", "value", "source", "rule", "data owner", "seen", "other values")
    for name, entry in _entries(document["golden"]):
        table.add_row(
            name,
            _shown(name, entry["value"]),
            f"{entry['source']}:{entry['key']}",
            entry["rule"],
            entry["data_owner"],
            when(entry["observed_at"]),
            "\n".join(f"{_shown(name, other['value'])} ({other['source']})" for other in entry["alternatives"]),
        )
    out.print(table)
    records = [(f"{r['source']}:{r['key']}", r["data_owner"], when(r["observed_at"])) for r in document["records"]]
    print_table("Records", ("record", "data owner", "seen"), records)


def _print_journey(journey: list[dict[str, Any]]) -> None:
    if journey:
        rows = [(when(t["at"]), t["channel"], t["type"], t["source"], t.get("subject", "")) for t in journey]
        print_table("Journey", ("at", "channel", "type", "source", "subject"), rows)


def _entries(golden: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    custom = golden.get("attributes", {})
    return [(n, e) for n, e in golden.items() if n != "attributes"] + list(custom.items())


def _shown(attribute: str, value: Any) -> str:
    """A value for people: its parts in the order of the vocabulary, without what merely qualifies it."""
    if not isinstance(value, dict):
        return str(value)
    known = ATTRIBUTES.get(attribute)
    order = known.parts if known else tuple(value)
    return " ".join(str(value[p]) for p in order if p not in {"use", "form", "verified", "shared"} and value.get(p))


def why(
    a: Annotated[str, typer.Argument(metavar="SOURCE:KEY")],
    b: Annotated[str, typer.Argument(metavar="SOURCE:KEY")],
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """The evidence for or against these two records being one customer, also where they were never compared."""
    names = (parse_record_key(a), parse_record_key(b))
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        evidence = profiles.why(connection, installation, *names)
        note_shown(connection, profiles.homes(connection, names))
    if as_json:
        print_json({"a": a, "b": b, **asdict(evidence)})
    else:
        _print_evidence(names, evidence)


def _print_evidence(names: tuple[RecordKey, RecordKey], evidence: Evidence) -> None:
    table = Table("comparison", str(names[0]), str(names[1]), "level", "against household", "against stranger")
    table.add_row(
        "(before anything)", "", "", "", f"{evidence.prior_household:+.2f}", f"{evidence.prior_stranger:+.2f}"
    )
    for line in evidence.lines:
        table.add_row(
            line.name,
            line.left,
            line.right,
            line.level,
            f"{line.against_household:+.2f}",
            f"{line.against_stranger:+.2f}",
        )
    table.add_section()
    table.add_row("sum", "", "", "", f"{evidence.household:+.2f}", f"{evidence.stranger:+.2f}")
    out.print(table)
    out.print(f"match weight {evidence.weight:+.2f}, probability {evidence.probability:.4f}, model {evidence.model}")
    if evidence.blocks:
        out.print(f"compared because of: {', '.join(evidence.blocks)}")
    else:
        out.print("[yellow]no block rule brings these two together: they were never compared[/yellow]")
