"""What the service's tests start from: keys, a registry, tools, and requests that a client really signed."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from pydantic import Field

from toolwire.broker.topology import request_key
from toolwire.contracts.encoding import canonical
from toolwire.contracts.envelopes import Request
from toolwire.contracts.jobs import Status
from toolwire.contracts.keys import Ed25519Signer, HmacKey, Key, Keyring, ed25519_verifier
from toolwire.contracts.meaning import meaning
from toolwire.contracts.registry import ClientEntry, KeyEntry
from toolwire.contracts.sealing import seal
from toolwire.services import JobContext, Service
from toolwire.services.declaring.tools import Declaration, Manners, ToolSpec
from toolwire.services.requests.authenticate import Authentic, authenticate
from toolwire.services.requests.decide import Policy, Usage
from toolwire.services.store.port import Address, Kind, NewRecord, Record, RecordKey

SERVER = "server-1"
CLIENT = "client-1"
OTHER = "client-2"
HOLDER = "replica-1"
NOW = 1_800_000_000_000
LEASE_MS = 15_000

OWN = Ed25519Signer("server-1.1", b"\x01" * 32)
CLIENTS_KEY = Ed25519Signer("client-1.1", b"\x02" * 32)
OTHERS_KEY = Ed25519Signer("client-2.1", b"\x03" * 32)
SECRET = HmacKey("client-1.2", b"s" * 32)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what only the store can tell; TimeoutError after five seconds."""
    async with asyncio.timeout(5):
        while not await condition():  # noqa: ASYNC110 - what changes it has no event to set
            await asyncio.sleep(0.01)


def key_of(signer: Ed25519Signer, owner: str, **more: Any) -> Key:
    return Key(signer.kid, owner, ed25519_verifier(signer.public_bytes(), signer.kid), **more)


KEYS = Keyring([key_of(CLIENTS_KEY, CLIENT), key_of(OTHERS_KEY, OTHER), Key(SECRET.kid, CLIENT, SECRET)])
LISTED = (KeyEntry(kid="some.key", algorithm="Ed25519", public="A" * 43),)
"""A client is listed with a key at least; which one is the keyring's business."""

service = Service(SERVER)


@service.tool(read_only=True)
async def add(numbers: Annotated[list[int], Field(min_length=1)]) -> int:
    """Read only: it needs no record."""
    return sum(numbers)


@service.tool()
async def charge(amount: int) -> int:
    """Must not run twice."""
    return amount


@service.tool(idempotent=True)
async def put(amount: int) -> int:
    """May run again."""
    return amount


@service.job(max_attempts=3)
async def build(ctx: JobContext[None], parts: int = 1) -> int:
    """A job that may run again."""
    await ctx.progress(0.5, "half way")
    return parts


@service.job()
async def launch(ctx: JobContext[None]) -> str:
    """A job that must not run twice."""
    return ctx.job_id


def _looking() -> str:
    return "everything is fine"


LOOK = Declaration(name="look", manners=Manners(read_only=True)).spec(_looking, "tool", builtin=True)
TOOLS: dict[str, ToolSpec] = {**service.tools, LOOK.name: LOOK}

_numbers = itertools.count(1)


def request(**changes: Any) -> Request:
    """A request that nothing is wrong with at `NOW`, unless `changes` say otherwise."""
    fields: dict[str, Any] = {
        "request_id": f"request-{next(_numbers)}",
        "nonce": "n" * 22,
        "ts_ms": NOW,
        "deadline_ms": NOW + 20_000,
        "client_id": CLIENT,
        "server_id": SERVER,
        "tool": "add",
        "args": {"numbers": [1, 2]},
        "reply_to": "instance-1",
    }
    return Request(**fields | changes)


def signed(
    asked: Request, *, by: Ed25519Signer | HmacKey = CLIENTS_KEY, routing_key: str | None = None
) -> Authentic:
    """The request, sealed by a client and authenticated again."""
    key = request_key(asked.server_id, asked.tool) if routing_key is None else routing_key
    authentic = authenticate(seal(asked, by), KEYS, key, NOW)
    assert isinstance(authentic, Authentic)
    return authentic


def client(**changes: Any) -> ClientEntry:
    """A registry entry that allows everything."""
    fields: dict[str, Any] = {"keys": LISTED, "allow": ("*",), "max_ttl_s": 60}
    return ClientEntry(**fields | changes)


@dataclass(frozen=True)
class Case:
    """Everything that a decision is made from. Nothing is wrong with the plain one."""

    request: dict[str, Any] = field(default_factory=dict[str, Any])
    by: Ed25519Signer = CLIENTS_KEY
    routing_key: str | None = None
    record: dict[str, Any] | None = None
    usage: Usage = field(default_factory=Usage)
    client: dict[str, Any] = field(default_factory=dict[str, Any])
    now_ms: int = NOW

    def arguments(self) -> tuple[Authentic, Record | None, Callable[[], Usage], Policy, int]:
        """The arguments of `decide`."""
        asked = request(**self.request)
        record = None if self.record is None else replace(record_of(asked), **self.record)
        policy = Policy(SERVER, {CLIENT: client(**self.client), OTHER: client()}, TOOLS)
        authentic = signed(asked, by=self.by, routing_key=self.routing_key)
        return authentic, record, lambda: self.usage, policy, self.now_ms


def record_of(asked: Request, *, kind: Kind = "call") -> Record:
    """A record of that request which has just been claimed."""
    return Record(
        key=RecordKey(asked.client_id, asked.request_id),
        kind=kind,
        job_id="job-1" if kind == "job" else None,
        meaning=meaning(asked),
        tool=asked.tool,
        args=canonical(asked.args),
        trace=None,
        needs=asked.tool,
        address=Address(asked.reply_to, "d" * 43, CLIENTS_KEY.kid, asked_ms=0),
        status=Status.RUNNING,
        attempt=1,
        max_attempts=1,
        priority=0,
        due_ms=NOW,
        seq=2,
        progress=None,
        question=None,
        checkpoint=None,
        answers=None,
        result=None,
        error=None,
        created_ms=NOW,
        started_ms=NOW,
        updated_ms=NOW,
        deadline_ms=asked.deadline_ms,
        token="token-1",
        holder=HOLDER,
        lease_until_ms=NOW + LEASE_MS,
        cancel_requested=False,
        forgotten=False,
    )


def new_record(
    spec: ToolSpec, args: dict[str, Any] | None = None, *, seconds: float = 60, **changes: Any
) -> NewRecord:
    """A record of that tool, to be claimed or accepted now, with so many seconds to its deadline."""
    number = next(_numbers)
    kind: Kind = "job" if spec.kind == "job" else "call"
    fields: dict[str, Any] = {
        "key": RecordKey(CLIENT, f"request-{number}"),
        "kind": kind,
        "meaning": "m" * 43,
        "tool": spec.name,
        "args": canonical(args or {}),
        "trace": None,
        "address": Address("instance-1", "d" * 43, CLIENTS_KEY.kid, asked_ms=0),
        "deadline_ms": round((time.time() + seconds) * 1000),
        "max_attempts": spec.max_attempts,
        "job_id": f"job-{number}" if kind == "job" else None,
    }
    return NewRecord(**fields | changes)
