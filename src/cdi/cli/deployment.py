"""The deployment and its main job: init, run, sync, resolve, status, doctor."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from cdi import deployment as deployments
from cdi import sources
from cdi.cli.installed import installed
from cdi.cli.models import rerun_line
from cdi.cli.service import serve_alone
from cdi.cli.terminal import (
    HERE,
    Folder,
    Json,
    Steps,
    Taking,
    ago,
    err,
    one_line,
    out,
    print_json,
    print_table,
    progress_bars,
    span,
    until,
    when,
)
from cdi.cli.worker import working_beside
from cdi.clock import utc_now
from cdi.pipeline import Installation, Resolved
from cdi.pipeline import resolve as resolve_due
from cdi.signing_in import demo_link, link_of
from cdi.sources import Synced
from cdi.store.sources import Counts

GIVING_WAY = 5
"""How far a run over everything stands back, in steps of nice(2), from those who serve and push meanwhile."""


def init(
    folder: Annotated[Path, typer.Argument(help="A folder that is no deployment yet.")],
    empty: Annotated[bool, typer.Option("--empty", help="Without the sample company.")] = False,
) -> None:
    """Make a new deployment folder: cdi.yaml, connectors/, .env.example; the sample company unless --empty."""
    deployments.create_folder(folder, empty=empty)
    out.print(f"{folder} is ready. Next: cd {folder} && cdi run", soft_wrap=True)


def run(
    folder: Folder = HERE,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End after the summary.")] = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="Make the folder with the sample company if it is not there yet.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Migrate, sync all sources, resolve, print the summary; then serve, and work off what is due meanwhile."""
    if sample and not (folder / "cdi.yaml").exists():
        deployments.create_folder(folder)
    with installed(folder, reading_sources=True) as installation:
        with installation.database.exclusive("run"), progress_bars() as progress:
            synced = sources.sync_sources(installation, (), _reading(progress))
            resolved = resolve_due(installation, progress=progress)
        summary = deployments.status(installation)
        if as_json:
            print_json({**summary, **_told(synced, resolved)})
        else:
            _print_summary(summary, synced, resolved)
        _fail_if(synced)
        if not no_serve:
            if sample and not as_json:
                _print_demo_link(installation)
            with working_beside(installation):
                serve_alone(installation, announce=not as_json)


def sync(
    names: Annotated[list[str] | None, typer.Argument(help="Sources to read; all if none is named.")] = None,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Read what is new at the sources; it becomes due, and `cdi resolve` resolves it."""
    with installed(folder, reading_sources=True) as installation, progress_bars() as progress:
        for name in names or ():
            installation.source(name)
        synced = sources.sync_sources(installation, tuple(names or ()), _reading(progress))
        if as_json:
            print_json(_told(synced))
        else:
            _print_counts(synced.counts)
        _fail_if(synced)


def resolve(
    full: Annotated[bool, typer.Option("--full", help="Everything again from facts, not only what is due.")] = False,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Resolve what is due into profiles. Safe to kill and to repeat."""
    with installed(folder) as installation:
        os.nice(GIVING_WAY)
        with progress_bars() as progress:
            taking = Taking(progress)
            resolved = resolve_due(installation, full=full, progress=taking)
        told = _resolved(resolved)
        if as_json:
            print_json(told | {"seconds": taking.seconds()})
        else:
            out.print(", ".join(f"{value} {name.replace('_', ' ')}" for name, value in told.items()))


def status(folder: Folder = HERE, as_json: Json = False) -> None:
    """Sources, profiles, open reviews and conflicts, and what waits."""
    with installed(folder) as installation:
        summary = deployments.status(installation)
    if as_json:
        print_json(summary)
    else:
        _print_status(summary)


def doctor(folder: Folder = HERE, as_json: Json = False) -> None:
    """Say what is wrong with this installation, and what to do."""
    with installed(folder, reading_sources=True) as installation:
        results = deployments.doctor(installation)
    if as_json:
        print_json({"checks": [{"question": r.question, "ok": r.ok, "detail": r.detail} for r in results]})
    else:
        for result in results:
            mark = Text("ok   ", "green") if result.ok else Text("WRONG", "red")
            out.print(mark, result.question, f"— {result.detail}" if result.detail else "", soft_wrap=True)
    if not all(result.ok for result in results):
        raise typer.Exit(1)


def _print_demo_link(installation: Installation) -> None:
    """The way to the desk for who looks at the sample company."""
    with installation.database.unit_of_work() as connection:
        token = demo_link(connection, utc_now())
    out.print("\nthe desk of a demo steward, by a link that works once, within the hour (cdi user link demo: another):")
    out.print(f"  {link_of(installation.settings.environment, token)}\n", soft_wrap=True)


def _reading(progress: Steps) -> Callable[[str, Counts], None]:
    return lambda source, counts: progress(f"read {source}", counts.read, 0)


def _told(synced: Synced, resolved: Resolved | None = None) -> dict[str, Any]:
    counts = {name: {**_counted(c), "new_versions": c.versions} for name, c in synced.counts.items()}
    told: dict[str, Any] = {"synced": counts, "errors": synced.errors}
    return told | ({"resolved": _resolved(resolved)} if resolved else {})


def _counted(counts: Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in counts.__slots__}


def _resolved(resolved: Resolved) -> dict[str, int]:
    return {
        "records": resolved.records,
        "candidate_pairs": resolved.candidate_pairs,
        "profiles_written": resolved.profiles_written,
        "feed_events": resolved.events,
    }


def _fail_if(synced: Synced) -> None:
    for message in synced.errors.values():
        err.print(Text(f"error: {one_line(message)}", style="red"), soft_wrap=True)
    if synced.errors:
        raise typer.Exit(1)


def _print_counts(counts: dict[str, Counts]) -> None:
    columns = ("source", "read", "added", "changed", "unchanged", "deleted", "rejected")
    rows: Sequence[Sequence[object]] = [
        (name, c.read, c.added, c.changed + c.older, c.unchanged, c.deleted, c.rejected) for name, c in counts.items()
    ]
    print_table("Read", columns, rows)


def _print_summary(summary: dict[str, Any], synced: Synced, resolved: Resolved) -> None:
    _print_counts(synced.counts)
    versions = sum(counts.versions for counts in synced.counts.values())
    changed = versions - sum(counts.older for counts in synced.counts.values())
    out.print(f"This run: {changed} changed records, {versions} new versions, {resolved.events} feed events\n")
    _print_status(summary)


def _print_status(summary: dict[str, Any]) -> None:
    print_table(
        summary["company"],
        ("source", "data owner", "records", "rejected", "last run", "schedule", "next run", "lag"),
        [_source_row(source) for source in summary["sources"]],
    )
    print_table("Profiles by data owner", ("data owner", "profiles"), list(summary["owners"].items()))
    out.print(
        f"{summary['profiles']} profiles (the largest of {summary['largest_profile']} records), "
        f"{summary['reviews']} open reviews, {summary['conflicts']} open conflicts "
        f"({summary['owner_conflicts']} of owners)"
    )
    if summary["rerun"]:
        out.print(rerun_line(summary["rerun"]))
    overdue = [source["name"] for source in summary["sources"] if source["overdue_seconds"] > 60]
    if summary["workers"]:
        out.print(f"worker: {', '.join(summary['workers'])}")
    elif overdue:
        out.print(Text(f"no worker runs, and {', '.join(overdue)} should have been read: cdi worker", "yellow"))
    sent = summary["webhooks"]
    if sent["waiting"] or sent["behind"] or sent["dead"]:
        tried = f", the oldest tried since {when(sent['oldest_tried'])}" if sent["oldest_tried"] else ""
        out.print(
            f"webhooks: {sent['waiting']} deliveries wait{tried}; the slowest is {sent['behind']} events behind,"
            f" {sent['dead']} were given up"
        )
    if summary["waiting"]:
        out.print(
            f"{summary['waiting']} records wait to be resolved, the oldest since {when(summary['oldest_waiting'])}"
        )


def _went(source: dict[str, Any], run: dict[str, Any]) -> str:
    if source["running"]:
        return f"running, {run.get('counts', {}).get('read', 0)} read"
    if not run:
        return "never read"
    failed = source["failures"]
    how = f"failed {failed} times" if failed > 1 else "failed" if failed else run["status"]
    return f"{how}, {ago(run['ended_at'] or run['started_at'])}"


def _source_row(source: dict[str, Any]) -> tuple[object, ...]:
    run = source["last_run"] or {}
    return (
        source["name"],
        source["data_owner"],
        source["records"],
        source["rejected"],
        _went(source, run),
        source["schedule"] or "",
        until(source["next_run_at"]),
        span(source["lag_seconds"]),
    )
