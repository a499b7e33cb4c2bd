"""cdi and Splink 5 in alternation on the same normalised records with the same blocking rules, each a whole process
with two threads, training included on both sides.

cdi is judged at its default threshold, Splink at the best threshold that the truth can find for it.
"""

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from bench import results
from bench.measure import Run, run
from bench.normalised import from_files, generated
from cdi.matching.evaluation import Measure, pairwise
from cdi.matching.pairs import FloatArray, IntArray

CACHE = Path("var/bench")
THRESHOLDS: FloatArray = np.concatenate((np.arange(-6.0, 18.0, 0.5), np.arange(18.0, 40.0, 2.0)))
"""Splink's match weights (base 2) at which its clusters are tried."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The runs of one engine on one file (the last one's labels are judged)."""

    name: str
    runs: list[Run]
    quality: Measure
    note: str

    @property
    def seconds(self) -> float:
        return median(run.seconds for run in self.runs)

    @property
    def cpu_seconds(self) -> float:
        return median(run.cpu_seconds for run in self.runs)

    @property
    def peak_mb(self) -> float:
        return median(run.peak_mb for run in self.runs)

    @property
    def pairs(self) -> int:
        return round(self.runs[0].said["pairs"])

    def row(self, records: int) -> list[str]:
        steps = ", ".join(f"{k} {v:.1f}" for k, v in self.runs[-1].said.items() if k != "pairs")
        return [
            self.name,
            f"{self.seconds:.1f}",
            f"{self.cpu_seconds:.1f}",
            f"{self.peak_mb:,.0f}",
            f"{self.pairs:,}",
            f"{self.pairs / records:.2f}",
            f"{self.seconds / self.pairs * 1e6:.1f}",
            f"{self.quality.precision:.4f}",
            f"{self.quality.recall:.4f}",
            f"{self.quality.f1:.4f}",
            f"{self.note}{steps}",
        ]


HEAD = (
    "engine",
    "seconds",
    "CPU seconds",
    "peak MB",
    "pairs",
    "pairs/record",
    "s/million pairs",
    "precision",
    "recall",
    "F1",
    "seconds by step",
)


def measure_generated(size: int, seed: int, repeat: int, command: str) -> None:
    """Generated customers of one size; recordlinkage too where it can keep up."""
    records = generated(size, seed, CACHE)
    body = _compare(records, repeat, with_recordlinkage=size <= 10_000)
    results.write(f"Speed, {size:,} generated customer records", command, seed, body)


def measure_file(name: str, folder: Path, repeat: int, command: str) -> None:
    """A labelled file with records and truth."""
    source = next(path for path in (folder / "records.parquet", folder / "records.csv") if path.exists())
    records = from_files(source, folder / "truth.csv", CACHE, name)
    results.write(f"Speed, {name}", command, None, _compare(records, repeat, with_recordlinkage=False))


def _compare(records: Path, repeat: int, *, with_recordlinkage: bool) -> str:
    truth: IntArray = pq.read_table(records, columns=["entity"])["entity"].to_numpy()
    ours: list[Run] = []
    theirs: list[Run] = []
    with TemporaryDirectory() as folder:
        labels, pairs = str(Path(folder) / "labels.npy"), str(Path(folder) / "pairs.parquet")
        for _ in range(repeat):
            ours.append(run("bench.run_cdi", str(records), labels))
            theirs.append(run("bench.run_splink", str(records), pairs))
        cdi = Outcome("cdi", ours, _quality(labels, truth), "")
        best, threshold = _best(pairs, truth)
        splink = Outcome("Splink 5", theirs, best, f"best threshold {threshold:g} bits; ")
        own = [run("bench.run_cdi", str(records), labels, "--own-blocking")]
        rest = [Outcome("cdi, its own blocking", own, _quality(labels, truth), "")]
        if with_recordlinkage:
            toolkit = [run("bench.run_recordlinkage", str(records), labels)]
            rest.append(Outcome("recordlinkage (ECM)", toolkit, _quality(labels, truth), ""))
    rows = [outcome.row(len(truth)) for outcome in (cdi, splink, *rest)]
    return f"{results.table(HEAD, rows)}\n\n{_ratios(cdi, splink)}"


def _ratios(cdi: Outcome, splink: Outcome) -> str:
    return (
        f"Same rules: cdi takes {cdi.seconds / splink.seconds:.3f} of Splink's time"
        f" ({splink.seconds / cdi.seconds:.1f} times as fast),"
        f" {cdi.cpu_seconds / splink.cpu_seconds:.3f} of its CPU time,"
        f" {cdi.peak_mb / splink.peak_mb:.2f} of its memory;"
        f" F1 {cdi.quality.f1 - splink.quality.f1:+.4f}; pair counts differ by {abs(cdi.pairs / splink.pairs - 1):.2%}."
    )


def _quality(labels: str, truth: IntArray) -> Measure:
    return pairwise(np.load(labels), truth).measure


def _best(pairs: str, truth: IntArray) -> tuple[Measure, float]:
    """Splink's clusters at every threshold, and the best of them by F1."""
    scored = pq.read_table(pairs)
    left, right, weight = (scored[name].to_numpy() for name in ("record_id_l", "record_id_r", "match_weight"))
    tried = [(_clusters(left, right, weight >= t, len(truth)), t) for t in THRESHOLDS]
    measured = [(pairwise(labels, truth).measure, float(t)) for labels, t in tried]
    return max(measured, key=lambda item: item[0].f1)


def _clusters(left: IntArray, right: IntArray, linked: NDArray[np.bool_], count: int) -> IntArray:
    ones = np.ones(int(linked.sum()), dtype=np.int8)
    graph = coo_matrix((ones, (left[linked], right[linked])), shape=(count, count))
    labels: IntArray = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels
