"""Scored pairs become customers: links add up their evidence, a component at a time, in an order that the pairs
themselves give. No result depends on the order of input, and one component alone gives what all together give.

Stewards outrank the pairs: what must be together starts together, what must be apart never joins.
"""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from threading import Thread
from typing import Final

import numpy as np

from cdi.matching.model import contained
from cdi.matching.pairs import BoolArray, FloatArray, IntArray, ScoredPairs, distinct, grouped, in_order, places
from cdi.resolution.components import component_of
from cdi.resolution.decisions import Constraints

Score = Callable[[IntArray, IntArray], ScoredPairs]
"""Scores of pairs of record ids, sorted by ids: what the engine says of pairs that were not compared."""
Rank = Callable[[IntArray], IntArray]
"""The rank of each of these record ids in an order that arrival does not decide: where links tie, it does."""


@dataclass(frozen=True, slots=True)
class ClusterRules:
    """The policy by which links become clusters; weights in nats.

    A pair links at `match` and is a question to a steward from `review`. In the sum over all pairs of two
    clusters a pair speaks for the merge with at most `most_for`, against it with at most `most_against` where
    names or birth dates truly contradict, else with at most `little_against`: having no contact in common is
    weak. Two clusters are a question only when their sum is at least `worth_asking`. No cluster grows beyond
    `max_size`; components beyond `max_component` are first cut at their weakest links.

    Two rivals take neither: where the claims of two clusters on a third differ by less than `margin` and speak
    against each other with at least `rivalry`, the third joins none of them, and stewards are asked about both.
    """

    match: float = 0.0
    review: float = -1.3862943611198906
    most_for: float = 6.0
    most_against: float = 4.0
    little_against: float = 0.5
    worth_asking: float = -2.5
    margin: float = 0.5
    rivalry: float = 1.5
    max_size: int = 1_000
    max_component: int = 3_000


class Reason(StrEnum):
    """Why a pair of clusters is a steward's question."""

    SIMILAR = "similar"  # between review and match
    CONTRADICTED = "contradicted"  # a link that the rest of the two clusters speaks against
    RIVALS = "rivals"  # two others have an equal claim
    SIZE = "size"  # the merge would make a cluster of a size that no customer has


REASONS: Final = (Reason.CONTRADICTED, Reason.SIZE, Reason.RIVALS)
"""Why a merge is refused."""


@dataclass(frozen=True, slots=True)
class Question:
    """A pair of records whose clusters are apart, the strongest of its two clusters, and why it is asked."""

    left: int
    right: int
    weight: float
    reason: Reason


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """By record id (sorted): the smallest record id of its cluster. And what stewards should look at."""

    record_ids: IntArray
    labels: IntArray
    open_questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    """Pairs of positions with their weights over the match threshold, sorted by position."""

    left: IntArray
    right: IntArray
    weight: FloatArray
    contradicts: BoolArray

    def only(self, wanted: BoolArray | IntArray | slice) -> "_Edges":
        if isinstance(wanted, np.ndarray) and wanted.dtype == np.bool_:
            wanted = np.flatnonzero(wanted)  # by a mask it would take many times as long
        return _Edges(self.left[wanted], self.right[wanted], self.weight[wanted], self.contradicts[wanted])


@dataclass(frozen=True, slots=True, eq=False)
class _Refusals:
    """Pairs of positions, packed and ascending, whose merge was refused, and the place of its reason in `REASONS`."""

    pairs: IntArray
    reason: IntArray

    @classmethod
    def of(cls, parts: list[tuple[IntArray, IntArray]]) -> "_Refusals":
        pairs = np.concatenate([np.zeros(0, np.int64), *(pairs for pairs, _ in parts)])
        reason = np.concatenate([np.zeros(0, np.int64), *(reason for _, reason in parts)])
        order = np.argsort(pairs)
        return cls(pairs[order], reason[order])

    def reasons(self, pairs: IntArray, otherwise: BoolArray) -> list[Reason]:
        """Why each of these pairs is asked; where no merge was refused, since it is similar or else contradicted."""
        refused = contained(pairs, self.pairs)
        found = np.where(otherwise, len(REASONS), 0)
        found[refused] = self.reason[np.searchsorted(self.pairs, pairs[refused])]
        every = (*REASONS, Reason.SIMILAR)
        return [every[place] for place in found.tolist()]


def _as_given(record_ids: IntArray) -> IntArray:
    return record_ids


def form_clusters(
    record_ids: IntArray,
    pairs: ScoredPairs,
    constraints: Constraints,
    rules: ClusterRules,
    score: Score,
    rank: Rank = _as_given,
) -> Clusters:
    """The clusters of these records. `pairs` are those at or above review; pairs of records not given are left
    out; `score` is asked once for pairs inside components that `pairs` does not hold, `rank` once for the records
    of components in which not all agree."""
    if len(pairs) > MANY_PAIRS:
        _load_beside()
    ids = distinct(np.asarray(record_ids, np.int64))
    edges = _edges_of(ids, pairs, rules)
    together, apart = _positions(ids, constraints)
    forbidden = distinct(_pack(apart[:, 0], apart[:, 1]))
    links = edges.only((edges.weight >= 0) & ~contained(_pack(edges.left, edges.right), forbidden))
    component = _components(len(ids), links, together, rules)
    labels, refused = _agglomerate(ids, edges, links, component, together, forbidden, rules, score, rank)
    questions = _questions(edges, labels, forbidden, rules)
    worth = _pairs_between(labels, questions) > MOST_SUMMED  # large clusters: their strongest pair is question enough
    summed = np.flatnonzero(~worth)
    worth[summed] = _sums_between(ids, edges, labels, questions.only(summed), rules, score) >= rules.worth_asking
    questions = questions.only(worth)
    return Clusters(ids, ids[labels], _told(ids, questions, refused, rules))


def _edges_of(ids: IntArray, pairs: ScoredPairs, rules: ClusterRules) -> _Edges:
    left, right = places(ids, pairs.left), places(ids, pairs.right)
    bounded_left, bounded_right = np.minimum(left, len(ids) - 1), np.minimum(right, len(ids) - 1)
    known = np.zeros(len(pairs), dtype=bool)
    if len(ids):
        known = (ids[bounded_left] == pairs.left) & (ids[bounded_right] == pairs.right)
    edges = _Edges(left, right, pairs.weight - rules.match, pairs.contradicts)
    if not known.all():
        edges = edges.only(known)
    packed = edges.left << 32 | edges.right
    if bool((packed[1:] >= packed[:-1]).all()):
        return edges
    return edges.only(np.lexsort((edges.right, edges.left)))


def _positions(ids: IntArray, constraints: Constraints) -> tuple[list[IntArray], IntArray]:
    """Constraints as positions, of records that are present."""
    place = (
        {int(record): position for position, record in enumerate(ids.tolist())}
        if (constraints.together or constraints.apart)
        else {}
    )
    together = [np.array(sorted(place[r] for r in group if r in place), np.int64) for group in constraints.together]
    apart = sorted((place[a], place[b]) for a, b in constraints.apart if a in place and b in place)
    return [group for group in together if len(group) > 1], np.array(apart, np.int64).reshape(-1, 2)


def _pack(left: IntArray, right: IntArray) -> IntArray:
    return np.minimum(left, right) << 32 | np.maximum(left, right)


def _connected(n: int, left: IntArray, right: IntArray) -> IntArray:
    """By position, the smallest position of its component."""
    component = component_of(n, left, right)
    smallest = np.full(int(component.max(initial=-1)) + 1, n, np.int64)
    smallest[component[::-1]] = np.arange(n)[::-1]  # what is assigned last stays
    return smallest[component]


def _components(n: int, links: _Edges, together: list[IntArray], rules: ClusterRules) -> IntArray:
    """Components over links and must-links; one too large is cut at ever higher weights until it fits.

    Where the next cut would leave nothing (copies of one record are all equally alike) it stays whole, and the guard on
    the size of clusters holds it."""
    chains = [np.column_stack((group[:-1], group[1:])) for group in together]
    must = np.concatenate(chains) if chains else np.zeros((0, 2), np.int64)
    floor = 0.0
    while True:
        component = _connected(n, np.concatenate((links.left, must[:, 0])), np.concatenate((links.right, must[:, 1])))
        sizes = np.bincount(component, minlength=n)
        if sizes.max(initial=0) <= rules.max_component:
            return component
        large = sizes[component] > rules.max_component
        floor += 1.0
        strongest = np.full(n, -np.inf)
        np.maximum.at(strongest, component[links.left], links.weight)
        cut = large[links.left] & (strongest[component[links.left]] >= floor)
        if not cut.any():
            return component
        links = links.only(~cut | (links.weight >= floor))


def _agglomerate(
    ids: IntArray,
    edges: _Edges,
    links: _Edges,
    component: IntArray,
    together: list[IntArray],
    forbidden: IntArray,
    rules: ClusterRules,
    score: Score,
    rank: Rank,
) -> tuple[IntArray, _Refusals]:
    """Labels by position (the smallest position of the cluster), and merges that were refused."""
    labels = np.arange(len(ids))
    sizes = np.bincount(component, minlength=len(ids))
    tied = np.zeros(len(ids), dtype=bool)
    for group in together:
        tied[component[group[0]]] = True
    pairs_only = (sizes[component[links.left]] == 2) & ~tied[component[links.left]]
    labels[links.right[pairs_only]] = links.left[pairs_only]
    members = np.flatnonzero(((sizes > 2) | tied)[component])
    refused: list[tuple[IntArray, IntArray]] = []
    if len(members) == 0:
        return labels, _Refusals.of(refused)
    complete = _complete(ids, edges, component, members, rules, score)
    in_component = component[complete.left]
    blocked = contained(_pack(complete.left, complete.right), forbidden)
    agreeing = _all_agree(len(ids), in_component, (complete.weight >= 0) & ~blocked)
    simple = agreeing & (sizes <= rules.max_size)
    together_simply = members[simple[component[members]]]
    labels[together_simply] = component[together_simply]
    hard = np.flatnonzero(~simple[in_component])
    place = _ranked(ids, distinct(np.concatenate((complete.left[hard], complete.right[hard]))), rank)
    ends = _pack(place[complete.left[hard]], place[complete.right[hard]])
    remaining, blocked = complete.only(hard), blocked[hard]
    said = np.where(blocked, -np.inf, contributions(remaining.weight, remaining.contradicts, rules))
    ties: dict[int, list[IntArray]] = {}
    for group in together:
        ties.setdefault(int(component[group[0]]), []).append(group)
    if len(said) > MANY_PAIRS:
        others, of_small = _merge_small(remaining, said, ends, component, members, ties, labels, rules)
        remaining, said, ends = remaining.only(others), said[others], ends[others]
        refused.append(of_small)
    order = in_order(component[remaining.left], -_exact(remaining.weight), ends)
    remaining, said = remaining.only(order), said[order]
    members_of = _members(component, members, component[remaining.left])
    for part, run in _runs(component[remaining.left]):
        nodes = members_of(part)
        merging = _Merging(nodes, remaining.only(run), said[run], rules)
        merging.tie(ties.get(part, []))
        refused.append(merging.run())
        labels[nodes] = nodes[merging.labels()]
    return labels, _Refusals.of(refused)


MANY_PAIRS: Final = 20_000
"""From so many pairs on, compiled loops are worth what it costs to load them."""


@cache
def _load_beside() -> None:
    """Begins to load the compiled loops in a thread of its own, once a process."""

    def load() -> None:
        from cdi.resolution import merging  # noqa: PLC0415  # loads numba: that is what this is for

        merging.load()

    Thread(target=load, name="loops of clusters", daemon=True).start()


def _merge_small(
    pairs: _Edges,
    said: FloatArray,
    ends: IntArray,
    component: IntArray,
    members: IntArray,
    ties: dict[int, list[IntArray]],
    labels: IntArray,
    rules: ClusterRules,
) -> tuple[IntArray, tuple[IntArray, IntArray]]:
    """Merges all small components in which no steward decided, all at once; which pairs are of the others, and the
    merges that were refused. Pairs that tie come in the order of their `ends`."""
    from cdi.resolution import merging  # noqa: PLC0415  # loads numba, so only where it pays

    part = component[pairs.left]
    sizes = np.bincount(component, minlength=len(component))
    chosen = (sizes[part] <= merging.MOST) & ~contained(part, np.array(sorted(ties), np.int64))
    some = np.flatnonzero(chosen)
    counts = np.bincount(part[some], minlength=len(component))
    parts = np.flatnonzero(counts)
    counts = counts[parts]
    nodes = _members_in(component, members, parts)
    starts, pair_starts = (np.concatenate(([0], np.cumsum(of))) for of in (sizes[parts], counts))
    number = np.zeros(len(component), np.int64)
    number[parts] = np.arange(len(parts))
    claim = _exact(pairs.weight[some])
    order = merging.ordered(number[part[some]], pair_starts, claim, ends[some])
    some, claim = some[order], claim[order]
    small = pairs.only(some)
    place = np.zeros(len(component), np.int64)
    place[nodes] = np.arange(len(nodes)) - np.repeat(starts[:-1], sizes[parts])
    first, outcome = np.empty(len(nodes), np.int64), np.zeros(len(some), np.uint8)
    of_pairs = (place[small.left], place[small.right], small.weight, claim, said[some])

    def merge(begin: int, end: int) -> None:
        policy = (rules.margin, rules.rivalry, rules.max_size)
        merging.merge_all(starts, pair_starts, *of_pairs, first, outcome, begin, end, *policy)

    half = len(parts) // 2
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(merge, (0, half), (half, len(parts))))
    labels[nodes] = nodes[np.repeat(starts[:-1], sizes[parts]) + first]
    told = np.flatnonzero(outcome)
    return np.flatnonzero(~chosen), (_pack(small.left[told], small.right[told]), outcome[told].astype(np.int64) - 1)


def _ranked(ids: IntArray, positions: IntArray, rank: Rank) -> IntArray:
    """By position, the rank of its record; 0 where nobody asks."""
    place = np.zeros(len(ids), np.int64)
    if len(positions):
        place[positions] = rank(ids[positions])
    return place


def _members_in(component: IntArray, members: IntArray, parts: IntArray) -> IntArray:
    """The members of these components, component by component."""
    wanted = np.zeros(len(component), dtype=bool)
    wanted[parts] = True
    members = members[wanted[component[members]]]
    return grouped(component[members], members)


def _members(component: IntArray, members: IntArray, parts: IntArray) -> Callable[[int], IntArray]:
    """The members of each of these components, in order."""
    order = _members_in(component, members, parts)
    sorted_components = component[order]

    def of(part: int) -> IntArray:
        begin, end = np.searchsorted(sorted_components, (part, part + 1))
        return order[begin:end]

    return of


def _runs(values: IntArray) -> Iterator[tuple[int, slice]]:
    """Each value of a sorted array with the part of the array where it stands."""
    borders = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1], [True]))) if len(values) else values
    for begin, end in itertools.pairwise(borders.tolist()):
        yield int(values[begin]), slice(begin, end)


def _all_agree(n: int, component: IntArray, agrees: BoolArray) -> BoolArray:
    """By component: does every pair inside it agree?"""
    result = np.ones(n, dtype=bool)
    result[component[~agrees]] = False
    return result


def _complete(
    ids: IntArray, edges: _Edges, component: IntArray, members: IntArray, rules: ClusterRules, score: Score
) -> _Edges:
    """All pairs inside the members' components, those that are missing scored now."""
    order = grouped(component[members], members)
    of = component[order]
    concerned = np.zeros(len(component), dtype=bool)
    concerned[of] = True
    inside = component[edges.left] == component[edges.right]
    known = edges.only(inside & concerned[component[edges.left]])
    begins = np.flatnonzero(np.concatenate(([True], of[1:] != of[:-1], [True])))
    missing = _missing(known, order, begins, rules)
    if len(missing) == 0:
        return known
    scored = score(ids[missing >> 32], ids[missing & 0xFFFFFFFF])
    left, right = places(ids, scored.left), places(ids, scored.right)
    return _Edges(
        np.concatenate((known.left, left)),
        np.concatenate((known.right, right)),
        np.concatenate((known.weight, scored.weight - rules.match)),
        np.concatenate((known.contradicts, scored.contradicts)),
    )


def _missing(known: _Edges, order: IntArray, begins: IntArray, rules: ClusterRules) -> IntArray:
    """The pairs inside components that are not known, packed: the members of a component stand in `order` from where it
    begins to where the next one does, and the last one ends."""
    if len(known.left) > MANY_PAIRS:
        from cdi.resolution import merging  # noqa: PLC0415  # loads numba, so only where it pays

        return distinct(merging.missing_pairs(begins, order, known.left, known.right, rules.max_component))
    sizes = np.diff(begins)
    made = [np.zeros(0, np.int64)]
    for size in distinct(sizes).tolist():
        if size > rules.max_component:
            continue
        i, j = np.triu_indices(size, 1)
        block = order[begins[:-1][sizes == size, None] + np.arange(size)]
        made.append(_pack(block[:, i].ravel(), block[:, j].ravel()))
    wanted = distinct(np.concatenate(made))
    return wanted[~contained(wanted, _pack(known.left, known.right))]


def contributions(weight: FloatArray, contradicts: BoolArray, rules: ClusterRules) -> FloatArray:
    """What each pair says in the sum over two clusters."""
    least = np.where(contradicts, -rules.most_against, -rules.little_against)
    return _exact(np.clip(weight, least, rules.most_for))


def _exact(weight: FloatArray) -> FloatArray:
    """Weights in steps of a millionth, so that their sums are exact and the same in every order of adding."""
    return np.rint(weight * STEPS) / STEPS


STEPS: Final = 2.0**20


class _Merging:
    """Greedy agglomeration of one component: links by descending weight (those that tie by the rank of their
    records), two clusters join when the sum over all pairs between them is positive. `pairs` are all pairs of the
    component in that order, `said` what each counts.

    A component too large for all its pairs has links only and joins along them; the guard on size holds it.
    """

    def __init__(self, nodes: IntArray, pairs: _Edges, said: FloatArray, rules: ClusterRules) -> None:
        self.nodes = nodes
        self.rules = rules
        self.pairs = pairs
        self.said = said
        self.left = np.searchsorted(nodes, pairs.left)
        self.right = np.searchsorted(nodes, pairs.right)
        self.root = list(range(len(nodes)))
        self.size = [1] * len(nodes)
        self.alive = np.ones(len(nodes), dtype=bool)
        self.all_apart = len(nodes) > rules.max_component and bool(np.isneginf(said).any())
        self.sums = None if len(nodes) > rules.max_component else np.zeros((len(nodes), len(nodes)))
        if self.sums is not None:
            self.sums[self.left, self.right] = said
            self.sums[self.right, self.left] = said
            # Whose claim is stronger is told by the weights themselves, not by what at most counts.
            self.claims = np.zeros_like(self.sums)
            weight = _exact(pairs.weight)
            self.claims[self.left, self.right] = weight
            self.claims[self.right, self.left] = weight

    def tie(self, groups: list[IntArray]) -> None:
        """Join what stewards joined."""
        for group in groups:
            places = np.searchsorted(self.nodes, group).tolist()
            for place in places[1:]:
                self._join(*sorted((self._find(places[0]), self._find(place))))

    def run(self) -> tuple[IntArray, IntArray]:
        """Follow the links; the pairs of positions that were refused, packed, and why (see `_Refusals`)."""
        refused: list[tuple[int, int, int]] = []
        links = np.flatnonzero((self.pairs.weight >= 0) & ~np.isneginf(self.said))
        for i, j in zip(self.left[links].tolist(), self.right[links].tolist(), strict=True):
            x, y = sorted((self._find(i), self._find(j)))
            if x == y:
                continue
            reason = self._objection(x, y)
            if reason is None:
                self._join(x, y)
            else:
                refused.append((i, j, REASONS.index(reason)))
        told = np.array(refused, np.int64).reshape(-1, 3)
        return _pack(self.nodes[told[:, 0]], self.nodes[told[:, 1]]), told[:, 2]

    def labels(self) -> list[int]:
        return [self._find(i) for i in range(len(self.root))]

    def _find(self, i: int) -> int:
        while self.root[i] != i:
            self.root[i] = self.root[self.root[i]]
            i = self.root[i]
        return i

    def _objection(self, x: int, y: int) -> Reason | None:
        if self.all_apart or (self.sums is not None and self.sums[x, y] <= 0):
            return Reason.CONTRADICTED
        if self.size[x] + self.size[y] > self.rules.max_size:
            return Reason.SIZE
        return Reason.RIVALS if self._has_rival(x, y) or self._has_rival(y, x) else None

    def _has_rival(self, between: int, side: int) -> bool:
        """Whether another cluster claims `between` as well as `side` does, and is not one with it."""
        if self.sums is None:
            return False
        claims = self.claims[between]
        rivals = self.alive & (self.sums[between] > 0) & (np.abs(claims - claims[side]) < self.rules.margin)
        rivals[[between, side]] = False
        return bool((self.sums[side, rivals] <= -self.rules.rivalry).any())

    def _join(self, x: int, y: int) -> None:
        if x == y:
            return
        if self.sums is not None:
            self.sums[x] += self.sums[y]
            self.sums[:, x] = self.sums[x]
            self.claims[x] += self.claims[y]
            self.claims[:, x] = self.claims[x]
        self.root[y] = x
        self.size[x] += self.size[y]
        self.alive[y] = False


def _questions(edges: _Edges, labels: IntArray, forbidden: IntArray, rules: ClusterRules) -> _Edges:
    """Of each two clusters that a pair at or above review connects, the strongest pair."""
    open_ = (labels[edges.left] != labels[edges.right]) & (edges.weight + rules.match >= rules.review)
    open_ &= ~contained(_pack(labels[edges.left], labels[edges.right]), _between(labels, forbidden))
    asked = edges.only(open_)
    between = _pack(labels[asked.left], labels[asked.right])
    order = in_order(between, -asked.weight, _pack(asked.left, asked.right))
    first = order[np.concatenate(([True], between[order][1:] != between[order][:-1]))] if len(order) else order
    return asked.only(np.sort(first))


MOST_SUMMED: Final = 100_000
"""Of two clusters with more pairs between them not all pairs are looked at."""


def _pairs_between(labels: IntArray, asked: _Edges) -> IntArray:
    """How many pairs lie between the two clusters of each question."""
    sizes = np.bincount(labels, minlength=len(labels))
    return sizes[labels[asked.left]] * sizes[labels[asked.right]]


def _sums_between(
    ids: IntArray, edges: _Edges, labels: IntArray, asked: _Edges, rules: ClusterRules, score: Score
) -> FloatArray:
    """For each question, what all pairs between its two clusters say together."""
    left, right = labels[asked.left], labels[asked.right]
    concerned = np.zeros(len(ids), dtype=bool)
    concerned[left] = concerned[right] = True
    members = np.flatnonzero(concerned[labels])
    order = grouped(labels[members], members)
    begins = np.concatenate(([0], np.cumsum(np.bincount(labels[members], minlength=len(ids)))))
    width = begins[right + 1] - begins[right]
    counts = (begins[left + 1] - begins[left]) * width
    question = np.repeat(np.arange(len(asked.left)), counts)
    within = np.arange(len(question)) - np.repeat(np.cumsum(counts) - counts, counts)
    i = order[begins[left][question] + within // np.maximum(width[question], 1)]
    j = order[begins[right][question] + within % np.maximum(width[question], 1)]
    wanted = _pack(i, j)
    by_pair = np.argsort(wanted)  # what is looked up in order is found several times as quickly
    wanted, question = wanted[by_pair], question[by_pair]
    said, known = _said(edges, wanted, rules)
    missing = distinct(wanted[~known])
    if len(missing):
        scored = score(ids[missing >> 32], ids[missing & 0xFFFFFFFF])
        left, right = places(ids, scored.left), places(ids, scored.right)
        found = _Edges(left, right, scored.weight - rules.match, scored.contradicts)
        said[~known] = _said(found, wanted[~known], rules)[0]
    return np.bincount(question, said, len(asked.left)).astype(np.float64)


def _said(edges: _Edges, pairs: IntArray, rules: ClusterRules) -> tuple[FloatArray, BoolArray]:
    """What these ascending pairs say in a sum, and which are among these ascending edges; others say nothing."""
    packed = _pack(edges.left, edges.right)
    known = contained(pairs, packed)
    found = edges.only(np.searchsorted(packed, pairs[known]))
    said = np.zeros(len(pairs))
    said[known] = contributions(found.weight, found.contradicts, rules)
    return said, known


def _told(ids: IntArray, asked: _Edges, refused: _Refusals, rules: ClusterRules) -> tuple[Question, ...]:
    reasons = refused.reasons(_pack(asked.left, asked.right), asked.weight < 0)
    ends = (ids[asked.left].tolist(), ids[asked.right].tolist(), (asked.weight + rules.match).tolist())
    return tuple(map(Question, *ends, reasons))


def _between(labels: IntArray, forbidden: IntArray) -> IntArray:
    """Pairs of clusters that a steward keeps apart."""
    return distinct(_pack(labels[forbidden >> 32], labels[forbidden & 0xFFFFFFFF]))
