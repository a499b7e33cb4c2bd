"""A command is a thin door: it reads its arguments, calls one use case and prints the answer.

What went wrong and can be put right is one red line on stderr and exit code 1; wrong usage exits with 2. With
`--json` stdout carries one object and nothing else.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from cdi.dedupe import DedupeReport, DedupeRequest
from cdi.dedupe import Progress as Steps
from cdi.dedupe import dedupe as dedupe_file
from cdi.errors import CdiError

app = typer.Typer(
    name="cdi",
    help="Self-hosted identity resolution for customer data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def main() -> None:
    """The program: exit code 0, 1 when a command failed, 2 for wrong usage."""
    try:
        app()
    except (CdiError, OSError) as error:
        err.print(Text(f"error: {one_line(str(error))}", style="red"), soft_wrap=True)
        sys.exit(1)


def one_line(text: str) -> str:
    """Text without line breaks."""
    return " ".join(text.split())


def print_json(document: dict[str, Any]) -> None:
    """One object on stdout, unadorned."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


@app.callback()
def cdi() -> None:
    """Self-hosted identity resolution for customer data."""


@app.command()
def dedupe(
    records: Annotated[Path, typer.Argument(help="CSV or Parquet, one record a row.")],
    mapping: Annotated[Path | None, typer.Option(help="YAML, a line a column: `column: canonical.path`.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="A column to leave out; may be given often.")] = None,
    truth: Annotated[Path | None, typer.Option(help="CSV with record_id,entity_id to measure against.")] = None,
    model: Annotated[Path | None, typer.Option(help="A model to use instead of training one.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Link from this probability; else the model's.")] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal results.")] = 1,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Write the input's rows plus profile_id here (.csv or .parquet).")
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="Where values leave it open: DE, GB, US, …; else guessed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the customers in one file, without a database: to try the engine and to measure it."""
    request = DedupeRequest(
        records=records,
        mapping=mapping,
        ignore=tuple(ignore or ()),
        truth=truth,
        model=model,
        threshold=threshold,
        seed=seed,
        out=out_file,
        country=country.upper() if country else None,
    )
    with progress_bars() as progress:
        report = dedupe_file(request, progress)
    if as_json:
        print_json(report.as_json())
    else:
        print_dedupe_report(report)


@contextmanager
def progress_bars() -> Iterator[Steps]:
    """One bar a step, on stderr, where a person is watching."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        tasks = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=None)
            if total or done:
                bars.update(tasks[step], completed=done, total=total or None)

        yield report


def print_dedupe_report(report: DedupeReport) -> None:
    """The report for people: what was understood, what was decided with, what came out."""
    columns = Table("column", "means", title="Mapping", title_justify="left")
    for column, path in report.mapping.items():
        columns.add_row(column, path or Text("ignored", style="dim"))
    out.print(columns)
    document = report.as_json()
    facts = Table(show_header=False, box=None)
    facts.add_row("model", f"{report.model['version']} ({report.model['origin']})")
    facts.add_row("links from", f"{report.model['match']:.2f}, asks from {report.model['review']:.2f}")
    for name in ("country", "records", "candidate_pairs", "profiles", "reviews", "largest_profile", "refused_blocks"):
        facts.add_row(name.replace("_", " "), str(document[name]))
    for name in ("pairwise", "bcubed", "clusters"):
        if name in document:
            facts.add_row(name, "  ".join(f"{part} {value:.4f}" for part, value in document[name].items()))
    if "blocking_recall" in document:
        facts.add_row("blocking recall", f"{document['blocking_recall']:.4f}")
        facts.add_row("reviews that are true", f"{document['reviews_true']:.2f}")
    facts.add_row("seconds", "  ".join(f"{step} {spent:.1f}" for step, spent in report.seconds.items()))
    facts.add_row("peak memory", f"{report.peak_memory_mb:.0f} MB")
    out.print(facts)
