"""Organisations: `cdi dedupe` and Splink 5 on the same columns of labelled files of organisations.

Both see the columns that cdi normalised. cdi runs with its defaults and no labels; Splink's model is made as good as we
could make it, and its clusters are judged at the best threshold that the truth can find.
"""

import contextlib
import itertools
import logging
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import splink.comparison_level_library as cll
import splink.comparison_library as cl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.internals.exceptions import EMTrainingException

from bench import results
from bench.speed import THRESHOLDS
from cdi.dedupe import DedupeRequest, dedupe, read_records
from cdi.ingest.tables import open_table
from cdi.matching.columns import Ragged, RecordTable
from cdi.matching.evaluation import Measure, codes_of, pairwise
from cdi.matching.pairs import FloatArray, IntArray

FILES = ("orgs_hard", "stoxx50", "early_childhood_sites")
ALL_PAIRS = 1_500
BLOCKS = ("substr(name, 1, 4)", "phone", "postal_code", "street", "email", "split_part(name, ' ', 2)")
KNOWN_BY_NAME = 0.5
"""About this share of the true pairs has equal names; Splink takes its prior from it."""
HEAD = ("file", "records", "engine", "precision", "recall", "F1", "note")


def measure(folder: Path, command: str) -> None:
    """Two rows a file: cdi and Splink."""
    rows = []
    for name in FILES:
        records = folder / name / "records.csv"
        if not records.exists():
            continue
        truth = folder / name / "truth.csv"
        report = dedupe(DedupeRequest(records=records, truth=truth))
        assert report.quality is not None
        table = read_records(DedupeRequest(records=records))
        threshold, theirs = splink_at_its_best(table, _entities(records, truth))
        for engine, measured, note in (
            ("cdi", report.quality.evaluation.pairwise, str(report.model["origin"])),
            ("Splink 5", theirs, f"best threshold {threshold:g} bits"),
        ):
            figures = (f"{x:.4f}" for x in (measured.precision, measured.recall, measured.f1))
            rows.append([name, f"{len(table):,}", engine, *figures, note])
            print(rows[-1], flush=True)
    results.write("Organisations, cdi and Splink 5 on the same columns", command, None, results.table(HEAD, rows))


def _entities(records: Path, truth: Path) -> IntArray:
    entity = {row[0]: row[1] for row in open_table(truth).rows()}
    source = open_table(records)
    at = source.columns.index("record_id")
    return codes_of([entity[row[at]] for row in source.rows()])


# --- Splink


def columns_of(table: RecordTable) -> pa.Table:
    """The engine's columns as Splink wants them: one value a record, null where missing."""

    def first(ragged: Ragged) -> list[str]:
        starts = ragged.starts
        return [str(ragged.values[ragged.codes[s]]) if e > s else "" for s, e in itertools.pairwise(starts)]

    homes = table.addresses
    columns: dict[str, Sequence[str]] = {
        "name": table.organisation.values[table.organisation.codes].tolist(),
        "legal_form": table.legal_form.values[table.legal_form.codes].tolist(),
        "phone": [a or b for a, b in zip(first(table.landlines), first(table.mobiles), strict=True)],
        "email": first(table.emails),
    }
    for part in ("street", "number", "postal_code", "city"):
        column = getattr(homes, part)
        columns[part] = first(Ragged(homes.starts, column.codes, homes.flags, column.values))
    for name, attribute in table.attributes.items():
        columns[f"a_{name}"] = attribute.values[attribute.codes].tolist()
    filled = {name: [v or None for v in values] for name, values in columns.items() if any(values)}
    return pa.table({"record_id": list(range(len(table))), **filled})


def _name() -> cl.CustomComparison:
    words = "string_split({}, ' ')"
    left, right = words.format("name_l"), words.format("name_r")
    shared = f"len(list_intersect({left}, {right}))"
    shorter = f"least(len(list_distinct({left})), len(list_distinct({right})))"
    longer = f"greatest(len(list_distinct({left})), len(list_distinct({right})))"
    initials = "list_aggregate(list_transform(string_split({}, ' '), lambda x: substr(x, 1, 1)), 'string_agg', '')"
    acronym = f"name_l = {initials.format('name_r')} or name_r = {initials.format('name_l')}"
    return cl.CustomComparison(
        output_column_name="name",
        comparison_levels=[
            cll.NullLevel("name"),
            cll.ExactMatchLevel("name").configure(tf_adjustment_column="name"),
            cll.CustomLevel(f"{shared} = {longer}", "same words"),
            cll.JaroWinklerLevel("name", 0.95),
            cll.CustomLevel(acronym, "initials"),
            cll.CustomLevel(f"{shared} = {shorter}", "one holds the other"),
            cll.CustomLevel(f"{shared} >= 0.6 * {longer}", "most words"),
            cll.JaroWinklerLevel("name", 0.85),
            cll.CustomLevel(f"{shared} >= 0.3 * {longer}", "some words"),
            cll.ElseLevel(),
        ],
    )


def _address(columns: set[str]) -> cl.CustomComparison:
    area = " or ".join(f"{c}_l = {c}_r" for c in ("postal_code", "city") if c in columns) or "true"
    return cl.CustomComparison(
        output_column_name="address",
        comparison_levels=[
            cll.CustomLevel("street_l is null or street_r is null", "no street").configure(is_null_level=True),
            cll.CustomLevel(f"street_l = street_r and number_l = number_r and ({area})", "same house"),
            cll.CustomLevel("street_l = street_r and number_l = number_r", "same street and number"),
            cll.CustomLevel(
                "jaro_winkler_similarity(street_l, street_r) > 0.9 and number_l = number_r", "nearly the same house"
            ),
            cll.CustomLevel("street_l = street_r", "same street"),
            cll.CustomLevel(f"{area}", "same area"),
            cll.ElseLevel(),
        ],
    )


def splink_at_its_best(table: RecordTable, truth: IntArray) -> tuple[float, Measure]:
    """The threshold (in bits) at which Splink's clusters are best, and how good they are there."""
    warnings.simplefilter("ignore")
    records = columns_of(table)
    columns = set(records.column_names)
    makers: dict[str, Callable[[], object]] = {
        "name": _name,
        "street": lambda: _address(columns),
        "legal_form": lambda: cl.ExactMatch("legal_form"),
        "phone": lambda: cl.DamerauLevenshteinAtThresholds("phone", 1),
        "email": lambda: cl.JaroWinklerAtThresholds("email", 0.93),
    }
    comparisons = [make() for column, make in makers.items() if column in columns]
    comparisons += [cl.JaroWinklerAtThresholds(c, 0.9) for c in sorted(columns) if c.startswith("a_")]
    best: tuple[float, Measure] | None = None
    for training in _trainings(columns):
        left, right, weight = _predicted(records, comparisons, training)
        for threshold in THRESHOLDS.tolist():
            linked = weight >= threshold
            measured = pairwise(components(len(table), left[linked], right[linked]), truth).measure
            if best is None or measured.f1 > best[1].f1:
                best = threshold, measured
    assert best is not None
    return best


def components(count: int, left: IntArray, right: IntArray) -> IntArray:
    """The component of each record over these links."""
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(count, count))
    labels: IntArray = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels


def _trainings(columns: set[str]) -> list[tuple[str, ...]]:
    """Sets of blocks within which expectation maximisation may learn; the best is taken."""
    start = "substr(name, 1, 4)"
    by_contact = tuple(c for c in ("phone", "postal_code", "email", "a_website") if c in columns)
    return [(start,), (start, *by_contact), *([by_contact] if by_contact else [])]


def _predicted(
    records: pa.Table, comparisons: Sequence[object], training: Sequence[str]
) -> tuple[IntArray, IntArray, FloatArray]:
    """Pairs with their match weights in bits: all pairs of a small file, so that blocking loses none."""
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    connection.register("arrow", records)
    connection.execute("CREATE TABLE records AS SELECT * FROM arrow")
    blocks = [c for c in BLOCKS if c in records.column_names or "(" in c]
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_id",
        comparisons=list(comparisons),
        blocking_rules_to_generate_predictions=["1=1"] if len(records) <= ALL_PAIRS else [block_on(c) for c in blocks],
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )
    linker = Linker(DuckDBAPI(connection).register("records"), settings, log_level=logging.ERROR)
    linker.training.estimate_probability_two_random_records_match([block_on("name")], recall=KNOWN_BY_NAME)
    linker.training.estimate_u_using_random_sampling(max_pairs=1_000_000, seed=1)
    for block in training:
        with contextlib.suppress(EMTrainingException):  # a block that no two records share teaches nothing
            linker.training.estimate_parameters_using_expectation_maximisation(
                block_on(block), estimate_without_term_frequencies=True
            )
    predicted = linker.inference.predict()
    found = connection.execute(
        f"SELECT record_id_l, record_id_r, match_weight FROM {predicted.physical_name} WHERE match_weight > -10"
    ).fetchnumpy()
    return found["record_id_l"], found["record_id_r"], found["match_weight"]
