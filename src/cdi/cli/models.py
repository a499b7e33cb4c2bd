"""Models: `cdi train`, `cdi evaluate`, `cdi simulate`, `cdi model`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cdi import modelling
from cdi.cli.installed import installed
from cdi.cli.terminal import HERE, Folder, Json, out, print_json, print_table, progress_bars

app = typer.Typer(help="The model that decides: apply another, watch it, pause it.", no_args_is_help=True)


@app.command("apply")
def apply_model(folder: Folder = HERE, as_json: Json = False) -> None:
    """Apply the model that cdi.yaml names. Pushes go on meanwhile; what was applied stays when it is killed, and the
    next run goes on. Put it into the background as any command: `cdi model show` says how far it is."""
    with installed(folder) as installation, progress_bars() as progress:
        changed = modelling.apply_model(installation, progress)
    if as_json:
        print_json(changed)
    else:
        figures = [f"{value} {name.replace('_', ' ')}" for name, value in changed.items() if name != "model"]
        out.print(f"model {changed['model']} decides: {', '.join(figures)}")


@app.command()
def pause(folder: Folder = HERE, as_json: Json = False) -> None:
    """Let the run over everything wait: nothing more is applied until `cdi model resume`."""
    with installed(folder) as installation:
        _print_rerun(modelling.pause(installation), as_json)


@app.command()
def resume(folder: Folder = HERE, as_json: Json = False) -> None:
    """Let a paused run go on: in its process if that still lives, else with the next `cdi model apply`."""
    with installed(folder) as installation:
        _print_rerun(modelling.go_on(installation), as_json)


@app.command()
def show(folder: Folder = HERE, as_json: Json = False) -> None:
    """The model that decides, and how far a run over everything is."""
    with installed(folder) as installation:
        told = modelling.show(installation)
    if as_json:
        print_json(told)
        return
    decides = f"model {told['model']} decides" if told["model"] else "no model decides yet"
    out.print(f"{decides}; cdi.yaml names {told['named']}")
    if told["rerun"]:
        out.print(rerun_line(told["rerun"]))


def _print_rerun(rerun: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(rerun)
    else:
        out.print(rerun_line(rerun))


def rerun_line(rerun: dict[str, Any]) -> str:
    """One line on a run over everything."""
    far = f"{rerun['step']} {rerun['done']} of {rerun['total']}" if rerun["total"] else rerun["step"]
    return f"run over everything ({rerun['reason']}, model {rerun['model']}): {rerun['state']}, {far}"


def evaluate(
    truth: Annotated[
        Path | None, typer.Option(help="CSV with source,key,entity_id; else truth.csv of the deployment folder.")
    ] = None,
    golden: Annotated[
        Path | None, typer.Option(help="CSV with entity_id and true values; else truth_golden.csv beside the truth.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model to measure instead of the profiles; give two to compare them.")
    ] = None,
    chart: Annotated[
        Path | None, typer.Option(help="Write precision, recall and F1 by threshold into this HTML file.")
    ] = None,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Measure the profiles, and the golden values, against labelled truth; or models on the same labels."""
    with installed(folder) as installation:
        labels = truth or installation.folder / "truth.csv"
        if chart:
            with progress_bars() as progress:
                page = modelling.chart(installation, labels, model[0] if model else None, progress)
            chart.write_text(page, encoding="utf-8")
            out.print(f"{chart} is written", soft_wrap=True)
            return
        if model:
            with progress_bars() as progress:
                _print_comparison(modelling.compare_models(installation, labels, model, progress), as_json)
            return
        with installation.database.unit_of_work() as connection:
            report = modelling.evaluate(connection, labels, golden)
    if as_json:
        print_json(report)
        return
    out.print(f"{report['records']} labelled records, {report['customers']} customers, {report['profiles']} profiles")
    rows = [(n, *(f"{report[n][p]:.4f}" for p in ("precision", "recall", "f1"))) for n in ("pairwise", "bcubed")]
    print_table("Clusters", ("measure", "precision", "recall", "F1"), rows)
    if report.get("golden"):
        values = [(n, v["profiles"], f"{v['right']:.1%}") for n, v in report["golden"].items()]
        print_table("Golden values", ("attribute", "profiles", "right"), values)


def _print_comparison(report: dict[str, dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    rows = [
        (name, told["version"], measure, *(f"{told[measure][part]:.4f}" for part in ("precision", "recall", "f1")))
        for name, told in report.items()
        for measure in ("pairwise", "bcubed")
    ]
    print_table("Models on the same labels", ("model", "version", "measure", "precision", "recall", "F1"), rows)


def train(
    name: Annotated[str, typer.Option(help="How cdi.yaml will name it.")] = "trained",
    truth: Annotated[Path | None, typer.Option(help="CSV with source,key,entity_id to learn from as well.")] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal models.")] = 1,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Make a new model version from the records and the stewards' decisions. It decides nothing until cdi.yaml
    names it; `cdi simulate` shows before what it would change."""
    with installed(folder) as installation, progress_bars() as progress:
        trained = modelling.train(installation, name, truth, seed, progress)
    if as_json:
        print_json(asdict(trained))
        return
    out.print(f"model {trained.name}, version {trained.version}, from {trained.trained_on}")
    out.print(f"{trained.records} records, {trained.labelled} labelled pairs")
    out.print(f"next: cdi simulate {trained.name}; to use it write matching.model: {trained.name} into cdi.yaml")


def simulate(
    name: Annotated[str | None, typer.Argument(help="A model; the one that cdi.yaml names if none is given.")] = None,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """What a model, with the thresholds of cdi.yaml, would merge, split and leave. Nothing is written."""
    with installed(folder) as installation, progress_bars() as progress:
        simulation = modelling.simulate(installation, name, progress)
    told = simulation.as_dict()
    if as_json:
        print_json(told)
        return
    out.print(f"{told['merges']} merges, {told['splits']} splits, {told['unchanged']} profiles stay as they are")
    rows = [("merge", ", ".join(merge)) for merge in told["samples"]["merges"]]
    rows += [("split", " | ".join(", ".join(p) for p in split["parts"])) for split in told["samples"]["splits"]]
    print_table("Samples", ("what", "which"), rows)
