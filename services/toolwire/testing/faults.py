"""What is to go wrong in a test: messages are lost, doubled, late or overtaken, and replicas die."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

from toolwire.broker.transport import Transport
from toolwire.contracts.errors import UsageError
from toolwire.testing.faulty import FaultyTransport

Kind = Literal["request", "response", "event", "hint", "control", "dead", "junk"]
"""What a message is: its unsigned type, as the broker shows it."""

KINDS: frozenset[Kind] = frozenset(get_args(Kind))


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one message."""

    dropped: bool
    duplicated: bool
    reordered: bool
    delay_s: float


class Faults:
    """Faults to inject, the same ones in every run with the same `seed`.

        async with in_memory(service, faults=Faults(drop=0.2, duplicate=0.2, seed=7)) as client: …

    `drop`, `duplicate` and `reorder` are shares of the messages, from 0 to 1, and `delay` is the longest time
    in seconds by which a message may be late; `kinds` limits all four to some kinds of messages. What happens
    to the tenth request depends on the seed, and on nothing that happens to other messages.

    * A *dropped* message was confirmed to its sender and never arrives. RabbitMQ keeps what it has confirmed,
      but not for ever: a reply queue of a client that went away is deleted, a full one lets go of its oldest
      message, an operator purges a queue, a disk breaks. Whether a queue is bound is not looked at.
    * A *duplicated* message arrives twice, as when its confirm is lost and it is sent again.
    * A *late* message waits before its receiver's handler gets it, while others pass.
    * A *reordered* message is overtaken by the next one that its receiver gets, if one comes soon.

    With `crash_after=n` the replica dies, as by `kill -9`, when the n-th run of a tool or job has done its
    work and before anybody is told: nothing of it is recorded, answered or acked, and a fresh replica starts.
    `crash` does the same at any moment. (One thing differs from a real kill: the service's lifespan is left,
    and the functions that run are cancelled, because they share the test's process.)

    `injected` counts what was done, such as `{"drop request": 3, "crash": 1}`, so that a test can tell
    whether it met what it is about.

    Everything that is counted begins anew whenever a service starts to run with them (in `in_memory`, a
    `Bench` or a test with the marker), so that one object serves many tests. Services that run at the same
    time have one each.
    """

    def __init__(
        self,
        *,
        drop: float = 0.0,
        duplicate: float = 0.0,
        reorder: float = 0.0,
        delay: float = 0.0,
        kinds: Collection[Kind] = KINDS,
        crash_after: int | None = None,
        seed: int = 0,
    ) -> None:
        for name, share in (("drop", drop), ("duplicate", duplicate), ("reorder", reorder)):
            if not 0 <= share <= 1:
                raise UsageError(f"{name} is a share of the messages, from 0 to 1, not {share}")
        if delay < 0 or (crash_after is not None and crash_after < 1):
            raise UsageError("delay cannot be negative, and crash_after counts from 1")
        if unknown := set(kinds) - KINDS:
            raise UsageError(f"there is no kind of message {min(unknown)!r}; there are {sorted(KINDS)}")
        self._drop = drop
        self._duplicate = duplicate
        self._reorder = reorder
        self._delay = delay
        self._kinds = frozenset(kinds)
        self._crash_after = crash_after
        self._seed = seed
        self._kill: Callable[[], Awaitable[None]] | None = None
        self.begin()

    def around(self, transport: Transport) -> Transport:
        """A transport that carries messages by `transport`, with these faults.

        Give it to a `Client` or to `service.running`. What it sends may be dropped or doubled, what it
        receives may be late or in another order.
        """
        return FaultyTransport(transport, self)

    async def crash(self) -> None:
        """Kill the replica, and return when a fresh one is there."""
        if self._kill is None:
            raise UsageError(
                "no replica runs under these faults: give them to in_memory or to the marker toolwire"
            )
        self.injected["crash"] += 1
        await self._kill()

    # --- for those who inject ---

    def begin(self) -> None:
        """Count from the start, as if nothing had happened yet."""
        self.injected: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()
        self._runs = 0

    def fate(self, kind: str, place: str) -> Fate:
        """What becomes of the next message of that kind at that place: "sent" or "received"."""
        if kind not in self._kinds:
            return Fate(dropped=False, duplicated=False, reordered=False, delay_s=0.0)
        what = f"{place} {kind}"
        self._seen[what] += 1
        # Its own generator for every message: what the scheduler did to the others changes nothing here.
        chance = Random(f"{self._seed} {what} {self._seen[what]}")  # noqa: S311 - to be repeated, not secret
        return Fate(
            dropped=chance.random() < self._drop,
            duplicated=chance.random() < self._duplicate,
            reordered=chance.random() < self._reorder,
            delay_s=chance.uniform(0, self._delay),
        )

    def note(self, fault: str, kind: str) -> None:
        """Count what was done to a message."""
        self.injected[f"{fault} {kind}"] += 1

    def under(self, kill: Callable[[], Awaitable[None]] | None) -> None:
        """From now on, `crash` calls that."""
        self._kill = kill

    async def worked(self) -> None:
        """A run of a tool has done its work: the replica dies now, if this is the run to die after."""
        self._runs += 1
        if self._runs == self._crash_after:
            await self.crash()
            raise RuntimeError("the replica that ran this is dead")
