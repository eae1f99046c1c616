"""One log line for each signal that an operator may have to act on or explain: what, whom, what was done.

Each record carries its fields twice: in words in the message, and for programs as `record.event`, the
signal's name, and `record.fields`, a flat dict of JSON values. Bodies, arguments, results, secrets and the
texts of exceptions are in neither. Text that nobody vouches for is escaped and cut.
"""

import logging
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from typing_extensions import override

from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import Status
from toolwire.services.telemetry.floods import WINDOW_S, Floods
from toolwire.services.telemetry.signals import How, Signals, Whom

log = logging.getLogger("toolwire.services")

MOST_SHOWN = 120
"""Characters of a text that nobody vouches for."""


@dataclass(frozen=True, slots=True)
class Line:
    """How a signal is told. `%(whose)s` in the text stands for the four fields of `WHOSE`."""

    level: int
    text: str
    fields: tuple[str, ...]


WHOSE = ("tool", "client", "request", "job")
"""Whom it is about. `job` is there for jobs only, `tool` not for what could not be read."""

LINES: Mapping[str, Line] = {
    "junk": Line(
        logging.WARNING,
        "refused without an answer: %(reason)s (%(bytes)d bytes, key '%(key)s')",
        ("reason", "bytes", "key"),
    ),
    "dead": Line(
        logging.ERROR,
        "an authentic message could not be handled: %(reason)s (key '%(key)s')",
        ("reason", "key"),
    ),
    "refused": Line(logging.INFO, "%(whose)s is refused: %(code)s", (*WHOSE, "code")),
    "repeated": Line(logging.DEBUG, "%(whose)s was seen before: %(how)s", (*WHOSE, "how")),
    "accepted": Line(logging.DEBUG, "%(whose)s is accepted", WHOSE),
    "started": Line(
        logging.INFO,
        "%(whose)s runs, attempt %(attempt)d, after %(waited_s).3f s",
        (*WHOSE, "attempt", "waited_s"),
    ),
    "retried": Line(
        logging.WARNING,
        "%(whose)s is to run again in %(delay_ms)d ms: attempt %(attempt)d did not end it",
        (*WHOSE, "attempt", "delay_ms"),
    ),
    "parked": Line(
        logging.INFO,
        "%(whose)s asks its client something, in attempt %(attempt)d, and waits for the answer",
        (*WHOSE, "attempt"),
    ),
    "answered": Line(logging.INFO, "%(whose)s has its answer, and is to run again", WHOSE),
    "lease_lost": Line(logging.WARNING, "%(whose)s was taken over; its outcome here is dropped", WHOSE),
    "taken_over": Line(logging.WARNING, "the lease of %(whose)s ran out: now %(status)s", (*WHOSE, "status")),
    "cancel_asked": Line(logging.INFO, "%(whose)s is to be cancelled", WHOSE),
    "settled": Line(logging.INFO, "%(whose)s ended: %(status)s, %(code)s", (*WHOSE, "status", "code")),
    "undeliverable": Line(
        logging.INFO, "the client's queue for this %(kind)s is gone; the record tells it to a poll", ("kind",)
    ),
    "unanswered": Line(logging.ERROR, "the answer to %(whose)s was given up: its deadline passed", WHOSE),
    "reconnected": Line(logging.INFO, "connected to the broker again, to %(link)s", ("link",)),
    "store_away": Line(logging.WARNING, "the store is away: no more requests are taken", ()),
    "store_back": Line(logging.WARNING, "the store is back, after %(seconds).1f s", ("seconds",)),
    "left_out": Line(
        logging.WARNING,
        "left out: %(count)d more like the last line of %(signal)s (%(reason)s)",
        ("signal", "reason", "count"),
    ),
}
"""The lines by signal, in the order of `Signals`; `left_out` stands for lines of a flood."""


class LogLines(Signals):
    """Writes the lines. Of what somebody else could repeat without end only the first few: see `Floods`."""

    def __init__(self, flood_window_s: float = WINDOW_S) -> None:
        self._floods = Floods(self._left_out, flood_window_s)

    def end(self) -> None:
        """Say how many lines were left out so far: nothing more comes."""
        self._floods.end()

    @override
    def junk(self, reason: str, size: int, routing_key: str) -> None:
        self._limited("junk", reason, {"bytes": size, "key": shown(routing_key)})

    @override
    def dead(self, reason: str, routing_key: str) -> None:
        self._limited("dead", reason, {"key": shown(routing_key)})

    @override
    def refused(self, whom: Whom, code: Code) -> None:
        if self._floods.lets_through(("refused", code.value)):
            _write("refused", {"code": code.value}, whom)

    @override
    def repeated(self, whom: Whom, how: How) -> None:
        _write("repeated", {"how": how}, whom)

    @override
    def accepted(self, whom: Whom) -> None:
        _write("accepted", {}, whom)

    @override
    def started(self, whom: Whom, attempt: int, waited_s: float) -> None:
        routine = attempt == 1 and whom.job_id is None
        if _is_heard("started", routine=routine):
            _write("started", {"attempt": attempt, "waited_s": round(waited_s, 3)}, whom, routine=routine)

    @override
    def retried(self, whom: Whom, attempt: int, delay_ms: int) -> None:
        _write("retried", {"attempt": attempt, "delay_ms": delay_ms}, whom)

    @override
    def parked(self, whom: Whom, attempt: int) -> None:
        _write("parked", {"attempt": attempt}, whom)

    @override
    def answered(self, whom: Whom) -> None:
        _write("answered", {}, whom)

    @override
    def lease_lost(self, whom: Whom) -> None:
        _write("lease_lost", {}, whom)

    @override
    def taken_over(self, whom: Whom, status: Status) -> None:
        _write("taken_over", {"status": status.value}, whom)

    @override
    def cancel_asked(self, whom: Whom) -> None:
        _write("cancel_asked", {}, whom)

    @override
    def settled(self, whom: Whom, status: Status, code: Code | None) -> None:
        routine = whom.job_id is None
        if _is_heard("settled", routine=routine):
            fields = {"status": status.value, "code": "ok" if code is None else code.value}
            _write("settled", fields, whom, routine=routine)

    @override
    def undeliverable(self, kind: str) -> None:
        if self._floods.lets_through(("undeliverable", kind)):
            _write("undeliverable", {"kind": kind})

    @override
    def unanswered(self, whom: Whom) -> None:
        _write("unanswered", {}, whom)

    @override
    def reconnected(self, link: str) -> None:
        _write("reconnected", {"link": link})

    @override
    def store_away(self) -> None:
        _write("store_away", {})

    @override
    def store_back(self, seconds: float) -> None:
        _write("store_back", {"seconds": round(seconds, 1)})

    def _limited(self, signal: str, reason: str, fields: Mapping[str, object]) -> None:
        if self._floods.lets_through((signal, reason)):
            _write(signal, {"reason": reason, **fields})

    def _left_out(self, kind: Hashable, count: int) -> None:
        signal, reason = cast("tuple[str, str]", kind)
        _write("left_out", {"signal": signal, "reason": reason, "count": count})


def shown(text: str) -> str:
    """Text that anybody may have written, as one bounded line of ASCII."""
    escaped = text[:MOST_SHOWN].encode("unicode_escape").decode("ascii")
    return escaped[:MOST_SHOWN] + "..." * (len(text) > MOST_SHOWN or len(escaped) > MOST_SHOWN)


def _is_heard(signal: str, *, routine: bool) -> bool:
    """Whether anybody wants the line: asked first where there is one for every call."""
    return log.isEnabledFor(logging.DEBUG if routine else LINES[signal].level)


def _write(
    signal: str, fields: Mapping[str, object], whom: Whom | None = None, *, routine: bool = False
) -> None:
    """Write the line of a signal. What happens to every call is routine, and for those who ask for it."""
    line = LINES[signal]
    level = logging.DEBUG if routine else line.level
    if not log.isEnabledFor(level):
        return
    fields = {**({} if whom is None else _whose(whom)), **fields}
    # Never empty, or logging would not take it for the values of the text.
    words: dict[str, Any] = {**fields, "whose": "" if whom is None else _in_words(whom)}
    log.log(level, line.text, words, extra={"event": signal, "fields": fields})


def _whose(whom: Whom) -> dict[str, object]:
    told = {"tool": whom.tool, "client": whom.client_id, "request": whom.request_id, "job": whom.job_id}
    return {name: value for name, value in told.items() if value}


def _in_words(whom: Whom) -> str:
    known_as = f"request {whom.request_id}" if whom.job_id is None else f"job {whom.job_id}"
    return f"{whom.tool or 'a request'} for {whom.client_id} ({known_as})"
