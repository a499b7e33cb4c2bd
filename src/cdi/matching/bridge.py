"""The engine's pairs and vectors as the pandas objects that the Python Record Linkage Toolkit works with.

Nothing comes back this way: what is learned outside becomes a `MatchModel` (see `labels`) or stays an experiment.
"""

import numpy as np
import pandas as pd

from cdi.matching.blocking import Limits, all_pairs
from cdi.matching.columns import RecordTable
from cdi.matching.comparing.answers import Subject
from cdi.matching.engine import applicable, score
from cdi.matching.model import MatchModel
from cdi.matching.pairs import IntArray, ScoredPairs

NAMES = ["left", "right"]


def candidate_index(table: RecordTable, model: MatchModel, limits: Limits | None = None) -> pd.MultiIndex:
    """The candidate pairs as (left, right) record ids, left < right, as recordlinkage's indexers give them."""
    left, right, _ = all_pairs(table, model, limits or Limits())
    return pd.MultiIndex.from_arrays([table.record_ids[left], table.record_ids[right]], names=NAMES)


def comparison_vectors(table: RecordTable, model: MatchModel, pairs: pd.MultiIndex) -> pd.DataFrame:
    """The level of each comparison for each pair of record ids, 0 where it could not be made: one column a
    comparison, indexed by the pairs."""
    left, right = rows_of(table, pairs)
    subject = Subject(table, model)
    levels = {c.name: c.compare(subject, left, right).levels for c in applicable(table, model)}
    return pd.DataFrame(levels, index=pairs)


def level_indicators(table: RecordTable, model: MatchModel, pairs: pd.MultiIndex) -> pd.DataFrame:
    """0 or 1 for each level of each comparison: columns are (comparison, level), without *not comparable*, which is
    no evidence. What classifiers of binary vectors want."""
    vectors = comparison_vectors(table, model, pairs)
    columns = {
        (comparison.name, level.name): (vectors[comparison.name].to_numpy() == number).astype(np.uint8)
        for comparison in applicable(table, model)
        for number, level in enumerate(comparison.levels, start=1)
    }
    return pd.DataFrame(columns, index=pairs)


def match_weights(table: RecordTable, model: MatchModel, pairs: pd.MultiIndex) -> pd.DataFrame:
    """The engine's own weights of the pairs in nats: columns household, stranger, weight."""
    scored = scores_in_order(table, model, pairs)
    weights = {"household": scored.household, "stranger": scored.stranger, "weight": scored.weight}
    return pd.DataFrame(weights, index=pairs)


def rows_of(table: RecordTable, pairs: pd.MultiIndex) -> tuple[IntArray, IntArray]:
    """The rows of pairs of record ids; raises InvalidInputError when a record is not in the table."""
    left, right = (pairs.get_level_values(i).to_numpy(dtype=np.int64) for i in (0, 1))
    return table.row_of(left), table.row_of(right)


def scores_in_order(table: RecordTable, model: MatchModel, pairs: pd.MultiIndex) -> ScoredPairs:
    """The engine's scores in the order of the pairs, however often one occurs."""
    left, right = rows_of(table, pairs)
    low, high = np.minimum(left, right), np.maximum(left, right)
    scored = score(table, model, low, high)
    packed = low << 32 | high
    place = np.searchsorted(table.row_of(scored.left) << 32 | table.row_of(scored.right), packed)
    return ScoredPairs(*(getattr(scored, name)[place] for name in ScoredPairs.__slots__))
