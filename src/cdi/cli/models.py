"""How good the matching is: `cdi evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from cdi import modelling
from cdi.cli.installed import installed
from cdi.cli.terminal import HERE, Folder, Json, out, print_json, print_table


def evaluate(
    truth: Annotated[
        Path | None, typer.Option(help="CSV with source,key,entity_id; else truth.csv of the deployment folder.")
    ] = None,
    golden: Annotated[
        Path | None, typer.Option(help="CSV with entity_id and true values; else truth_golden.csv beside the truth.")
    ] = None,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Measure the profiles, and the golden values, against labelled truth."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        report = modelling.evaluate(connection, truth or installation.folder / "truth.csv", golden)
    if as_json:
        print_json(report)
        return
    out.print(f"{report['records']} labelled records, {report['customers']} customers, {report['profiles']} profiles")
    rows = [(n, *(f"{report[n][p]:.4f}" for p in ("precision", "recall", "f1"))) for n in ("pairwise", "bcubed")]
    print_table("Clusters", ("measure", "precision", "recall", "F1"), rows)
    if report.get("golden"):
        values = [(n, v["profiles"], f"{v['right']:.1%}") for n, v in report["golden"].items()]
        print_table("Golden values", ("attribute", "profiles", "right"), values)
