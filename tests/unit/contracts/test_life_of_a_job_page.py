"""The page about the life of a job says what the table says."""

import re
from pathlib import Path

from toolwire.contracts.jobs import Status, diagram

PAGE = (Path(__file__).parents[3] / "docs" / "life-of-a-job.md").read_text(encoding="utf-8")


def test_the_diagram_is_the_tables() -> None:
    """It is pasted from `diagram()`: whoever changes the table pastes it again."""
    (drawn,) = re.findall(r"```mermaid\n(.*?)\n```", PAGE, re.DOTALL)
    assert drawn == diagram()


def test_every_status_is_explained() -> None:
    """One row each, and none about a status that does not exist."""
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.partition("## Submit")[0], re.MULTILINE)
    assert rows == [status.value for status in Status]
