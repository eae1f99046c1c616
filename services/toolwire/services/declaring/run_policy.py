"""What the author of a tool decides about its runs: how often, for how long, where, and by which release."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, PydanticUserError

from toolwire.contracts.errors import DefinitionError, ToolError
from toolwire.contracts.names import ID_PATTERN, is_id
from toolwire.services.declaring.retries import Backoff, Retry

Revisions: TypeAlias = Literal["any", "same"]
"""Which release may run what another one accepted."""
RunIn: TypeAlias = Literal["thread", "process"]
"""Where a sync function may run."""
RunsIn: TypeAlias = Literal["loop", "thread", "process"]
"""Where a function runs: an async one on the event loop."""

RetryOn: TypeAlias = tuple[type[Exception], ...]
Asks: TypeAlias = tuple[type[BaseModel], ...]

_EVERY_EXCEPTION: RetryOn = (Exception,)
_USUAL_BACKOFF = Backoff()


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """The options of `@service.tool` and `@service.job` about runs. `DefinitionError` for what cannot be."""

    max_attempts: int = 1
    retry_on: RetryOn = _EVERY_EXCEPTION
    backoff: Backoff = _USUAL_BACKOFF
    time_limit: float | None = None
    """In seconds, for one attempt."""
    revisions: Revisions = "any"
    run_in: RunIn | None = None
    asks: Asks = ()
    """The models of the answers to what it may ask its caller."""

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise DefinitionError(f"max_attempts={self.max_attempts}: a job needs at least one attempt")
        if self.max_attempts == 1 and (self.retry_on, self.backoff) != (_EVERY_EXCEPTION, _USUAL_BACKOFF):
            raise DefinitionError(
                "retry_on= and backoff= are about the next attempt: they need max_attempts= above 1"
            )
        if self.time_limit is not None and not 0 < self.time_limit < math.inf:
            raise DefinitionError(f"time_limit={self.time_limit}: more than 0 seconds are needed, or None")
        if self.revisions not in ("any", "same"):
            raise DefinitionError(f"revisions={self.revisions!r}: it is 'any' or 'same'")
        _check_retry_on(self.retry_on)
        _check_asks(self.asks)

    def place_of(self, function: Callable[..., Any]) -> RunsIn:
        """Where `function` runs. `DefinitionError` where it cannot run there."""
        if self.run_in not in (None, "thread", "process"):
            raise DefinitionError(f"run_in={self.run_in!r}: it is 'thread' or 'process'")
        if inspect.iscoroutinefunction(function):
            if self.run_in is not None:
                raise DefinitionError(
                    f"tool function {function.__qualname__!r} is async and runs on the event loop: "
                    f"run_in={self.run_in!r} is for sync functions"
                )
            return "loop"
        if self.run_in == "process":
            _check_importable(function)
        return self.run_in or "thread"


def _check_retry_on(retry_on: Any) -> None:
    # Whoever leaves out a comma or a pair of brackets is to be told here, not by a lost job.
    if not _is_tuple_of(Exception, retry_on):
        raise DefinitionError(f"retry_on={retry_on!r}: it is a tuple of exception classes")
    if any(issubclass(kind, ToolError | Retry) for kind in retry_on):
        raise DefinitionError(
            f"retry_on={retry_on!r}: a ToolError is always final and a Retry never; retry_on= is for others"
        )


def _check_asks(asks: Any) -> None:
    if not _is_tuple_of(BaseModel, asks):
        raise DefinitionError(f"asks={asks!r}: it is a tuple of pydantic models")
    names = [model.__name__ for model in asks]
    for model in asks:
        if not is_id(model.__name__) or names.count(model.__name__) > 1:
            raise DefinitionError(
                f"asks={asks!r}: each model needs a name of its own, which must match {ID_PATTERN}"
            )
        try:
            model.model_json_schema()
        except PydanticUserError as error:
            raise DefinitionError(f"asks={asks!r}: {model.__name__} has no JSON Schema: {error}") from error


def _is_tuple_of(root: type, value: Any) -> bool:
    if not isinstance(value, tuple):
        return False
    kinds: tuple[Any, ...] = value  # pyright: ignore[reportUnknownVariableType] - of anything
    return all(inspect.isclass(kind) and issubclass(kind, root) for kind in kinds)


def _check_importable(function: Callable[..., Any]) -> None:
    """A process finds a function by the name that its module has for it."""
    name = getattr(function, "__qualname__", "")
    if not name.isidentifier():
        raise DefinitionError(
            f"tool function {name!r} cannot run in a process, which imports it by its name: "
            "define it with def, at module level"
        )
