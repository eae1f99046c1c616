"""contracts/spec/PROTOCOL.md, taken apart: its sections by number, their tables, and its blocks of JSON."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).parents[3] / "contracts" / "spec" / "PROTOCOL.md"
TEXT = FILE.read_text(encoding="utf-8")

_HEADING = re.compile(r"^#{2,3} (\d+(?:\.\d+)?)\.? (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```(\w+) ?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
_CELL = re.compile(r"(?<!\\)\|")  # an escaped bar belongs to its cell


class Block(NamedTuple):
    """A fenced block: the language, what stands behind it, and the lines."""

    language: str
    label: str
    text: str


def sections() -> Mapping[str, str]:
    """The text below each numbered heading, without the sections below that one."""
    parts = _HEADING.split(TEXT)
    return dict(zip(parts[1::3], parts[3::3], strict=True))


def headings() -> Sequence[str]:
    """Every heading's text, of any level."""
    return re.findall(r"^#+ (.+)$", TEXT, flags=re.MULTILINE)


def tables(number: str) -> Sequence[Sequence[Sequence[str]]]:
    """The tables of a section: rows of cells, the head first, without the line under it."""
    found = re.findall(r"(?:^\|.*\|\n)+", sections()[number], flags=re.MULTILINE)
    return [[_cells(row) for index, row in enumerate(table.splitlines()) if index != 1] for table in found]


def rows(number: str, index: int = 0) -> Sequence[Sequence[str]]:
    """The rows of one table of a section, without its head."""
    return tables(number)[index][1:]


def blocks() -> Sequence[Block]:
    """The fenced blocks of the page, in order."""
    return [Block(language, label, text.removesuffix("\n")) for language, label, text in _BLOCK.findall(TEXT)]


def block(label: str) -> str:
    """The one block of that label."""
    [found] = [each.text for each in blocks() if each.label == label]
    return found


def plain(cell: str) -> str:
    """A cell without the marks of code."""
    return cell.replace("`", "")


def _cells(row: str) -> Sequence[str]:
    return [cell.strip().replace("\\|", "|") for cell in _CELL.split(row)[1:-1]]
