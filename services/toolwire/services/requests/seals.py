"""Which key an answer is sealed with, and the answers and events themselves."""

import json
from collections.abc import Mapping

from toolwire.contracts.call_lines import seal_response
from toolwire.contracts.envelopes import Control, Event
from toolwire.contracts.jobs import EventName
from toolwire.contracts.keys import Signer
from toolwire.contracts.sealing import seal, seal_each
from toolwire.contracts.snapshots import JobSnapshot
from toolwire.services.requests.plans import Reply
from toolwire.services.store.port import Address, Message, Record, RecordKey
from toolwire.services.telling.snapshots import snapshot_of


class Seals:
    """A server's signatures: its own Ed25519 key, or the secret that it shares with one client.

    A client that signs with a shared secret is answered under it; all others, and everything that more than
    one party may read, under the server's own key.
    """

    def __init__(self, server_id: str, own: Signer, shared: Mapping[str, Signer]) -> None:
        self._server_id = server_id
        self._own = own
        self._shared = shared

    def response(self, key: RecordKey, address: Address, reply: Reply, now_ms: int) -> bytes:
        """The line of an answer to the attempt at `address`."""
        return seal_response(
            self._for(address.kid),
            ts_ms=now_ms,
            server_id=self._server_id,
            request_id=key.request_id,
            request_digest=address.request_digest,
            client_id=key.client_id,
            status=reply.status,
            result=reply.result,
            error=reply.error,
        )

    def event(self, message: Message, name: EventName, now_ms: int) -> tuple[bytes, bytes]:
        """The lines of an event: the owner's, and the one for watchers."""
        envelope = Event(
            ts_ms=now_ms,
            server_id=self._server_id,
            request_id=message.key.request_id,
            request_digest=message.address.request_digest,
            client_id=message.key.client_id,
            event=name,
            data=self.snapshot(message.record),
            output=None if message.output is None else tuple(json.loads(message.output)),
        )
        own = self._for(message.address.kid)
        if own is self._own:
            line = seal(envelope, own)
            return line, line
        line, watched = seal_each(envelope, (own, self._own))
        return line, watched

    def control(self, data: dict[str, str], now_ms: int) -> bytes:
        """The line of a word to this server's replicas: look at this job again."""
        envelope = Control(ts_ms=now_ms, server_id=self._server_id, action="cancel", data={**data})
        return seal(envelope, self._own)

    def snapshot(self, record: Record) -> JobSnapshot:
        """The job of a record, as the client sees it."""
        return snapshot_of(record, self._server_id)

    def _for(self, kid: str) -> Signer:
        return self._shared.get(kid, self._own)
