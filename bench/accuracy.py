"""`cdi dedupe` with default settings and no labels over every labelled file at hand, each a whole process."""

import json
import subprocess
import sys
from pathlib import Path

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


def _dedupe(records: Path, truth: Path) -> dict:  # type: ignore[type-arg]  # JSON of a known shape
    base = [
        sys.executable,
        "-c",
        "from cdi.cli import main; main()",
        "dedupe",
        str(records),
        "--truth",
        str(truth),
        "--json",
    ]
    header = records.open(encoding="utf-8", errors="replace").readline() if records.suffix == ".csv" else ""
    ignored = [part for column in IGNORED if column in header.strip().split(",") for part in ("--ignore", column)]
    done = subprocess.run([*base, *ignored], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"cdi dedupe failed: {done.stderr.strip()}")
    report: dict = json.loads(done.stdout)  # type: ignore[type-arg]
    return report


def _row(name: str, report: dict) -> list[str]:  # type: ignore[type-arg]
    low, high = report["truth"]["interval_95"]["f1"]
    measures = report["pairwise"]
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
        f"{report['seconds']['total']:.1f}",
        f"{report['peak_memory_mb']:,.0f}",
        report["model"]["origin"],
    ]
