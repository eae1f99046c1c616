"""What is told of jobs on the wire, as a watcher of all events hears it."""

from collections import defaultdict
from contextlib import AsyncExitStack
from typing import Self

from tests.waiting import wait_until
from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.topology import EVENTS, Binding, Queue
from toolwire.client.clock import now_ms
from toolwire.client.home import Home
from toolwire.contracts.envelopes import Event
from toolwire.contracts.keys import Keyring
from toolwire.contracts.lines import split_body
from toolwire.contracts.sealing import unseal
from toolwire.contracts.snapshots import JobSnapshot

PATIENCE_S = 60.0


class Told:
    """Hears every event of every job, from when it is entered."""

    def __init__(self, url: str, home: Home) -> None:
        self._keys: Keyring = home.server_keys("nobody")
        self._heard: defaultdict[str, list[Event]] = defaultdict(list)
        queue = Queue("told", bindings=(Binding(EVENTS, "#"),), durable=False, exclusive=True)
        subscription = Subscription(lambda: queue, 0, self._hear, acks=False)
        self._consumer = Consumer([url], name="told", subscriptions=[subscription])
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._consumer)
        await self._consumer.wait_ready(PATIENCE_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def story(self, job_id: str) -> list[JobSnapshot]:
        """What was told of a job that is over, in order: one snapshot for each `seq`, without a gap.

        An event may be told twice, but never otherwise than before.
        """
        await wait_until(lambda: self._is_whole(job_id), PATIENCE_S, f"all events of job {job_id}")
        by_seq: dict[int, Event] = {}
        for event in self._heard[job_id]:
            first = by_seq.setdefault(event.data.seq, event)
            assert (event.event, event.data) == (first.event, first.data)
        return [by_seq[seq].data for seq in sorted(by_seq)]

    def _is_whole(self, job_id: str) -> bool:
        heard = self._heard[job_id]
        last = max((event.data.seq for event in heard if event.data.final), default=0)
        return last > 0 and {event.data.seq for event in heard} >= set(range(1, last + 1))

    def _hear(self, delivery: Delivery) -> None:
        for line in split_body(delivery.body):
            event = unseal(line, self._keys, Event, now_ms())
            self._heard[event.data.job_id].append(event)
