"""What a tool may know and say while it runs."""

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import JsonValue

from toolwire.contracts.envelopes import Trace
from toolwire.contracts.snapshots import Progress
from toolwire.services.asking.checkpoints import Checkpoint
from toolwire.services.asking.questions import Asking, M
from toolwire.services.running.end_flag import EndFlag
from toolwire.services.telling.pieces import written

A = TypeVar("A")


# No slots: with them, and before Python 3.13, ToolContext[App](…) in a test of a tool is a TypeError.
@dataclass(frozen=True, kw_only=True)
class ToolContext(Generic[A]):
    """The request behind a running tool. All of it was signed by the client, but for `state`."""

    state: A
    """What the service's lifespan yielded."""
    client_id: str
    request_id: str
    tool: str
    deadline_ms: int
    """When the caller stops waiting, in milliseconds since 1970; the tool is ended then."""
    attempt: int = 1
    """1 for the first run of this request."""
    trace: Trace | None = None
    end: EndFlag = field(default_factory=EndFlag, repr=False, compare=False)
    """Set when the attempt is ended: whoever tests a tool may set it, too."""

    @property
    def cancelled(self) -> bool:
        """Whether the attempt has been ended, for whatever reason: then nobody waits for its result any more.

        For a sync tool, which nobody can end from outside. An async one gets an `asyncio.CancelledError`.
        """
        return self.end.reason is not None

    def check(self) -> None:
        """Raise `AttemptEnded` where the attempt has been ended: for a sync tool, wherever it can stop."""
        self.end.check()


@dataclass(frozen=True, kw_only=True)
class Caller(ToolContext[None]):
    """Who calls a built-in tool, and under which key."""

    kid: str


@dataclass(frozen=True, kw_only=True)
class JobContext(ToolContext[A]):
    """A running job."""

    job_id: str
    report: Callable[[Progress], None]
    """Where progress goes; safe to call from any thread."""
    emitting: Callable[[str], Awaitable[None]] = field(
        default=lambda _piece: Said(), repr=False, compare=False
    )
    """Where pieces of output go, as JSON text."""
    asking: Asking = field(default_factory=Asking, repr=False, compare=False)
    saving: Checkpoint = field(
        default_factory=lambda: Checkpoint(None, lambda _saved: Said()), repr=False, compare=False
    )

    def progress(self, fraction: float, message: str = "") -> "Said":
        """Say how far the job is: `fraction` from 0 to 1, `message` of at most 500 characters.

        Never waits: the last value is told, at most five times a second. `await` it or not, as you like.
        Raises pydantic's `ValidationError` where the values are out of range.
        """
        self.report(Progress(fraction=float(fraction), message=message))
        return Said()

    def emit(self, piece: object) -> Awaitable[None]:
        """Put out a piece of the result before it is whole: a JSON value, a pydantic model or a dataclass.

        Its owner gets every piece, in order; they are told together, at most five times a second. To be
        awaited by an async tool: where too much waits to be recorded, that waits, too. In a thread or a
        process this waits by itself. What was put out stays, however the attempt ends: one that begins anew
        after another does well to say so in a piece. Raises `PieceRefused` for what is no JSON or too large
        for a message, and `AttemptEnded` where the attempt is over.
        """
        self.end.check()
        return self.emitting(written(piece))

    @property
    def answers(self) -> Mapping[str, JsonValue]:
        """What the job's owner has answered so far, as JSON, by the questions' keys."""
        return self.asking.answers

    def ask(self, model: type[M], prompt: str, *, key: str | None = None) -> M:
        """What the job's owner answers: an instance of `model`, one of those in the job's `asks=`.

        `prompt`, of at most 2,000 characters, is for people. `key`, by which the answer is known, is the
        model's name where none is given: each question of a job needs its own.

        Until the answer is there this raises `InputRequired`, to be let through: the attempt ends, and the
        job waits and holds nothing. The answer has the tool called again, from its first line. Raises
        `DefinitionError` for what cannot be asked.
        """
        return self.asking.ask(model, prompt, key)

    @property
    def checkpoint(self) -> JsonValue:
        """What was saved last, by this attempt or an earlier one; None where nothing was."""
        return self.saving.value

    def save(self, value: JsonValue) -> Awaitable[None]:
        """Save a JSON value of at most 1 MiB for whatever attempt comes next.

        To be awaited by an async tool: then it is durable. In a thread or a process this waits by itself.
        Raises `ValueError` for what is no JSON or too large, `AttemptEnded` where somebody else has the job.
        """
        return self.saving.save(value)


class Said:
    """Awaitable and already done, so that async tools may await what sync tools just call."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()
