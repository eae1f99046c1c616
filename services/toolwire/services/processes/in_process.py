"""One run of a tool in a process of its own, seen from inside: read the order, run, tell how it ended."""

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from types import FrameType
from typing import Any

from pydantic import JsonValue, ValidationError

from toolwire.contracts.encoding import NotJson, sendable
from toolwire.contracts.errors import DefinitionError, ToolError
from toolwire.contracts.signatures import Signature
from toolwire.contracts.snapshots import Progress
from toolwire.services.asking.checkpoints import Checkpoint
from toolwire.services.asking.questions import Asking, question_in
from toolwire.services.declaring.retries import Retry
from toolwire.services.declaring.tools import ServedJob, ServedTool
from toolwire.services.processes.crossing import (
    FROM_REPLICA,
    Asks,
    Broke,
    Call,
    Failed,
    JobFacts,
    LastWords,
    Order,
    Outcome,
    Oversize,
    Returned,
    ToolFacts,
    Unfit,
    WantsRetry,
    full_name,
    text_of,
)
from toolwire.services.running.context import JobContext, Said, ToolContext
from toolwire.services.running.end_flag import AttemptEnded, EndFlag
from toolwire.services.running.execute import is_too_large, write_result

_RAISED: dict[str, type[Exception]] = {kind.__name__: kind for kind in (ValueError, TypeError, NotJson)}
"""What a call may raise here as it did there; anything else is a RuntimeError."""

READ_BYTES = 65536

TELL_EVERY_S = 0.02
"""How much time has to pass for each thing that is told, where there is very much of it."""
TOLD_FREELY_S = 1.0
"""For how much of that time in advance things are told as they come."""


class Wire:
    """The line to the replica. Safe to use from any thread of the tool."""

    def __init__(self, channel: socket.socket, end: EndFlag) -> None:
        self._channel = channel
        self._end = end
        self._asking = threading.Lock()
        self._sending = threading.Lock()
        self._untold: Call | None = None
        self._due = 0.0

    def read(self) -> bytes:
        """The next line, and not a byte more, so that `look` sees what comes behind it.

        `EOFError` where the replica has hung up.
        """
        line = b""
        while not line.endswith(b"\n"):
            ahead = self._channel.recv(READ_BYTES, socket.MSG_PEEK)
            part = self._channel.recv(ahead.find(b"\n") + 1 or len(ahead) or 1)
            if not part:
                raise EOFError("the replica has hung up")
            line += part
        return line

    def say(self, what: Call | Outcome) -> None:
        """Send it, behind what is still to be told."""
        line = what.line()
        with self._sending:
            self._send_untold()
            self._channel.sendall(line)

    def tell(self, name: str, value: JsonValue) -> None:
        """Have the replica make a call of the context, whose end nobody waits for.

        Of very many, which would keep the replica busy, the last goes with whatever is said next.
        """
        with self._sending:
            self._untold = Call(name=name, value=value, waits=False)
            now = time.monotonic()
            if self._due <= now:
                self._due = max(self._due, now - TOLD_FREELY_S) + TELL_EVERY_S
                self._send_untold()

    def ask(self, name: str, value: JsonValue) -> JsonValue:
        """Have it make a call, and wait for what that gives.

        Raises what it raised, or `AttemptEnded` where the replica has this run ended meanwhile.
        """
        with self._asking:  # replies come in the order of the calls: one at a time
            self._end.check()  # which may have come between a call and its reply
            self.say(Call(name=name, value=value, waits=True))
            reply = FROM_REPLICA.validate_json(self.read())
        if isinstance(reply, LastWords):
            self._end.set(reply.reason)
            raise AttemptEnded(reply.reason)
        if reply.raised is not None:
            raise _RAISED.get(reply.raised, RuntimeError)(reply.message)
        return reply.value

    def look(self) -> None:
        """Set the flag where the replica has this run ended, which is the last that it says."""
        with suppress(OSError, IndexError, ValueError):
            unread = self._channel.recv(READ_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            self._end.set(LastWords.model_validate_json(unread.splitlines()[-1]).reason)

    def _send_untold(self) -> None:
        if self._untold is not None:
            self._channel.sendall(self._untold.line())
            self._untold = None


def run_one(channel: socket.socket, when_ready: Callable[[], object]) -> None:
    """See one run through: the whole life of this process, in its main thread.

    `when_ready` lets SIGTERM come, which is then understood.
    """
    end = EndFlag()
    wire = Wire(channel, end)
    _understand_sigterm(end, wire)
    with suppress(AttemptEnded):  # nobody hears what it says then
        try:
            when_ready()
            order = Order.model_validate_json(wire.read())
            wire.look()
            end.check()
            outcome = _run(order, wire, end)
        except BaseException as error:  # noqa: BLE001 - one broken tool costs one request, whatever it raised
            outcome = _told(error)
        _flush()  # what it printed is out before anybody hears that it is over
        end.check()
        wire.say(outcome)


def find(module: str, name: str) -> tuple[Callable[..., Any], Signature | None]:
    """The function that has this name in its module, and its signature where a decorator has noted that.

    `DefinitionError` where there is none.
    """
    found: Any = getattr(import_module(module), name, None)
    if isinstance(found, ServedTool | ServedJob):
        return found.function, found.signature
    if not callable(found):
        raise DefinitionError(f"there is no function {name!r} in {module}")
    return found, None


def _understand_sigterm(end: EndFlag, wire: Wire) -> None:
    """The attempt is over, if the replica says so: the tool closes what it has opened on its way out.

    A service manager may send SIGTERM to all processes: the replica, which has got it too, says when.
    """

    def handle(_signal: int, _frame: FrameType | None) -> None:
        if end.reason is None:  # once: what a tool closes on its way out is not interrupted
            wire.look()
            end.check()

    def forget() -> None:
        """What a tool forks is the tool's to end, and not the replica's."""
        if signal.getsignal(signal.SIGTERM) is handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, handle)
    os.register_at_fork(after_in_child=forget)


def _run(order: Order, wire: Wire, end: EndFlag) -> Outcome:
    function, signature = find(order.module, order.name)
    signature = signature or Signature.of(function, takes_context=order.context is not None)
    args, kwargs = signature.decode(order.args)
    context = () if order.context is None else (_context(order.context, wire, end),)
    value = function(*context, *args, **kwargs)
    try:
        written = write_result(signature.returns, value)
        too_large = is_too_large(sendable(written))
    except Exception as error:  # noqa: BLE001 - a validator or serializer of the tool may raise anything
        return Unfit(traceback=text_of(error))
    return Oversize(what="result") if too_large else Returned(result=written)


def _context(facts: ToolFacts | JobFacts, wire: Wire, end: EndFlag) -> ToolContext[None]:
    """The context of the tool: the same facts, its calls made by the replica."""
    known: dict[str, Any] = {name: getattr(facts, name) for name in ToolFacts.model_fields}
    known |= {"state": None, "end": end}
    if not isinstance(facts, JobFacts):
        return ToolContext(**known)

    def report(progress: Progress) -> None:
        wire.tell("progress", progress.model_dump(mode="json"))

    def emit(piece: str) -> Said:
        wire.ask("emit", json.loads(piece))
        return Said()

    def keep(checkpoint: str) -> Said:
        wire.ask("save", json.loads(checkpoint))
        return Said()

    return JobContext(
        **known,
        job_id=facts.job_id,
        report=report,
        emitting=emit,
        saving=Checkpoint(facts.saved, keep),
        asking=Asking(facts.declared, facts.answers),
    )


def _told(error: BaseException) -> Outcome:
    """What the replica must know of an exception to judge it."""
    try:
        if (question := question_in(error)) is not None:
            return Asks(question=question)
        if isinstance(error, Retry):
            return WantsRetry(after=error.after, message=error.message)
        if isinstance(error, ToolError):
            return _failed(error)
    except (NotJson, ValidationError) as problem:  # what it says has no JSON form
        error = problem
    return Broke(kinds=[full_name(kind) for kind in type(error).__mro__], traceback=text_of(error))


def _failed(error: ToolError) -> Outcome:
    if is_too_large(sendable(error.data)):
        return Oversize(what="data of the tool's error")
    return Failed(reason=error.reason, message=error.message, data=error.data)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # the tool may have closed or replaced them
            stream.flush()
