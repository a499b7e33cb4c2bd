"""One run of Splink 5 on DuckDB over normalised records, a whole process:
`python -m bench.run_splink RECORDS PAIRS`.

Read, train, predict, cluster; after the clock has stopped the scored pairs are written, so that the threshold at
which Splink is best can be looked up.
"""

import logging
import sys
import time
import warnings

import duckdb
from splink import DuckDBAPI, Linker

from bench.fields import DONE, THREADS
from bench.rules import COMPUTED
from bench.splink_model import (
    DETERMINISTIC,
    DETERMINISTIC_RECALL,
    RANDOM_PAIRS,
    TRAINING,
    settings,
)


def main(records_file: str, pairs_file: str) -> None:
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    connection = duckdb.connect()
    connection.execute(f"SET threads = {THREADS}")
    connection.execute("SET enable_progress_bar = false")
    computed = ", ".join(f"{sql} AS {name}" for name, sql in COMPUTED.items())
    connection.execute(
        f"CREATE TABLE records AS SELECT * REPLACE (CAST(birth AS VARCHAR) AS birth), {computed}"
        f" FROM read_parquet('{records_file}')"
    )
    api = DuckDBAPI(connection)
    linker = Linker(api.register("records"), settings(), log_level=logging.ERROR)
    training = linker.training
    training.estimate_probability_two_random_records_match(list(DETERMINISTIC), recall=DETERMINISTIC_RECALL)
    training.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=1)
    for rule in TRAINING:
        training.estimate_parameters_using_expectation_maximisation(rule, estimate_without_term_frequencies=True)
    trained = time.perf_counter()
    predicted = linker.inference.predict()
    scored = time.perf_counter()
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_probability=0.95)
    count = connection.execute(f"SELECT count(*) FROM {predicted.physical_name}").fetchall()[0][0]
    connection.execute(f"SELECT count(DISTINCT cluster_id) FROM {clusters.physical_name}").fetchall()
    print(f"train={trained - began}")
    print(f"compare={scored - trained}")
    print(f"cluster={time.perf_counter() - scored}")
    print(f"pairs={count}")
    print(f"{DONE}=1", flush=True)
    connection.execute(
        f"COPY (SELECT record_id_l, record_id_r, match_weight FROM {predicted.physical_name}) TO '{pairs_file}'"
        " (FORMAT parquet)"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
