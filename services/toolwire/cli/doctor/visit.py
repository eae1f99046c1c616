"""`toolwire doctor`, from its options to its exit code."""

from collections.abc import Mapping
from typing import Any

from toolwire.broker.management import Management
from toolwire.cli import exits
from toolwire.cli.doctor.diagnosis import diagnose
from toolwire.cli.doctor.finding import Area, Level, worst
from toolwire.cli.doctor.managed import SECONDS
from toolwire.cli.doctor.report import show
from toolwire.client.urls import is_page
from toolwire.contracts.errors import UsageError

ALSO = {"keys": Area.HOME}
"""Other words for an area."""


async def visit(given: Mapping[str, Any], *, only: str | None, management: str | None, as_json: bool) -> int:
    """Look, print the findings, and give the exit code. `UsageError` for options that cannot be meant."""
    areas = read_areas(only)
    if management is not None and not is_page(management):
        # The URL holds a password, so that the complaint must not repeat it.
        raise UsageError(
            "--management is a URL: http://USER:PASSWORD@HOST:15672, or https://…, with the password "
            "percent-encoded"
        )
    api = None if management is None else Management(management, timeout=SECONDS)
    findings = await diagnose(given, management=api, areas=areas)
    show(findings, as_json=as_json)
    return exits.FAILED if worst(findings) is Level.ERROR else exits.OK


def read_areas(only: str | None) -> frozenset[Area]:
    """The areas that a list with commas names; all of them without one."""
    if only is None:
        return frozenset(Area)
    words = {ALSO.get(word.strip(), word.strip()) for word in only.split(",") if word.strip()}
    unknown = sorted(words - set(Area))
    if unknown or not words:
        told = ", ".join(unknown) or "empty list"
        raise UsageError(f"--only knows no {told}: name some of {', '.join(Area)}")
    return frozenset(Area(word) for word in words)
