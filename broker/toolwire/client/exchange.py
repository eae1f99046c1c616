"""Asks a question and waits for its verified answer, over a broker that comes and goes."""

import asyncio
import os
import random
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import lru_cache
from typing import Self

from toolwire.broker.consume import Subscription
from toolwire.broker.errors import BrokerError
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import call_queue, fresh_reply_queue, named_reply_queue, request_route
from toolwire.broker.transport import Transport
from toolwire.client import failures
from toolwire.client.clock import now_ms
from toolwire.client.identity import Identity
from toolwire.client.ledger import Ledger, Pending
from toolwire.client.pace import MOST_TOOLS, Pace, ToolPace
from toolwire.client.pins import Pins
from toolwire.client.questions import Question, Reply
from toolwire.client.replicas import watch_replicas
from toolwire.client.replies import Replies
from toolwire.client.tracing import is_in_use, sending
from toolwire.contracts.call_lines import seal_request
from toolwire.contracts.envelopes import Request, Response
from toolwire.contracts.errors import (
    AnswerNotVerified,
    ConfigurationError,
    DeadlineExceeded,
    NoSuchServer,
    NotAccepted,
    RemoteError,
    UsageError,
)
from toolwire.contracts.identifiers import NONCE_BYTES, nonce
from toolwire.contracts.lines import MAX_LINES
from toolwire.contracts.sealing import digest

REPLY_PREFETCH = 256
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0

_route = lru_cache(MOST_TOOLS)(request_route)


class Exchange:
    """A client's two connections: one that asks, one that hears."""

    def __init__(self, transport: Transport, identity: Identity, pins: Pins) -> None:
        self.ledger = Ledger()
        self._pace = Pace()
        self._identity = identity
        self._pins = pins
        name = f"toolwire client {identity.client_id}.{identity.instance}"
        self._publisher = transport.publisher(name=name)
        self._replies = Replies(self.ledger, pins.keys, identity.client_id)
        who = (identity.client_id, identity.instance)
        queue = named_reply_queue if identity.named else fresh_reply_queue
        self._consumer = transport.consumer(
            name=name,
            subscriptions=[
                Subscription(
                    queue=lambda: queue(*who),
                    prefetch=REPLY_PREFETCH,
                    handler=self._replies.receive,
                    # What came by a connection that was lost comes again where the queue outlives it.
                    acks=identity.named,
                    # It has the same key, so that answers come while the node that keeps the other is down.
                    instead=(lambda: fresh_reply_queue(*who)) if identity.named else None,
                )
            ],
        )
        self._consumer.on_ready.append(lambda _names: self.ledger.reconnected())
        self._open: AsyncExitStack | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            await opening.enter_async_context(self._publisher)
            await opening.enter_async_context(self._replies)
            await opening.enter_async_context(self._consumer)
            for work in (watch_replicas(self.ledger, self._publisher.consumers), self._pins.work()):
                opening.push_async_callback(_end, asyncio.create_task(work))
            opening.callback(self.ledger.close)
            self._open = opening.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._open is not None:
            opened, self._open = self._open, None
            await opened.aclose()

    async def ask(self, question: Question) -> Reply:
        """The signed answer to a question, good or bad; what invites a retry is retried until the time is up.

        Raises what `failures` tells, `NoReplica`, and at the latest after the question's timeout
        `DeadlineExceeded`, `NotAccepted` or `AnswerNotVerified`.
        """
        if self._open is None:
            raise UsageError("this client is not open: use it in `async with Client(…) as client:`")
        until = asyncio.get_running_loop().time() + question.timeout
        if question.server_id not in self._identity.pinned_servers:
            await self._refuse_stranger(question)
        with self.ledger.expecting(
            question.server_id, question.request_id, submission=question.submission
        ) as pending:
            if is_in_use():
                response = await self._insist_traced(question, pending, until)
            else:  # not even an empty span is made
                response = await self._insist(question, pending, until)
            return Reply(response, tuple(pending.attempts), pending.newest)

    async def _insist_traced(self, question: Question, pending: Pending, until: float) -> Response:
        who = self._identity.client_id
        with sending(question.server_id, question.tool, question.request_id, who) as sent:
            response = await self._insist(replace(question, trace=sent.trace), pending, until)
            if response.error is not None:
                sent.failed(response.error.code)
            return response

    async def _insist(self, question: Question, pending: Pending, until: float) -> Response:
        """Attempt after attempt, until there is an answer that is worth telling."""
        now = asyncio.get_running_loop().time
        pace = self._pace.of(question.server_id, question.tool)
        pause = FIRST_PAUSE_S
        refusal: RemoteError | None = None
        pace.begin(now())
        try:
            while True:
                await self._send(question, pending, until, pace)
                try:
                    response = await pending.inbox.get(until)
                except TimeoutError:
                    raise _late(question, pending) from refusal
                if response is None:
                    continue
                if not isinstance(response, Response):
                    raise response
                pace.answered(pending.took(response), now(), ok=response.error is None)
                if response.error is None or not response.error.retryable:
                    return response
                refusal = RemoteError.of(response.error)
                wait = random.uniform(0, pause) + (refusal.retry_after_ms or 0) / 1000  # noqa: S311 - spreads retries
                if now() + wait >= until:
                    return response
                await asyncio.sleep(wait)
                pause = min(2 * pause, LONGEST_PAUSE_S)
        finally:
            pace.end(pending.silence())

    async def _send(self, question: Question, pending: Pending, until: float, pace: ToolPace) -> None:
        """Send one attempt. Returns when it is confirmed, or when that no longer matters: something came."""
        earlier = bool(pending.attempts)
        try:
            if not self._consumer.ready:
                await self._consumer.wait_ready(_left(until))
            company = _company(question, pace, earlier=earlier)
            await self._publisher.publish(self._attempt(question, pending, company), timeout=_left(until))
        except BrokerError as error:
            if not pending.inbox.empty():
                return
            failure = failures.told(error, question.server_id, question.request_id)
            if isinstance(failure, DeadlineExceeded) or (earlier and _left(until) <= 0):
                failure = _late(question, pending)
            raise failure from error

    def _attempt(self, question: Question, pending: Pending, company: int) -> Outgoing:
        """The question as a message: a fresh nonce and time for every attempt."""
        now, due = now_ms(), question.run_at_ms
        once = nonce(os.urandom(NONCE_BYTES))
        line = seal_request(
            self._identity.signer(question.server_id),
            ts_ms=now,
            server_id=question.server_id,
            request_id=question.request_id,
            nonce=once,
            deadline_ms=question.deadline_ms,
            client_id=self._identity.client_id,
            tool=question.tool,
            args=question.args,
            reply_to=self._identity.instance,
            tool_rev=question.tool_rev,
            run_at_ms=due if due is not None and due > now else None,
            priority=question.priority,
            trace=question.trace,
        )
        self.ledger.sent(pending, digest(line))
        route = _route(question.server_id, question.tool)
        return Outgoing(route, line, type=Request.TYPE, message_id=once, company=company)

    async def _refuse_stranger(self, question: Question) -> None:
        """Nothing is asked of a server whose answer could not be verified: it would run for nobody."""
        try:
            await self._publisher.wait_connected(question.timeout)
        except BrokerError as error:
            raise failures.told(error, question.server_id, question.request_id) from error
        if await self._publisher.consumers(call_queue(question.server_id).name) is None:
            raise NoSuchServer(question.server_id)
        raise ConfigurationError(
            f"no key of server {question.server_id!r} is pinned, so that its answers could not be verified: "
            f"`toolwire keys import` takes in what `toolwire keys export server {question.server_id}` prints "
            "on its machine"
        )


def _company(question: Question, pace: ToolPace, *, earlier: bool) -> int:
    """How many requests may share the message of an attempt."""
    if earlier:
        return 1  # what was sent before may be what it waits for: another attempt is nobody's company
    if question.submission:
        return MAX_LINES  # whoever accepts a job need not be who runs it: there is nothing to spread
    return pace.company(asyncio.get_running_loop().time())


def _left(until: float) -> float:
    return max(0.0, until - asyncio.get_running_loop().time())


def _late(question: Question, pending: Pending) -> DeadlineExceeded:
    if reasons := pending.unverified():
        return AnswerNotVerified(question.request_id, reasons)
    if question.submission:
        return NotAccepted(question.request_id)
    return DeadlineExceeded(
        question.request_id,
        f"{question.tool!r} of server {question.server_id!r} gave no answer within {question.timeout:.3g} s "
        f"(request {question.request_id!r}). It may have run: the same request id again is safe, and gives "
        "the stored answer. What takes longer needs more time, or to be a job. A service that does not know "
        "this key never answers: its operator sees why in `toolwire junk list`.",
    )


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
