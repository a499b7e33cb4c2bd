"""One run of the Python Record Linkage Toolkit over normalised records, a whole process:
`python -m bench.run_recordlinkage RECORDS LABELS`.

The same blocking rules; each field compared by similarity and cut into agreement or not, as its classifier for
unlabelled pairs (ECM) wants it; links by connected components.
"""

import sys
import time
import warnings
from functools import reduce

import numpy as np
import pandas as pd
import recordlinkage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from bench.fields import DONE
from bench.rules import RARE, RULES

TEXTS = ("given", "family", "email", "street", "city")
EQUALS = ("birth", "mobile", "landline", "postal_code", "gender")


def main(records_file: str, labels_file: str) -> None:
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    records = pd.read_parquet(records_file).set_index("record_id")
    records["substr(family, 1, 1)"] = records["family"].str[:1]
    records["substr(family, 1, 3)"] = records["family"].str[:3]
    ordered = records[["given", "family"]].dropna()
    records["names"] = ordered.min(axis=1) + "|" + ordered.max(axis=1)
    names = ordered["given"] + "|" + ordered["family"]
    records["rare_name"] = names[names.map(names.value_counts()) <= RARE]
    records["birth_year"] = (records["birth"] // 10_000).replace(0, None)
    pairs = reduce(lambda a, b: a.union(b), (_blocked(records, list(rule)) for rule in RULES))
    blocked = time.perf_counter()
    compare = recordlinkage.Compare()
    for column in TEXTS:
        compare.string(column, column, method="jarowinkler", threshold=0.9, label=column)
    for column in EQUALS:
        compare.exact(column, column, label=column)
    vectors = compare.compute(pairs, records)
    compared = time.perf_counter()
    links = recordlinkage.ECMClassifier().fit_predict(vectors)
    left, right = (
        records.index.get_indexer(links.get_level_values(0)),
        records.index.get_indexer(links.get_level_values(1)),
    )
    graph = coo_matrix((np.ones(len(links)), (left, right)), shape=(len(records), len(records)))
    np.save(labels_file, connected_components(graph, directed=False)[1])
    print(f"block={blocked - began}")
    print(f"compare={compared - blocked}")
    print(f"train={time.perf_counter() - compared}")
    print(f"pairs={len(pairs)}")
    print(f"{DONE}=1", flush=True)


def _blocked(records: pd.DataFrame, columns: list[str]) -> pd.MultiIndex:
    """Pairs of one rule, each once, with the smaller record first; missing values block nothing."""
    index = recordlinkage.Index().block(columns).index(records.dropna(subset=columns))
    left, right = index.get_level_values(0), index.get_level_values(1)
    return pd.MultiIndex.from_arrays([np.minimum(left, right), np.maximum(left, right)])


if __name__ == "__main__":
    main(*sys.argv[1:])
