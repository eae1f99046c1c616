"""Many submissions at once: a bounded number in flight, and the outcome of each."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from pydantic import BaseModel, JsonValue, TypeAdapter
from typing_extensions import Unpack

from toolwire.client.jobs import Job
from toolwire.client.options import Changes
from toolwire.contracts.errors import ToolwireError, UsageError
from toolwire.contracts.tools import JobTool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolwire.client.calls import Calls

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

IN_FLIGHT = 256
"""How many submissions wait for their acceptance at a time, where nothing else is said.

What waits together is sent, recorded and answered together: so many fill four messages, so that one is under
way while others are worked on. More gains nothing, and waits in a queue that others use too.
"""


@dataclass(frozen=True, slots=True)
class Submission(Generic[R_co]):
    """A job that is yet to be submitted: what `submission` makes and `submit_many` takes."""

    tool: JobTool[..., R_co] | str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    changes: Changes

    def options(self, **changes: Unpack[Changes]) -> "Submission[R_co]":
        """The same, to be submitted otherwise than the others: under a request id of its own, or later."""
        return replace(self, changes={**self.changes, **changes})


@overload
def submission(tool: JobTool[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Submission[R]: ...
@overload
def submission(
    tool: str, args: "Mapping[str, Any] | BaseModel | None" = None, /, *, returns: type[R] | TypeAdapter[R]
) -> Submission[R]: ...
@overload
def submission(
    tool: str, args: "Mapping[str, Any] | BaseModel | None" = None, /
) -> Submission[JsonValue]: ...
def submission(tool: JobTool[Any, Any] | str, /, *args: Any, **kwargs: Any) -> Submission[Any]:
    """One item for `submit_many`: what `submit` would be given. Nothing is checked or sent yet."""
    return Submission(tool, args, kwargs, {})


async def submit_all(
    calls: "Calls", items: Iterable[Submission[R]], in_flight: int
) -> list[Job[R] | ToolwireError]:
    """Submit each item, so many at a time; the outcomes in the order of the items."""
    if in_flight < 1:
        raise UsageError(f"in_flight={in_flight}: at least one submission has to be in flight")
    outcomes: list[Job[R] | ToolwireError | None] = []
    waiting = iter(items)

    async def submit_in_turn() -> None:
        for item in waiting:  # shared: whoever is free takes the next
            place = len(outcomes)
            outcomes.append(None)
            outcomes[place] = await _outcome(calls, item)

    working = [asyncio.create_task(submit_in_turn()) for _ in range(in_flight)]
    try:
        await asyncio.gather(*working)
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
    return [outcome for outcome in outcomes if outcome is not None]


async def _outcome(calls: "Calls", item: Submission[R]) -> Job[R] | ToolwireError:
    try:
        chosen = calls.options(**item.changes) if item.changes else calls
        job: Job[R] = await chosen.submit(item.tool, *item.args, **item.kwargs)
    except ToolwireError as error:
        return error
    return job
