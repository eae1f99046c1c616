"""One replica: a service at work. It holds no state that another replica could not do without."""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from toolwire.broker.consume import Delivery, Subscription
from toolwire.broker.topology import call_queue, control_queue, dead_queue, job_queue, junk_queue
from toolwire.broker.transport import AmqpTransport, Transport
from toolwire.client.clock import now_ms
from toolwire.client.home import Home
from toolwire.contracts.builtin import BUILT_IN
from toolwire.services.builtin import Desk, builtin_tools
from toolwire.services.failpoints import arm_by_environment
from toolwire.services.homes.identity import read_identity
from toolwire.services.processes.processes import Processes
from toolwire.services.requests.answers import Answers
from toolwire.services.requests.authenticate import Refused, read_control
from toolwire.services.requests.calls import Calls
from toolwire.services.requests.decide import SKEW_MS, Policy
from toolwire.services.requests.intake import Intake
from toolwire.services.requests.seals import Seals
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.leases import Ending, Leases
from toolwire.services.running.runner import Runner
from toolwire.services.running.tasks import Tasks
from toolwire.services.running.threads import ToolThreads
from toolwire.services.settings import ServiceSettings
from toolwire.services.store import open_store
from toolwire.services.store.port import Changed
from toolwire.services.telemetry.address import HttpAddress
from toolwire.services.telemetry.inside import Inside
from toolwire.services.telemetry.look import Look
from toolwire.services.telemetry.signals import Whom, tell_settled
from toolwire.services.telling.outbox import Outbox
from toolwire.services.telling.post import Post
from toolwire.services.upkeep.registry_watch import RegistryWatch
from toolwire.services.upkeep.store_watch import StoreWatch
from toolwire.services.upkeep.sweep import Sweep

if TYPE_CHECKING:
    from toolwire.services.service import Service

log = logging.getLogger("toolwire.services")

START_S = 30.0
"""How long a replica waits for the broker when it starts."""
LAST_WORDS_S = 5.0
"""How long a stopping replica waits for hand-backs and for the outbox."""
SPARE_DELIVERIES = 8
"""Deliveries beyond the places, so that a poll or a cancel passes by slow tools."""
RESTART_S = 1.0


class Replica:
    """A running copy of `service`. Enter it to start, leave it to stop: it then finishes or hands back
    what it runs, within the grace time, and loses nothing.

    Raises `ConfigurationError` on entering where keys or settings are wrong, the broker layer's `BrokerError`
    where no broker could be reached, and `StoreAway`. `transport` carries the messages instead of the
    RabbitMQ that the settings name. It tells by itself when it has lost a connection and has it again: the
    signal `reconnected`, and its log line and figure, are about the RabbitMQ of the settings alone.
    """

    def __init__(
        self, service: "Service[Any]", settings: ServiceSettings, transport: Transport | None = None
    ) -> None:
        self.service = service
        self.settings = settings
        self._transport = transport
        self.name = f"{service.server_id}-{secrets.token_hex(4)}"
        self._inside = Inside(service.server_id, self.name)
        self._loops = Tasks()
        self._work = Tasks()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        log.info("replica %s is ready", self.name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._drain()
        finally:
            await self._work.cancel()
            await self._stack.aclose()
        log.info("replica %s has stopped", self.name)

    async def kill(self) -> None:
        """End at once, as by `kill -9`: nothing is finished, recorded, acked or handed back. It is over then,
        and not to be left any more. For tests of what happens next.
        """
        await self._store.__aexit__()  # first: a tool that ignores its cancellation must leave no outcome
        await self._stack.aclose()
        log.info("replica %s was killed", self.name)

    @property
    def counts(self) -> Counter[str]:
        """What was refused, put aside, silently dropped or undeliverable, by reason."""
        return self._inside.counts

    @property
    def http(self) -> HttpAddress | None:
        """Where it answers HTTP, if it does."""
        return self._inside.http

    @property
    def ready(self) -> bool:
        """Whether a request that arrives now would be handled."""
        return self._inside.ready

    async def _start(self, stack: AsyncExitStack) -> None:
        arm_by_environment()
        processes = Processes(self.service.tools.values())
        settings, server_id = self.settings, self.service.server_id
        identity = self._identity = read_identity(Home(settings.home), server_id)
        stack.enter_context(self._inside.opened(settings.http, {*self.service.tools, *BUILT_IN}))
        signals = self._signals = self._inside.signals
        transport = self._transport or AmqpTransport(settings.broker_urls(), on_reconnect=signals.reconnected)
        lease_ms = round(settings.lease_s * 1000)

        await stack.enter_async_context(processes)
        threads = ToolThreads(limit=settings.places + settings.job_slots)
        state = await stack.enter_async_context(self.service.open_state())
        store = self._store = await stack.enter_async_context(open_store(settings.store_url(), server_id))
        queues = (call_queue(server_id), job_queue(server_id), dead_queue(server_id), junk_queue(server_id))
        self._publisher = await stack.enter_async_context(transport.publisher(name=self.name, declare=queues))
        await self._publisher.wait_connected(START_S)

        seals = Seals(server_id, identity.signer, identity.shared)
        post = Post(self._publisher, server_id, signals)
        self._outbox = Outbox(store, post, seals)
        self._leases = Leases(store, lease_ms)
        attempts = Attempts(
            store, self._outbox, self._leases, threads, state, self.name, server_id, signals, processes
        )
        tools = dict(self.service.tools)
        self._runner = Runner(attempts, tools, self._work, post, settings.job_slots)
        desk = Desk(
            server_id=server_id,
            fingerprint=identity.fingerprint,
            store=store,
            holder=self.name,
            lease_ms=lease_ms,
            clients=identity.clients,
            tools=tools,
            changed=lambda changed: self._told(changed, post, seals),
            answered=self._answered,
        )
        tools.update({spec.name: spec for spec in builtin_tools(desk)})
        answers = Answers(seals, post)
        calls = Calls(
            policy=Policy(server_id, identity.clients, tools),
            attempts=attempts,
            runner=self._runner,
            answers=answers,
            places=settings.places,
            on_store_away=lambda: self._watch.report(),  # noqa: PLW0108 - there is no watch yet
        )
        intake = self._intake = Intake(identity.client_keys, calls, answers, post, self._work, signals)
        self._consumer = transport.consumer(
            name=self.name, subscriptions=self._subscriptions(intake), declare=queues
        )
        self._watch = StoreWatch(store, self._consumer, self.name, signals)
        sweep = Sweep(
            store=store,
            outbox=self._outbox,
            runner=self._runner,
            signals=signals,
            holder=self.name,
            lease_ms=lease_ms,
            result_ttl_ms=round(settings.result_ttl_s * 1000),
            skew_ms=SKEW_MS,
        )
        stack.push_async_callback(self._loops.cancel)
        self._loop(self._leases.keep, "leases")
        self._loop(self._outbox.work, "outbox")
        self._loop(intake.releasing.work, "releasing")
        self._loop(RegistryWatch(Home(settings.home), identity).work, "registry")
        self._taking = [self._loop(self._watch.work, "watch")]
        stack.push_async_callback(self._work.cancel)
        await stack.enter_async_context(self._consumer)
        await self._consumer.wait_ready(START_S)
        # Only now: a replica that fails to start must not have taken jobs.
        self._taking += [self._loop(self._runner.work, "taking"), self._loop(sweep.work, "sweep")]
        self._inside.show(
            Look(
                holder=self.name,
                sender=self._publisher,
                receiver=self._consumer,
                store=store,
                watch=self._watch,
                calls=calls,
                runner=self._runner,
                outbox=self._outbox,
                threads=threads,
            )
        )

    def _subscriptions(self, intake: Intake) -> list[Subscription]:
        server_id = self.service.server_id
        prefetch = self.settings.places + SPARE_DELIVERIES
        return [
            Subscription(lambda: call_queue(server_id), prefetch=prefetch, handler=intake.handle),
            Subscription(lambda: job_queue(server_id), prefetch=1, handler=self._hinted, acks=False),
            Subscription(
                lambda: control_queue(server_id, self.name), prefetch=1, handler=self._controlled, acks=False
            ),
        ]

    def _hinted(self, _: Delivery) -> None:
        """A hint carries nothing: the store says what there is to do (promise P2)."""
        self._runner.wake()

    def _controlled(self, delivery: Delivery) -> None:
        """This server's word to its replicas: look at the leases now. The store says what changed."""
        own_keys, server_id = self._identity.own_keys, self.service.server_id
        if isinstance(read_control(delivery.body, own_keys, server_id, now_ms()), Refused):
            self._signals.junk("control", len(delivery.body), delivery.routing_key)
        else:
            self._leases.look_now()

    def _told(self, changed: Changed, post: Post, seals: Seals) -> None:
        """A job was cancelled here: tell of it, or let whoever runs it know."""
        self._outbox.tell(changed.messages)
        record = changed.record
        if changed.messages:
            self._signals.cancel_asked(Whom.of(record))
            tell_settled(self._signals, record)
        elif record.cancel_requested and not record.status.final:
            self._signals.cancel_asked(Whom.of(record))
            line = seals.control({"job_id": record.job_id or ""}, now_ms())
            self._work.start(post.control(line), "control")

    def _answered(self, changed: Changed) -> None:
        """A job that was parked has its answer: tell of it, and have it taken here or elsewhere."""
        self._outbox.tell(changed.messages)
        self._signals.answered(Whom.of(changed.record))
        self._runner.offer()

    async def _drain(self) -> None:
        """Take nothing more; let what runs finish; hand back what does not."""
        self._inside.drain()
        for loop in self._taking:
            loop.cancel()  # first: a watch that finds the store back would consume again
        await self._consumer.pause()
        self._intake.stop()
        if not await self._work.wait(self.settings.grace_s):
            log.warning("%d tools are still running: they are handed back or interrupted", len(self._leases))
            self._leases.end_all(Ending.DRAINING)
            await self._work.wait(LAST_WORDS_S)
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await self._outbox.drained()
        except TimeoutError:
            log.warning("some events stay in the outbox for another replica")

    def _loop(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> asyncio.Task[None]:
        return self._loops.start(self._keep_going(work, name), name)

    async def _keep_going(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """Start a loop that breaks again: a replica that looks alive and does nothing is the worst kind."""
        while True:
            try:
                await work()
            except Exception:
                log.exception("the %s loop broke and starts again", name)
                await asyncio.sleep(RESTART_S)
