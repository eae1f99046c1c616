"""The pieces of a drawing in SVG that is read on light and on dark pages: axes, ticks, words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

WIDTH = 760
FONT = "ui-sans-serif, system-ui, sans-serif"
COLOURS = ("#1f77d0", "#d9600a", "#2b9348", "#8e44ad", "#c0392b", "#0f8b8d", "#8a6d1d", "#8d96a0")
STYLE = f"""<style>
text {{ font: 13px {FONT}; fill: #24292f; }}
.title {{ font-size: 15px; font-weight: 600; }}
.axis {{ stroke: #57606a; }}
.spread {{ stroke: #24292f; stroke-width: 2; }}
.grid {{ stroke: #d0d7de; }}
@media (prefers-color-scheme: dark) {{
  text {{ fill: #e6edf3; }}
  .axis {{ stroke: #8b949e; }}
  .spread {{ stroke: #e6edf3; }}
  .grid {{ stroke: #30363d; }}
}}
</style>"""


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places along a line of the drawing."""

    least: float
    most: float
    begin: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Where a value stands."""
        low, high, place = map(self._measure, (self.least, self.most, max(value, self.least)))
        return self.begin + (place - low) / ((high - low) or 1) * (self.end - self.begin)

    def _measure(self, value: float) -> float:
        return log10(value) if self.logarithmic else value


def round_steps(most: float, about: int = 5) -> list[float]:
    """Round numbers from 0 to at least `most`, about so many."""
    if most <= 0:
        return [0.0, 1.0]
    step = most / about
    unit = 10 ** floor(log10(step))
    step = unit * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * unit >= step)
    steps = [0.0]
    while steps[-1] < most:
        steps.append(len(steps) * step)
    return steps


def powers(least: float, most: float) -> list[float]:
    """Powers of ten, from the last that is not above `least` to the first that is not below `most`."""
    powers_of_ten = [10.0 ** floor(log10(least))]
    while powers_of_ten[-1] < most:
        powers_of_ten.append(powers_of_ten[-1] * 10)
    return powers_of_ten


def number(value: float) -> str:
    """A number as people write it: 12,600 or 0.4."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.3g}"


def text(x: float, y: float, words: str, *, anchor: str = "start", more: str = "") -> str:
    """Words at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, more: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {more}/>'


def drawing(title: str, height: float, pieces: Iterable[str]) -> str:
    """The whole: a title above its pieces."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-label="{escape(title)}">'
    )
    above = text(12, 24, title, more=' class="title"')
    return "\n".join([head, STYLE, above, *pieces, "</svg>"]) + "\n"


def colour(position: int) -> str:
    """The colour of a series."""
    return COLOURS[position % len(COLOURS)]


def legend(names: Sequence[str], x: float, y: float) -> list[str]:
    """The names of series, one below the other, each behind its colour."""
    pieces = list[str]()
    for position, name in enumerate(names):
        height = y + 20 * position
        pieces.append(
            f'<rect x="{x:.1f}" y="{height - 10:.1f}" width="12" height="12" fill="{colour(position)}"/>'
        )
        pieces.append(text(x + 18, height, name))
    return pieces
