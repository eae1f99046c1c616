"""The findings for people, and as one JSON document for programs."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from toolwire.cli.doctor.finding import Finding, Level, count, worst
from toolwire.cli.output import print_json, print_line, printable

STYLES = {Level.OK: "green", Level.NOTE: "cyan", Level.WARNING: "yellow", Level.ERROR: "bold red"}
WIDTH = max(len(level) for level in Level)


def document(findings: Sequence[Finding]) -> Mapping[str, Any]:
    """The report for programs."""
    counts = Counter(finding.level for finding in findings)
    return {
        "worst": worst(findings),
        "counts": {level: counts[level] for level in Level},
        "findings": [asdict(finding) for finding in findings],
    }


def lines(findings: Sequence[Finding]) -> Iterator[tuple[Level | None, str]]:
    """The report for people: each line, with the level that its first word is. What is bad comes last."""
    for area, group in groupby(sorted(findings, key=_how_bad), key=lambda finding: finding.area):
        yield None, area
        for finding in group:
            yield finding.level, f"{finding.where}: {finding.what}"
            if finding.remedy:
                yield None, f"  {'':{WIDTH}}  -> {finding.remedy}"
    counts = Counter(finding.level for finding in findings)
    bad = [count(counts[level], level) for level in (Level.ERROR, Level.WARNING, Level.NOTE) if counts[level]]
    yield None, ", ".join([*bad, f"{counts[Level.OK]} ok"])


def _how_bad(finding: Finding) -> int:
    return max(finding.level.rank, Level.NOTE.rank)


def show(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Print the report."""
    if as_json:
        print_json(document(findings))
    elif sys.stdout.isatty():
        _coloured(findings)
    else:
        for level, text in lines(findings):
            print_line(text if level is None else f"  {level:{WIDTH}}  {text}")


def _coloured(findings: Sequence[Finding]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    for level, text in lines(findings):
        if level is None:
            console.print(Text(printable(text), "" if text.startswith(" ") else "bold"))
        else:
            console.print(Text(f"  {level:{WIDTH}}  ", STYLES[level]), Text(printable(text)), sep="")
