"""What crosses between a replica and the process of a tool: one JSON object a line, both ways.

The replica sends an `Order` first, and a `Reply` to every call that waits for one. The process sends calls
of its context, and one outcome at the end.
"""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from toolwire.contracts.encoding import canonical
from toolwire.contracts.envelopes import Arguments, Trace
from toolwire.services.asking.questions import Asked
from toolwire.services.running.context import JobContext, ToolContext

MAX_CROSSING_BYTES = 4 * 1024 * 1024
"""The longest line that is read: several times what a result may have."""
MAX_TRACEBACK_CHARS = 32_768


class _Crossing(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    def line(self) -> bytes:
        """As it is sent. `NotJson` for what JSON has no form for."""
        return canonical(self.model_dump(mode="json")).encode() + b"\n"


# --- to the process ---


class ToolFacts(_Crossing):
    """What a tool in a process sees of its context, under the same names."""

    client_id: str
    request_id: str
    tool: str
    deadline_ms: int
    attempt: int
    trace: Trace | None


class JobFacts(ToolFacts):
    """What a job sees besides; the texts are those of its record."""

    job_id: str
    saved: str | None
    declared: list[str]
    answers: str | None


class Order(_Crossing):
    """What is to be run: the function's place, and the arguments as the request has them."""

    module: str
    name: str
    args: Arguments
    context: JobFacts | ToolFacts | None


def facts_of(context: ToolContext[Any]) -> JobFacts | ToolFacts:
    """The facts of a context, without its calls and its state."""
    known = {name: getattr(context, name) for name in ToolFacts.model_fields}
    if not isinstance(context, JobContext):
        return ToolFacts(**known)
    return JobFacts(
        **known,
        job_id=context.job_id,
        saved=context.saving.saved,
        declared=sorted(context.asking.declared),
        answers=context.asking.recorded,
    )


class Reply(_Crossing):
    """The answer to a call: its value, or the name and the text of what it raised."""

    value: JsonValue = None
    raised: str | None = None
    message: str = ""


class LastWords(_Crossing):
    """Why the process is told to leave: a reason of `AttemptEnded`."""

    reason: str


FROM_REPLICA: TypeAdapter[Reply | LastWords] = TypeAdapter(Reply | LastWords)


# --- from the process ---


class Call(_Crossing):
    """A call of the context, for the replica to make."""

    says: Literal["call"] = "call"
    name: str
    value: JsonValue
    waits: bool


class Returned(_Crossing):
    """The tool returned; `result` is valid and written already."""

    says: Literal["returned"] = "returned"
    result: JsonValue


class Unfit(_Crossing):
    """The tool returned what its own contract forbids."""

    says: Literal["unfit"] = "unfit"
    traceback: str


class Oversize(_Crossing):
    """What the tool gave is larger than any message may be; `what` names it."""

    says: Literal["oversize"] = "oversize"
    what: str


class Failed(_Crossing):
    """The tool raised a `ToolError`."""

    says: Literal["failed"] = "failed"
    reason: str
    message: str
    data: dict[str, JsonValue] | None


class WantsRetry(_Crossing):
    """The tool raised a `Retry`."""

    says: Literal["retry"] = "retry"
    after: float | None
    message: str


class Asks(_Crossing):
    """The tool asks its caller, as `InputRequired` has it."""

    says: Literal["asks"] = "asks"
    question: Asked


class Broke(_Crossing):
    """The tool raised something else, which stays where it is but for its text."""

    says: Literal["broke"] = "broke"
    kinds: list[str]
    """The full names of its class and of those above it."""
    traceback: str


Outcome: TypeAlias = Returned | Unfit | Oversize | Failed | WantsRetry | Asks | Broke
FROM_PROCESS: TypeAdapter[Call | Outcome] = TypeAdapter(
    Annotated[Call | Outcome, Field(discriminator="says")]
)


# --- as the replica meets it ---


class BrokeInProcess(Exception):
    """What a tool in a process raised: the text of its traceback, and the names of its classes."""

    def __init__(self, text: str, kinds: Sequence[str] = ()) -> None:
        super().__init__(f"in the process of the tool:\n{text}")
        self._kinds = frozenset(kinds)

    def is_one_of(self, classes: tuple[type[BaseException], ...]) -> bool:
        """Whether `except classes` would have caught it there."""
        return any(full_name(each) in self._kinds for each in classes)


class ProcessDied(Exception):
    """The process of a tool ended before the tool did: it crashed, was killed, or left by `os._exit`."""


class TooLarge(Exception):
    """What a tool in a process gave is larger than any message may be."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, slots=True)
class Written:
    """What a process made of its tool's value: the JSON of the result, or the reason why there is none."""

    result: JsonValue = None
    problem: Exception | None = None

    def read(self) -> JsonValue:
        """The result; raises the reason."""
        if self.problem is not None:
            raise self.problem
        return self.result


def full_name(kind: type) -> str:
    """What tells a class from all others, in this process and in another."""
    return f"{kind.__module__}.{kind.__qualname__}"


def text_of(error: BaseException) -> str:
    """The traceback, for the operator's log; of a long one, the end."""
    text = "".join(traceback.format_exception(error))[-MAX_TRACEBACK_CHARS:]
    return text.encode("utf-8", "backslashreplace").decode()
