"""`job_output`: what a job has put out so far, page by page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.services.given import CLIENT, CLIENTS_KEY, HOLDER, LEASE_MS, OTHER, SERVER, TOOLS, new_record
from toolwire.contracts.builtin import JobOutput
from toolwire.contracts.encoding import JsonText
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import Status
from toolwire.contracts.sealing import MAX_LINE_BYTES, MAX_RESULT_BYTES
from toolwire.services.requests.plans import Prepared, Reply
from toolwire.services.requests.seals import Seals
from toolwire.services.running.context import Caller
from toolwire.services.running.endings import Ended
from toolwire.services.running.execute import execute
from toolwire.services.running.threads import ToolThreads
from toolwire.services.store.port import Changed, Outcome, Record, Store
from toolwire.services.telling.output_pages import PAGE_BYTES, PAGE_EVENTS, output_tool
from toolwire.services.telling.pieces import MAX_PIECE_BYTES


class Desk:
    """The tool as a client uses it, and a job that puts out."""

    def __init__(self, store: Store, threads: ToolThreads, record: Record) -> None:
        self.store = store
        self.record = record
        self._threads = threads
        self._spec = output_tool(store, SERVER)
        self._seq = record.seq

    async def put_out(self, pieces: str) -> int:
        """Record an event with these pieces, and give its number."""
        changed = await self.store.emit("token-1", pieces, after=self._seq, holder=HOLDER, lease_ms=LEASE_MS)
        assert changed is not None
        await self.store.sent([message.number for message in changed.messages])
        self._seq += 1
        return self._seq

    async def ask(self, *, after: int = 0, job_id: str | None = None, by: str = CLIENT) -> Ended:
        args: dict[str, Any] = {"job_id": job_id or self.record.job_id, "after": after}
        positional, named = self._spec.signature.decode(args)
        caller = Caller(
            state=None, client_id=by, request_id="r", tool="job_output", deadline_ms=0, kid=CLIENTS_KEY.kid
        )
        prepared = Prepared(self._spec, positional, named)
        return await execute(prepared, (caller,), seconds_left=30, threads=self._threads)

    async def page(self, *, after: int = 0) -> JobOutput:
        ended = await self.ask(after=after)
        assert ended.result is not None
        return JobOutput.model_validate_json(ended.result)


@pytest.fixture
async def desk(store: Store, threads: ToolThreads) -> Desk:
    accepted = await store.accept(new_record(TOOLS["build"]), holder=HOLDER, lease_ms=LEASE_MS)
    taken = await store.take(["build"], token="token-1", holder=HOLDER, lease_ms=LEASE_MS, kinds=["job"])
    assert isinstance(accepted, Changed)
    assert taken is not None
    await store.sent([message.number for message in (*accepted.messages, *taken.messages)])
    return Desk(store, threads, taken.record)


async def test_what_was_put_out_is_told_with_its_events(desk: Desk) -> None:
    empty = await desk.page()
    assert (empty.job_id, empty.server_id) == (desk.record.job_id, SERVER)
    assert (empty.pieces, empty.more, empty.seq) == ((), False, desk.record.seq)
    first = await desk.put_out('["a",{"b":[1.5,null]}]')
    last = await desk.put_out("[12345678901234567890]")
    page = await desk.page()
    assert [(event.seq, event.attempt, event.output) for event in page.pieces] == [
        (first, 1, ("a", {"b": [1.5, None]})),
        (last, 1, (12345678901234567890,)),
    ]
    assert (page.more, page.seq) == (False, last)
    assert (await desk.page(after=first)).pieces == page.pieces[1:]


async def test_many_events_are_told_page_by_page(desk: Desk) -> None:
    for _ in range(PAGE_EVENTS + 1):
        await desk.put_out("[1]")
    page = await desk.page()
    assert (len(page.pieces), page.more) == (PAGE_EVENTS, True)
    rest = await desk.page(after=page.pieces[-1].seq)
    assert (len(rest.pieces), rest.more) == (1, False)


async def test_a_page_fits_a_message_whatever_was_put_out(desk: Desk, seals: Seals) -> None:
    """The largest piece goes alone, and in its answer there is room for all else."""
    await desk.put_out("[1]")
    largest = json.dumps(["x" * (MAX_PIECE_BYTES - 4)])
    assert len(largest) == MAX_PIECE_BYTES
    alone = await desk.put_out(largest)
    await desk.put_out("[2]")
    page = await desk.page()
    assert ([len(event.output) for event in page.pieces], page.more) == ([1], True)
    ended = await desk.ask(after=alone - 1)
    assert ended.result is not None
    assert MAX_RESULT_BYTES < len(ended.result) < MAX_LINE_BYTES
    reply = Reply(status="ok", result=JsonText(ended.result))
    line = seals.response(desk.record.key, desk.record.address, reply, 2**53 - 1)
    assert len(line) <= MAX_LINE_BYTES


async def test_the_largest_events_fit_a_message_too(desk: Desk, seals: Seals) -> None:
    largest = json.dumps(["x" * (MAX_PIECE_BYTES - 4)])
    wide = json.dumps({"fraction": 0.5, "message": "\x00" * 500})
    await desk.store.progress("token-1", wide, holder=HOLDER, lease_ms=LEASE_MS)
    changed = await desk.store.emit(
        "token-1", largest, after=desk.record.seq + 1, holder=HOLDER, lease_ms=LEASE_MS
    )
    assert changed is not None
    (message,) = changed.messages
    assert message.event is not None
    own, watched = seals.event(message, message.event, 2**53 - 1)
    assert own == watched
    assert len(own) <= MAX_LINE_BYTES


async def test_small_events_share_a_page_up_to_its_size(desk: Desk) -> None:
    half = json.dumps(["x" * (PAGE_BYTES // 2 - 4)])
    for _ in range(3):
        await desk.put_out(half)
    page = await desk.page()
    assert (len(page.pieces), page.more) == (2, True)


async def refused(desk: Desk, **asked: Any) -> Code:
    ended = await desk.ask(**asked)
    assert ended.error is not None
    return ended.error.code


@pytest.mark.promise("P5")
async def test_anothers_output_and_no_job_look_the_same(desk: Desk) -> None:
    await desk.put_out("[1]")
    others = await desk.ask(by=OTHER)
    assert others == await desk.ask(job_id="no-such-job")
    assert await refused(desk, by=OTHER) is Code.JOB_NOT_FOUND


async def test_what_has_left_is_not_made_up(desk: Desk) -> None:
    await desk.put_out("[1]")
    ended = await desk.store.finish(
        "token-1", Outcome(Status.DONE, "1"), progress=None, tell=True, holder=HOLDER, lease_ms=LEASE_MS
    )
    assert ended is not None
    await desk.store.sent([message.number for message in ended.messages])
    assert len((await desk.page()).pieces) == 1
    assert await desk.store.forget(result_ttl_ms=0, skew_ms=30_000, limit=10) == 2
    assert await refused(desk) is Code.JOB_NOT_FOUND
