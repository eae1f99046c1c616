"""From a delivery to authentic requests, and from their end to the ack.

One message may carry many lines; each is checked, run and answered on its own, in a task of its own, and the
message is acked when no line needs it any more. Until then the broker's redelivery covers a crash. While
broker and store answer, nothing stays un-acked for long: see `Releasing`.

Lines in company must not share the fate of one of them. A message that comes again may hold what a replica
died of: its lines are published again, each alone, and begin one at a time (`Suspects`). Where one finds no
place here, or this replica is stopping, it goes on alone as well (`PassingOn`).
"""

import logging
from dataclasses import dataclass, field

from toolwire.broker.consume import Delivery
from toolwire.broker.topology import SUSPECT
from toolwire.client.clock import now_ms
from toolwire.contracts.errors import Unverified, WireError
from toolwire.contracts.jobs import Status
from toolwire.contracts.keys import Key, Keyring
from toolwire.contracts.lines import check_content, split_body
from toolwire.services.failpoints import reach
from toolwire.services.requests.admission import Admission
from toolwire.services.requests.answers import Answers
from toolwire.services.requests.authenticate import Authentic, Refused, Unreadable, authenticate
from toolwire.services.requests.calls import Calls
from toolwire.services.requests.passing_on import PassingOn
from toolwire.services.requests.plans import Reply
from toolwire.services.requests.received import Line, Received
from toolwire.services.requests.releasing import Releasing
from toolwire.services.requests.suspects import Suspects
from toolwire.services.running.tasks import Tasks
from toolwire.services.store.port import Address, RecordKey
from toolwire.services.telemetry.signals import Signals, Whom
from toolwire.services.telling.post import Post

log = logging.getLogger("toolwire.services")

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
    releasing: Releasing = field(init=False)
    _admission: Admission = field(init=False)
    _passing_on: PassingOn = field(init=False)
    _suspects: Suspects = field(default_factory=Suspects, init=False)

    def __post_init__(self) -> None:
        self._admission = Admission(self._open, self.calls.places)
        self._passing_on = PassingOn(self.post)
        self.releasing = Releasing(self._passing_on, self.tasks)

    def handle(self, delivery: Delivery) -> None:
        """Start to handle a delivery."""
        self._admission.come(delivery)

    def stop(self) -> None:
        """Begin no call any more; to be said once nothing more is delivered here, or it would come back."""
        self.calls.stop()
        for delivery in self._admission.turn_away():
            # Rejecting counts toward the delivery limit on every RabbitMQ, so this cannot go on for ever.
            self.tasks.start(delivery.reject(requeue=True), "message")

    def _open(self, delivery: Delivery) -> None:
        try:
            texts = open_message(delivery)
        except Unverified as refused:
            self.tasks.start(self._put_aside(delivery, refused.reason), "message")
            return
        self._admission.enter(len(texts), sum(map(len, texts)))
        message = Received(delivery, texts, self._admission)
        self.releasing.watch(message)
        for line in message.lines:
            self.tasks.start(self._line(message, line), "request")

    async def _put_aside(self, delivery: Delivery, reason: str) -> None:
        await self.post.junk(delivery, delivery.body, reason)
        await delivery.ack()

    async def _line(self, message: Received, line: Line) -> None:
        """Handle one line. Who handles the last one settles the message."""
        try:
            await self._guarded(message, line)
        except Exception:
            log.exception("a request could not even be put aside: it comes again")
            message.given_back = True
        except BaseException:
            message.lost = True  # the replica is stopping
            raise
        finally:
            line.end()
        if not message.lines_left:
            await self._settle(message)

    async def _settle(self, message: Received) -> None:
        self.releasing.forget(message)
        reach("ack.ready")
        await message.settle()

    async def _guarded(self, message: Received, line: Line) -> None:
        """One bad line costs itself (promise P9): what nothing below caught is put aside."""
        try:
            await self._authenticated(message, line)
        except Exception:
            log.exception("a request could not be handled")
            await self.post.dead(message.delivery, line.text, "broken")

    async def _authenticated(self, message: Received, line: Line) -> None:
        delivery = message.delivery
        match authenticate(line.text, self.keys, delivery.routing_key, now_ms()):
            case Authentic() as authentic:
                if delivery.redelivered or self._claims_suspicion(delivery):
                    await self._with_care(authentic, message, line)
                else:
                    await self._handled(authentic, message, line)
            case Refused(reason):
                await self.post.junk(delivery, line.text, reason)
            case Unreadable(key, digest, error, str(request_id), str(reply_to)):
                await self._refuse_unreadable(
                    key, error, request_id, Address(reply_to, digest, key.kid, now_ms())
                )
            case Unreadable(error=error):
                await self.post.dead(delivery, line.text, error.code)

    def _claims_suspicion(self, delivery: Delivery) -> bool:
        return SUSPECT in delivery.headers and self._suspects.takes_claimed

    async def _with_care(self, authentic: Authentic, message: Received, line: Line) -> None:
        """It may be what a replica died of: alone, or where it cannot be, one after the other."""
        delivery = message.delivery
        if message.has_company and await self._passing_on.with_suspicion(delivery, line.text):
            return
        returns = returns_of(delivery)
        while not await self._suspects.run(lambda: self._handled(authentic, message, line), returns):
            if await self._passing_on.with_suspicion(delivery, line.text):
                return
            returns = 0  # nobody else gets it: it waits on, and leaves the lead to others

    async def _handled(self, authentic: Authentic, message: Received, line: Line) -> None:
        """See it through here, or to where others have it."""
        delivery = message.delivery
        await self.calls.handle(authentic, line, redelivered=delivery.redelivered)
        while line.declined:
            if await self._has_gone_on(delivery, line):
                return
            if self.calls.stopping:
                message.given_back = True
                return
            line.declined = line.movable = False  # nobody else gets it: it waits here as if it came alone
            await self.calls.handle(authentic, line, redelivered=delivery.redelivered)

    async def _has_gone_on(self, delivery: Delivery, line: Line) -> bool:
        if self.calls.stopping:
            return await self._passing_on.alone(delivery, line.text)
        return await self._passing_on.without_place(delivery, line.text)

    async def _refuse_unreadable(self, key: Key, error: WireError, request_id: str, home: Address) -> None:
        self.signals.refused(Whom(key.owner, request_id), error.code)
        reply = Reply(Status.ERROR, error=error)
        await self.answers.send(
            RecordKey(key.owner, request_id), home, reply, now_ms() + UNREADABLE_PATIENCE_MS
        )


def returns_of(delivery: Delivery) -> int:
    """How often the broker was given the message back, as far as it says so: quorum queues do."""
    returns = delivery.headers.get("x-delivery-count")
    return returns if delivery.redelivered and isinstance(returns, int) else 0


def open_message(delivery: Delivery) -> list[bytes]:
    """The lines of a delivery. `Unverified` with the reason where it is not a message of lines."""
    if delivery.malformed is not None:
        raise Unverified("malformed_properties")
    check_content(delivery.content_type, delivery.content_encoding)
    return split_body(delivery.body)
