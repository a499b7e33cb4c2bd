"""The engine on one file, without a database: for trying it out and for measuring it.

A file is read twice as a stream (once to learn its habits, once to normalise), so that memory holds the
engine's columns and never the file. What is reported is what happened: the mapping used, the model used, and
how long each step took.
"""

import os
import resource
import sys
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from cdi.errors import InvalidInputError
from cdi.ids import pair
from cdi.ingest.tables import CsvTable, TextTable, open_table, write_table, write_text
from cdi.matching.blocking import Limits, all_pairs, refuse_oversized
from cdi.matching.building import TableBuilder
from cdi.matching.columns import RecordTable
from cdi.matching.engine import MatchResult, match, score
from cdi.matching.evaluation import (
    UNKNOWN,
    BlockingRecall,
    Evaluation,
    Interval,
    Measure,
    codes_of,
    evaluate,
    household_pairs,
    same_customer,
)
from cdi.matching.labelled import Label, LabelledPairs
from cdi.matching.model import MatchModel, default_model
from cdi.matching.pairs import IntArray, ScoredPairs
from cdi.matching.training import can_train, start_model, train
from cdi.normalise.dates import column_day_first
from cdi.normalise.headers import (
    RECORD_ID,
    ROLES,
    SOURCE,
    Assembler,
    Targets,
    guess_country,
    guess_targets,
    parse_path,
    read_mapping,
)
from cdi.normalise.record import Context, canonicalise, normalise
from cdi.resolution.clusters import ClusterRules, Clusters, form_clusters
from cdi.resolution.decisions import Constraints
from cdi.resolution.households import find_households

SAMPLED: Final = 5_000  # rows from whose values columns are understood
DATES_SAMPLED: Final = 20_000  # dates of one source from which the order of day and month is told
CHUNK: Final = 5_000
MANY_RECORDS: Final = 40_000  # from here on several processes normalise
WORKERS: Final = min(4, os.cpu_count() or 1)
PROFILE_ID: Final = "profile_id"
HOUSEHOLD_ID: Final = "household_id"

Progress = Callable[[str, int, int], None]
"""Called with the step and how much of how much is done; a total of 0 means that nobody knows."""


@dataclass(frozen=True, slots=True)
class DedupeRequest:
    """What `cdi dedupe` was asked. `ignore` names columns; `threshold` is a probability; `country` (ISO 3166)
    decides what a value leaves open, guessed from the file where not given."""

    records: Path
    mapping: Path | None = None
    ignore: tuple[str, ...] = ()
    truth: Path | None = None
    model: Path | None = None
    threshold: float | None = None
    seed: int = 1
    out: Path | None = None
    country: str | None = None
    labels: Path | None = None
    save_model: Path | None = None
    truth_households: Path | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """What the truth says of the result. `reviews_true` is the share of open reviews that are one
    customer."""

    evaluation: Evaluation
    blocking_recall: float
    reviews_true: float
    unknown_ids: int
    households: Measure | None = None


@dataclass(frozen=True, slots=True)
class DedupeReport:
    """What was done with one file, and how it went."""

    records: int
    candidate_pairs: int
    profiles: int
    reviews: int
    largest_profile: int
    seconds: Mapping[str, float]
    peak_memory_mb: float
    mapping: Mapping[str, str | None]
    country: str
    model: Mapping[str, Any]
    refused_blocks: int
    households: int
    quality: Quality | None = None

    def as_json(self) -> dict[str, Any]:
        """The promised object; measures only where a truth was given."""
        report = {name: getattr(self, name) for name in self.__slots__ if name != "quality"}
        report["seconds"] = {step: round(seconds, 3) for step, seconds in self.seconds.items()}
        return report if self.quality is None else {**report, **_quality_as_json(self.quality)}


def _quality_as_json(quality: Quality) -> dict[str, Any]:
    def ends(interval: Interval) -> list[float]:
        return [interval.low, interval.high]

    evaluation = quality.evaluation
    intervals = evaluation.intervals
    return {
        "pairwise": evaluation.pairwise.as_dict(),
        "bcubed": evaluation.bcubed.as_dict(),
        "clusters": evaluation.clusters.as_dict(),
        "blocking_recall": quality.blocking_recall,
        "reviews_true": quality.reviews_true,
        **({"household_pairs": quality.households.as_dict()} if quality.households else {}),
        "truth": {
            "records": evaluation.records,
            "entities": evaluation.customers,
            "unknown_ids": quality.unknown_ids,
            "interval_95": {
                "precision": ends(intervals.precision),
                "recall": ends(intervals.recall),
                "f1": ends(intervals.f1),
            },
        },
    }


def dedupe(request: DedupeRequest, progress: Progress | None = None) -> DedupeReport:
    """Find the customers in a file; raises InvalidInputError for a file, mapping, truth or model that is no
    such."""
    if request.threshold is not None and not 0 < request.threshold < 1:
        raise InvalidInputError("the threshold is a probability", remedy="Give one between 0 and 1, for instance 0.5")
    watch = _Watch(progress)
    plan = _plan(request)
    survey = _survey(plan, watch)
    truth = _read_truth(request.truth, survey) if request.truth else None
    table = _normalised(plan, survey, watch)
    model, origin = _model(request, plan, survey, table, watch)
    with watch.step("match"):
        result = match(table, model, progress=watch.reporter("match"))
    clusters = _clusters(table, model, result, watch)
    homes = find_households(table, clusters.labels, result.households).labels
    quality = None
    if truth is not None:
        quality = _quality(request, table, model, clusters, homes, truth, survey)
    if request.out:
        with watch.step("write"):
            _write(request.out, plan, clusters.labels, homes)
    _, sizes = np.unique(clusters.labels, return_counts=True)
    return DedupeReport(
        records=survey.records,
        candidate_pairs=result.candidate_pairs,
        profiles=len(sizes),
        reviews=len(clusters.open_questions),
        largest_profile=int(sizes.max(initial=0)),
        seconds=watch.seconds(result.seconds),
        peak_memory_mb=round(peak_memory_mb(), 1),
        mapping={c: plan.targets[c].path if c in plan.targets else None for c in plan.table.columns},
        country=plan.country,
        model=origin,
        refused_blocks=len(result.blocks.refusals),
        households=len(np.unique(homes)),
        quality=quality,
    )


def read_records(request: DedupeRequest) -> RecordTable:
    """The engine's table of a file's records, normalised; a record's id is its row, from 0. For experiments with
    the engine itself (see `matching.bridge`)."""
    plan, watch = _plan(request), _Watch(None)
    return _normalised(plan, _survey(plan, watch), watch)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a file is read: its table, what its columns mean, and the country that decides open questions."""

    table: TextTable
    targets: Targets
    country: str

    def column(self, role: str) -> int | None:
        """The position of the column with this role or path, if there is one."""
        for position, column in enumerate(self.table.columns):
            if column in self.targets and self.targets[column].path == role:
                return position
        return None


def _plan(request: DedupeRequest) -> _Plan:
    table = open_table(request.records)
    sample = list(islice(table.rows(), SAMPLED))
    if not sample:
        raise InvalidInputError(f"{table.path} has a header and no records")
    unknown = [column for column in request.ignore if column not in table.columns]
    if unknown:
        raise InvalidInputError(f"there is no column {unknown[0]!r} to ignore", remedy=_columns_are(table))
    samples = {
        column: [row[i] for row in sample] for i, column in enumerate(table.columns) if column not in request.ignore
    }
    targets = _targets(request, table, samples)
    if all(target.path in ROLES for target in targets.values()):
        raise InvalidInputError(
            f"no column of {table.path} is understood",
            remedy=f"{_columns_are(table)} Say with --mapping what they mean",
        )
    return _Plan(table, targets, request.country or guess_country(samples, targets))


def _columns_are(table: TextTable) -> str:
    shown = ", ".join(table.columns[:40])
    return f"The columns are {shown}{', …' if len(table.columns) > 40 else ''}."


def _targets(request: DedupeRequest, table: TextTable, samples: Mapping[str, Sequence[str]]) -> Targets:
    guessed = guess_targets(samples)
    if request.mapping is None:
        return guessed
    given = read_mapping(_text_of(request.mapping), str(request.mapping))
    missing = [column for column in given if column not in table.columns]
    if missing:
        raise InvalidInputError(
            f"{request.mapping} names the column {missing[0]!r}, which {table.path} has not",
            remedy=_columns_are(table),
        )
    roles = {column: target for column, target in guessed.items() if target.path in ROLES and column not in given}
    wanted = {column: target for column, target in given.items() if target and column not in request.ignore}
    return roles | wanted


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path} is not UTF-8 text") from None


@dataclass(frozen=True, slots=True)
class _Survey:
    """What a first reading tells: how many records, the order of day and month by source, and hashes of the
    record ids (None where the file has none)."""

    records: int
    day_first: Mapping[str, bool | None]
    ids: IntArray | None


def _survey(plan: _Plan, watch: "_Watch") -> _Survey:
    id_at, source_at, date_at = (plan.column(path) for path in (RECORD_ID, SOURCE, "birth_date"))
    ids = array("q")
    dates: dict[str, list[str]] = {}
    records = 0
    with watch.step("read"):
        for row in plan.table.rows():
            records += 1
            if id_at is not None:
                ids.append(hash(row[id_at]))
            if date_at is not None:
                of_source = dates.setdefault(row[source_at] if source_at is not None else "", [])
                if row[date_at] and len(of_source) < DATES_SAMPLED:
                    of_source.append(row[date_at])
            if records % CHUNK == 0:
                watch.report("read", records, 0)
        hashes = np.array(ids, dtype=np.int64) if id_at is not None else None
        if hashes is not None:
            _refuse_repeated(hashes, plan.table)
    day_first = {source: column_day_first(values) for source, values in dates.items()}
    return _Survey(records, day_first, hashes)


def _refuse_repeated(hashes: IntArray, table: TextTable) -> None:
    order = np.argsort(hashes, kind="stable")
    repeated = np.flatnonzero(hashes[order][1:] == hashes[order][:-1])
    if len(repeated):
        first, second = sorted(order[repeated[0] : repeated[0] + 2] + 1)
        raise InvalidInputError(
            f"{table.path}: records {first} and {second} have the same record_id",
            remedy="Make it unique, or leave it out with --ignore record_id and records are numbered",
        )


def _normalised(plan: _Plan, survey: _Survey, watch: "_Watch") -> RecordTable:
    """All records for the engine; a record's id is its row. Large files are normalised by several processes."""
    contexts = {source: Context(plan.country, day_first=order) for source, order in survey.day_first.items()}
    work = _Normaliser(plan.table.columns, plan.targets, plan.column(SOURCE), contexts, Context(plan.country))
    builder, rows, started = TableBuilder(), plan.table.rows(), 0
    pending: deque[Callable[[], TableBuilder]] = deque()
    with _workers(work, survey.records) as submit:
        while True:
            with watch.step("read"):
                chunk = list(islice(rows, CHUNK))
            with watch.step("normalise"):
                if chunk:
                    pending.append(submit(started, chunk))
                    started += len(chunk)
                while pending and (len(pending) > WORKERS or not chunk):
                    builder.extend(pending.popleft()())
            watch.report("normalise", started, survey.records)
            if not chunk:
                break
    with watch.step("normalise"):
        return builder.build()


@dataclass(frozen=True, slots=True)
class _Normaliser:
    """What turns rows of text into the engine's columns; it can be sent to another process."""

    columns: tuple[str, ...]
    targets: Targets
    source_at: int | None
    contexts: Mapping[str, Context]
    default: Context

    def __call__(self, start: int, rows: Sequence[Sequence[str]]) -> TableBuilder:
        assembler, builder = Assembler(self.columns, self.targets), TableBuilder()
        for record_id, row in enumerate(rows, start):
            source = row[self.source_at] if self.source_at is not None else ""
            data = canonicalise(assembler.assemble(row), self.contexts.get(source, self.default))
            builder.add(record_id, source, normalise(data))
        return builder


Submit = Callable[[int, Sequence[Sequence[str]]], Callable[[], TableBuilder]]
"""Gives rows to work; what comes back waits for the result."""


@contextmanager
def _workers(work: _Normaliser, records: int) -> Iterator[Submit]:
    """As many processes as are worth it; none for a small file, or where processes cannot be forked."""
    if records < MANY_RECORDS or WORKERS < 2 or "fork" not in get_all_start_methods():
        yield lambda start, rows: partial(work, start, rows)
        return
    with ProcessPoolExecutor(WORKERS, get_context("fork")) as pool:
        yield lambda start, rows: pool.submit(work, start, rows).result


def _model(
    request: DedupeRequest, plan: _Plan, survey: _Survey, table: RecordTable, watch: "_Watch"
) -> tuple[MatchModel, dict[str, Any]]:
    """The model that decides, and where it is from."""
    if request.model:
        model, origin = _refusing(table, MatchModel.from_json(_text_of(request.model))), "file"
    elif can_train(table):
        with watch.step("train"):
            start = start_model(table, _custom(plan.targets))
            model = train(table, start, seed=request.seed, progress=watch.reporter("train"))
        origin = "trained on this file"
    else:
        model, origin = _refusing(table, default_model().for_records(len(table))), "default"
    if request.labels:
        with watch.step("train"):
            from cdi.matching.labels import learn  # noqa: PLC0415  # pandas takes a second, so only here

            model = learn(table, model, _read_labels(request.labels, survey), request.seed)
        origin += ", corrected by labels"
    if request.threshold is not None:
        model = model.with_thresholds(request.threshold, min(model.review, request.threshold))
    if request.save_model:
        write_text(request.save_model, model.to_json())
    told = {"version": model.version, "origin": origin, "match": model.match, "review": model.review}
    return model, told


def _refusing(table: RecordTable, model: MatchModel) -> MatchModel:
    """A model made elsewhere, refusing the block keys that are too crowded here."""
    return refuse_oversized(table, model, Limits())


def _custom(targets: Targets) -> tuple[tuple[str, str], ...]:
    return tuple(
        sorted((parse_path(target.path)[2], target.comparison) for target in targets.values() if target.comparison)
    )


def _clusters(table: RecordTable, model: MatchModel, result: MatchResult, watch: "_Watch") -> Clusters:
    def scores(left: IntArray, right: IntArray) -> ScoredPairs:
        return score(table, model, table.row_of(left), table.row_of(right))

    rules = ClusterRules(match=model.match_weight, review=model.review_weight)
    with watch.step("cluster"):
        return form_clusters(table.record_ids, result.pairs, Constraints(), rules, scores)


@dataclass(frozen=True, slots=True)
class _Truth:
    """Codes by hash of id, sorted by hash; `names` are what the codes stand for."""

    hashes: IntArray
    codes: IntArray
    names: tuple[str, ...]

    def of(self, ids: IntArray) -> IntArray:
        """The code of each id, UNKNOWN where there is none."""
        place = np.minimum(np.searchsorted(self.hashes, ids), len(self.hashes) - 1)
        return np.where(self.hashes[place] == ids, self.codes[place], UNKNOWN)


def _read_truth(path: Path, survey: _Survey) -> _Truth:
    """The truth by record id; raises InvalidInputError when it is contradictory or of another file."""
    if survey.ids is None:
        raise InvalidInputError("a truth needs records with a column record_id", remedy="Name it in the header")
    truth = _codes_by_id(path, "record_id", "entity_id")
    if not np.isin(truth.hashes, survey.ids).any():
        raise InvalidInputError(f"no record_id of {path} is in the records", remedy="Give the truth of this file")
    return truth


def _codes_by_id(path: Path, key: str, value: str) -> _Truth:
    """A file of two columns; raises InvalidInputError when an id has two values."""
    table = open_table(path)
    if not {key, value} <= set(table.columns):
        raise InvalidInputError(f"{path} needs the columns {key} and {value}", remedy=_columns_are(table))
    key_at, value_at = table.columns.index(key), table.columns.index(value)
    hashes, codes = array("q"), array("q")
    seen: dict[str, int] = {}
    for row in table.rows():
        hashes.append(hash(row[key_at]))
        codes.append(seen.setdefault(row[value_at], len(seen)) if row[value_at] else UNKNOWN)
    keys, values = np.array(hashes, dtype=np.int64), np.array(codes, dtype=np.int64)
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    clash = (keys[1:] == keys[:-1]) & (values[1:] != values[:-1])
    if clash.any():
        line = int(order[np.flatnonzero(clash)[0] + 1]) + 1
        raise InvalidInputError(f"{path}: entry {line} gives a second {value} to one {key}", remedy="Give each one")
    if not len(keys):
        keys, values = np.zeros(1, np.int64), np.full(1, UNKNOWN)
    return _Truth(keys, values, tuple(seen))


VERDICTS: Final = {"match": Label.SAME, "household": Label.HOUSEHOLD, "no_match": Label.OTHER}
"""A verdict as a label; `unsure` teaches nothing."""


def _read_labels(path: Path, survey: _Survey) -> LabelledPairs:
    """Pairs of record ids with their verdict; raises InvalidInputError for other columns, verdicts or records."""
    table = open_table(path)
    wanted = ("left", "right", "verdict")
    if survey.ids is None or not set(wanted) <= set(table.columns):
        raise InvalidInputError(
            f"{path} needs the columns left, right and verdict, and the records a column record_id",
            remedy="left and right are record ids; a verdict is match, household, no_match or unsure",
        )
    places = [table.columns.index(column) for column in wanted]
    order = np.argsort(survey.ids, kind="stable")
    found: dict[tuple[int, int], Label] = {}
    for number, row in enumerate(table.rows(), start=1):
        left, right, verdict = (row[place] for place in places)
        if verdict == "unsure":
            continue
        ends = np.array([hash(left), hash(right)])
        at = order[np.minimum(np.searchsorted(survey.ids, ends, sorter=order), survey.records - 1)]
        if verdict not in VERDICTS or left == right or not np.array_equal(survey.ids[at], ends):
            raise InvalidInputError(
                f"{path}: label {number} names an unknown record or verdict",
                remedy="Use two record ids of the records and match, household, no_match or unsure",
            )
        found[pair(*at.tolist())] = VERDICTS[verdict]
    lefts, rights = (np.array([ends[i] for ends in found], dtype=np.int64) for i in (0, 1))
    return LabelledPairs(lefts, rights, np.array(list(found.values()), dtype=np.int64))


def _quality(
    request: DedupeRequest,
    table: RecordTable,
    model: MatchModel,
    clusters: Clusters,
    homes: IntArray,
    truth: "_Truth",
    survey: _Survey,
) -> Quality:
    assert survey.ids is not None
    entities = truth.of(survey.ids)
    blocking = BlockingRecall(entities)
    blocking.see(*all_pairs(table, model, Limits())[:2])
    asked = np.array([(q.left, q.right) for q in clusters.open_questions], dtype=np.int64).reshape(-1, 2)
    households = None
    if request.truth_households:
        lived = _true_households(request.truth_households, truth, survey)
        households = household_pairs(homes, clusters.labels, lived, entities).measure
    return Quality(
        evaluation=evaluate(clusters.labels, entities),
        blocking_recall=blocking.value,
        reviews_true=float(same_customer(asked[:, 0], asked[:, 1], entities).mean()) if len(asked) else 1.0,
        unknown_ids=int((~np.isin(truth.hashes, survey.ids)).sum()),
        households=households,
    )


def _true_households(path: Path, truth: "_Truth", survey: _Survey) -> IntArray:
    """By record its true household: from record_id,household_id or, through the truth, entity_id,household_id."""
    assert survey.ids is not None
    if "entity_id" not in open_table(path).columns:
        return _codes_by_id(path, "record_id", "household_id").of(survey.ids)
    names = np.array([hash(name) for name in truth.names], dtype=np.int64)
    of_entity = _codes_by_id(path, "entity_id", "household_id").of(names)
    entities = truth.of(survey.ids)
    return np.where(entities == UNKNOWN, UNKNOWN, of_entity[np.maximum(entities, 0)])


def _write(path: Path, plan: _Plan, labels: IntArray, homes: IntArray) -> None:
    """The input's rows with the numbers of their profile and household; columns of these names are replaced."""
    kept = [i for i, column in enumerate(plan.table.columns) if column not in {PROFILE_ID, HOUSEHOLD_ID}]
    profiles, households = (codes_of(codes.tolist()) + 1 for codes in (labels, homes))
    delimiter = plan.table.delimiter if isinstance(plan.table, CsvTable) else ","
    numbers = zip(profiles.tolist(), households.tolist(), strict=True)
    rows = (
        [*(row[i] for i in kept), str(profile), str(household)]
        for row, (profile, household) in zip(plan.table.rows(), numbers, strict=True)
    )
    columns = [*(plan.table.columns[i] for i in kept), PROFILE_ID, HOUSEHOLD_ID]
    write_table(path, columns, rows, delimiter)


class _Watch:
    """How long each step took, and word of progress to whoever asked for it."""

    def __init__(self, progress: Progress | None) -> None:
        self._began = time.perf_counter()
        self._progress = progress
        self._spent: dict[str, float] = dict.fromkeys(("read", "normalise", "train", "cluster"), 0.0)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        self.report(name, 0, 0)
        yield
        self._spent[name] = self._spent.get(name, 0.0) + time.perf_counter() - began

    def report(self, step: str, done: int, total: int) -> None:
        if self._progress:
            self._progress(step, done, total)

    def reporter(self, step: str) -> Callable[[int, int], None]:
        return lambda done, total: self.report(step, done, total)

    def seconds(self, matching: Mapping[str, float]) -> dict[str, float]:
        """Seconds by step; those of matching as the engine split them."""
        spent = {"block": 0.0, "compare": 0.0, "score": 0.0} | self._spent | dict(matching)
        spent.pop("match", None)
        return {**spent, "total": time.perf_counter() - self._began}


def peak_memory_mb() -> float:
    """The most memory that this process, or its helpers together, ever held, in MB."""
    own, largest_helper = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    peak = max(own, largest_helper * WORKERS)
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
