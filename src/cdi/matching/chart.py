"""Precision, recall and F1 of the links at every threshold, as one HTML page that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np

from cdi.matching.model import log_odds
from cdi.matching.pairs import BoolArray, FloatArray

WIDTH, HEIGHT, MARGIN = 720, 360, 48
STEPS: Final = 99
LINES: Final = (("precision", "#1f6feb", ""), ("recall", "#b35900", "6 4"), ("F1", "#1a7f37", "2 3"))


@dataclass(frozen=True, slots=True)
class ThresholdPoint:
    """What linking from this probability would give."""

    probability: float
    precision: float
    recall: float
    links: int

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def points(weight: FloatArray, same: BoolArray, true_pairs: int) -> list[ThresholdPoint]:
    """Scored pairs with their labels; `true_pairs` counts those that blocking missed as well."""
    found = []
    for step in range(1, STEPS + 1):
        probability = step / (STEPS + 1)
        linked = weight >= log_odds(probability)
        right, links = int(same[linked].sum()), int(linked.sum())
        precision = right / links if links else 1.0
        found.append(ThresholdPoint(probability, precision, right / true_pairs if true_pairs else 0.0, links))
    return found


def threshold_chart(title: str, found: Sequence[ThresholdPoint], match: float, review: float) -> str:
    """The page: three curves, told apart by dashes as well as colour, the two thresholds in use, and the numbers."""
    curves = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}" points="'
        + " ".join(f"{_x(p.probability):.1f},{_y(_value(p, name)):.1f}" for p in found)
        + '"/>'
        for name, colour, dashes in LINES
    )
    key = "".join(
        f'<g transform="translate({MARGIN + 130 * n},{HEIGHT - 8})"><line x2="28" stroke="{colour}" stroke-width="2"'
        f' stroke-dasharray="{dashes}"/><text x="34" y="4">{name}</text></g>'
        for n, (name, colour, dashes) in enumerate(LINES)
    )
    marks = "".join(
        f'<line x1="{_x(at):.1f}" x2="{_x(at):.1f}" y1="{MARGIN}" y2="{HEIGHT - MARGIN}" stroke="#888"/>'
        f'<text x="{_x(at) + 4:.1f}" y="{HEIGHT - MARGIN - 8}">{name} {at:g}</text>'
        for name, at in (("match", match), ("review", review))
    )
    rows = "".join(
        f"<tr><td>{p.probability:.2f}</td><td>{p.precision:.4f}</td><td>{p.recall:.4f}</td><td>{p.f1:.4f}</td>"
        f"<td>{p.links}</td></tr>"
        for p in found
        if round(p.probability * 100) % 5 == 0
    )
    return PAGE.format(title=escape(title), axes=_axes(), curves=curves, key=key, marks=marks, rows=rows)


def _value(point: ThresholdPoint, name: str) -> float:
    return {"precision": point.precision, "recall": point.recall, "F1": point.f1}[name]


def _x(probability: float) -> float:
    return MARGIN + probability * (WIDTH - 2 * MARGIN)


def _y(value: float) -> float:
    return HEIGHT - MARGIN - value * (HEIGHT - 2 * MARGIN)


def _axes() -> str:
    ticks = np.linspace(0, 1, 6).tolist()
    return "".join(
        f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{_y(t):.1f}" y2="{_y(t):.1f}" stroke="#ddd"/>'
        f'<text x="{MARGIN - 8}" y="{_y(t) + 4:.1f}" text-anchor="end">{t:.1f}</text>'
        f'<text x="{_x(t):.1f}" y="{HEIGHT - MARGIN + 16}" text-anchor="middle">{t:.1f}</text>'
        for t in ticks
    )


PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body{{font:15px system-ui,sans-serif;margin:2rem auto;max-width:720px}}svg text{{font-size:12px}}
table{{border-collapse:collapse}}td,th{{padding:.2rem .8rem;text-align:right}}</style></head>
<body><h1>{title}</h1>
<p>Links between pairs of records, by the probability from which they are made; pairs that blocking never brought
together count as missed.</p>
<svg viewBox="0 0 720 360" role="img" aria-label="Precision, recall and F1 by threshold">
{axes}{marks}{curves}{key}</svg>
<table><thead><tr><th>from</th><th>precision</th><th>recall</th><th>F1</th><th>links</th></tr></thead>
<tbody>{rows}</tbody></table></body></html>
"""
