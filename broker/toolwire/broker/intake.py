"""One channel's deliveries: handed over as they come in, acked together."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from toolwire.broker import frames
from toolwire.broker.delivery import Delivery
from toolwire.broker.guard import malformed_key
from toolwire.broker.wire import Wire

log = logging.getLogger("toolwire.broker")


class Intake:
    """Gives `handler` what is delivered on one channel, as a plain call in the turn in which it is read.

    aiormq, which opens and closes the channel and asks for its consumers, would start a task for each.
    What is acked in one turn of the loop is acked with as few frames as can be, in one write: a quorum queue
    has to agree on each frame with its members.
    """

    def __init__(self, wire: Wire, number: int, handler: Callable[[Delivery], None], *, acks: bool) -> None:
        self._wire = wire
        self._number = number
        self._handler = handler
        self._acks = acks
        self._gone = False
        self._consumers: set[bytes] = set()
        self._deliver: frames.Deliver | None = None
        self._content: frames.Content | None = None
        self._body: list[bytes] = []
        self._missing = 0
        self._held: dict[int, None] = {}
        """The delivery tags that are not settled, oldest first."""
        self._acked: set[int] = set()
        self._rejecting: set[asyncio.Task[bool]] = set()
        wire.listen(number, self)

    def expect(self, consumer_tag: str) -> None:
        """Take what comes for that consumer."""
        self._consumers.add(consumer_tag.encode())

    def close(self) -> None:
        """Take nothing more, and settle nothing more: a frame behind `channel.close` would be an error of
        the whole connection."""
        self._write_acks()
        self.lost()

    # --- what the wire says -------------------------------------------------------------------------

    def take(self, kind: int, payload: bytes) -> bool:
        """Take deliveries to the consumers that are known. A content follows its method, undivided."""
        if kind == frames.METHOD:
            return self._take_method(payload)
        if self._deliver is None:
            return False
        if kind == frames.HEADER:
            self._content = frames.content_of(payload)
            self._missing = self._content.size
        else:
            self._body.append(payload)
            self._missing -= len(payload)
        if self._missing <= 0:
            self._hand_over()
        return True

    def lost(self) -> None:
        """The channel is gone: what it delivered comes again."""
        self._gone = True
        self._consumers.clear()
        self._held.clear()
        self._acked.clear()
        self._wire.forget(self._number, self)

    def _take_method(self, payload: bytes) -> bool:
        method = payload[:4]
        if method == frames.DELIVER and frames.consumer_tag_of(payload) in self._consumers:
            self._deliver = frames.deliver_of(payload)
            return True
        if method == frames.CANCEL:
            # 4.3 delivers to a consumer that it has cancelled once more when a late ack comes.
            self._consumers.discard(frames.consumer_tag_of(payload))
        elif method in (frames.CHANNEL_CLOSE, frames.CHANNEL_CLOSE_OK):
            self.lost()
        return False

    def _hand_over(self) -> None:
        deliver, content, body = self._deliver, self._content, self._body
        self._deliver, self._content, self._body = None, None, []
        if deliver is None or content is None:
            return
        receipt = None
        if self._acks:
            self._held[deliver.tag] = None
            receipt = _Tag(self, deliver.tag)
        delivery = Delivery(
            body=body[0] if len(body) == 1 else b"".join(body),
            type=content.type,
            redelivered=deliver.redelivered,
            exchange=deliver.exchange,
            routing_key=deliver.key,
            content_type=content.content_type,
            content_encoding=content.content_encoding,
            headers=content.headers,
            malformed=content.malformed or malformed_key(deliver.key),
            receipt=receipt,
        )
        try:
            self._handler(delivery)
        except Exception:
            log.exception("the handler of %s failed: the message is given up", delivery.exchange)
            self._give_up(delivery)

    def _give_up(self, delivery: Delivery) -> None:
        rejecting = asyncio.ensure_future(delivery.reject(requeue=False))
        self._rejecting.add(rejecting)
        rejecting.add_done_callback(self._rejecting.discard)

    # --- what is settled ----------------------------------------------------------------------------

    def ack(self, tag: int) -> bool:
        """Ack at the end of the turn. False: it is too late."""
        if self._gone or not self._wire.open:
            return False
        if not self._acked:
            asyncio.get_running_loop().call_soon(self._write_acks)
        self._acked.add(tag)
        return True

    def reject(self, tag: int, *, requeue: bool) -> bool:
        """Give back, or up. False: it is too late."""
        if self._gone or not self._wire.open:
            return False
        self._held.pop(tag, None)
        self._wire.write(frames.reject_frame(self._number, tag, requeue=requeue))
        return True

    def _write_acks(self) -> None:
        """Ack what is acked from the oldest on with one frame, the others with one each."""
        acked, self._acked = self._acked, set()
        row: list[int] = []
        for tag in self._held:
            if tag not in acked:
                break
            row.append(tag)
        written: list[bytes] = []
        if row:
            written.append(frames.ack_frame(self._number, row[-1], multiple=len(row) > 1))
        alone = sorted(acked.difference(row))
        written.extend(frames.ack_frame(self._number, tag, multiple=False) for tag in alone)
        for tag in acked:
            self._held.pop(tag, None)
        if written:
            self._wire.write(b"".join(written))


@dataclass(frozen=True, slots=True)
class _Tag:
    """A delivery tag, good on its channel only."""

    intake: Intake
    number: int

    async def ack(self) -> bool:
        return self.intake.ack(self.number)

    async def reject(self, *, requeue: bool) -> bool:
        return self.intake.reject(self.number, requeue=requeue)
