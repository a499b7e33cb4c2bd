"""`cdi dedupe` with default settings and no labels over every labelled file at hand, each a whole process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import results

IGNORED = {"ssn": "it makes the file easy"}
"""Columns that are left out wherever they are, and why."""

HEAD = (
    "file",
    "records",
    "precision",
    "recall",
    "F1",
    "95 % interval",
    "B-cubed F1",
    "blocking recall",
    "reviews",
    "of them true",
    "household pairs P / R",
    "seconds",
    "peak MB",
    "model",
)


def measure(folder: Path, command: str) -> None:
    """All files of a folder of labelled files (each a folder with records.csv or .parquet and truth.csv)."""
    rows = []
    for truth in sorted(folder.glob("*/truth.csv")):
        records = next(
            (p for p in (truth.with_name("records.csv"), truth.with_name("records.parquet")) if p.exists()), None
        )
        if records is not None:
            rows.append(_row(truth.parent.name, _dedupe(records, truth)))
            print(rows[-1], flush=True)
    body = (
        results.table(HEAD, rows) + "\n\nIgnored columns: " + ", ".join(f"`{c}` ({why})" for c, why in IGNORED.items())
    )
    results.write("Accuracy without labels", command, None, body)


def _dedupe(records: Path, truth: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", "from cdi.cli import main; main()", "dedupe", str(records), "--json"]
    command += ["--truth", str(truth)]
    header = records.open(encoding="utf-8", errors="replace").readline() if records.suffix == ".csv" else ""
    command += [p for column in IGNORED if column in header.strip().split(",") for p in ("--ignore", column)]
    for homes in (truth.with_name("truth_household.csv"), truth.with_name("persons_true.csv")):
        if homes.exists():
            command += ["--truth-households", str(homes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"cdi dedupe failed: {done.stderr.strip()}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _row(name: str, report: dict[str, Any]) -> list[str]:
    low, high = report["truth"]["interval_95"]["f1"]
    measures = report["pairwise"]
    homes = report.get("household_pairs")
    return [
        name,
        f"{report['records']:,}",
        f"{measures['precision']:.4f}",
        f"{measures['recall']:.4f}",
        f"**{measures['f1']:.4f}**",
        f"{low:.3f}–{high:.3f}",
        f"{report['bcubed']['f1']:.4f}",
        f"{report['blocking_recall']:.3f}",
        f"{report['reviews']:,} ({report['reviews'] / report['records']:.1%})",
        f"{report['reviews_true']:.0%}",
        f"{homes['precision']:.3f} / {homes['recall']:.3f}" if homes else "",
        f"{report['seconds']['total']:.1f}",
        f"{report['peak_memory_mb']:,.0f}",
        report["model"]["origin"],
    ]
