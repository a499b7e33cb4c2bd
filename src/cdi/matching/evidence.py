"""Why two records are, or are not, one customer: the prior and one line a comparison, adding up to two sums
(against *another person of the household*, against *a stranger*) and these to the weight."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cdi.matching import features
from cdi.matching.blocking import shared_keys
from cdi.matching.columns import SEPARATOR, Ragged, RecordTable
from cdi.matching.comparing.answers import Answers, Comparison, Subject
from cdi.matching.comparisons import weights_of
from cdi.matching.engine import Compared, applicable, compare, terms_of
from cdi.matching.model import LevelWeights, MatchModel, probability_of


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison of one pair.

    `m`, `h`, `u`: of pairs of the same customer, of one household, of strangers, what share has this level?
    `frequency`: how common the shared value is (None where none is shared). `against_household` and
    `against_stranger` are what the line adds to the two sums, in nats.
    """

    name: str
    explanation: str
    left: str
    right: str
    level: str
    m: float
    h: float
    u: float
    frequency: float | None
    against_household: float
    against_stranger: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """The whole reckoning. `blocks` are the rules that bring the pair together; empty: it was never compared."""

    left: int
    right: int
    prior_household: float
    prior_stranger: float
    lines: tuple[Line, ...]
    household: float
    stranger: float
    weight: float
    probability: float
    blocks: tuple[str, ...]
    model: str


def explain(table: RecordTable, model: MatchModel, row_a: int, row_b: int) -> Evidence:
    """The evidence for and against these two rows of the table being one customer."""
    return explain_each(table, model, [(row_a, row_b)])[0]


def explain_each(table: RecordTable, model: MatchModel, pairs: Sequence[tuple[int, int]]) -> list[Evidence]:
    """The evidence of each of these pairs of rows, in this order. Each question is asked once of all of them."""
    if not pairs:
        return []
    ends = np.array(pairs, dtype=np.int64)
    low, high = ends.min(axis=1), ends.max(axis=1)
    compared = compare(Subject(table, model), applicable(table, model), low, high)
    return evidence_of(compared, shared_keys(table, model, low, high))


def evidence_of(compared: Compared, blocks: Sequence[tuple[str, ...]]) -> list[Evidence]:
    """The evidence of pairs that were compared already, in their order; `blocks` are the rules that bring each
    together. It depends on the two records and the model alone, not on the table around them."""
    table, model = compared.subject.table, compared.subject.model
    low, high = compared.low.tolist(), compared.high.tolist()
    judges = [model.for_organisations if both else model for both in (table.kind[low] & table.kind[high]).tolist()]
    columns = [_lines(compared, judges, comparison, answers) for comparison, answers in compared.answers]
    lines: Iterable[tuple[Line | None, ...]] = zip(*columns, strict=True)
    return [
        _summed(table, judge, ends, [line for line in of_pair if line is not None], rules, model.version)
        for judge, ends, of_pair, rules in zip(judges, zip(low, high, strict=True), lines, blocks, strict=True)
    ]


def _summed(
    table: RecordTable,
    judge: MatchModel,
    ends: tuple[int, int],
    lines: Sequence[Line],
    blocks: tuple[str, ...],
    version: str,
) -> Evidence:
    household, stranger = judge.prior_household, judge.prior_stranger
    for line in lines:  # added in the engine's order, so that the sums are the engine's to the last bit
        household += line.against_household
        stranger += line.against_stranger
    weight = -float(np.logaddexp(-household, -stranger))
    return Evidence(
        left=int(table.record_ids[ends[0]]),
        right=int(table.record_ids[ends[1]]),
        prior_household=judge.prior_household,
        prior_stranger=judge.prior_stranger,
        lines=tuple(lines),
        household=household,
        stranger=stranger,
        weight=weight,
        probability=float(probability_of(np.array([weight]))[0]),
        blocks=blocks,
        model=version,
    )


def _lines(
    compared: Compared, judges: Sequence[MatchModel], comparison: Comparison, answers: Answers
) -> list[Line | None]:
    """The line of this comparison for each pair, by the model that judges it; None where neither record has anything
    that it asks for, and where it is set, not learned, and says nothing."""
    table = compared.subject.table
    terms = {judge: _terms(comparison, answers, judge) for judge in set(judges)}
    shares = [math.nan] * len(compared) if answers.shares is None else answers.shares.tolist()
    found: list[Line | None] = []
    for place, (judge, low, high, level, share) in enumerate(
        zip(judges, compared.low.tolist(), compared.high.tolist(), answers.levels.tolist(), shares, strict=True)
    ):
        left, right = shown(table, comparison.name, low), shown(table, comparison.name, high)
        if level == 0 and not (comparison.learned and (left or right)):
            found.append(None)
            continue
        weights, household, stranger = terms[judge]
        found.append(
            Line(
                name=comparison.name,
                explanation=comparison.explanation,
                left=left,
                right=right,
                level=weights.levels[level],
                m=float(weights.m[level]),
                h=float(weights.h[level]),
                u=float(weights.u[level]),
                frequency=None if math.isnan(share) else share,
                against_household=household[place],
                against_stranger=stranger[place],
            )
        )
    return found


def _terms(
    comparison: Comparison, answers: Answers, judge: MatchModel
) -> tuple[LevelWeights, list[float], list[float]]:
    household, stranger = terms_of(comparison, answers, judge).by_pair()
    return weights_of(judge, comparison), household.tolist(), stranger.tolist()


def shown(table: RecordTable, comparison: str, row: int) -> str:
    """The values of one record that a comparison looked at, as text; "" where there are none."""
    show = _SHOWN.get(comparison)
    if show is not None:
        return show(table, row)
    column = table.attributes[comparison.removeprefix("attribute ")]
    return str(column.values[column.codes[row]])


def _joined(*texts: str) -> str:
    return ", ".join(text for text in texts if text)


def _text(table: RecordTable, row: int, *names: str) -> str:
    columns = [getattr(table, name) for name in names]
    return " ".join(column.values[column.codes[row]] for column in columns if column.codes[row])


def _values(column: Ragged, row: int) -> list[str]:
    return [str(column.values[code]) for code in column.codes[column.starts[row] : column.starts[row + 1]]]


def _birth(table: RecordTable, row: int) -> str:
    """The birth date, or what an e-mail address hints at."""
    birth = int(table.birth[row])
    if birth:
        return f"{birth // 10000:04}-{birth // 100 % 100:02}-{birth % 100:02}"
    year, digits = int(features.year_hints(table)[row]), int(features.two_digit_hints(table)[row])
    hint = str(year) if year else f"{digits - 1:02}" if digits else ""
    return f"{hint} in an e-mail address" if hint else ""


def _address(table: RecordTable, row: int) -> str:
    homes = table.addresses
    texts = []
    for place in range(homes.starts[row], homes.starts[row + 1]):
        street = [column.values[column.codes[place]] for column in (homes.street, homes.number)]
        area = [column.values[column.codes[place]] for column in (homes.postal_code, homes.city)]
        texts.append(_joined(" ".join(filter(None, street)), " ".join(filter(None, area))))
    return "; ".join(texts)


def _surname(table: RecordTable, row: int) -> str:
    born = _text(table, row, "birth_name")
    hints = features.surname_hints(table)
    hint = hints.values[hints.codes[row]]
    return _joined(
        _text(table, row, "family"),
        f"({born})" if born else "",
        *_values(table.former_family, row),
        f"{hint} in an e-mail address" if hint else "",
    )


def _identifiers(table: RecordTable, row: int) -> str:
    return _joined(*(value.replace(SEPARATOR, " ") for value in _values(table.identifiers, row)))


_SHOWN: Final[dict[str, Callable[[RecordTable, int], str]]] = {
    "given_name": lambda table, row: _text(table, row, "given", "initials"),
    "further_names": lambda table, row: _text(table, row, "given", "initials"),
    "surname": _surname,
    "generation": lambda table, row: _text(table, row, "generation"),
    "birth_date": _birth,
    "address": _address,
    "mobile": lambda table, row: _joined(*_values(table.mobiles, row)),
    "landline": lambda table, row: _joined(*_values(table.landlines, row)),
    "email": lambda table, row: _joined(*_values(table.emails, row)),
    "organisation": lambda table, row: _text(table, row, "organisation", "legal_form"),
    "identifiers": _identifiers,
    "kind": lambda table, row: ("person", "organisation")[table.kind[row]],
    "one_source": lambda table, row: table.source_names[table.source[row]],
}
