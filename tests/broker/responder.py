"""A server of a few lines that answers as it is told to: well, badly, late, twice, or as somebody else."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.publish import Outgoing, Publisher
from toolwire.broker.topology import call_queue, reply_route
from toolwire.client.clock import now_ms
from toolwire.client.home import Home
from toolwire.contracts.envelopes import Event, Request, Response
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.jobs import EventName, Status
from toolwire.contracts.keys import Signer
from toolwire.contracts.lines import split_body
from toolwire.contracts.sealing import digest, seal, unseal
from toolwire.contracts.snapshots import JobSnapshot
from toolwire.services.homes.provision import add_client, add_server, create_home

SERVER = "server-1"
OTHER_SERVER = "server-2"
CLIENT = "client-1"
PATIENCE_S = 10.0
ids = count()


@dataclass(frozen=True)
class Asked:
    """A request that arrived, and the digest of its line."""

    request: Request
    digest: str


Behaviour = Callable[["Responder", Asked], Awaitable[None]]


def new_home(path: Path) -> Home:
    """A home that knows one client, the server that it asks, and another server."""
    home = create_home(path)
    for server_id in (SERVER, OTHER_SERVER):
        add_server(home, server_id)
    add_client(home, CLIENT)
    return home


class Responder:
    """Consumes a server's requests and does with each what `behave` says."""

    def __init__(self, url: str, home: Home, behave: Behaviour, server_id: str = SERVER) -> None:
        self.signer: Signer = home.server_signer(server_id)
        self.asked: list[Asked] = []
        self._keys = home.client_keys(server_id)
        self._server_id = server_id
        self._behave = behave
        self._publisher = Publisher([url], name=f"responder {server_id}")
        calls = Subscription(lambda: call_queue(server_id), 10, self._receive)
        self._consumer = Consumer([url], name=f"responder {server_id}", subscriptions=[calls])
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._publisher)
        self._tasks = await self._open.enter_async_context(asyncio.TaskGroup())
        await self._open.enter_async_context(self._consumer)
        await self._consumer.wait_ready(PATIENCE_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def _receive(self, delivery: Delivery) -> None:
        self._tasks.create_task(delivery.ack())
        for line in split_body(delivery.body):
            asked = Asked(unseal(line, self._keys, Request, now_ms()), digest(line))
            self.asked.append(asked)
            self._tasks.create_task(self._act(asked))

    async def _act(self, asked: Asked) -> None:
        await self._behave(self, asked)

    # --- what a behaviour is made of ---

    def response(self, asked: Asked, **changes: Any) -> Response:
        """A good answer, or what `changes` make of it."""
        request = asked.request
        fields: dict[str, Any] = {
            "ts_ms": now_ms(),
            "server_id": self._server_id,
            "request_id": request.request_id,
            "request_digest": asked.digest,
            "client_id": request.client_id,
            "ok": "error" not in changes,
            "status": "error" if "error" in changes else "ok",
            "result": None if "error" in changes else request.args,
        }
        return Response(**{**fields, **changes})

    def event(self, asked: Asked, name: EventName, job: JobSnapshot, **changes: Any) -> Event:
        """An event of a job that the request made."""
        fields: dict[str, Any] = {
            "ts_ms": now_ms(),
            "server_id": self._server_id,
            "request_id": asked.request.request_id,
            "request_digest": asked.digest,
            "client_id": asked.request.client_id,
            "event": name,
            "data": job,
        }
        return Event(**{**fields, **changes})

    async def send(
        self, asked: Asked, envelope: Response | Event, *, signer: Signer | None = None, told_type: str = ""
    ) -> None:
        """Seal an envelope and send it home."""
        await self.send_bytes(asked, seal(envelope, signer or self.signer), told_type or envelope.TYPE)

    async def send_bytes(self, asked: Asked, body: bytes, told_type: str = "response") -> None:
        """Send anything to where the answer belongs."""
        route = reply_route(asked.request.client_id, asked.request.reply_to)
        message = Outgoing(route, body, told_type, f"message-{next(ids)}", mandatory=False)
        await self._publisher.publish(message, timeout=PATIENCE_S)

    async def answer(self, asked: Asked, **changes: Any) -> None:
        """Answer well, or as `changes` say."""
        await self.send(asked, self.response(asked, **changes))


async def echo(responder: Responder, asked: Asked) -> None:
    """The arguments are the result."""
    await responder.answer(asked)


async def silence(responder: Responder, asked: Asked) -> None:
    """Nothing comes back."""


def refusal(code: Code, **more: Any) -> WireError:
    """A signed error."""
    fields: dict[str, Any] = {"code": code, "message": "no", "retryable": False}
    return WireError(**{**fields, **more})


def job(seq: int, status: Status = Status.RUNNING, **changes: Any) -> JobSnapshot:
    """How a job stands."""
    now = now_ms()
    fields: dict[str, Any] = {
        "job_id": "job-1",
        "server_id": SERVER,
        "tool": "long",
        "status": status,
        "attempt": 1,
        "seq": seq,
        "progress": None,
        "result": None,
        "error": None,
        "created_ms": now,
        "started_ms": now,
        "updated_ms": now,
        "due_ms": now if status is Status.ACCEPTED else None,
        "question": None,
        "deadline_ms": now + 24 * 3600 * 1000,  # a run may come to it long after it was imported
        "poll_after_ms": None if status.final else 60_000,
        "final": status.final,
    }
    return JobSnapshot(**{**fields, **changes})
