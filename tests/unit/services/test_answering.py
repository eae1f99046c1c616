"""The built-in tool that takes the answer to a job's question."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, JsonValue, RootModel, ValidationError, field_validator

from tests.unit.services.given import (
    CLIENT,
    CLIENTS_KEY,
    HOLDER,
    LEASE_MS,
    OTHER,
    SERVER,
    new_record,
    until,
)
from toolwire.contracts.builtin import ANSWER_JOB
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.jobs import EventName, Status
from toolwire.services import InputRequired, JobContext, Service
from toolwire.services.asking.questions import MAX_ANSWER_BYTES, Asking
from toolwire.services.builtin import Desk, builtin_tools
from toolwire.services.requests.plans import Prepared
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.context import Caller
from toolwire.services.running.execute import execute
from toolwire.services.running.runner import prepare
from toolwire.services.running.threads import ToolThreads
from toolwire.services.store.port import Changed, Record, Store

service = Service(SERVER)


class Limit(BaseModel):
    amount: Annotated[int, Field(ge=0)]


class Approval(BaseModel):
    """Whether it may be done."""

    approved: bool
    limits: list[Limit] = []
    note: str = ""


class Reasons(RootModel[list[str]]):
    """Why."""


class Fragile(BaseModel):
    text: str

    @field_validator("text")
    @classmethod
    def break_down(cls, text: str) -> str:
        raise RuntimeError("a secret")


@service.job(asks=(Approval, Reasons, Fragile))
async def deploy(ctx: JobContext[None]) -> None:
    """Never run here: the tests park it."""


class Counter:
    """The tool as clients use it."""

    def __init__(self, store: Store, threads: ToolThreads) -> None:
        self.store = store
        self.answered: list[Changed] = []
        self.threads = threads
        self.tools = dict(service.tools)
        self.desk = Desk(
            server_id=SERVER,
            fingerprint=lambda kid: f"of {kid}",
            store=store,
            holder=HOLDER,
            lease_ms=LEASE_MS,
            clients={},
            tools=self.tools,
            changed=lambda _: None,
            answered=self.answered.append,
        )
        [self.spec] = [spec for spec in builtin_tools(self.desk) if spec.name == ANSWER_JOB]

    async def answer(
        self, job: Record | str, answer: JsonValue, key: str = "go", *, by: str = CLIENT, request: str = "r"
    ) -> dict[str, Any] | WireError:
        """The snapshot, or the refusal."""
        job_id = job if isinstance(job, str) else job.job_id
        args, named = self.spec.signature.decode({"job_id": job_id, "key": key, "answer": answer})
        caller = Caller(
            state=None, client_id=by, request_id=request, tool=ANSWER_JOB, deadline_ms=0, kid=CLIENTS_KEY.kid
        )
        ended = await execute(
            Prepared(self.spec, args, named), (caller,), seconds_left=30, threads=self.threads
        )
        told: dict[str, Any] | WireError = ended.error or json.loads(ended.result or "null")
        return told

    async def refused(self, job: Record | str, answer: JsonValue, key: str = "go", **more: Any) -> Code:
        told = await self.answer(job, answer, key, **more)
        assert isinstance(told, WireError)
        return told.code

    async def parked(self, model: type[BaseModel] = Approval, *, key: str = "go") -> Record:
        """A job that asks for that model."""
        await self.store.accept(new_record(self.tools["deploy"]), holder=HOLDER, lease_ms=LEASE_MS)
        return await self.asks(model, key=key)

    async def asks(self, model: type[BaseModel], *, key: str) -> Record:
        """The job that waits, taken, and parked."""
        await self.store.take(["deploy"], token="t", holder=HOLDER, lease_ms=LEASE_MS, kinds=["job"])
        with pytest.raises(InputRequired) as asked:
            Asking([model.__name__]).ask(model, "Go?", key)
        question = asked.value.question.recorded()
        changed = await self.store.park("t", question, progress=None, holder=HOLDER, lease_ms=LEASE_MS)
        assert changed is not None
        return changed.record


@pytest.fixture
def counter(store: Store, threads: ToolThreads) -> Counter:
    return Counter(store, threads)


async def test_an_answer_that_fits_has_the_job_taken_again(counter: Counter) -> None:
    job = await counter.parked()
    told = await counter.answer(job, {"approved": True, "limits": [{"amount": 3}]})
    assert isinstance(told, dict)
    assert (told["status"], told["question"], told["job_id"]) == ("accepted", None, job.job_id)
    [changed] = counter.answered
    assert [message.event for message in changed.messages] == [EventName.ANSWERED]
    assert changed.record.status is Status.ACCEPTED


async def test_an_answer_need_not_be_an_object(counter: Counter) -> None:
    assert isinstance(await counter.answer(await counter.parked(Reasons), ["one", "two"]), dict)


@pytest.mark.parametrize(
    ("answer", "paths"),
    [
        ({}, ["/answer/approved"]),
        ({"approved": "yes"}, ["/answer/approved"]),
        ({"approved": 1}, ["/answer/approved"]),
        ({"approved": True, "by": "ada"}, ["/answer/by"]),
        ({"approved": True, "limits": [{"amount": 1}, {"amount": -1}]}, ["/answer/limits/1/amount"]),
        ({"approved": True, "limits": [{"amount": 1, "x": 1}]}, ["/answer/limits/0/x"]),
        ([True], ["/answer"]),
        (None, ["/answer"]),
        ({"approved": True, "note": "x" * MAX_ANSWER_BYTES}, ["/answer"]),
    ],
    ids=lambda value: "" if isinstance(value, list) else str(value)[:40],
)
async def test_an_answer_that_does_not_fit_leaves_the_job_asking(
    counter: Counter, store: Store, answer: JsonValue, paths: list[str]
) -> None:
    job = await counter.parked()
    told = await counter.answer(job, answer)
    assert isinstance(told, WireError)
    assert told.code is Code.INVALID_ARGS
    assert [field.path for field in told.fields or ()] == paths
    assert await store.find(job.key) == job
    assert counter.answered == []


async def test_a_path_into_an_answer_keeps_to_its_length(counter: Counter) -> None:
    long: JsonValue = {"approved": True, "~" * 200: 1}
    told = await counter.answer(await counter.parked(), long)
    assert isinstance(told, WireError)
    [path] = [field.path for field in told.fields or ()]
    assert len(path) <= 200
    assert path.startswith("/answer/~0~0")
    assert not path.endswith("~")


@pytest.mark.promise("P9")
async def test_a_validator_that_breaks_costs_one_request(
    counter: Counter, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    job = await counter.parked(Fragile)
    told = await counter.answer(job, {"text": "x"})
    assert isinstance(told, WireError)
    assert told.code is Code.INTERNAL
    assert "a secret" not in told.model_dump_json()
    assert "a secret" in caplog.text
    assert await store.find(job.key) == job


@pytest.mark.promise("P5")
async def test_anothers_job_and_no_job_look_the_same(counter: Counter, store: Store) -> None:
    job = await counter.parked()
    others = await counter.answer(job, {"approved": True}, by=OTHER)
    assert others == await counter.answer("no-job", {"approved": True})
    assert isinstance(others, WireError)
    assert others.code is Code.JOB_NOT_FOUND
    assert await store.find(job.key) == job


async def test_what_is_not_asked_takes_no_answer(counter: Counter, store: Store) -> None:
    job = await counter.parked()
    yes: JsonValue = {"approved": True}
    assert await counter.refused(job, yes, "another") is Code.NOT_ASKED
    await counter.answer(job, yes, request="first")
    assert await counter.refused(job, yes, request="second") is Code.NOT_ASKED, "it is answered"
    await store.take(["deploy"], token="u", holder=HOLDER, lease_ms=LEASE_MS, kinds=["job"])
    assert await counter.refused(job, yes, request="second") is Code.NOT_ASKED, "it runs"
    await store.cancel(CLIENT, job.job_id or "", "{}", holder=HOLDER, lease_ms=LEASE_MS)
    await store.retry("u", delay_ms=0, holder=HOLDER, lease_ms=LEASE_MS)
    assert await counter.refused(job, yes, request="second") is Code.NOT_ASKED, "it is over"
    assert len(counter.answered) == 1


async def test_the_same_request_run_again_finds_that_it_was_the_first(counter: Counter) -> None:
    """Its replica was lost between the answer and the end of the request."""
    job = await counter.parked()
    first = await counter.answer(job, {"approved": True})
    assert await counter.answer(job, {"approved": True}) == first
    assert len(counter.answered) == 1


@pytest.mark.promise("P8")
@pytest.mark.parametrize("answered", [False, True])
async def test_what_a_lost_replica_was_given_another_finishes(
    counter: Counter, attempts: Attempts, store: Store, answered: bool
) -> None:
    """Whether the answer was recorded before it was lost, or not yet: the client hears that it counts."""
    job, answer = await counter.parked(), {"approved": True}
    new = new_record(counter.spec, {"job_id": job.job_id, "key": "go", "answer": answer})
    await store.claim(new, token="lost", holder="another", lease_ms=0)
    if answered:
        await counter.answer(job, {"approved": True}, request=new.key.request_id)

    async def is_found() -> bool:
        return bool(await store.settle_lost(interrupted="{}", holder=HOLDER, lease_ms=LEASE_MS, limit=9))

    await until(is_found)
    got = await store.take(
        counter.spec.meets, token="new", holder=HOLDER, lease_ms=LEASE_MS, kinds=["call", "job"]
    )
    assert got is not None
    tools = {counter.spec.name: counter.spec}
    changed = await attempts.run(got.record, prepare(got.record, tools), tell=lambda: True)
    assert changed is not None
    assert json.loads(changed.record.result or "")["status"] == "accepted"
    assert len(counter.answered) == 1


async def test_of_answers_that_come_at_once_the_first_counts(counter: Counter) -> None:
    job = await counter.parked()
    told = await asyncio.gather(
        *(counter.answer(job, {"approved": True}, request=f"r-{number}") for number in range(3))
    )
    assert sorted(isinstance(each, dict) for each in told) == [False, False, True]
    assert {each.code for each in told if isinstance(each, WireError)} == {Code.NOT_ASKED}


async def test_a_release_without_the_model_says_so(counter: Counter, store: Store) -> None:
    class Removed(BaseModel):
        approved: bool

    job = await counter.parked(Removed)
    assert await counter.refused(job, {"approved": True}) is Code.TOOL_CHANGED
    counter.tools.clear()
    assert await counter.refused(job, {"approved": True}) is Code.TOOL_CHANGED
    assert await store.find(job.key) == job


@pytest.mark.parametrize("key", ["", "-go", "a b", "x" * 65, "go\n"])
def test_a_key_that_no_question_can_have_is_no_argument(counter: Counter, key: str) -> None:
    with pytest.raises(ValidationError):
        counter.spec.signature.decode({"job_id": "job-1", "key": key, "answer": True})


def test_it_takes_no_place_and_may_be_repeated(counter: Counter) -> None:
    assert not counter.spec.takes_place
    assert counter.spec.recorded
    assert counter.spec.descriptor.annotations.idempotentHint
