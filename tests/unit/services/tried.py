"""What tests of attempts start from: one function as a tool, and a record of it that this replica holds."""

import secrets
from collections.abc import Callable
from typing import Any

from tests.unit.services.given import HOLDER, LEASE_MS, new_record, until
from toolwire.contracts.errors import WireError
from toolwire.services import Service
from toolwire.services.declaring.tools import ToolSpec
from toolwire.services.requests.plans import Prepared
from toolwire.services.running.runner import prepare
from toolwire.services.store.port import Changed, Record, Store


def tell() -> bool:
    return True


def job(function: Callable[..., Any], **options: Any) -> ToolSpec:
    service = Service("server-1")
    service.job(name="tried", **options)(function)
    return service.tools["tried"]


def call(function: Callable[..., Any], **options: Any) -> ToolSpec:
    service = Service("server-1")
    service.tool(name="tried", **options)(function)
    return service.tools["tried"]


async def begin(store: Store, spec: ToolSpec, **changes: Any) -> tuple[Record, Prepared]:
    """A record of the tool that this replica holds from now on."""
    new = new_record(spec, **changes)
    if spec.kind == "job":
        await store.accept(new, holder=HOLDER, lease_ms=LEASE_MS)
        return await take(store, spec)
    got = await store.claim(new, token=secrets.token_hex(8), holder=HOLDER, lease_ms=LEASE_MS)
    assert isinstance(got, Changed)
    return got.record, prepare(got.record, {spec.name: spec})


async def take(store: Store, spec: ToolSpec) -> tuple[Record, Prepared]:
    """The job that waits, taken as soon as it is due."""
    token, taken = secrets.token_hex(8), list[Record]()

    async def is_taken() -> bool:
        got = await store.take(spec.meets, token=token, holder=HOLDER, lease_ms=LEASE_MS, kinds=["job"])
        if got is not None:
            taken.append(got.record)
        return bool(taken)

    await until(is_taken)
    return taken[0], prepare(taken[0], {spec.name: spec})


async def found(store: Store, record: Record) -> Record:
    now = await store.find(record.key)
    assert now is not None
    return now


def error_of(record: Record) -> WireError:
    assert record.error is not None
    return WireError.model_validate_json(record.error)
