"""The outbox: everything that is to be told is told, as it stood, in order, by one sender at a time."""

import pytest

from tests.unit.store.given import (
    CLIENT,
    DONE,
    HOLDER,
    LONG,
    OTHER,
    SHORT,
    accepted,
    changed,
    eventually,
    finished,
    request,
    taken,
    unsent,
)
from toolwire.contracts.jobs import EventName
from toolwire.services.store.port import Message, Store

HALF = '{"fraction":0.5}'


async def whole_life(store: Store, *, lease_ms: int) -> list[Message]:
    """Lead one job through every status that a holder can give it, and return what there is to tell."""
    new = request(kind="job", attempts=3)
    steps = [changed(await store.accept(new, holder=HOLDER, lease_ms=lease_ms))]
    for token in ("token-1", "token-2"):
        steps.append(
            changed(await store.take(["add"], token=token, holder=HOLDER, lease_ms=lease_ms, kinds=["job"]))
        )
        steps.append(changed(await store.progress(token, HALF, holder=HOLDER, lease_ms=lease_ms)))
        if token == "token-1":
            steps.append(changed(await store.retry(token, delay_ms=0, holder=HOLDER, lease_ms=lease_ms)))
    steps.append(changed(await finished(store, "token-2", lease_ms=lease_ms)))
    return [message for step in steps for message in step.messages]


@pytest.mark.promise("P7")
async def test_what_was_not_sent_is_told_as_it_stood(store: Store) -> None:
    """Each message that the sweep finds equals the one that the writer had, though the job went on since."""
    messages = await whole_life(store, lease_ms=0)
    assert [message.seq for message in messages] == [1, 2, 3, 4, 5, 6, 7]
    assert messages[3].event is EventName.RETRYING
    assert await unsent(store) == messages
    assert messages[-1].record.result == DONE.result
    assert await store.find(messages[-1].key) == messages[-1].record


async def test_the_writer_has_its_lease_to_send(store: Store) -> None:
    await accepted(store, lease_ms=LONG)
    assert await unsent(store) == []


async def test_what_is_leased_is_not_handed_out_again_until_that_lease_ends(store: Store) -> None:
    await accepted(store, lease_ms=0)
    (message,) = await unsent(store, lease_ms=10 * SHORT)
    assert await unsent(store) == []
    assert await eventually(lambda: unsent(store)) == [message]


async def test_what_is_sent_is_gone(store: Store) -> None:
    first, second = [await accepted(store, lease_ms=0) for _ in range(2)]
    messages = await unsent(store, lease_ms=0)
    assert [message.key for message in messages] == [first.key, second.key]
    await store.sent([messages[0].number])
    assert await unsent(store, lease_ms=0) == [messages[1]]
    await store.sent([messages[0].number, messages[1].number])
    await store.sent([])
    assert await unsent(store) == []


async def test_the_oldest_go_first(store: Store) -> None:
    jobs = [await accepted(store, lease_ms=0) for _ in range(4)]
    handed_out = [await unsent(store, limit=2) for _ in range(3)]
    assert [[message.key for message in batch] for batch in handed_out] == [
        [job.key for job in jobs[:2]],
        [job.key for job in jobs[2:]],
        [],
    ]


async def test_no_message_overtakes_an_earlier_one_of_its_job_that_is_being_sent(store: Store) -> None:
    new = request(kind="job")
    (first,) = changed(await store.accept(new, holder=HOLDER, lease_ms=LONG)).messages
    (second,) = changed(await taken(store, lease_ms=0)).messages
    stranger = await accepted(store, client="client-2", lease_ms=0)
    assert [message.key for message in await unsent(store, lease_ms=0)] == [stranger.key]
    await store.sent([first.number])
    assert (await unsent(store))[0] == second


async def test_a_batch_never_leaves_out_an_earlier_message_of_a_job(store: Store) -> None:
    messages = await whole_life(store, lease_ms=0)
    assert await unsent(store, limit=3, lease_ms=LONG) == messages[:3]
    assert await unsent(store, limit=3, lease_ms=LONG) == []


async def test_a_number_never_comes_back(store: Store) -> None:
    """Else a slow sender could settle a message that it never saw."""
    await accepted(store, lease_ms=0)
    (first,) = await unsent(store)
    await store.sent([first.number])
    second = changed(await store.accept(request(kind="job"), holder=HOLDER, lease_ms=LONG)).messages[0]
    assert second.number > first.number


async def test_the_answer_of_a_call_waits_like_an_event(store: Store) -> None:
    new = request()
    await store.claim(new, token="token-1", holder=HOLDER, lease_ms=LONG)
    change = changed(await store.finish("token-1", DONE, progress=None, tell=True, holder=HOLDER, lease_ms=0))
    assert await unsent(store, holder=OTHER) == list(change.messages)


async def test_a_cancel_is_told_with_its_reason(store: Store) -> None:
    job = await accepted(store, lease_ms=0)
    assert job.job_id is not None
    change = changed(
        await store.cancel(CLIENT, job.job_id, '{"code":"cancelled"}', holder=HOLDER, lease_ms=0)
    )
    messages = await unsent(store)
    assert [message.record.error for message in messages] == [None, '{"code":"cancelled"}']
    assert messages[0].record == job
    assert messages[1] == change.messages[0]
