"""Rows under headings, for people: as wide as what stands in them, and without a frame.

On a terminal the last column, which has the words, is broken into lines where there is room for it.
"""

import sys
from collections.abc import Sequence

from toolwire.cli.output import print_line

GAP = "  "
NARROWEST = 20
"""Less room than this is none for words: then the terminal breaks the lines, and nothing is left out."""


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print the rows under their headings. Line breaks and control characters in a cell are replaced."""
    shown = [list(headings), *([_one_line(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in shown) for column in range(len(headings))]
    if sys.stdout.isatty() and _print_on_terminal(shown, sum(widths[:-1]) + len(GAP) * len(widths)):
        return
    for row in shown:
        print_line(GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_on_terminal(shown: Sequence[Sequence[str]], before_last: int) -> bool:
    """Whether there was room to print it that way."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if console.width - before_last < NARROWEST:
        return False
    headings, *rows = shown
    table = Table(box=None, pad_edge=False, padding=(0, len(GAP), 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(Text(heading), no_wrap=heading != headings[-1], overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
    return True


def _one_line(cell: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in cell) or "-"
