"""One run of cdi over normalised records, a whole process: `python -m bench.run_cdi RECORDS LABELS [--own-blocking]`.

Read, encode, block, train, compare and score, cluster, write the labels. The model is trained by the same call as in
`cdi dedupe`, with the same defaults.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.fields import DONE, FIELDS
from bench.rules import block_keys
from cdi.matching.blocking import candidate_pairs
from cdi.matching.columns import Column, RecordTable, encode
from cdi.matching.engine import Limits, match, score
from cdi.matching.pairs import IntArray, ScoredPairs
from cdi.matching.texts import to_codes
from cdi.matching.training import begin, start_model, train
from cdi.resolution.clusters import ClusterRules, form_clusters
from cdi.resolution.decisions import Constraints

LIMITS = Limits(threads=2)
TEXTS = tuple(name for name in FIELDS if name != "birth")
NAMES = {"source": "sources", "email": "emails", "mobile": "mobiles", "landline": "landlines"}
"""What the engine calls the columns."""


def encoded(records_file: str) -> RecordTable:
    """The engine's table of the normalised columns: read and encoded one by one, so that memory holds no column twice,
    two at once; as far as the file has encoded its values, they stay so."""

    def text(name: str) -> Column:
        return encode(pq.ParquetFile(records_file, read_dictionary=[name]).read([name], use_threads=False)[name])

    with ThreadPoolExecutor(LIMITS.threads) as pool:
        texts = pool.map(text, TEXTS)
        numbers = pool.submit(pq.ParquetFile(records_file).read, ["record_id", "birth"], use_threads=False)
        columns = dict(zip(TEXTS, texts, strict=True))
    ids, births = numbers.result().columns
    pa.default_memory_pool().release_unused()
    return RecordTable.from_columns(
        np.frombuffer(ids.combine_chunks().buffers()[1], np.int64),
        birth=np.maximum(to_codes(births.combine_chunks()), np.int32(0)),
        **{NAMES.get(name, name): column for name, column in columns.items()},
    )


def main(records_file: str, labels_file: str, *flags: str) -> None:
    began = time.perf_counter()
    said: dict[str, float] = {}

    def step(name: str) -> None:
        nonlocal began
        said[name] = time.perf_counter() - began
        began = time.perf_counter()

    table = encoded(records_file)
    step("encode")
    start = start_model(table)
    candidates = None
    if "--own-blocking" not in flags:
        begin(table, start)
        candidates = candidate_pairs(block_keys(table), LIMITS)
    step("block")
    model = train(table, start, LIMITS, seed=1, candidates=candidates)
    step("train")
    result = match(table, model, LIMITS, candidates=candidates)
    pairs, compared = result.pairs, result.candidate_pairs
    del candidates, result  # the households, which this run has no use for
    step("compare")

    def scores(left: IntArray, right: IntArray) -> ScoredPairs:
        return score(table, model, table.row_of(left), table.row_of(right))

    rules = ClusterRules(match=model.match_weight, review=model.review_weight)
    clusters = form_clusters(table.record_ids, pairs, Constraints(), rules, scores)
    np.save(Path(labels_file), clusters.labels)
    step("cluster")
    for name, seconds in said.items():
        print(f"{name}={seconds}")
    print(f"pairs={compared}")
    print(f"{DONE}=1", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
