"""Columns of whole numbers, appended without an object for each: COPY in PostgreSQL's binary format, made by numpy."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import Connection

from cdi.store.db import driver_of

HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)  # no flags, no extension
END: Final = b"\xff\xff"


def copy_integers(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    values: Sequence[NDArray[np.int64]],
    *,
    new_table: bool = False,
) -> None:
    """Append parallel columns of numbers to columns of type bigint. Of a `new_table`, made in this transaction, the
    rows are marked as visible to all at once, so that no page has to be written a second time for that."""
    if not len(values[0]):
        return
    shape = [("fields", ">i2")] + [(f"{part}{n}", kind) for n in range(len(values)) for part, kind in _FIELD]
    rows = np.zeros(len(values[0]), dtype=shape)  # without gaps, as the format wants it
    rows["fields"] = len(values)
    for n, column in enumerate(values):
        rows[f"size{n}"] = 8
        rows[f"value{n}"] = column
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY, FREEZE {})").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Literal(new_table)
    )
    driver = driver_of(connection)
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(HEADER)
        copy.write(rows.tobytes())
        copy.write(END)


_FIELD: Final = (("size", ">i4"), ("value", ">i8"))
