"""What the author of a tool decides about its runs, and what cannot be."""

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

import pytest
from pydantic import BaseModel

from toolwire.contracts.errors import DefinitionError, ToolError
from toolwire.services import Backoff, Fail, JobContext, Retry, Service, declare_job
from toolwire.services.declaring.run_policy import RunPolicy
from toolwire.services.declaring.tools import ToolSpec

T = TypeVar("T")
Declare = Callable[[Any], object]
"""Asks a service for what its types forbid, among others."""


class Approval(BaseModel):
    yes: bool


class Choice(BaseModel):
    number: int


class Other(BaseModel, Generic[T]):
    value: T


class NoSchema(BaseModel):
    function: Callable[[], None]


async def on_loop() -> None: ...


def in_thread() -> None: ...


async def job(ctx: JobContext[None]) -> None: ...


@pytest.fixture
def service() -> Service[None]:
    return Service("server-1")


def declared(service: Service[None]) -> ToolSpec:
    [spec] = service.tools.values()
    return spec


# --- what can be declared ---


def test_without_a_word_a_job_starts_once_and_may_take_as_long_as_its_caller_waits(
    service: Service[None],
) -> None:
    service.job()(job)
    spec = declared(service)
    assert (spec.max_attempts, spec.retry_on, spec.backoff) == (1, (Exception,), Backoff(first=1, longest=60))
    assert (spec.time_limit, spec.revisions, spec.asks) == (None, "any", ())


def test_all_that_a_job_may_say(service: Service[None]) -> None:
    service.job(
        max_attempts=5,
        retry_on=(ConnectionError, TimeoutError),
        backoff=Backoff(first=0.5, longest=8),
        time_limit=600,
        revisions="same",
        asks=(Approval, Choice),
    )(job)
    spec = declared(service)
    assert (spec.max_attempts, spec.retry_on) == (5, (ConnectionError, TimeoutError))
    assert (spec.backoff, spec.time_limit) == (Backoff(first=0.5, longest=8), 600)
    assert (spec.revisions, spec.asks) == ("same", (Approval, Choice))


def test_an_implementation_says_the_same(service: Service[None]) -> None:
    service.implements(
        declare_job("job", returns=None), max_attempts=2, retry_on=(OSError,), time_limit=5, asks=(Approval,)
    )(job)
    spec = declared(service)
    assert (spec.max_attempts, spec.retry_on, spec.time_limit, spec.asks) == (2, (OSError,), 5, (Approval,))


def test_a_tool_has_a_limit_and_a_place_too(service: Service[None]) -> None:
    service.tool(time_limit=0.5, run_in="process")(in_thread)
    spec = declared(service)
    assert (spec.time_limit, spec.run_in, spec.is_async) == (0.5, "process", False)


@pytest.mark.parametrize(
    ("options", "function", "place"),
    [
        ({}, on_loop, "loop"),
        ({}, in_thread, "thread"),
        ({"run_in": "thread"}, in_thread, "thread"),
        ({"run_in": "process"}, in_thread, "process"),
    ],
)
def test_where_a_function_runs(
    service: Service[None], options: Any, function: Callable[[], Any], place: str
) -> None:
    service.tool(**options)(function)
    assert declared(service).run_in == place


def test_the_limits_of_a_run_change_no_contract(service: Service[None]) -> None:
    """Whoever pins `tool_rev` is not told of a change that is none to its callers."""
    service.job(name="a", max_attempts=2)(job)
    other = Service("server-2")
    other.job(name="a", max_attempts=5, backoff=Backoff(first=2), time_limit=5, revisions="same")(job)
    assert declared(service).descriptor.tool_rev == declared(other).descriptor.tool_rev


@pytest.mark.parametrize(
    ("revisions", "pinned", "insists"),
    [("any", False, False), ("any", True, True), ("same", False, True), ("same", True, True)],
)
def test_who_may_run_what_a_tool_accepted(
    service: Service[None], revisions: Literal["any", "same"], pinned: bool, insists: bool
) -> None:
    service.job(name="a", revisions=revisions)(job)
    spec = declared(service)
    revision = f"a@{spec.descriptor.tool_rev}"
    assert spec.needed(pinned=pinned) == (revision if insists else "a")
    assert spec.meets == ("a", revision)


# --- what cannot be ---


def run_in_process(function: Callable[..., Any]) -> Declare:
    return lambda service: service.tool(name="tried", run_in="process")(function)


def local() -> Callable[[], None]:
    def inner() -> None: ...

    return inner


class Holder:
    @staticmethod
    def method() -> None: ...


REFUSED: dict[str, tuple[Declare, str]] = {
    "no attempt": (lambda service: service.job(max_attempts=0), "a job needs at least one attempt"),
    "retries without attempts": (
        lambda service: service.job(retry_on=(OSError,)),
        "retry_on= and backoff= are about the next attempt: they need max_attempts= above 1",
    ),
    "waits without attempts": (
        lambda service: service.job(backoff=Backoff(first=2)),
        "they need max_attempts= above 1",
    ),
    "one exception": (
        lambda service: service.job(max_attempts=2, retry_on=OSError),
        r"retry_on=<class 'OSError'>: it is a tuple of exception classes",
    ),
    "a list": (lambda service: service.job(max_attempts=2, retry_on=[OSError]), "it is a tuple of exc"),
    "an instance": (lambda service: service.job(max_attempts=2, retry_on=(OSError(),)), "it is a tuple of"),
    "what is no error": (
        lambda service: service.job(max_attempts=2, retry_on=(KeyboardInterrupt,)),
        "it is a tuple of exception classes",
    ),
    "what is final": (lambda service: service.job(max_attempts=2, retry_on=(Fail,)), "is always final"),
    "what never is": (lambda service: service.job(max_attempts=2, retry_on=(Retry,)), "is always final"),
    "no time": (lambda service: service.job(time_limit=0), "time_limit=0: more than 0 seconds are needed"),
    "time backwards": (lambda service: service.tool(time_limit=-1), "more than 0 seconds are needed"),
    "time that is no number": (lambda service: service.tool(time_limit=float("nan")), "more than 0 seconds"),
    "endless time": (lambda service: service.tool(time_limit=float("inf")), "more than 0 seconds"),
    "unheard of revisions": (lambda service: service.job(revisions="newer"), "it is 'any' or 'same'"),
    "unheard of place": (
        lambda service: service.tool(run_in="fork")(in_thread),
        "run_in='fork': it is 'thread' or 'process'",
    ),
    "async in a thread": (
        lambda service: service.tool(run_in="thread")(on_loop),
        "'on_loop' is async and runs on the event loop: run_in='thread' is for sync functions",
    ),
    "async in a process": (run_in_process(on_loop), "is async and runs on the event loop"),
    "a local function in a process": (run_in_process(local()), "define it with def, at module level"),
    "a method in a process": (run_in_process(Holder.method), "'Holder.method' cannot run in a process"),
    "one question": (
        lambda service: service.job(asks=Approval),
        r"asks=<class '.*Approval'>: it is a tuple of pydantic models",
    ),
    "a question that is no model": (lambda service: service.job(asks=(str,)), "a tuple of pydantic models"),
    "two questions of one name": (
        lambda service: service.job(asks=(Approval, Approval)),
        "each model needs a name of its own",
    ),
    "a question with an odd name": (
        lambda service: service.job(asks=(Other[int],)),
        "each model needs a name of its own, which must match",
    ),
    "a question without a schema": (
        lambda service: service.job(asks=(NoSchema,)),
        "NoSchema has no JSON Schema",
    ),
    "a job's word for a tool": (
        lambda service: service.tool(max_attempts=2),
        "a tool; max_attempts= is for jobs",
    ),
    "a tool's word for a job": (
        lambda service: service.job(read_only=True),
        "a job; read_only= is for tools",
    ),
    "no word at all": (
        lambda service: service.job(max_atempts=2),
        "a job, which has no option max_atempts=",
    ),
}


@pytest.mark.parametrize(("declare", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be(service: Service[None], declare: Declare, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        declare(service)
    assert service.tools == {}


@pytest.mark.parametrize(
    ("first", "longest"), [(0, 60), (-1, 60), (2, 1), (1, float("inf")), (1e306, 1e306), (float("nan"), 60)]
)
def test_a_backoff_that_cannot_be(first: float, longest: float) -> None:
    with pytest.raises(DefinitionError, match="the first wait must be more than 0 seconds"):
        Backoff(first=first, longest=longest)


def test_a_subclass_of_an_exception_counts() -> None:
    assert RunPolicy(max_attempts=2, retry_on=(ConnectionError,)).retry_on == (ConnectionError,)
    with pytest.raises(DefinitionError):
        RunPolicy(max_attempts=2, retry_on=(ConnectionError, ToolError))


# --- how long a job waits ---


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 1_000), (2, 2_000), (5, 16_000), (6, 32_000), (7, 60_000), (5_000, 60_000)]
)
def test_the_wait_doubles_with_jitter_up_to_its_longest(attempt: int, longest: int) -> None:
    waits = [Backoff().wait_ms(attempt) for _ in range(200)]
    assert longest // 2 <= min(waits) <= max(waits) <= longest
    assert len(set(waits)) > 1


def test_an_own_backoff() -> None:
    backoff = Backoff(first=0.1, longest=0.15)
    assert 50 <= backoff.wait_ms(1) <= 100
    assert 75 <= backoff.wait_ms(9) <= 150


@pytest.mark.parametrize("after", [-1, float("nan"), float("inf")])
def test_a_retry_after_no_time(after: float) -> None:
    with pytest.raises(ValueError, match="a number of seconds from 0 on is needed"):
        Retry(after=after)


def test_what_a_retry_says() -> None:
    assert (Retry().after, Retry().message) == (None, "")
    assert (Retry(after=0).after, str(Retry(5, "come back"))) == (0, "come back")
    assert len(Retry(message="x" * 3_000).message) == 2_000
    assert isinstance(Fail("no"), ToolError)
