"""Quality is counted, never enumerated: every measure comes from how many records share labels, so that a
million records in one cluster (half a trillion pairs) cost no more than a million customers of one record.

*Labels* are integer arrays, one entry a record: equal label, same cluster. `truth` may hold -1 where nobody
knows the customer; such records are left out of every measure.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cdi.errors import InvalidInputError
from cdi.matching.pairs import BoolArray, FloatArray, IntArray

UNKNOWN: Final = -1
Z_95: Final = 1.959963984540054  # two-sided 95 % of the normal distribution


@dataclass(frozen=True, slots=True)
class Measure:
    """Precision: of what was joined, what share is right. Recall: of what belongs together, what share was
    joined. Each is 1.0 where there was nothing to get wrong."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def as_dict(self) -> dict[str, float]:
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


@dataclass(frozen=True, slots=True)
class PairCounts:
    """Pairs of records: `shared` are both found and true."""

    found: int
    true: int
    shared: int

    @property
    def measure(self) -> Measure:
        return Measure(_share(self.shared, self.found), _share(self.shared, self.true))


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval of a share, both ends in [0, 1]."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Intervals:
    """What the pairwise measures may be for all customers when those with a known truth are a sample of
    them."""

    precision: Interval
    recall: Interval
    f1: Interval


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that clusters can be told about their quality; `records` are those with a known truth."""

    records: int
    customers: int
    pairwise: Measure
    bcubed: Measure
    clusters: Measure
    intervals: Intervals


def evaluate(clusters: IntArray, truth: IntArray) -> Evaluation:
    """All measures of cluster labels against the true ones, over the records whose truth is known."""
    clusters, truth = known(clusters, truth)
    return Evaluation(
        records=len(truth),
        customers=len(np.unique(truth)),
        pairwise=pairwise(clusters, truth).measure,
        bcubed=bcubed(clusters, truth),
        clusters=clusterwise(clusters, truth),
        intervals=sample_intervals(clusters, truth),
    )


def known(clusters: IntArray, truth: IntArray) -> tuple[IntArray, IntArray]:
    """The records whose true customer is known; both arrays keep their order."""
    if clusters.shape != truth.shape:
        raise InvalidInputError(
            f"{len(clusters)} cluster labels cannot be compared with {len(truth)} true ones",
            remedy="Give one true label, or -1, for each record",
        )
    mask = truth != UNKNOWN
    return clusters[mask], truth[mask]


def codes_of(labels: Iterable[Hashable]) -> IntArray:
    """Any labels as the integers 0, 1, … in order of first appearance."""
    seen: dict[Hashable, int] = {}
    return np.fromiter((seen.setdefault(label, len(seen)) for label in labels), dtype=np.int64)


def pairwise(clusters: IntArray, truth: IntArray) -> PairCounts:
    """Pairs that share a cluster, that are one customer, and both."""
    return PairCounts(pairs_sharing(clusters), pairs_sharing(truth), pairs_sharing(clusters, truth))


def pairs_sharing(*labels: IntArray) -> int:
    """How many pairs of records agree in every one of these labels."""
    _, counts = np.unique(_joint(*labels), return_counts=True)
    # Python integers: a million records in one cluster squared times a few labels may leave 64 bits
    return sum(int(size) * (int(size) - 1) // 2 * int(n) for size, n in zip(*_tally(counts), strict=True))


def bcubed(clusters: IntArray, truth: IntArray) -> Measure:
    """Seen from each record: what share of its cluster is its customer, and of its customer is in its
    cluster."""
    cells = _Cells.of(clusters, truth)
    if not len(truth):
        return Measure(1.0, 1.0)
    own = cells.size.astype(np.float64) ** 2
    precision = float((own / cells.cluster_size[cells.cluster]).sum()) / len(truth)
    recall = float((own / cells.true_size[cells.true]).sum()) / len(truth)
    return Measure(precision, recall)


def clusterwise(clusters: IntArray, truth: IntArray) -> Measure:
    """Clusters that are exactly one whole customer: the share of clusters, and of customers."""
    cells = _Cells.of(clusters, truth)
    size = cells.size
    whole = (size == cells.cluster_size[cells.cluster]) & (size == cells.true_size[cells.true])
    exact = int(whole.sum())
    return Measure(_share(exact, len(cells.cluster_size)), _share(exact, len(cells.true_size)))


def sample_intervals(clusters: IntArray, truth: IntArray) -> Intervals:
    """95 % intervals of the pairwise measures when the *customers* of `truth` are a simple random sample.

    Method: the customer is what was sampled (its pairs depend on each other), so each measure is a ratio of
    two sums over customers; a wrong pair counts half for each of its two. The ratio's variance by
    linearisation gives the number of independent trials that would vary as much, and Wilson's interval is
    taken with that number. Where no error was seen, the number of customers with something to get wrong is
    used: no error is not certainty.
    """
    cells = _Cells.of(clusters, truth)
    inside = _pairs(cells.size)
    across = cells.size * (cells.cluster_size[cells.cluster] - cells.size)
    customers = len(cells.true_size)
    shared = np.bincount(cells.true, weights=inside, minlength=customers).astype(np.float64)
    wrong = np.bincount(cells.true, weights=across, minlength=customers).astype(np.float64)
    found = shared + wrong / 2
    true = _pairs(cells.true_size).astype(np.float64)
    return Intervals(
        precision=_ratio_interval(shared, found),
        recall=_ratio_interval(shared, true),
        f1=_ratio_interval(2 * shared, found + true),
    )


def labelled_pairs(found: BoolArray, true: BoolArray, weight: FloatArray | None = None) -> PairCounts:
    """Counts over single labelled pairs (stewards' decisions, a drawn sample); `weight` says how many pairs
    each stands for. Decisions taken from reviews are no random sample: they are the hard pairs."""
    share = np.ones(len(found)) if weight is None else weight
    return PairCounts(
        found=round(float(share[found].sum())),
        true=round(float(share[true].sum())),
        shared=round(float(share[found & true].sum())),
    )


def wilson(right: float, trials: float) -> Interval:
    """Wilson's 95 % interval of a share of `right` in `trials` independent ones; all of [0, 1] when there
    are none."""
    if trials <= 0:
        return Interval(0.0, 1.0)
    share, z2 = right / trials, Z_95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 / (1 + z2 / trials) * (share * (1 - share) / trials + z2 / (4 * trials**2)) ** 0.5
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def same_customer(left: IntArray, right: IntArray, truth: IntArray) -> BoolArray:
    """Of pairs of row numbers, which are one customer; a pair with an unknown end is not."""
    same: BoolArray = (truth[left] == truth[right]) & (truth[left] != UNKNOWN)
    return same


class BlockingRecall:
    """The share of true pairs that blocking brought together, from candidate pairs as they stream by.

    Candidates must be distinct pairs; nothing of them is kept. Blocking recall bounds the recall of
    everything after.
    """

    def __init__(self, truth: IntArray) -> None:
        self._truth = truth
        self.true = pairs_sharing(truth[truth != UNKNOWN])
        self.candidates = 0
        self.found = 0

    def see(self, left: IntArray, right: IntArray) -> None:
        """Count one chunk of candidate pairs, given as row numbers."""
        self.candidates += len(left)
        self.found += int(same_customer(left, right, self._truth).sum())

    @property
    def value(self) -> float:
        return _share(self.found, self.true)


def household_pairs(
    found_household: IntArray, found_customer: IntArray, true_household: IntArray, true_customer: IntArray
) -> PairCounts:
    """Pairs of records of *different* customers of one household: as found, as true, and both.

    A found household of -1 is "lives with nobody"; records whose true household or customer is unknown are
    left out.
    """
    mask = (true_household != UNKNOWN) & (true_customer != UNKNOWN)
    true, customer = true_household[mask], true_customer[mask]
    found, profile = _alone_where_unknown(found_household[mask]), found_customer[mask]
    return PairCounts(
        found=pairs_sharing(found) - pairs_sharing(found, profile),
        true=pairs_sharing(true) - pairs_sharing(true, customer),
        shared=pairs_sharing(found, true)
        - pairs_sharing(found, true, profile)
        - pairs_sharing(found, true, customer)
        + pairs_sharing(found, true, profile, customer),
    )


@dataclass(frozen=True, slots=True)
class _Cells:
    """The contingency table of two labellings, only its filled cells: which cluster, which customer, how
    many."""

    cluster: IntArray
    true: IntArray
    size: IntArray
    cluster_size: IntArray
    true_size: IntArray

    @classmethod
    def of(cls, clusters: IntArray, truth: IntArray) -> "_Cells":
        cluster, true = _dense(clusters), _dense(truth)
        _, first, size = np.unique(_joint(cluster, true), return_index=True, return_counts=True)
        return cls(
            cluster=cluster[first],
            true=true[first],
            size=size.astype(np.int64),
            cluster_size=np.bincount(cluster).astype(np.int64),
            true_size=np.bincount(true).astype(np.int64),
        )


def _dense(labels: IntArray) -> IntArray:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _joint(*labels: IntArray) -> IntArray:
    """One integer label that is equal where all of them are; made dense at each step, so that it cannot
    overflow."""
    joint = _dense(labels[0])
    for more in labels[1:]:
        dense = _dense(more)
        joint = _dense(joint * (int(dense.max(initial=0)) + 1) + dense)
    return joint


def _tally(counts: NDArray[np.integer]) -> tuple[IntArray, IntArray]:
    sizes, times = np.unique(counts, return_counts=True)
    return sizes.astype(np.int64), times.astype(np.int64)


def _alone_where_unknown(labels: IntArray) -> IntArray:
    alone = labels == UNKNOWN
    fresh = int(labels.max(initial=0)) + 1 + np.arange(len(labels))
    return np.where(alone, fresh, labels).astype(np.int64)


def _pairs(size: IntArray) -> IntArray:
    return size * (size - 1) // 2


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def _ratio_interval(part: FloatArray, whole: FloatArray) -> Interval:
    """Of sum(part) / sum(whole) over customers; see `sample_intervals` for the method."""
    total, concerned = float(whole.sum()), int((whole > 0).sum())
    if not total:
        return Interval(0.0, 1.0)
    ratio = float(part.sum()) / total
    customers = len(whole)
    residual = float(((part - ratio * whole) ** 2).sum())
    variance = residual * customers / max(customers - 1, 1) / total**2
    trials = min(ratio * (1 - ratio) / variance, total) if variance > 0 else concerned
    return wilson(ratio * trials, trials)
