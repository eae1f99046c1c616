"""The bare wire: what anybody who reaches the broker can do, without the client's care.

It publishes bytes as they are, and looks at what comes back and at what the service threw away.
"""

import asyncio
import os
import time
from contextlib import AsyncExitStack
from typing import Any, Self

from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.publish import Outgoing, Publisher
from toolwire.broker.topology import fresh_reply_queue, junk_queue, request_route
from toolwire.cli.demo.stage import ANSWER_S, CLIENT_ID, Stage
from toolwire.client.answers import Drop, lines_of, read_answer
from toolwire.contracts.envelopes import Request, Response
from toolwire.contracts.identifiers import NONCE_BYTES, nonce
from toolwire.contracts.keys import Signer
from toolwire.contracts.sealing import seal
from toolwire.services.demo import SERVER_ID

INSTANCE = "bare-wire"


class Wire:
    """One connection that sends and one that hears, to be entered."""

    def __init__(self, stage: Stage) -> None:
        urls = stage.broker_url.split(",")
        self._trusted = stage.home.server_keys(CLIENT_ID)
        self._responses: asyncio.Queue[Response] = asyncio.Queue()
        self._junk: asyncio.Queue[Delivery] = asyncio.Queue()
        self._publisher = Publisher(urls, name="toolwire demo, bare wire")
        self._consumer = Consumer(
            urls,
            name="toolwire demo, bare wire",
            subscriptions=[
                Subscription(
                    lambda: fresh_reply_queue(CLIENT_ID, INSTANCE),
                    prefetch=1,
                    handler=self._heard,
                    acks=False,
                ),
                Subscription(
                    lambda: junk_queue(SERVER_ID), prefetch=1, handler=self._junk.put_nowait, acks=False
                ),
            ],
        )
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._publisher)
        await self._open.enter_async_context(self._consumer)
        await self._consumer.wait_ready(ANSWER_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def request(self, tool: str, args: dict[str, Any], signer: Signer) -> bytes:
        """One line: a request for that tool, signed by whomever."""
        now_ms = time.time_ns() // 1_000_000
        request = Request(
            ts_ms=now_ms,
            server_id=SERVER_ID,
            request_id=f"bare-{os.urandom(8).hex()}",
            nonce=nonce(os.urandom(NONCE_BYTES)),
            deadline_ms=now_ms + 60_000,
            client_id=CLIENT_ID,
            tool=tool,
            args=args,
            reply_to=INSTANCE,
        )
        return seal(request, signer)

    async def send(self, tool: str, line: bytes) -> None:
        """Publish a line as it is."""
        message = Outgoing(
            request_route(SERVER_ID, tool), line, type="request", message_id=os.urandom(8).hex()
        )
        await self._publisher.publish(message, timeout=ANSWER_S)

    async def answer(self) -> Response:
        """The next verified answer. TimeoutError where none comes."""
        async with asyncio.timeout(ANSWER_S):
            return await self._responses.get()

    async def junk(self, line: bytes) -> str:
        """The reason why the service threw that line away. TimeoutError where it did not."""
        async with asyncio.timeout(ANSWER_S):
            while (thrown := await self._junk.get()).body != line:
                pass
        return str(thrown.headers.get("x-toolwire-reason"))

    def _heard(self, delivery: Delivery) -> None:
        lines = lines_of(delivery.body, delivery.content_type, delivery.content_encoding)
        for line in () if isinstance(lines, Drop) else lines:
            answer = read_answer(line, self._trusted, CLIENT_ID, delivery.type, time.time_ns() // 1_000_000)
            if isinstance(answer, Response):
                self._responses.put_nowait(answer)
