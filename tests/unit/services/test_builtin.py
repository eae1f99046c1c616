"""The tools that every service has, over a real store."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.unit.services.given import (
    CLIENT,
    CLIENTS_KEY,
    HOLDER,
    LEASE_MS,
    OTHER,
    SERVER,
    TOOLS,
    client,
    new_record,
)
from toolwire.contracts.builtin import BUILT_IN
from toolwire.contracts.errors import Code
from toolwire.contracts.history import Why
from toolwire.contracts.jobs import Status
from toolwire.services.builtin import Desk, builtin_tools
from toolwire.services.requests.plans import Prepared
from toolwire.services.running.context import Caller
from toolwire.services.running.endings import Ended
from toolwire.services.running.execute import execute
from toolwire.services.running.threads import ToolThreads
from toolwire.services.store.port import Cause, Changed, Outcome, Record, Store, StoreAway


class Counter:
    """The built-in tools as one client uses them."""

    def __init__(self, store: Store, threads: ToolThreads) -> None:
        self.changed: list[Changed] = []
        self.threads = threads
        self.desk = Desk(
            server_id=SERVER,
            fingerprint=lambda kid: f"of {kid}",
            store=store,
            holder=HOLDER,
            lease_ms=LEASE_MS,
            clients={CLIENT: client(allow=("add", "b*")), OTHER: client(allow=())},
            tools=(served := dict(TOOLS)),
            changed=self.changed.append,
            answered=self.changed.append,
        )
        self.tools = {spec.name: spec for spec in builtin_tools(self.desk)}
        served.update(self.tools)

    async def ask(self, tool: str, args: dict[str, Any] | None = None, *, by: str = CLIENT) -> Ended:
        spec = self.tools[tool]
        positional, named = spec.signature.decode(args or {})
        caller = Caller(
            state=None, client_id=by, request_id="r", tool=tool, deadline_ms=0, kid=CLIENTS_KEY.kid
        )
        prepared = Prepared(spec, positional, named)
        return await execute(prepared, (caller,), seconds_left=30, threads=self.threads)

    async def told(self, tool: str, args: dict[str, Any] | None = None, *, by: str = CLIENT) -> Any:
        ended = await self.ask(tool, args, by=by)
        assert ended.result is not None
        return json.loads(ended.result)

    async def refused(self, tool: str, args: dict[str, Any], *, by: str = CLIENT) -> Code:
        ended = await self.ask(tool, args, by=by)
        assert ended.error is not None
        return ended.error.code


@pytest.fixture
def counter(store: Store, threads: ToolThreads) -> Counter:
    return Counter(store, threads)


async def accepted(store: Store) -> Record:
    changed = await store.accept(new_record(TOOLS["build"]), holder=HOLDER, lease_ms=LEASE_MS)
    assert isinstance(changed, Changed)
    await store.sent([message.number for message in changed.messages])
    return changed.record


async def forgotten(store: Store, status: Status) -> Record:
    """A job that has ended so long ago that only its tombstone stands."""
    record = await accepted(store)
    taken = await store.take(["build"], token="t", holder=HOLDER, lease_ms=LEASE_MS, kinds=["job"])
    assert taken is not None
    outcome = Outcome(Status.DONE, "1") if status is Status.DONE else Outcome(Status.ERROR, error="{}")
    ended = await store.finish("t", outcome, progress=None, tell=True, holder=HOLDER, lease_ms=LEASE_MS)
    assert ended is not None
    await store.sent([message.number for message in (*taken.messages, *ended.messages)])
    assert await store.forget(result_ttl_ms=0, skew_ms=30_000, limit=10) == 1
    return record


def test_all_of_them_are_there(counter: Counter) -> None:
    assert set(counter.tools) == BUILT_IN
    assert all(spec.builtin for spec in counter.tools.values())
    assert [spec.name for spec in counter.tools.values() if spec.recorded] == ["answer_job"]


async def test_who_it_is(counter: Counter) -> None:
    assert await counter.told("server_identity") == {
        "server_id": SERVER,
        "fingerprint": "of client-1.1",
        "capabilities": {"async": True, "stateless": True},
    }


@pytest.mark.promise("P5")
async def test_the_catalogue_lists_what_this_client_may_use(counter: Counter) -> None:
    catalogue = await counter.told("list_tools")
    assert [tool["name"] for tool in catalogue["tools"]] == ["add", "build"]
    assert await counter.told("list_tools", by=OTHER) == {"tools": []}
    catalogue = await counter.told("list_tools", {"built_in": True}, by=OTHER)
    assert {tool["name"] for tool in catalogue["tools"]} >= BUILT_IN


async def test_a_client_that_has_left_the_registry_meanwhile_may_use_no_tool(counter: Counter) -> None:
    assert await counter.told("list_tools", by="who-left") == {"tools": []}


async def test_a_job_is_polled_cancelled_and_polled_again(counter: Counter, store: Store) -> None:
    job = {"job_id": (await accepted(store)).job_id}
    assert (await counter.told("poll_job", job))["status"] == "accepted"
    cancelled = await counter.told("cancel_job", job)
    assert (cancelled["status"], cancelled["error"]["code"]) == ("cancelled", "cancelled")
    assert await counter.told("poll_job", job) == cancelled
    assert await counter.told("cancel_job", job) == cancelled
    assert [changed.record.status for changed in counter.changed] == [Status.CANCELLED] * 2


async def test_what_became_of_a_job_is_told(counter: Counter, store: Store) -> None:
    job = {"job_id": (await accepted(store)).job_id}
    await store.take(["build"], token="t", holder="another", lease_ms=LEASE_MS, kinds=["job"])
    cause = Cause(Why.BROKE, "id-1")
    await store.retry("t", delay_ms=0, holder="another", lease_ms=LEASE_MS, cause=cause)
    told = await counter.told("job_history", job)
    assert (told["job_id"], told["server_id"]) == (job["job_id"], SERVER)
    assert [(entry["event"], entry["replica"], entry["why"]) for entry in told["entries"]] == [
        ("accepted", HOLDER, None),
        ("started", "another", None),
        ("retrying", "another", "broke"),
    ]
    assert told["entries"][-1]["error_id"] == "id-1"


async def test_a_job_of_before_there_were_histories_has_an_empty_one(
    counter: Counter, store: Store, store_url: str
) -> None:
    job = {"job_id": (await accepted(store)).job_id}
    with closing(sqlite3.connect(store_url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("DELETE FROM tw_history")
    assert (await counter.told("job_history", job))["entries"] == []


@pytest.mark.promise("P5")
async def test_anothers_job_and_no_job_look_the_same(counter: Counter, store: Store) -> None:
    job = {"job_id": (await accepted(store)).job_id}
    for tool in ("poll_job", "cancel_job", "job_history"):
        others = await counter.ask(tool, job, by=OTHER)
        assert others == await counter.ask(tool, {"job_id": "no-such-job"})
        assert others.error is not None
        assert others.error.code is Code.JOB_NOT_FOUND
    assert await counter.told("list_jobs", by=OTHER) == {"jobs": []}
    assert counter.changed == []


async def test_jobs_are_listed_newest_first_page_by_page(counter: Counter, store: Store) -> None:
    ids = [(await accepted(store)).job_id for _ in range(3)]
    jobs = (await counter.told("list_jobs", {"limit": 2}))["jobs"]
    assert [job["job_id"] for job in jobs] == [ids[2], ids[1]]
    rest = await counter.told("list_jobs", {"before": jobs[-1]["job_id"]})
    assert [job["job_id"] for job in rest["jobs"]] == [ids[0]]
    await counter.told("cancel_job", {"job_id": ids[1]})
    only = await counter.told("list_jobs", {"statuses": ["cancelled"]})
    assert [job["job_id"] for job in only["jobs"]] == [ids[1]]
    assert len((await counter.told("list_jobs"))["jobs"]) == 3


@pytest.mark.parametrize("status", [Status.DONE, Status.ERROR])
async def test_a_job_whose_outcome_has_left_is_not_made_up(
    counter: Counter, store: Store, status: Status
) -> None:
    """Neither a result of nothing nor an error without words; and the client's other jobs are listed."""
    gone = {"job_id": (await forgotten(store, status)).job_id}
    there = await accepted(store)
    assert await counter.refused("poll_job", gone) is Code.JOB_NOT_FOUND
    assert await counter.refused("cancel_job", gone) is Code.JOB_NOT_FOUND
    assert await counter.refused("job_history", gone) is Code.JOB_NOT_FOUND
    listed = await counter.told("list_jobs")
    assert [job["job_id"] for job in listed["jobs"]] == [there.job_id]


async def test_a_store_that_is_away_breaks_none_of_them(counter: Counter, store: Store) -> None:
    await store.__aexit__()
    with pytest.raises(StoreAway):
        await counter.ask("poll_job", {"job_id": "any"})
    await store.__aenter__()


@pytest.mark.promise("P9")
async def test_a_list_that_fits_no_message_is_refused_unread(
    counter: Counter, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred results of a megabyte each would stop the whole replica for seconds."""
    read: list[Record] = []

    def snapshot_of(record: Record, _server_id: str) -> None:
        read.append(record)

    monkeypatch.setattr("toolwire.services.builtin.snapshot_of", snapshot_of)
    large = Outcome(Status.DONE, f'"{"x" * 600_000}"')
    for token in ("token-1", "token-2"):
        await store.accept(new_record(TOOLS["build"]), holder=HOLDER, lease_ms=LEASE_MS)
        await store.take(["build"], token=token, holder=HOLDER, lease_ms=LEASE_MS, kinds=["job"])
        await store.finish(token, large, progress=None, tell=True, holder=HOLDER, lease_ms=LEASE_MS)
    assert await counter.refused("list_jobs", {}) is Code.RESULT_TOO_LARGE
    assert read == []


async def test_a_list_with_one_large_result_is_told(counter: Counter, store: Store) -> None:
    await store.accept(new_record(TOOLS["build"]), holder=HOLDER, lease_ms=LEASE_MS)
    await store.take(["build"], token="token-1", holder=HOLDER, lease_ms=LEASE_MS, kinds=["job"])
    large = Outcome(Status.DONE, f'"{"x" * 600_000}"')
    await store.finish("token-1", large, progress=None, tell=True, holder=HOLDER, lease_ms=LEASE_MS)
    assert len((await counter.told("list_jobs"))["jobs"]) == 1
