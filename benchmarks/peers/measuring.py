"""What every program of a contender has in common: its command line, what it says, and how to measure calls.

It needs the standard library alone, because each contender runs where only its own libraries are.
"""

import argparse
import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

NUMBERS = [1.5, 2.25, 3.0]
TOTAL = sum(NUMBERS)
WARM_UP_S = 1.0
WARM_WITHIN_S = 20.0
LOOK_EVERY_S = 0.02


class WrongAnswer(Exception):
    """A call was answered, but not with the sum of its numbers."""


def options(*own: str) -> argparse.Namespace:
    """Read the command line; `own` are the names of further options, each with a text for its value."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("serve", "load"))
    parser.add_argument("--url", required=True, help="where RabbitMQ listens")
    parser.add_argument("--folder", required=True, help="empty at the start, shared by server and load")
    parser.add_argument("--workload", default="calls")
    parser.add_argument("--in-flight", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to measure, after warming up")
    parser.add_argument("--bytes", type=int, default=0, help="how long the arguments are made by ballast")
    for name in own:
        parser.add_argument(f"--{name}", default="")
    return parser.parse_args()


def say(**event: object) -> None:
    """Tell the harness, which reads one JSON object a line."""
    print(json.dumps(event), flush=True)


def batch_sum(numbers: Sequence[float]) -> dict[str, float]:
    """Do the work that every contender's server does."""
    return {"total": sum(numbers)}


def check(answer: Any) -> None:
    """Raise WrongAnswer unless it is what `batch_sum` gives for NUMBERS."""
    if answer["total"] != TOTAL:
        raise WrongAnswer(repr(answer)[:200])


def arguments(size: int) -> dict[str, Any]:
    """Return the arguments of a call, about `size` bytes long where that is more than the numbers need."""
    return {"numbers": NUMBERS, "ballast": "x" * size} if size else {"numbers": NUMBERS}


class Recorder:
    """Counts the calls that end between `begin` and `end`, and how long each took. Serves threads too."""

    def __init__(self) -> None:
        self.running = True
        self._took: list[float] = []
        self._callers: set[int] = set()
        self._errors = 0
        self._first_error = ""
        self._began = time.perf_counter()
        self._cpu = 0.0

    def is_warm(self, callers: int) -> bool:
        """Whether so many callers have had an answer, and all has gone on for a while; or a call failed."""
        passed = time.perf_counter() - self._began
        all_answered = len(self._callers) == callers and passed > WARM_UP_S
        return all_answered or self._errors > 0 or passed > WARM_WITHIN_S

    def begin(self) -> None:
        """Forget the warm-up and start to measure."""
        say(warm=True)
        self._cpu = time.process_time()
        self._took = []
        self._began = time.perf_counter()

    def call_took(self, caller: int, seconds: float) -> None:
        """Count a call that was answered rightly."""
        self._callers.add(caller)
        self._took.append(seconds)

    def call_failed(self, error: Exception) -> None:
        """Count a call that was not; the first one is told."""
        self._errors += 1
        self._first_error = self._first_error or f"{type(error).__name__}: {error}"[:500]

    def end(self) -> None:
        """Stop to measure, and say what was seen."""
        took, seconds = sorted(self._took), time.perf_counter() - self._began
        cpu = time.process_time() - self._cpu
        self.running = False
        say(
            done=len(took),
            seconds=round(seconds, 4),
            cpu_s=round(cpu, 4),
            p50_ms=percentile_ms(took, 0.50),
            p99_ms=percentile_ms(took, 0.99),
            errors=self._errors,
            **({"first_error": self._first_error} if self._errors else {}),
        )


def percentile_ms(ordered: Sequence[float], share: float) -> "float | None":
    """Return the value that this share of the sorted seconds does not exceed, in milliseconds."""
    if not ordered:
        return None
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 4)


async def measure(call: Callable[[], Awaitable[Any]], in_flight: int, seconds: float) -> None:
    """Let that many independent callers call as fast as they are answered, and say what was seen."""
    recorder = Recorder()

    async def caller(number: int) -> None:
        while recorder.running:
            began = time.perf_counter()
            try:
                check(await call())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a call that failed
                recorder.call_failed(error)
                return  # else a broken contender would fail as fast as it can
            recorder.call_took(number, time.perf_counter() - began)

    callers = [asyncio.create_task(caller(number)) for number in range(in_flight)]
    while not recorder.is_warm(in_flight):  # noqa: ASYNC110 - an event would have to be set in every call
        await asyncio.sleep(LOOK_EVERY_S)
    recorder.begin()
    await asyncio.wait(callers, timeout=seconds)
    recorder.end()
    _, late = await asyncio.wait(callers, timeout=10)
    for each in late:
        each.cancel()


def measure_in_threads(call: Callable[[], Any], in_flight: int, seconds: float) -> None:
    """Do the same with a thread for each caller, for libraries whose calls block."""
    recorder = Recorder()

    def caller(number: int) -> None:
        while recorder.running:
            began = time.perf_counter()
            try:
                check(call())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a call that failed
                recorder.call_failed(error)
                return
            recorder.call_took(number, time.perf_counter() - began)

    callers = [threading.Thread(target=caller, args=[number], daemon=True) for number in range(in_flight)]
    for each in callers:
        each.start()
    while not recorder.is_warm(in_flight):
        time.sleep(LOOK_EVERY_S)
    recorder.begin()
    time.sleep(seconds)
    recorder.end()
    for each in callers:
        each.join(timeout=10)


async def until_told() -> None:
    """Wait for ever: SIGTERM ends a server, as it ends one that has nothing to put in order."""
    say(ready=True)
    await asyncio.Event().wait()
