"""What a watcher sees can be matched on and read like a job of one's own."""

import pytest
from pydantic import BaseModel, TypeAdapter

from tests.unit.contracts import samples
from toolwire.client import (
    Done,
    JobCancelled,
    JobFailed,
    JobSnapshot,
    Progressed,
    ResultMismatch,
    Seen,
    UsageError,
)
from toolwire.client.seen import seen
from toolwire.contracts.jobs import EventName
from toolwire.services import JobContext, Service

service = Service("server-1")


class Echo(BaseModel):
    """What the sample job returns."""

    echo: list[int | str]


@service.job()
async def start_long_task(ctx: JobContext[None]) -> Echo:
    """The sample job."""
    return Echo(echo=[1, "é"])


@service.job()
async def another(ctx: JobContext[None]) -> Echo:
    """Another job."""
    return Echo(echo=[])


def sight(name: EventName, snapshot: JobSnapshot) -> Seen:
    return seen(samples.event(event=name, data=snapshot))


DONE = sight(EventName.DONE, samples.DONE)


def test_a_sight_says_whose_job_it_is_and_what_was_told() -> None:
    assert (DONE.client_id, DONE.request_id) == ("client-001", "request-1")
    assert (DONE.server_id, DONE.tool, DONE.job_id) == ("server-1", "start_long_task", "job-1")
    assert DONE.event == Done(samples.DONE)
    assert DONE.snapshot is samples.DONE


def test_a_result_is_read_by_its_tools_contract_or_as_a_type() -> None:
    expected = Echo(echo=[1, "é"])
    assert DONE.result(start_long_task) == expected
    assert DONE.result(Echo) == expected
    assert DONE.result(TypeAdapter(dict[str, list[int | str]])) == {"echo": [1, "é"]}
    assert DONE.result() == {"echo": [1, "é"]}


def test_a_result_that_does_not_fit_is_told_apart() -> None:
    with pytest.raises(ResultMismatch, match="start_long_task"):
        DONE.result(int)


def test_a_job_that_did_not_end_well_raises_as_its_own_would() -> None:
    with pytest.raises(JobFailed, match="it broke"):
        sight(EventName.ERROR, samples.FAILED).result(start_long_task)
    with pytest.raises(JobCancelled):
        sight(EventName.CANCELLED, samples.CANCELLED).result(start_long_task)


def test_what_cannot_be_read_is_the_callers_mistake() -> None:
    running = sight(EventName.PROGRESS, samples.snapshot())
    assert isinstance(running.event, Progressed)
    with pytest.raises(UsageError, match="does not end job job-1"):
        running.result()
    with pytest.raises(UsageError, match="one of 'start_long_task', not of 'another'"):
        DONE.result(another)
