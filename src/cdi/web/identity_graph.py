"""The records of some profiles and what ties them, drawn by the server: one circle of records for each profile, a line
for each pair that the engine scored or a steward decided. What it shows stands as a list beside it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

HEIGHT: Final = 260
ROOM: Final = 300
"""Width for one profile."""
MOST: Final = 12
"""Records drawn of a profile; the list has all."""


@dataclass(frozen=True, slots=True)
class Node:
    """A record: its name as people read it, and the letters that stand in its circle."""

    record: str
    initials: str
    asked: bool  # the question is about it


@dataclass(frozen=True, slots=True)
class Edge:
    """What is between two records: `linked`, `asked` (similar enough for a question), `same` or `apart` (a steward's
    word)."""

    left: str
    right: str
    kind: str
    label: str


NODE: Final = Markup(
    '<g class="node{asked}"><title>{title}</title><circle cx="{x:.0f}" cy="{y:.0f}" r="17"/>'
    '<text x="{x:.0f}" y="{below:.0f}">{text}</text></g>'
)
EDGE: Final = Markup(
    '<g class="edge {kind}"><title>{title}</title><line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}"/></g>'
)
HULL: Final = Markup('<rect class="hull" x="{x}" y="8" width="{wide}" height="{high}" rx="14"/>')
MORE: Final = Markup('<text class="more" x="{x:.0f}" y="{y}">+{count}</text>')
SVG: Final = Markup(
    '<svg class="graph" role="img" viewBox="0 0 {width} {height}"><title>{title}</title>{hulls}{edges}{nodes}</svg>'
)


def identity_graph(title: str, groups: Sequence[Sequence[Node]], edges: Sequence[Edge]) -> Markup:
    """The graph; each group is a profile."""
    places: dict[str, tuple[float, float]] = {}
    hulls, nodes = [], []
    for number, group in enumerate(groups):
        left = number * ROOM
        hulls.append(HULL.format(x=left + 8, wide=ROOM - 16, high=HEIGHT - 16))
        shown = sorted(group, key=lambda node: not node.asked)[:MOST]
        for place, node in enumerate(shown):
            x, y = _place(place, len(shown), left + ROOM / 2, facing=1 if number == 0 else -1)
            places[node.record] = (x, y)
            asked = " asked" if node.asked else ""
            nodes.append(NODE.format(title=node.record, x=x, y=y, below=y + 4, text=node.initials, asked=asked))
        if len(group) > MOST:
            nodes.append(MORE.format(x=left + ROOM / 2, y=HEIGHT - 18, count=len(group) - MOST))
    drawn = [_edge(places, edge) for edge in edges if edge.left in places and edge.right in places]
    return SVG.format(
        title=title,
        width=ROOM * max(1, len(groups)),
        height=HEIGHT,
        hulls=Markup("").join(hulls),
        edges=Markup("").join(drawn),
        nodes=Markup("").join(nodes),
    )


def _place(place: int, count: int, centre: float, *, facing: int) -> tuple[float, float]:
    """On a circle; the first faces the other profile."""
    if count == 1:
        return centre, HEIGHT / 2
    turn = 2 * math.pi * place / count
    return centre + facing * 88 * math.cos(turn), HEIGHT / 2 + 88 * math.sin(turn)


def _edge(places: Mapping[str, tuple[float, float]], edge: Edge) -> Markup:
    (x1, y1), (x2, y2) = places[edge.left], places[edge.right]
    return EDGE.format(kind=edge.kind, title=edge.label, x1=x1, y1=y1, x2=x2, y2=y2)
