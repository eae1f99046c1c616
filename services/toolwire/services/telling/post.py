"""Everything that a replica sends, by what it is: answers, events, hints, control, and what it puts aside."""

import asyncio
import itertools
import logging
import secrets
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from toolwire.broker.consume import Delivery
from toolwire.broker.errors import BrokerError, Refused, Unroutable
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import (
    ASIDE_KEY,
    ASIDE_REASON,
    ASIDE_TIME,
    REQUESTS,
    Route,
    control_route,
    dead_route,
    event_route,
    job_route,
    junk_route,
    reply_route,
)
from toolwire.broker.transport import Sender
from toolwire.client.clock import now_ms
from toolwire.contracts.envelopes import EnvelopeType
from toolwire.contracts.jobs import EventName
from toolwire.contracts.lines import MAX_LINES
from toolwire.services.store.port import Message
from toolwire.services.telemetry.signals import Signals

log = logging.getLogger("toolwire.services")

TIMEOUT_S = 10.0
"""How long one attempt to publish waits for the broker's confirm."""

_NONE: Mapping[str, str] = MappingProxyType({})

_route_home = lru_cache(maxsize=4096)(reply_route)
"""Names made once for each client instance, not once a call."""


class Post:
    """Publishing with the names and manners of each kind. Raises the broker layer's errors, except where
    losing a message is harmless.
    """

    def __init__(self, publisher: Sender, server_id: str, signals: Signals) -> None:
        self.signals = signals
        self._publisher = publisher
        self._server_id = server_id
        self._ids = map((secrets.token_hex(8) + "{:x}").format, itertools.count())

    async def answer(self, client_id: str, reply_to: str, line: bytes) -> None:
        """An answer, confirmed. A client that is gone takes its answer with it: the record stays."""
        await self._home(_route_home(client_id, reply_to), "response", line)

    async def event(self, message: Message, name: EventName, own: bytes, watched: bytes) -> None:
        """A job's event, confirmed: to its owner, and to whoever watches."""
        client_id = message.key.client_id
        # Together, not in turn: a backlog of events would take twice as long to tell.
        await asyncio.gather(
            self._home(_route_home(client_id, message.address.reply_to), "event", own),
            self._publish(
                event_route(client_id, self._server_id, message.tool, name),
                "event",
                watched,
                mandatory=False,
                company=MAX_LINES,
            ),
        )

    async def hint(self) -> None:
        """Wake one replica: there is work in the store. Losing it costs a second at most."""
        await self._aside(job_route(self._server_id), "hint", b"work", _NONE)

    async def control(self, line: bytes) -> None:
        """Tell all replicas to look. Losing it costs the time to their next renewal."""
        await self._aside(control_route(self._server_id), "control", line, _NONE)

    async def junk(self, delivery: Delivery, body: bytes, reason: str) -> None:
        """Keep what never authenticated for a look, with the reason; it gets no answer (promise P6)."""
        self.signals.junk(reason, len(body), delivery.routing_key)
        # Without insisting: a queue that refuses must not have junk hold the place of good requests.
        await self._aside(junk_route(self._server_id), "junk", body, _label(delivery, reason), insist=False)

    async def dead(self, delivery: Delivery, line: bytes, reason: str) -> None:
        """Keep an authentic line that can neither be handled nor answered."""
        self.signals.dead(reason, delivery.routing_key)
        await self._publish(dead_route(self._server_id), "dead", line, headers=_label(delivery, reason))

    async def again(self, delivery: Delivery, line: bytes, headers: Mapping[str, str]) -> None:
        """Publish a request's line alone, under the key that it came by."""
        route = Route(REQUESTS, delivery.routing_key)
        await self._publish(route, "request", line, headers=headers)

    async def _home(self, route: Route, type_: EnvelopeType, line: bytes) -> None:
        """Send, but never insist: reply queues are never full, so that a nack speaks of one on a dead node.

        A cluster of 4.x keeps such a queue bound until that node is back, beside the one that the client has
        on another node by then. A client that hears again asks and polls again.
        """
        try:
            await self._publish(route, type_, line, insist=False, company=MAX_LINES)
        except (Refused, Unroutable):
            self.signals.undeliverable(type_)

    async def _aside(
        self, route: Route, type_: str, body: bytes, headers: Mapping[str, str], *, insist: bool = True
    ) -> None:
        try:
            await self._publish(route, type_, body, headers=headers, mandatory=False, insist=insist)
        except BrokerError as error:
            log.warning("a %s was lost: %s", type_, error)

    async def _publish(
        self,
        route: Route,
        type_: str,
        body: bytes,
        *,
        headers: Mapping[str, str] = _NONE,
        mandatory: bool = True,
        insist: bool = True,
        company: int = 1,
    ) -> None:
        message = Outgoing(
            route=route,
            body=body,
            type=type_,
            message_id=next(self._ids),
            mandatory=mandatory,
            insist=insist,
            headers=headers,
            company=company,
        )
        await self._publisher.publish(message, timeout=TIMEOUT_S)


def _label(delivery: Delivery, reason: str) -> dict[str, str]:
    """Why, whence and when a message was put aside."""
    return {ASIDE_REASON: reason, ASIDE_KEY: delivery.routing_key, ASIDE_TIME: str(now_ms())}
