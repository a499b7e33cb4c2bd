"""Records as the columns that the engine works on."""

from collections.abc import Iterable

from cdi.matching.columns import RecordTable, TableBuilder
from cdi.normalise.record import NormalisedRecord


def build_table(present: Iterable[tuple[int, str, NormalisedRecord]]) -> RecordTable:
    """Columns of these (record id, source, record)."""
    builder = TableBuilder()
    for record_id, source, record in present:
        builder.add(record_id, source, record)
    return builder.build()
