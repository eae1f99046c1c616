"""Two kinds of charts as SVG: bars with their spread, and lines."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.drawing import (
    WIDTH,
    Scale,
    colour,
    drawing,
    legend,
    line,
    number,
    powers,
    round_steps,
    text,
)

BAR = 20
ROW = 30
NAMES_WIDTH = 170
NUMBERS_WIDTH = 80
TOP = 44
LEFT = 74
LINES_HEIGHT = 300
LEGEND_WIDTH = 190
PEERS_COLOUR = 7


@dataclass(frozen=True, slots=True)
class Bar:
    """One value, and between what it lay."""

    name: str
    value: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Series:
    """A line: places of x and y, by x."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis says, and whether each step along it is so many times the one before."""

    title: str
    logarithmic: bool = False


def bars(title: str, unit: str, rows: Sequence[Bar]) -> str:
    """A bar for each row, with a line from the least to the most that was measured."""
    steps = round_steps(max(row.most for row in rows))
    scale = Scale(0, steps[-1], NAMES_WIDTH, WIDTH - NUMBERS_WIDTH)
    bottom = TOP + ROW * len(rows)
    pieces = [line(scale.at(step), TOP, scale.at(step), bottom, 'class="grid"') for step in steps]
    pieces += [text(scale.at(step), bottom + 18, number(step), anchor="middle") for step in steps]
    pieces.append(text((NAMES_WIDTH + WIDTH) / 2, bottom + 40, unit, anchor="middle"))
    for position, row in enumerate(rows):
        pieces += _bar(row, scale, TOP + ROW * position + (ROW - BAR) / 2)
    return drawing(title, bottom + 52, pieces)


def _bar(row: Bar, scale: Scale, y: float) -> list[str]:
    middle, width = y + BAR / 2, scale.at(row.value) - scale.begin
    its_colour = colour(0 if row.name.startswith("Toolwire") else PEERS_COLOUR)
    box = f'x="{scale.begin}" y="{y:.1f}" width="{width:.1f}" height="{BAR}"'
    return [
        text(NAMES_WIDTH - 8, middle + 4, row.name, anchor="end"),
        f'<rect {box} fill="{its_colour}"/>',
        line(scale.at(row.least), middle, scale.at(row.most), middle, 'class="spread"'),
        text(scale.at(row.most) + 6, middle + 4, number(row.value)),
    ]


def lines(title: str, x_axis: Axis, y_axis: Axis, series: Sequence[Series]) -> str:
    """A line with its points for each series. The y axis begins at 0 where it is not logarithmic."""
    x_values = sorted({x for each in series for x, _ in each.points})
    y_values = [y for each in series for _, y in each.points]
    y_steps = powers(min(y_values), max(y_values)) if y_axis.logarithmic else round_steps(max(y_values))
    x_steps = x_values if x_axis.logarithmic else round_steps(max(x_values))
    bottom, right = TOP + LINES_HEIGHT, WIDTH - LEGEND_WIDTH
    x = Scale(x_steps[0], x_steps[-1], LEFT, right - 16, x_axis.logarithmic)
    y = Scale(y_steps[0], y_steps[-1], bottom, TOP + 8, y_axis.logarithmic)
    pieces = [line(LEFT, y.at(step), right, y.at(step), 'class="grid"') for step in y_steps]
    pieces += [text(LEFT - 8, y.at(step) + 4, number(step), anchor="end") for step in y_steps]
    pieces += [text(x.at(step), bottom + 20, number(step), anchor="middle") for step in x_steps]
    pieces += [
        line(LEFT, bottom, right, bottom, 'class="axis"'),
        line(LEFT, TOP, LEFT, bottom, 'class="axis"'),
    ]
    pieces.append(text((LEFT + right) / 2, bottom + 44, x_axis.title, anchor="middle"))
    turned = f' transform="rotate(-90 16 {(TOP + bottom) / 2:.0f})"'
    pieces.append(text(16, (TOP + bottom) / 2, y_axis.title, anchor="middle", more=turned))
    for position, each in enumerate(series):
        pieces += _line([(x.at(a), y.at(b)) for a, b in each.points], colour(position))
    pieces += legend([each.name for each in series], right + 14, TOP + 16)
    return drawing(title, bottom + 56, pieces)


def _line(places: Sequence[tuple[float, float]], its_colour: str) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{its_colour}"/>' for x, y in places]
    return [f'<polyline points="{path}" fill="none" stroke="{its_colour}" stroke-width="2"/>', *dots]
