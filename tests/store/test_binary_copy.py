"""Numbers that were appended in the binary format are there as they were."""

import numpy as np
from sqlalchemy import text

from cdi.store.binary_copy import copy_integers
from cdi.store.db import Database


def test_numbers_arrive_as_they_were(database: Database) -> None:
    keys = np.array([-(2**63), 2**63 - 1, 0, -1, 7], dtype=np.int64)
    with database.unit_of_work() as connection:
        copy_integers(connection, "block_key", ("key", "record_id"), (keys, np.arange(5)))
        copy_integers(connection, "block_key", ("key", "record_id"), (keys[:0], keys[:0]))
        rows = connection.execute(text("select key, record_id from block_key order by record_id")).all()
    assert [tuple(row) for row in rows] == list(zip(keys.tolist(), range(5), strict=True))
