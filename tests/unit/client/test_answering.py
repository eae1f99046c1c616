"""`Job.answer`: which question is answered, and what is sent."""

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, Field, JsonValue

from tests.unit.contracts.samples import DONE, QUESTION, snapshot
from toolwire.client.following import Following
from toolwire.client.jobs import Job, Told
from toolwire.contracts.builtin import ANSWER_JOB, POLL_JOB
from toolwire.contracts.errors import Code, DefinitionError, NotAsked
from toolwire.contracts.jobs import Status
from toolwire.contracts.snapshots import JobSnapshot

PARKED = snapshot(status=Status.INPUT_REQUIRED, seq=4)
ANSWERED = snapshot(status=Status.ACCEPTED, seq=5)


class Approval(BaseModel):
    approved: bool
    by: str = Field(default="ada", alias="approvedBy")


@dataclass
class Plain:
    approved: bool


class Server:
    """Plays one job; `asked` is what it was asked."""

    def __init__(self, stands: JobSnapshot) -> None:
        self.stands = stands
        self.asked: list[tuple[str, dict[str, JsonValue]]] = []
        self.following = Following("server-1", "job-1", None)
        self.job: Job[Any] = Job(self.following, self.answer, lambda result: result)

    async def answer(self, tool: str, job_id: str, returns: type[Told], /, **more: JsonValue) -> Told:
        assert job_id == "job-1"
        self.asked.append((tool, more))
        told = ANSWERED if tool == ANSWER_JOB else self.stands
        assert isinstance(told, returns)
        return told


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (Approval(approved=True), {"approved": True, "approvedBy": "ada"}),
        (Plain(approved=False), {"approved": False}),
        ({"approved": True}, {"approved": True}),
        ([1, None], [1, None]),
        (None, None),
    ],
)
async def test_whatever_has_a_json_form_is_an_answer(value: object, sent: JsonValue) -> None:
    server = Server(PARKED)
    assert await server.job.answer(value, key="go") == ANSWERED
    assert server.asked == [(ANSWER_JOB, {"key": "go", "answer": sent})]


@pytest.mark.parametrize("value", [object(), float("nan"), {"x": ...}])
async def test_what_has_none_is_not_sent(value: object) -> None:
    server = Server(PARKED)
    with pytest.raises(DefinitionError):
        await server.job.answer(value, key="go")
    assert server.asked == []


async def test_without_a_key_the_question_is_that_of_the_newest_snapshot() -> None:
    server = Server(PARKED)
    server.following.learn(PARKED)
    await server.job.answer(True)
    assert server.asked == [(ANSWER_JOB, {"key": QUESTION.key, "answer": True})]


@pytest.mark.parametrize("known", [None, snapshot(seq=3)])
async def test_where_no_snapshot_shows_one_it_is_asked_for(known: JobSnapshot | None) -> None:
    server = Server(PARKED)
    if known is not None:
        server.following.learn(known)
    await server.job.answer(True)
    assert server.asked == [(POLL_JOB, {}), (ANSWER_JOB, {"key": QUESTION.key, "answer": True})]


@pytest.mark.parametrize("stands", [snapshot(), ANSWERED, DONE])
async def test_a_job_that_asks_nothing_is_sent_no_answer(stands: JobSnapshot) -> None:
    server = Server(stands)
    with pytest.raises(NotAsked, match=f"job-1 asks nothing now: its status is {stands.status}") as refused:
        await server.job.answer(True)
    assert refused.value.code is Code.NOT_ASKED
    assert server.asked == [(POLL_JOB, {})]


async def test_what_is_told_of_the_answer_is_news() -> None:
    server = Server(PARKED)
    await server.job.answer(True)
    assert server.following.newest == ANSWERED
