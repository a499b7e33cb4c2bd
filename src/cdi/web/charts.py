"""Charts drawn as SVG by the server: no script, no style in the markup (the colours are classes of desk.css), and each
says in words what it shows. Templates call them as `charts.columns(…)`.

Values are numbers of any unit; titles are written in the visitor's language already.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

WIDTH: Final = 240
HEIGHT: Final = 56


class Part(NamedTuple):
    """A part of a whole: its name, how much it is, and its tone: accent, good, warn, bad or calm."""

    name: str
    amount: float
    tone: str = "accent"


SVG: Final = Markup(
    '<svg class="chart {shape}" role="img" viewBox="0 0 {width} {height}" preserveAspectRatio="none">'
    "<title>{title}</title>{inside}</svg>"
)
RECT: Final = Markup(
    '<rect class="{tone}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">'
    "<title>{title}</title></rect>"
)
AREA: Final = Markup(
    '<polygon class="{tone} area" points="0,{height} {points} {width},{height}"/>'
    '<polyline class="{tone} stroke" points="{points}"/>'
)


BRANCH: Final = Markup('<path class="accent stroke" d="M0,{a:.1f} C{m},{a:.1f} {m},{b:.1f} {width},{b:.1f}"/>')


def _svg(title: str, inside: Sequence[Markup], width: int, height: int, shape: str) -> Markup:
    drawn = Markup("").join(inside)
    return SVG.format(title=title, inside=drawn, width=width, height=height, shape=shape)


def columns(title: str, values: Sequence[float], labels: Sequence[str] = (), tone: str = "accent") -> Markup:
    """One column a value (a day, a week), the last one marked; a label says on hovering what it is."""
    highest = max([*values, 1])
    step = WIDTH / max(len(values), 1)
    drawn = []
    for place, value in enumerate(values):
        height = max(2.0, (HEIGHT - 2) * value / highest)
        now = f"{tone} now" if place == len(values) - 1 else tone
        label = labels[place] if place < len(labels) else ""
        x = place * step + step * 0.12
        drawn.append(RECT.format(tone=now, x=x, y=HEIGHT - height, width=step * 0.76, height=height, title=label))
    return _svg(title, drawn, WIDTH, HEIGHT, "columns")


def line(title: str, values: Sequence[float], tone: str = "accent") -> Markup:
    """How a figure went, without axes; an area below it."""
    if len(values) < 2:
        return _svg(title, (), WIDTH, HEIGHT, "line")
    low, high = min(values), max(values)
    span = (high - low) or 1
    points = " ".join(
        f"{place * WIDTH / (len(values) - 1):.1f},{HEIGHT - 4 - (HEIGHT - 8) * (value - low) / span:.1f}"
        for place, value in enumerate(values)
    )
    return _svg(title, [AREA.format(tone=tone, width=WIDTH, height=HEIGHT, points=points)], WIDTH, HEIGHT, "line")


def shares(title: str, parts: Sequence[Part]) -> Markup:
    """Parts of a whole as one bar."""
    whole = sum(part.amount for part in parts) or 1
    drawn, at = [], 0.0
    for part in parts:
        wide = WIDTH * part.amount / whole
        if wide > 0:
            width = max(0.5, wide - 1)
            drawn.append(RECT.format(tone=part.tone, x=at, y=0, width=width, height=10, title=part.name))
        at += wide
    return _svg(title, drawn, WIDTH, 10, "shares")


def meter(title: str, share: float, tone: str = "accent") -> Markup:
    """How much of the whole (0 to 1) there is."""
    filled = WIDTH * min(1.0, max(0.0, share))
    bars = [
        RECT.format(tone=name, x=0, y=0, width=wide, height=8, title=title)
        for name, wide in (("track", WIDTH), (tone, filled))
    ]
    return _svg(title, bars, WIDTH, 8, "meter")


def busy(title: str) -> Markup:
    """Something goes on, and nobody knows for how long: a part of a bar that moves, for who likes things that move."""
    bars = [
        RECT.format(tone=name, x=0, y=0, width=wide, height=8, title=title)
        for name, wide in (("track", WIDTH), ("accent moving", WIDTH / 4))
    ]
    return _svg(title, bars, WIDTH, 8, "meter")


class Curve(NamedTuple):
    """A named line over a chart's width: its values by place (both 0 to 1), its tone and how it is dashed."""

    name: str
    at: Sequence[float]
    values: Sequence[float]
    tone: str = "accent"
    dashes: str = ""


STROKE: Final = Markup('<polyline class="{tone} stroke" stroke-dasharray="{dashes}" points="{points}"/>')
MARK: Final = Markup('<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}"><title>{title}</title></line>')
LEVEL: Final = Markup('<line class="level" x1="0" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>')


def curves(title: str, lines: Sequence[Curve], low: float, marks: Sequence[tuple[float, str]] = ()) -> Markup:
    """Lines from `low` to 1, told apart by dashes as well as colour; `marks` are places on the way across (0 to 1) with
    what they mean. The page writes the axes beside it."""
    width, height = 600, 200
    drawn = [LEVEL.format(width=width, y=height * quarter / 4) for quarter in range(5)]
    drawn += [MARK.format(x=at * width, height=height, title=meaning) for at, meaning in marks]
    for one in lines:
        points = " ".join(
            f"{at * width:.1f},{height * (1 - max(0.0, value - low) / (1 - low)):.1f}"
            for at, value in zip(one.at, one.values, strict=True)
        )
        drawn.append(STROKE.format(tone=one.tone, dashes=one.dashes, points=points))
    return _svg(title, drawn, width, height, "curves")


def branches(title: str, count: int) -> Markup:
    """From one thing on the left to `count` things, of equal height, on the right."""
    width, height = 60, 100
    ends = [height * (place + 0.5) / max(count, 1) for place in range(count)]
    drawn = [BRANCH.format(a=height / 2, b=end, m=width / 2, width=width) for end in ends]
    return _svg(title, drawn, width, height, "branches")
