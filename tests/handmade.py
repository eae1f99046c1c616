"""A client that sends exactly what a test says, and keeps every answer that it is sent."""

import secrets
from contextlib import AsyncExitStack
from typing import Any, Self

from tests.served import SERVER
from tests.waiting import wait_until
from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.publish import Outgoing, Publisher
from toolwire.broker.topology import Route, fresh_reply_queue, request_route
from toolwire.client.clock import now_ms
from toolwire.client.home import Home
from toolwire.contracts.envelopes import Event, Request, Response
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import EventName
from toolwire.contracts.keys import Signer
from toolwire.contracts.lines import split_body
from toolwire.contracts.sealing import digest, read, seal, verify

INSTANCE = "handmade"
PATIENCE_S = 15.0
LIVES_MS = 60_000


class Handmade:
    """One client of the registry, without the client SDK: no retries, no checks but the signature."""

    def __init__(self, url: str, home: Home, client_id: str = "client-001") -> None:
        self.client_id = client_id
        self.signer: Signer = home.client_signer(client_id, server_id=SERVER)
        self.responses: list[Response] = []
        self.events: list[Event] = []
        self._keys = home.server_keys(client_id)
        self._publisher = Publisher([url], name="handmade")
        replies = Subscription(lambda: fresh_reply_queue(client_id, INSTANCE), 0, self._receive)
        self._consumer = Consumer([url], name="handmade", subscriptions=[replies])
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._publisher)
        await self._stack.enter_async_context(self._consumer)
        await self._consumer.wait_ready(PATIENCE_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def request(self, tool: str, args: dict[str, Any], **changes: Any) -> Request:
        """A request to the service; `changes` are fields that are to be otherwise."""
        now = now_ms()
        fields: dict[str, Any] = {
            "ts_ms": now,
            "server_id": SERVER,
            "request_id": secrets.token_hex(8),
            "nonce": secrets.token_urlsafe(16),
            "deadline_ms": now + LIVES_MS,
            "client_id": self.client_id,
            "tool": tool,
            "args": args,
            "reply_to": INSTANCE,
        }
        return Request(**{**fields, **changes})

    async def send(self, request: Request, route: Route | None = None) -> str:
        """Send a request, by default where it belongs; the digest of its line."""
        line = seal(request, self.signer)
        where = route or request_route(SERVER, request.tool)
        await self._publisher.publish(
            Outgoing(where, line, "request", secrets.token_hex(8)), timeout=PATIENCE_S
        )
        return digest(line)

    async def ask(self, request: Request, route: Route | None = None) -> Response:
        """Send a request and wait for the answer to this very attempt."""
        return await self.answer(await self.send(request, route))

    async def refusal(self, request: Request, route: Route | None = None) -> Code:
        """Send a request that is refused; the code of the answer."""
        error = (await self.ask(request, route)).error
        assert error is not None, "the request was not refused"
        return error.code

    async def answer(self, asked: str) -> Response:
        """Wait for the answer to the attempt with that digest."""
        return (await self.answers(asked, 1))[0]

    async def answers(self, asked: str, count: int) -> list[Response]:
        """Wait for that many answers to the attempt with that digest."""
        await wait_until(
            lambda: len(self._answers(asked)) >= count, PATIENCE_S, f"{count} answers to the attempt"
        )
        return self._answers(asked)

    async def heard(self, name: EventName) -> Event:
        """Wait for the first event of that name."""
        found = await wait_until(
            lambda: [event for event in self.events if event.event is name], PATIENCE_S, f"the event {name}"
        )
        return found[0]

    def _answers(self, asked: str) -> list[Response]:
        return [response for response in self.responses if response.request_digest == asked]

    def _receive(self, delivery: Delivery) -> None:
        for line in split_body(delivery.body):
            verified = verify(line, self._keys, ("response", "event"), now_ms())
            if verified.type == "response":
                self.responses.append(read(verified, Response))
            else:
                self.events.append(read(verified, Event))
