"""`cdi source`: wire in a source system."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.pretty import Pretty
from rich.table import Table
from rich.text import Text

from cdi import sources
from cdi.access import EVERYTHING, Caller, Role
from cdi.cli.installed import installed
from cdi.cli.terminal import HERE, Folder, Json, out, print_json, print_table, span, when
from cdi.sources.preview import Preview, StreamReport

app = typer.Typer(help="Wire in a source system: list, check, preview, replay.", no_args_is_help=True)
OPERATOR = Caller("operator", Role.ADMIN, EVERYTHING)

Name = Annotated[str, typer.Argument(help="The source's name in cdi.yaml.")]


@app.command("list")
def list_sources(folder: Folder = HERE, as_json: Json = False) -> None:
    """The source systems of this deployment, with their data owners."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        found = sources.list_sources(connection, installation, OPERATOR)
    if as_json:
        print_json({"sources": found})
        return
    columns = ("name", "connector", "data_owner", "records", "rejected", "schedule", "next run", "age")
    rows = [
        (*(s[c] for c in columns[:6]), when(s["next_run_at"]) if s["next_run_at"] else "", span(s["lag_seconds"]))
        for s in found
    ]
    print_table("Sources", columns, rows)


@app.command()
def check(name: Name, folder: Folder = HERE, as_json: Json = False) -> None:
    """Ask the source what must hold before it is trusted: reachable, authorised, as expected. Nothing is written."""
    with installed(folder, reading_sources=True) as installation:
        results = sources.check(installation, name)
    if as_json:
        print_json({"source": name, "checks": [asdict(result) for result in results]})
    else:
        for result in results:
            mark = Text("ok   ", "green") if result.ok else Text("WRONG", "red")
            out.print(mark, result.question, f"— {result.detail}" if result.detail else "", soft_wrap=True)
    if not all(result.ok for result in results):
        raise typer.Exit(1)


@app.command()
def preview(
    name: Name,
    limit: Annotated[int, typer.Option(min=0, max=1000, help="Records of each stream to show.")] = 3,
    sample: Annotated[int, typer.Option(min=1, max=100_000, help="Records of each stream to take figures from.")] = 200,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """What would come of it: the first records, native beside canonical; how full each field is, what was not
    understood, what is not read. Nothing is written."""
    with installed(folder, reading_sources=True) as installation:
        found = sources.preview(installation, name, limit, sample)
    if as_json:
        print_json(found.as_dict())
    else:
        _print_preview(found)


def _print_preview(found: Preview) -> None:
    if found.records:
        table = Table("stream", "native", "canonical", title=f"{found.source}: what it says, what we make of it")
        table.show_lines = True
        for record in found.records:
            made = Pretty(record.canonical) if record.reason is None else Text(f"rejected: {record.reason}", "red")
            table.add_row(f"{record.stream}\n{record.key or 'no key'}", Pretty(record.native), made)
        out.print(table)
    for report in found.streams:
        _print_report(report)


def _print_report(report: StreamReport) -> None:
    out.print(Text(f"\n{report.stream} ({report.kind}): {report.records} records looked at", "bold"))
    if not report.records:
        out.print("  nothing came: is the address right, and are there records?")
    for path, share in report.filled.items():
        out.print(f"  {share:>5.0%}  {path}")
    for reason, n in report.rejected.items():
        out.print(Text(f"  {n} rejected: {reason}", "red"), soft_wrap=True)
    for name, n in report.lost.items():
        out.print(Text(f"  {n} with a value for {name} that was not understood, or is junk", "yellow"), soft_wrap=True)
    if report.keys_twice:
        out.print(
            Text(f"  {report.keys_twice} with a key that came before: is the key right?", "yellow"), soft_wrap=True
        )
    unread = [f"{path} ({share:.0%})" for path, share in report.unread.items() if path not in report.suspects]
    for path, meaning in report.suspects.items():
        told = f"  not read, but it looks as if it were needed: {path} — {meaning}"
        out.print(Text(told, "yellow"), soft_wrap=True)
    if unread:
        out.print(f"  not read: {', '.join(unread)}", soft_wrap=True)


@app.command()
def replay(name: Name, folder: Folder = HERE, as_json: Json = False) -> None:
    """Try again what was rejected; what is taken is resolved by the next `cdi resolve` or `cdi run`."""
    with installed(folder, reading_sources=True) as installation:
        result = sources.replay(installation, name)
    if as_json:
        print_json({"source": name, **asdict(result)})
    else:
        out.print(f"{result.taken} records taken, {result.still_rejected} still rejected")
