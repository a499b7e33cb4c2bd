"""The block keys of a first load, all at once: laid beside the table that is still empty, whose place they take.

Key by key each would touch a page of an index that hardly anything else touches, which took more than half of a first
load; an index over what is there already is sorted and written from one end to the other. The rows lie in the order of
records: what one carries is on one page when it goes, and a block is read from the index alone. All in one transaction:
who reads meanwhile finds the empty table, and a run that is killed leaves nothing behind.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from sqlalchemy import Connection

from cdi.matching.pairs import IntArray
from cdi.store.binary_copy import copy_integers
from cdi.store.db import text
from cdi.store.normalised import block_key

AT_ONCE: Final = 1_000_000
"""Keys that are written between two words on how far it is."""
MAKE: Final = "create table laid_key (like block_key)"
INDEXES: Final = {str(index.name): ", ".join(index.columns.keys()) for index in block_key.indexes}
TAKE_THE_PLACE: Final = ("drop table block_key", "alter table laid_key rename to block_key")


def lay_first_keys(connection: Connection, keys: IntArray, key_ids: IntArray, told: Callable[[int, int], None]) -> None:
    """Make these (two parallel columns) the block keys, of which there are none yet. `told` hears how many of how many
    are written; the indexes come after the last."""
    connection.execute(text(MAKE))
    order = np.argsort(key_ids, kind="stable")  # a block is read from the index; a record's keys go together
    for start in range(0, len(order), AT_ONCE):
        told(start, len(order))
        some = order[start : start + AT_ONCE]
        copy_integers(connection, "laid_key", ("key", "record_id"), (keys[some], key_ids[some]), new_table=True)
    told(len(order), len(order))
    for name, columns in INDEXES.items():
        connection.execute(text(f"create index laid_{name} on laid_key ({columns})"))
    for statement in TAKE_THE_PLACE:
        connection.execute(text(statement))
    for name in INDEXES:
        connection.execute(text(f"alter index laid_{name} rename to {name}"))


def any_keys(connection: Connection) -> bool:
    """Whether a record has block keys."""
    return bool(connection.execute(text("select exists (select from block_key)")).scalar_one())
