"""`cdi source`: wire in a source system."""

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer
from rich.pretty import Pretty
from rich.table import Table
from rich.text import Text

from cdi import deployment as deployments
from cdi import sources
from cdi.cli.installed import installed, operator
from cdi.cli.terminal import HERE, Folder, Json, out, print_json, print_table, progress_bars, span, until
from cdi.ingest.contract import CheckResult
from cdi.ingest.registry import find_connectors
from cdi.pipeline import resolve
from cdi.pipeline.installation import connector_folders
from cdi.settings import load_settings
from cdi.sources.preview import Preview, StreamReport
from cdi.store import sources as source_store

app = typer.Typer(help="Wire in a source system: new, test, check, preview, run.", no_args_is_help=True)


class Kind(StrEnum):
    """How a system is reached; each has a skeleton."""

    FILES = "files"
    SQL = "sql"
    REST = "rest"
    WEBHOOK = "webhook"


Name = Annotated[str, typer.Argument(help="The source's name in cdi.yaml.")]


@app.command("list")
def list_sources(folder: Folder = HERE, as_json: Json = False) -> None:
    """The source systems of this deployment, with their data owners."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        found = sources.list_sources(connection, installation, operator())
    if as_json:
        print_json({"sources": found})
        return
    columns = ("name", "connector", "data_owner", "records", "rejected", "schedule", "next run", "age")
    rows = [(*(s[c] for c in columns[:6]), until(s["next_run_at"]), span(s["lag_seconds"])) for s in found]
    print_table("Sources", columns, rows)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="How the source shall be called: a-z, 0-9, _.")],
    kind: Annotated[Kind | None, typer.Option(help="A system that no connector knows yet: how it is reached.")] = None,
    connector: Annotated[
        str | None, typer.Option("--from", help="The connector that reads it; cdi source connectors lists them.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Its data owner, an id of owners in cdi.yaml.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What these data are for.")] = None,
    retention: Annotated[str | None, typer.Option(help="How long they may be kept: P3Y, P90D.")] = None,
    schedule: Annotated[str | None, typer.Option(help="When the worker reads it: PT1H, or a cron expression.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting of the connector: NAME=VALUE.")] = None,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Wire in a source: an entry in cdi.yaml, and with --kind a new connector to be filled in. Overwrites nothing."""
    if (kind is None) == (connector is None):
        raise typer.BadParameter("say either --kind (a new connector) or --from (one that there is)")
    settings = load_settings(folder)
    said = sources.Said(owner, purpose, retention, schedule, dict(_pair(text) for text in set_ or ()))
    connectors = find_connectors(connector_folders(settings))
    wired = sources.wire_in(settings, connectors, name, kind=kind.value if kind else None, shipped=connector, said=said)
    deployments.write_schemas(folder)
    if as_json:
        print_json(asdict(wired))
        return
    out.print(f"written: {', '.join(wired.written)}", soft_wrap=True)
    steps = [f"say what is left: {place}" for place in wired.unsaid]
    steps += [f"set {', '.join(wired.secrets)}: in the environment, or in .env"] if wired.secrets else []
    if kind is not None:
        steps.append(f"describe the system in connectors/{name}/connector.yaml and fixtures/: docs/connectors.md")
        steps.append(f"cdi source test {name}      does the connector keep its promises on the fixtures?")
    steps.append(f"cdi source check {name}     can the source be reached and read?")
    steps.append(f"cdi source preview {name}   what would come of it?")
    steps.append(f"cdi source run {name}       read it, and resolve its customers")
    for number, step in enumerate(steps, 1):
        out.print(f"{number}. {step}", soft_wrap=True, highlight=False)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise typer.BadParameter(f"--set {text}: write NAME=VALUE")
    return name, value


@app.command()
def connectors(folder: Folder = HERE, as_json: Json = False) -> None:
    """The connectors that there are: shipped, and this deployment's own."""
    settings = load_settings(folder)
    found = find_connectors(connector_folders(settings))
    told = sources.list_connectors(found)
    if as_json:
        print_json({"connectors": told, "broken": found.broken})
        return
    columns = ("name", "title", "maturity", "streams")
    rows = [(c["name"], c["title"], c["maturity"], ", ".join(c["streams"]) or "as cdi.yaml says") for c in told]
    print_table("Connectors", columns, rows)
    for name, reason in found.broken.items():
        out.print(Text(f"{name} is broken: {reason}", "red"), soft_wrap=True)


@app.command()
def schema(folder: Folder = HERE) -> None:
    """Write the JSON Schemas of cdi.yaml and connector.yaml into schemas/, so that editors complete and check."""
    load_settings(folder)
    written = deployments.write_schemas(folder)
    out.print(f"written: {', '.join(map(str, written))}" if written else "they are as they should be", soft_wrap=True)


@app.command()
def test(
    name: Annotated[str, typer.Argument(help="A source in cdi.yaml, or a connector.")],
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Does its connector keep its promises? Tried on the small system in its fixtures/; nothing real is asked."""
    settings = load_settings(folder)
    trial = sources.try_out(settings, find_connectors(connector_folders(settings)), name)
    if as_json:
        results = [asdict(result) for result in trial.results]
        print_json({"connector": trial.connector, "folder": str(trial.folder), "checks": results})
    else:
        out.print(Text(f"connector {trial.connector} in {trial.folder}", "bold"), soft_wrap=True)
        _print_checks(trial.results)
    if not all(result.ok for result in trial.results):
        raise typer.Exit(1)


@app.command()
def run(name: Name, folder: Folder = HERE, as_json: Json = False) -> None:
    """Read this source and resolve its customers: what `cdi sync NAME` and `cdi resolve` do."""
    with installed(folder, reading_sources=True) as installation, progress_bars() as progress:
        counts = sources.read_source(installation, name, lambda source, c: progress(f"read {source}", c.read, 0))
        resolved = resolve(installation, progress=progress)
        with installation.database.unit_of_work() as connection:
            joined = source_store.joined(connection, name)
    told = {**asdict(counts), "resolved": resolved.records, "customers": joined[0], "known_elsewhere": joined[1]}
    if as_json:
        print_json({"source": name, **told})
        return
    out.print(", ".join(f"{value} {what.replace('_', ' ')}" for what, value in asdict(counts).items()))
    out.print(f"its records belong to {joined[0]} profiles, of which {joined[1]} have records of other sources too")


@app.command()
def check(name: Name, folder: Folder = HERE, as_json: Json = False) -> None:
    """Ask the source what must hold before it is trusted: reachable, authorised, as expected. Nothing is written."""
    with installed(folder, reading_sources=True) as installation:
        results = sources.check(installation, name)
    if as_json:
        print_json({"source": name, "checks": [asdict(result) for result in results]})
    else:
        _print_checks(results)
    if not all(result.ok for result in results):
        raise typer.Exit(1)


def _print_checks(results: Sequence[CheckResult]) -> None:
    for result in results:
        mark = Text("ok   ", "green") if result.ok else Text("WRONG", "red")
        out.print(mark, Text(result.question), Text(f"— {result.detail}" if result.detail else ""), soft_wrap=True)


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
    if report.empty:
        out.print(Text(f"     0%  {', '.join(report.empty)}: mapped, and nothing came", "yellow"), soft_wrap=True)
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
def rejected(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Records to show.")] = 20,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """What could not be taken, oldest first: why, and what the source said."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        found = sources.list_rejected(connection, installation, operator(), name, limit)
        reasons = sources.rejection_reasons(connection, installation, operator(), name)
    if as_json:
        print_json({"source": name, "reasons": dict(reasons), "rejected": found})
        return
    if not reasons:
        out.print("nothing is rejected")
    for reason, n in reasons:
        out.print(Text(f"{n} rejected: {reason}", "red"), soft_wrap=True)
    for one in found:
        out.print(f"{one['stream']} {one['key'] or 'no key'}: {one['reason']}", Pretty(one["native"]))
    if reasons:
        out.print(f"corrected there: cdi source run {name}; the mapping changed: cdi source replay {name}")


@app.command()
def replay(name: Name, folder: Folder = HERE, as_json: Json = False) -> None:
    """Apply a changed mapping to what was rejected and to what has landed; `cdi resolve` goes on from there."""
    with installed(folder, reading_sources=True) as installation:
        result = sources.replay(installation, name)
    if as_json:
        print_json({"source": name, **asdict(result)})
    else:
        out.print(
            f"{result.taken} records taken, {result.still_rejected} still rejected,"
            f" {result.remapped} mean something else now"
        )
