"""From a delivery to authentic requests, and from their end to the ack.

One message may carry many lines; each is checked, run and answered on its own, and the message is acked when
no line needs it any more. Until then the broker's redelivery covers a crash. While broker and store answer,
nothing stays un-acked for longer than `RELEASE_S`: a claimed request has its record to be found by, a read
one its caller's patience.
"""

import asyncio
import logging
from dataclasses import dataclass

from toolwire.broker.consume import Delivery
from toolwire.client.clock import now_ms
from toolwire.contracts.errors import Unverified, WireError
from toolwire.contracts.jobs import Status
from toolwire.contracts.keys import Key, Keyring
from toolwire.contracts.lines import check_content, split_body
from toolwire.services.failpoints import reach
from toolwire.services.requests.answers import Answers
from toolwire.services.requests.authenticate import Authentic, Refused, Unreadable, authenticate
from toolwire.services.requests.calls import Calls, Hold
from toolwire.services.requests.plans import Reply
from toolwire.services.running.tasks import Tasks
from toolwire.services.store.port import Address, RecordKey
from toolwire.services.telemetry.signals import Signals, Whom
from toolwire.services.telling.post import Post

log = logging.getLogger("toolwire.services")

RELEASE_S = 10.0
"""After this long a delivery is acked although its tool still runs: far below any consumer timeout."""
LOOK_S = 0.5
"""How often is looked, after that, whether something else covers a crash by now."""
UNREADABLE_PATIENCE_MS = 30_000
"""How long the answer to an envelope without a readable deadline is tried."""


@dataclass(slots=True)
class Intake:
    """Takes the deliveries of one replica."""

    keys: Keyring
    calls: Calls
    answers: Answers
    post: Post
    tasks: Tasks
    signals: Signals

    def handle(self, delivery: Delivery) -> None:
        """Start to handle a delivery."""
        self.tasks.start(self._message(delivery), "message")

    async def _message(self, delivery: Delivery) -> None:
        try:
            lines = open_message(delivery)
        except Unverified as refused:
            await self.post.junk(delivery, delivery.body, refused.reason)
            await delivery.ack()
            return
        settled = await asyncio.gather(*(self._line(delivery, line) for line in lines))
        reach("ack.ready")
        if all(settled):
            await delivery.ack()
        else:
            # Rejecting counts toward the delivery limit on every RabbitMQ, so this cannot go on for ever.
            await delivery.reject(requeue=True)

    async def _line(self, delivery: Delivery, line: bytes) -> bool:
        """Handle one line; return when it does not need the delivery any more. Whether it is safe to ack."""
        hold = Hold()
        work = self.tasks.start(self._guarded(delivery, line, hold), "request")
        await asyncio.wait({work}, timeout=RELEASE_S)
        hold.overdue = True
        while hold.needed and not work.done():
            await asyncio.wait({work}, timeout=LOOK_S)
        if work.cancelled():
            # The replica is stopping: without an ack the broker gives the message to another one.
            raise asyncio.CancelledError
        return not work.done() or (work.exception() is None and not hold.declined)

    async def _guarded(self, delivery: Delivery, line: bytes, hold: Hold) -> None:
        """One bad line costs itself (promise P9): what nothing below caught is put aside."""
        try:
            await self._authenticated(delivery, line, hold)
        except Exception:
            log.exception("a request could not be handled")
            await self.post.dead(delivery, line, "broken")

    async def _authenticated(self, delivery: Delivery, line: bytes, hold: Hold) -> None:
        match authenticate(line, self.keys, delivery.routing_key, now_ms()):
            case Refused(reason):
                await self.post.junk(delivery, line, reason)
            case Unreadable(key, digest, error, str(request_id), str(reply_to)):
                await self._refuse_unreadable(
                    key, error, request_id, Address(reply_to, digest, key.kid, now_ms())
                )
            case Unreadable(error=error):
                await self.post.dead(delivery, line, error.code)
            case Authentic() as authentic:
                await self.calls.handle(authentic, hold, redelivered=delivery.redelivered)

    async def _refuse_unreadable(self, key: Key, error: WireError, request_id: str, home: Address) -> None:
        self.signals.refused(Whom(key.owner, request_id), error.code)
        reply = Reply(Status.ERROR, error=error)
        await self.answers.send(
            RecordKey(key.owner, request_id), home, reply, now_ms() + UNREADABLE_PATIENCE_MS
        )


def open_message(delivery: Delivery) -> list[bytes]:
    """The lines of a delivery. `Unverified` with the reason where it is not a message of lines."""
    if delivery.malformed is not None:
        raise Unverified("malformed_properties")
    check_content(delivery.content_type, delivery.content_encoding)
    return split_body(delivery.body)
