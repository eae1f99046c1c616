"""What happens in a replica, as hooks: read from top to bottom they are the life of a request.

The shells of the service call them where things happen; `Tally`, `LogLines` and `Metrics` listen. Every
request that reaches a replica ends in one of `junk`, `dead`, `refused`, `repeated` and `settled`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.jobs import Status
from toolwire.services.store.port import Record

log = logging.getLogger("toolwire.services")

How = Literal["stored", "running", "nonce"]
"""How a request that was seen before is met: its stored answer goes out; whoever runs it answers; or silence,
for a replayed line of a tool that only reads."""


@dataclass(frozen=True, slots=True)
class Whom:
    """Whose request it is. Arguments, results and secrets are no part of it."""

    client_id: str
    request_id: str
    tool: str = ""
    """Empty where the request could not be read."""
    job_id: str | None = None
    """None for a call."""

    @staticmethod
    def of(record: Record) -> "Whom":
        """Whose record it is."""
        return Whom(record.key.client_id, record.key.request_id, record.tool, record.job_id)


class Signals:
    """The hooks. Each does nothing here; a listener overrides those that it wants to hear.

    They are called in the event loop and must not wait.
    """

    # --- a message comes in ---

    def junk(self, reason: str, size: int, routing_key: str) -> None:
        """Nobody known signed it: it is put aside without an answer. The routing key is anybody's text."""

    def dead(self, reason: str, routing_key: str) -> None:
        """A known client signed it, but it can neither be handled nor answered: it is put aside."""

    def refused(self, whom: Whom, code: Code) -> None:
        """A request is answered with a refusal, and nothing runs."""

    def repeated(self, whom: Whom, how: How) -> None:
        """A request that was seen before starts nothing."""

    def accepted(self, whom: Whom) -> None:
        """A job is on record, and waits for a free slot of any replica."""

    # --- its tool runs ---

    def started(self, whom: Whom, attempt: int, waited_s: float) -> None:
        """The tool starts. A call has waited since its client signed it, a job since it was due."""

    def ran(self, whom: Whom, seconds: float) -> None:
        """The tool is over, however it ended, after so long."""

    def retried(self, whom: Whom, attempt: int, delay_ms: int) -> None:
        """That attempt did not end the request: any replica may take it again after the delay."""

    def parked(self, whom: Whom, attempt: int) -> None:
        """That attempt ended with a question: the job waits for its client's answer and holds nothing."""

    def answered(self, whom: Whom) -> None:
        """The client has answered: any replica may take the job again."""

    def lease_lost(self, whom: Whom) -> None:
        """The lease ran out while the tool ran here: its outcome is dropped, somebody else decides."""

    def taken_over(self, whom: Whom, status: Status) -> None:
        """The lease of a replica that was lost ran out: the sweep put the request into this status."""

    def cancel_asked(self, whom: Whom) -> None:
        """A client, or an operator, wants a job to end."""

    def settled(self, whom: Whom, status: Status, code: Code | None) -> None:
        """The request has its one ending. The code says why where the status is `error`."""

    # --- it is told ---

    def undeliverable(self, kind: str) -> None:
        """The client's queue is gone: the answer or event is not told, and the record says it to a poll."""

    def unanswered(self, whom: Whom) -> None:
        """The broker took no answer before the caller's deadline: it was given up."""

    # --- what a replica stands on ---

    def reconnected(self, link: str) -> None:
        """A connection to the broker was lost and is there again."""

    def store_away(self) -> None:
        """The store does not answer: nothing more is taken, and what runs goes on."""

    def store_back(self, seconds: float) -> None:
        """The store answers again, after so long."""


def tell_settled(signals: Signals, record: Record) -> None:
    """Signal the ending that a record has, where it can be read."""
    try:
        code = None if record.error is None else WireError.model_validate_json(record.error).code
    except ValueError:  # whose text may hold what the tool said to its caller
        log.warning("telling settled failed: the error on record of %s is none", record.tool)
    else:
        signals.settled(Whom.of(record), record.status, code)


HOOKS = tuple(name for name, value in vars(Signals).items() if not name.startswith("_") and callable(value))


class Everybody(Signals):
    """Tells each signal to all who listen to it. A listener that breaks costs nobody but itself."""

    def __init__(self, *listeners: Signals) -> None:
        for name in HOOKS:
            hearing = [each for each in listeners if getattr(type(each), name) is not getattr(Signals, name)]
            setattr(self, name, _telling([getattr(each, name) for each in hearing]))


def _telling(hooks: list[Callable[..., None]]) -> Callable[..., None]:
    if not hooks:
        return _tell_nobody

    def tell(*args: object, **more: object) -> None:
        for hook in hooks:
            try:
                hook(*args, **more)
            except Exception:
                log.exception("telling %s failed", getattr(hook, "__qualname__", hook))

    return tell


def _tell_nobody(*_: object, **__: object) -> None:
    """Nobody listens."""
