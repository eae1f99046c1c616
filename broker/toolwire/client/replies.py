"""Takes what arrives in the client's reply queue, checks it line by line, and acks it."""

import asyncio
from typing import Self

from toolwire.broker.consume import Delivery
from toolwire.client.answers import Drop, lines_of, read_answer
from toolwire.client.clock import now_ms
from toolwire.client.ledger import Ledger
from toolwire.contracts.keys import Keyring


class Replies:
    """The handler of the reply queue."""

    def __init__(self, ledger: Ledger, pinned: Keyring, client_id: str) -> None:
        self._ledger = ledger
        self._pinned = pinned
        self._client_id = client_id
        self._handled: list[Delivery] = []
        self._acking: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait for the acks that are on their way."""
        await asyncio.gather(*self._acking)

    def receive(self, delivery: Delivery) -> None:
        """Check every line of a message on its own: a bad one costs itself."""
        self._read(delivery)
        if delivery.receipt is not None:
            self._handled.append(delivery)
            if len(self._handled) == 1:
                self._ack_soon()

    def _ack_soon(self) -> None:
        """One task for all that comes in this turn of the loop."""
        acking = asyncio.create_task(self._ack())
        self._acking.add(acking)
        acking.add_done_callback(self._acking.discard)

    async def _ack(self) -> None:
        handled, self._handled = self._handled, []
        for delivery in handled:
            await delivery.ack()

    def _read(self, delivery: Delivery) -> None:
        if delivery.malformed is not None:
            self._ledger.take(Drop("malformed_properties"))
            return
        lines = lines_of(delivery.body, delivery.content_type, delivery.content_encoding)
        if isinstance(lines, Drop):
            self._ledger.take(lines)
            return
        now = now_ms()
        for line in lines:
            self._ledger.take(read_answer(line, self._pinned, self._client_id, delivery.type, now))
