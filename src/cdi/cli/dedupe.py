"""`cdi dedupe`: the engine on one file."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from cdi.cli.terminal import Json, out, print_json, progress_bars
from cdi.dedupe import DedupeReport, DedupeRequest
from cdi.dedupe import dedupe as dedupe_file

COUNTS = (
    "country",
    "records",
    "candidate_pairs",
    "profiles",
    "reviews",
    "largest_profile",
    "households",
    "refused_blocks",
)


def dedupe(
    records: Annotated[Path, typer.Argument(help="CSV or Parquet, one record a row.")],
    mapping: Annotated[Path | None, typer.Option(help="YAML, a line a column: `column: canonical.path`.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="A column to leave out; may be given often.")] = None,
    truth: Annotated[Path | None, typer.Option(help="CSV with record_id,entity_id to measure against.")] = None,
    model: Annotated[Path | None, typer.Option(help="A model to use instead of training one.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Link from this probability; else the model's.")] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal results.")] = 1,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", help="Write the input's rows plus profile_id and household_id here (.csv or .parquet)."),
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="Where values leave it open: DE, GB, US, …; else guessed.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="CSV with left,right,verdict (match, household, no_match): corrects the model.")
    ] = None,
    save_model: Annotated[Path | None, typer.Option(help="Write the model that decided, for --model.")] = None,
    truth_households: Annotated[
        Path | None, typer.Option(help="CSV with record_id (or entity_id),household_id to measure households against.")
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
        labels=labels,
        save_model=save_model,
        truth_households=truth_households,
    )
    with progress_bars() as progress:
        report = dedupe_file(request, progress)
    if as_json:
        print_json(report.as_json())
    else:
        print_dedupe_report(report)


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
    for name in COUNTS:
        facts.add_row(name.replace("_", " "), str(document[name]))
    for name in ("pairwise", "bcubed", "clusters", "household_pairs"):
        if name in document:
            facts.add_row(
                name.replace("_", " "), "  ".join(f"{part} {value:.4f}" for part, value in document[name].items())
            )
    if "blocking_recall" in document:
        facts.add_row("blocking recall", f"{document['blocking_recall']:.4f}")
        facts.add_row("reviews that are true", f"{document['reviews_true']:.2f}")
    facts.add_row("seconds", "  ".join(f"{step} {spent:.1f}" for step, spent in report.seconds.items()))
    facts.add_row("peak memory", f"{report.peak_memory_mb:.0f} MB")
    out.print(facts)
