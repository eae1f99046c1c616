"""`/healthz`, `/readyz` and `/metrics`: what a replica answers to who looks in from outside.

`/healthz` is for whoever restarts what is stuck: 200 while the event loop answers. `/readyz` is for whoever
routes and deploys: 200 while requests are taken. Their bodies are JSON and say what is wrong.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Any, TypeVar

from toolwire.services.store.port import Counts
from toolwire.services.telemetry.look import FINE, Look
from toolwire.services.telemetry.server import Page

T = TypeVar("T")

ANSWER_S = 2.0
"""How long the event loop may take to answer; a tool that blocks it for longer makes a replica unhealthy."""
STUCK = (
    f"the event loop did not answer within {ANSWER_S:g} s: a tool blocks it, or it has more than it can do"
)
STARTING = "the replica is starting"
NO_METRICS = b"metrics need prometheus-client: pip install 'toolwire[metrics]'\n"

Exposition = Callable[[str], tuple[bytes, str]]
"""Gives the figures and their content type, for what the reader accepts."""


class Stuck(Exception):
    """The event loop gave no answer."""


@dataclass(slots=True)
class Pages:
    """The pages of one replica, whose event loop is `loop`. They are asked for from other threads."""

    replica: str
    loop: asyncio.AbstractEventLoop
    look: Look | None = None
    """None while the replica starts."""
    exposition: Exposition | None = None
    """None where prometheus-client is not installed."""
    answer_s: float = ANSWER_S
    _paths: Mapping[str, Callable[[str], Page]] = field(init=False)

    def __post_init__(self) -> None:
        self._paths = {"/healthz": self._health, "/readyz": self._readiness, "/metrics": self._metrics}

    def answer(self, path: str, accept: str) -> Page:
        """The page at a path."""
        page = self._paths.get(path)
        if page is None:
            return _text(404, f"there is {', '.join(self._paths)}\n".encode())
        return page(accept)

    def standing(self) -> tuple[Look, Counts | None] | None:
        """How the replica stands, and its store where that answers; None while the replica starts."""
        if self.look is None:
            return None
        try:
            return self.look, self._asked(self.look.counts())
        except Stuck:
            return self.look, None

    def _health(self, _: str) -> Page:
        try:
            self._asked(_nothing())
        except Stuck:
            return self._report({"event_loop": STUCK})
        return self._report({"event_loop": FINE})

    def _readiness(self, _: str) -> Page:
        if self.look is None:
            return self._report({"serving": STARTING})
        try:
            return self._report(self._asked(self.look.checks()))
        except Stuck:
            return self._report({"event_loop": STUCK})

    def _metrics(self, accept: str) -> Page:
        if self.exposition is None:
            return _text(501, NO_METRICS)
        body, content_type = self.exposition(accept)
        return Page(200, content_type, body)

    def _report(self, wrong: Mapping[str, str]) -> Page:
        checks = {
            name: {"ok": not what, **({"detail": what} if what else {})} for name, what in wrong.items()
        }
        fine = not any(wrong.values())
        body = json.dumps({"ok": fine, "replica": self.replica, "checks": checks}) + "\n"
        return Page(200 if fine else 503, "application/json", body.encode())

    def _asked(self, question: Coroutine[Any, Any, T]) -> T:
        """What the event loop says. `Stuck` where it says nothing in time, or is gone."""
        try:
            asking = asyncio.run_coroutine_threadsafe(question, self.loop)
        except RuntimeError as error:  # the loop is closed: the replica has stopped
            question.close()
            raise Stuck from error
        try:
            return asking.result(self.answer_s)
        except (TimeoutError, CancelledError) as error:
            asking.cancel()
            raise Stuck from error


async def _nothing() -> None:
    """What is asked where the answer itself is all that counts."""


def _text(status: int, body: bytes) -> Page:
    return Page(status, "text/plain; charset=utf-8", body)
