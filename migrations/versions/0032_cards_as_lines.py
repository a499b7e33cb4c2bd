"""a card is a line of text with its cells apart, and not JSON"""

from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

AT_ONCE = 20_000  # so many cards are in memory together
BETWEEN, APART = "\t", "\x1d"
BLANKS = str.maketrans(dict.fromkeys("\0\t\n\r\x1d", " "))
COUNTS = 3, 7, 5, 5  # cells of numbers, of texts, of values behind their flags, of parts of homes; then attributes


def upgrade() -> None:
    rewrite(lines_of)


def downgrade() -> None:
    rewrite(jsons_of)


def rewrite(form: Callable[[list[str]], list[str]]) -> None:
    """Every card in this form. What moves when a record is normalised again stays: no value is another one."""
    connection = op.get_bind()
    some = sa.text("select record_id, card from normalised where record_id > :last order by record_id limit :most")
    save = sa.text(
        "update normalised n set card = said.card"
        " from unnest(cast(:ids as bigint[]), cast(:cards as text[])) as said(record_id, card)"
        " where n.record_id = said.record_id"
    )
    last = -(2**63)
    while rows := connection.execute(some, {"last": last, "most": AT_ONCE}).all():
        ids = [row.record_id for row in rows]
        connection.execute(save, {"ids": ids, "cards": form([row.card for row in rows])})
        last = ids[-1]


def lines_of(jsons: list[str]) -> list[str]:
    return [line_of(*card) for card in orjson.loads(f"[{','.join(jsons)}]")]


def line_of(kind: int, gender: int, birth: int, texts: list[str], *rest: Any) -> str:
    *told, homes, attributes = rest
    flags, streets, *parts = (homes[place::6] for place in range(6))
    cells = [
        *map(str, (kind, gender, birth)),
        *map(plain, texts),
        *(flagged(values[1::2], values[::2]) if values else "" for values in told),
        flagged(flags, streets),
        *(APART.join(map(plain, part)) for part in parts),
        APART.join(plain(text) for attribute in attributes.items() for text in attribute),
    ]
    return BETWEEN.join(cells)


def flagged(flags: list[int], values: list[str]) -> str:
    return APART.join([f"{flag}{plain(value)}" for flag, value in zip(flags, values, strict=True)])


def plain(value: str) -> str:
    return value if value.isprintable() else value.translate(BLANKS)


def jsons_of(lines: list[str]) -> list[str]:
    return [json_of(line.split(BETWEEN)) for line in lines]


def json_of(cells: list[str]) -> str:
    *cells, attributes = cells
    numbers, texts, told, homes = (cells[start:end] for start, end in pairwise((0, *accumulate(COUNTS))))
    return orjson.dumps(
        (
            *map(int, numbers),
            texts,
            *([part for value in values_of(cell) for part in (value[1:], int(value[0]))] for cell in told),
            homes_of(*homes),
            dict(zip(values_of(attributes)[::2], values_of(attributes)[1::2], strict=True)),
        )
    ).decode()


def homes_of(streets: str, *others: str) -> list[Any]:
    if not streets:
        return []
    homes = zip(*(cell.split(APART) for cell in (streets, *others)), strict=True)
    return [part for street, *more in homes for part in (int(street[0]), street[1:], *more)]


def values_of(cell: str) -> list[str]:
    return cell.split(APART) if cell else []
