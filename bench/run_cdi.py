"""One run of cdi over normalised records, a whole process: `python -m bench.run_cdi RECORDS LABELS [--own-blocking]`.

Read, encode, block, train, compare and score, cluster, write the labels. The model is trained by the same call as in
`cdi dedupe`, with the same defaults.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.measure import DONE
from bench.normalised import FIELDS
from bench.rules import block_keys
from cdi.matching.blocking import candidate_pairs
from cdi.matching.columns import RecordTable
from cdi.matching.engine import Limits, match, score
from cdi.matching.pairs import IntArray, ScoredPairs
from cdi.matching.training import start_model, train
from cdi.resolution.clusters import ClusterRules, form_clusters
from cdi.resolution.decisions import Constraints

LIMITS = Limits(threads=2)


def encoded(records: pa.Table) -> RecordTable:
    """The engine's table of the normalised columns."""

    def text(name: str) -> pa.Array:
        return pc.fill_null(records[name].combine_chunks(), "")

    columns = {name: text(name) for name in FIELDS if name not in {"source", "birth", "email", "mobile", "landline"}}
    return RecordTable.from_columns(
        records["record_id"].to_numpy(),
        sources=text("source").to_numpy(zero_copy_only=False),
        birth=pc.fill_null(records["birth"], 0).to_numpy(),
        emails=text("email"),
        mobiles=text("mobile"),
        landlines=text("landline"),
        **{name: columns[name] for name in columns if name != "gender"},
        gender=columns["gender"].to_pylist(),
    )


def main(records_file: str, labels_file: str, *flags: str) -> None:
    began = time.perf_counter()
    said: dict[str, float] = {}

    def step(name: str) -> None:
        nonlocal began
        said[name] = time.perf_counter() - began
        began = time.perf_counter()

    records = pq.read_table(records_file, columns=["record_id", *FIELDS])
    candidates = None
    if "--own-blocking" not in flags:
        keys = block_keys(records)
        candidates = candidate_pairs(keys.keys, keys.rows, LIMITS)
        del keys
    step("block")
    table = encoded(records)
    del records
    step("encode")
    model = train(table, start_model(table), LIMITS, seed=1, candidates=candidates)
    step("train")
    result = match(table, model, LIMITS, candidates=candidates)
    step("compare")

    def scores(left: IntArray, right: IntArray) -> ScoredPairs:
        return score(table, model, table.row_of(left), table.row_of(right))

    rules = ClusterRules(match=model.match_weight, review=model.review_weight)
    clusters = form_clusters(table.record_ids, result.pairs, Constraints(), rules, scores)
    np.save(Path(labels_file), clusters.labels)
    step("cluster")
    for name, seconds in said.items():
        print(f"{name}={seconds}")
    print(f"pairs={result.candidate_pairs}")
    print(f"{DONE}=1", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
