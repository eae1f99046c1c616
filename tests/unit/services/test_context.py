"""What a running tool knows and says."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from toolwire.contracts.snapshots import Progress
from toolwire.services import JobContext, ToolContext


def context(reports: list[Progress]) -> JobContext[None]:
    return JobContext(
        state=None,
        client_id="client-1",
        request_id="request-1",
        tool="build",
        deadline_ms=1,
        job_id="job-1",
        report=reports.append,
    )


async def test_progress_is_said_with_or_without_await() -> None:
    reports: list[Progress] = []
    ctx = context(reports)
    ctx.progress(0)
    await ctx.progress(0.5, "half way")
    ctx.progress(1)
    assert reports == [
        Progress(fraction=0.0),
        Progress(fraction=0.5, message="half way"),
        Progress(fraction=1.0),
    ]


@pytest.mark.parametrize(
    "wrong", [(1.01, ""), (-0.01, ""), (float("nan"), ""), (float("inf"), ""), (0.5, "x" * 501)]
)
def test_progress_that_cannot_be_is_the_tools_own_mistake(wrong: tuple[Any, ...]) -> None:
    reports: list[Progress] = []
    with pytest.raises(ValidationError):
        context(reports).progress(*wrong)
    assert reports == []


def test_whoever_tests_a_tool_may_name_the_type_of_its_state() -> None:
    ctx = ToolContext[str](state="app", client_id="client-1", request_id="request-1", tool="t", deadline_ms=1)
    assert ctx.state == "app"
