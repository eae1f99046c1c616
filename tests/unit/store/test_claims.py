"""Claiming and accepting: the first one decides, and everybody else is told what is there."""

import dataclasses

import pytest

from tests.unit.store.given import (
    CLIENT,
    DONE,
    ELSEWHERE,
    HOLDER,
    HOME,
    LONG,
    SHORT,
    accepted,
    changed,
    claimed,
    eventually,
    finished,
    request,
    taken,
    told,
    unsent,
)
from toolwire.contracts.jobs import EventName, Status
from toolwire.services.store import open_store
from toolwire.services.store.port import Record, RecordKey, Store


async def test_a_claim_runs_at_once_under_its_token(store: Store) -> None:
    new = request(attempts=2, priority=3)
    change = changed(await store.claim(new, token="token-1", holder=HOLDER, lease_ms=LONG))
    record = change.record
    assert change.messages == ()
    assert (record.key, record.kind, record.job_id) == (new.key, "call", None)
    assert (record.meaning, record.tool, record.args, record.trace) == (
        "meaning-1",
        "add",
        new.args,
        "trace-1",
    )
    assert (record.address, record.deadline_ms, record.max_attempts) == (HOME, new.deadline_ms, 2)
    assert (record.status, record.attempt, record.seq, record.priority) == (Status.RUNNING, 1, 0, 3)
    assert (record.token, record.holder) == ("token-1", HOLDER)
    assert record.created_ms == record.started_ms == record.updated_ms == record.due_ms
    assert record.lease_until_ms == record.created_ms + LONG
    assert (record.result, record.error, record.progress) == (None, None, None)
    assert not record.cancel_requested
    assert not record.forgotten


async def test_an_accepted_job_waits_and_is_told(store: Store) -> None:
    new = request(kind="job", attempts=3)
    change = changed(await store.accept(new, holder=HOLDER, lease_ms=LONG))
    record = change.record
    assert (record.status, record.attempt, record.seq, record.job_id) == (Status.ACCEPTED, 0, 1, new.job_id)
    assert (record.token, record.holder, record.lease_until_ms, record.started_ms) == (None, None, None, None)
    assert told(change) == [(EventName.ACCEPTED, 1)]
    (message,) = change.messages
    assert (message.key, message.address, message.tool, message.trace) == (new.key, HOME, "add", "trace-1")
    assert message.record == record


async def test_a_record_is_found_by_its_key(store: Store) -> None:
    record = await claimed(store, token="token-1")
    assert await store.find(record.key) == record


async def test_what_was_never_claimed_is_not_found(store: Store) -> None:
    assert await store.find(RecordKey(CLIENT, "nothing")) is None


@pytest.mark.promise("P4")
async def test_a_second_claim_is_given_the_first_record(store: Store) -> None:
    new = request()
    first = changed(await store.claim(new, token="token-1", holder=HOLDER, lease_ms=LONG)).record
    again = dataclasses.replace(new, meaning="another", args="{}", address=ELSEWHERE)
    assert await store.claim(again, token="token-2", holder=HOLDER, lease_ms=LONG) == first
    assert await store.find(new.key) == first


@pytest.mark.promise("P4")
async def test_a_duplicate_is_given_the_stored_answer(store: Store) -> None:
    new = request()
    await store.claim(new, token="token-1", holder=HOLDER, lease_ms=LONG)
    ended = changed(await finished(store, "token-1")).record
    assert ended.result == DONE.result
    assert await store.claim(new, token="token-2", holder=HOLDER, lease_ms=LONG) == ended


@pytest.mark.promise("P4")
async def test_a_second_accept_is_given_the_first_record_and_tells_nothing(store: Store) -> None:
    new = request(kind="job")
    first = changed(await store.accept(new, holder=HOLDER, lease_ms=SHORT)).record
    again = await store.accept(dataclasses.replace(new, job_id="job-other"), holder=HOLDER, lease_ms=SHORT)
    assert again == first
    messages = await eventually(lambda: unsent(store))
    assert [message.event for message in messages] == [EventName.ACCEPTED]


async def test_the_same_request_id_of_another_client_is_another_request(store: Store) -> None:
    first, second = request(request_id="same"), request(request_id="same", client="client-2")
    changed(await store.claim(first, token="token-1", holder=HOLDER, lease_ms=LONG))
    changed(await store.claim(second, token="token-2", holder=HOLDER, lease_ms=LONG))


async def test_servers_on_one_database_do_not_see_each_other(store: Store, store_url: str) -> None:
    call, job = await claimed(store, token="token-1", lease_ms=SHORT), await accepted(store, lease_ms=SHORT)
    assert job.job_id is not None
    assert await store.lead("sweeper", holder=HOLDER, lease_ms=LONG)
    async with open_store(store_url, "server-2") as stranger:
        assert await stranger.find(call.key) is None
        assert await stranger.job(CLIENT, job.job_id) is None
        assert await stranger.jobs(CLIENT, statuses=list(Status), limit=9, before=None) == []
        assert await taken(stranger) is None
        assert await stranger.renew(["token-1"], lease_ms=LONG) == {}
        assert await finished(stranger, "token-1") is None
        assert await stranger.cancel(CLIENT, job.job_id, "{}", holder=HOLDER, lease_ms=LONG) is None
        assert await stranger.lead("sweeper", holder="replica-9", lease_ms=LONG)
        (number,) = [message.number for message in await eventually(lambda: unsent(store, lease_ms=SHORT))]
        await stranger.sent([number])
        assert await eventually(lambda: unsent(store))
        assert await unsent(stranger) == []
        assert await stranger.settle_lost(interrupted="{}", holder=HOLDER, lease_ms=LONG, limit=9) == []
    assert await store.find(call.key) == call


async def test_a_readdressed_answer_goes_where_the_client_is_now(store: Store) -> None:
    record = await accepted(store)
    moved = await store.readdress(record.key, ELSEWHERE, deadline_ms=record.deadline_ms)
    assert moved == dataclasses.replace(record, address=ELSEWHERE)
    (message,) = changed(await taken(store)).messages
    assert message.address == ELSEWHERE


async def test_a_message_that_is_not_sent_yet_follows_the_client(store: Store) -> None:
    record = await accepted(store, lease_ms=SHORT)
    await store.readdress(record.key, ELSEWHERE, deadline_ms=record.deadline_ms)
    (message,) = await eventually(lambda: unsent(store))
    assert message.address == message.record.address == ELSEWHERE


@pytest.mark.promise("P6")
async def test_an_older_attempt_that_comes_late_moves_nothing(store: Store) -> None:
    """A replayed line must not draw the answer away from where the client listens now."""
    record = await accepted(store)
    await store.readdress(record.key, ELSEWHERE, deadline_ms=record.deadline_ms)
    late = await store.readdress(record.key, HOME, deadline_ms=record.deadline_ms)
    assert late is not None
    assert late.address == ELSEWHERE


async def test_only_what_is_there_can_be_readdressed(store: Store) -> None:
    assert await store.readdress(RecordKey(CLIENT, "nothing"), ELSEWHERE, deadline_ms=1) is None


async def test_text_is_kept_exactly(store: Store) -> None:
    new = dataclasses.replace(request(), args='{"text":"\u20ac \\u0000 \U0001f600 \u2028"}')
    assert (
        changed(await store.claim(new, token="token-1", holder=HOLDER, lease_ms=LONG)).record.args == new.args
    )
    found = await store.find(new.key)
    assert isinstance(found, Record)
    assert found.args == new.args
