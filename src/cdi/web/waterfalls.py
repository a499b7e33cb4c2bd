"""The evidence for a pair as two waterfalls: why not just the household, why not a stranger. Each is a table of which
the bars are a column, so that whoever does not see them reads the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

WIDTH: Final = 200
NOTHING: Final = 0.005
"""Lines that add less say nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the sum: what it is, on which level, what it adds, and its bar."""

    name: str
    level: str
    adds: float
    bar: Markup


@dataclass(frozen=True, slots=True)
class Waterfall:
    """From the prior over the comparisons to the sum, in nats."""

    against: str  # household, stranger
    steps: Sequence[Step]
    total: float
    total_bar: Markup


def waterfalls(evidence: Mapping[str, Any]) -> list[Waterfall]:
    """Both, the one that says less first: it is what decides."""
    both = [_waterfall(evidence, "household"), _waterfall(evidence, "stranger")]
    return sorted(both, key=lambda fall: fall.total)


def _waterfall(evidence: Mapping[str, Any], against: str) -> Waterfall:
    lines = [
        (line["name"], line["level"], line[f"against_{against}"])
        for line in evidence["lines"]
        if abs(line[f"against_{against}"]) >= NOTHING
    ]
    lines.sort(key=lambda line: -abs(line[2]))
    sums = [("prior", "", evidence[f"prior_{against}"]), *lines]
    at, marks = 0.0, [0.0]
    for _, _, adds in sums:
        at += adds
        marks.append(at)
    low, high = min(marks), max(marks)
    steps = [
        Step(name, level, adds, _bar(low, high, marks[place], marks[place + 1]))
        for place, (name, level, adds) in enumerate(sums)
    ]
    total = float(evidence[against])
    return Waterfall(against, steps, total, _bar(low, high, 0.0, total, total=True))


SVG: Final = Markup(
    '<svg class="fall" aria-hidden="true" viewBox="0 0 {width} 14" preserveAspectRatio="none">'
    '<line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="14"/>'
    '<rect class="{tone}" x="{x:.1f}" y="2" width="{wide:.1f}" height="10"/></svg>'
)


def _bar(low: float, high: float, start: float, end: float, *, total: bool = False) -> Markup:
    span = (high - low) or 1.0
    first, last = ((value - low) / span * WIDTH for value in (min(start, end), max(start, end)))
    tone = ("total " if total else "") + ("good" if end >= start else "bad")
    return SVG.format(width=WIDTH, zero=(0 - low) / span * WIDTH, tone=tone, x=first, wide=max(1.5, last - first))
