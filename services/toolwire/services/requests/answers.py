"""Answers on their way home: sealed, and published until the broker has them or nobody waits any more."""

import asyncio
import logging
import time
from dataclasses import dataclass

from toolwire.broker.errors import BrokerError
from toolwire.client.clock import now_ms
from toolwire.contracts.encoding import JsonText
from toolwire.contracts.errors import Code, DefinitionError
from toolwire.contracts.jobs import Status
from toolwire.services.failpoints import reach
from toolwire.services.requests.decide import refuse, replied
from toolwire.services.requests.plans import NOTHING, Prepared, Reply
from toolwire.services.requests.seals import Seals
from toolwire.services.running.endings import Ended
from toolwire.services.store.port import Address, RecordKey
from toolwire.services.telemetry.signals import Whom
from toolwire.services.telling.post import Post

log = logging.getLogger("toolwire.services")

AGAIN_S = 0.25
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Answers:
    """Sends the signed responses of one replica."""

    seals: Seals
    post: Post

    async def send(self, key: RecordKey, address: Address, reply: Reply, deadline_ms: int) -> None:
        """Answer the attempt at `address`. Given up, and logged, when the caller's deadline has passed.

        Raises the broker layer's error after a minute in vain: a delivery must not be held for hours, and
        whoever gets it next finds the stored answer.
        """
        line = self._seal(key, address, reply)
        patient_until = time.monotonic() + PATIENCE_S
        while True:
            reach("answer.ready")
            try:
                await self.post.answer(key.client_id, address.reply_to, line)
            except BrokerError as error:
                if now_ms() > deadline_ms:
                    self.post.signals.unanswered(Whom(key.client_id, key.request_id))
                    return
                if time.monotonic() > patient_until:
                    raise
                log.warning("an answer to %s waits for the broker: %s", key.client_id, error)
                await asyncio.sleep(AGAIN_S)
            else:
                reach("answer.sent")
                log.debug("answered request %s of %s: %s", key.request_id, key.client_id, reply.status)
                return

    def _seal(self, key: RecordKey, address: Address, reply: Reply) -> bytes:
        try:
            return self.seals.response(key, address, reply, now_ms())
        except DefinitionError:
            too_large = refuse(Code.RESULT_TOO_LARGE, "the answer does not fit a message").reply
            return self.seals.response(key, address, too_large, now_ms())


def reply_of(ended: Ended, prepared: Prepared) -> Reply:
    """The answer for a run that made no record. A poll answers with the status of the job itself."""
    if ended.error is not None:
        return Reply(Status.ERROR, error=ended.error)
    return replied(prepared.spec.name, NOTHING if ended.result is None else JsonText(ended.result))
