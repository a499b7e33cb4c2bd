"""`cdi retention`: what is kept no longer, listed or removed."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from cdi.audit import Trail
from cdi.cli.installed import installed, note_shown, operator
from cdi.cli.terminal import HERE, Folder, Json, err, out, print_json, print_table, progress_bars, when
from cdi.clock import utc_now
from cdi.pipeline import Installation
from cdi.privacy import retention as retaining
from cdi.store.giving_way import Beside


def retention(
    source: Annotated[str | None, typer.Argument(help="Only of this source; of all if none is given.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would go and why; change nothing.")] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Go on where more than max_delete_share of a source is due.")
    ] = False,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Remove what is kept no longer by the rules of cdi.yaml. It may be killed and run again."""
    with installed(folder) as installation:
        if dry_run:
            _preview(installation, source, as_json)
            return
        trail = Trail.of(operator(), "retention", changes=True)
        with progress_bars() as say:
            removed = retaining.run(installation, trail, say, source, confirmed=confirm, beside=Beside.NOTHING)
    if as_json:
        print_json(asdict(removed))
    else:
        rows = [(rule["source"], rule["rule"], rule["removed"], rule["held"]) for rule in removed.rules]
        print_table("Removed", ("source", "rule", "removed", "held"), rows)
        for asked in removed.asks:
            err.print(f"[red]{asked}[/red]: nothing of it was removed; look with --dry-run, then --confirm")
    if removed.asks:
        raise typer.Exit(1)


def _preview(installation: Installation, source: str | None, as_json: bool) -> None:
    with installation.database.unit_of_work() as connection:
        told = retaining.preview(connection, installation, utc_now(), source)
        note_shown(connection, (one["profile"] for one in _records(told) if one["profile"]))
    if as_json:
        print_json(told)
        return
    rows = [
        (rule["source"], rule["rule"], when(rule["kept_since"]), rule["of"], rule["held"], rule["due"])
        for rule in told["rules"]
    ]
    print_table("Due", ("source", "rule", "not since", "there are", "held", "would go"), rows)
    for one in _records(told):
        out.print(f"{one['record']}  last heard of {when(one['last_activity'])}", soft_wrap=True, highlight=False)
    if told["schedule"] is None:
        out.print("the worker removes nothing by itself: cdi.yaml has no retention.schedule")


def _records(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for rule in told["rules"] for one in rule["records"]]
