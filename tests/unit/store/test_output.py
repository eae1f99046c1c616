"""What jobs put out: recorded by the holder alone, told whole, read by the owner, dropped with the body."""

import json

import pytest

from tests.unit.store.given import (
    CLIENT,
    HOLDER,
    LONG,
    OTHER,
    accepted,
    changed,
    finished,
    running,
    taken,
    told,
    unsent,
)
from toolwire.contracts.jobs import EventName, Status
from toolwire.services.store import outbox
from toolwire.services.store.port import Changed, Outputs, Record, Store

ROOMY = 1_000_000


async def emit(store: Store, token: str, after: int, *pieces: object, lease_ms: int = LONG) -> Changed | None:
    return await store.emit(token, json.dumps(pieces), after=after, holder=HOLDER, lease_ms=lease_ms)


async def outputs(
    store: Store,
    job: Record,
    *,
    after: int = 0,
    limit: int = 100,
    most_bytes: int = ROOMY,
    client: str = CLIENT,
) -> Outputs | None:
    assert job.job_id is not None
    return await store.outputs(client, job.job_id, after=after, limit=limit, most_bytes=most_bytes)


async def found(
    store: Store, job: Record, *, after: int = 0, limit: int = 100, most_bytes: int = ROOMY
) -> tuple[list[tuple[int, object]], bool]:
    """What is found: the `seq` and the pieces of each event, and whether there is more."""
    read = await outputs(store, job, after=after, limit=limit, most_bytes=most_bytes)
    assert read is not None
    return [(emitted.seq, json.loads(emitted.pieces)) for emitted in read.emitted], read.more


async def ended_after(store: Store, events: int) -> Record:
    """A job that is over after so many events with output, all of them told."""
    job = await running_untold(store)
    for number in range(events):
        await emit(store, "token-1", job.seq + number, number, lease_ms=0)
    await finished(store, "token-1", lease_ms=0)
    await store.sent([message.number for message in await unsent(store)])
    return job


async def running_untold(store: Store) -> Record:
    """A job that runs under "token-1"; whoever wrote its events did not send them in time."""
    await accepted(store, lease_ms=0)
    return changed(await taken(store, token="token-1", lease_ms=0)).record


async def test_output_is_recorded_and_told(store: Store) -> None:
    job = await running(store, token="token-1")
    change = changed(await emit(store, "token-1", job.seq, "a", {"b": 1}))
    assert told(change) == [(EventName.OUTPUT, job.seq + 1)]
    assert change.messages[0].output == '["a", {"b": 1}]'
    assert change.record.status is Status.RUNNING
    assert change.messages[0].record == change.record == await store.find(job.key)
    assert await found(store, job) == ([(job.seq + 1, ["a", {"b": 1}])], False)


@pytest.mark.promise("P10")
async def test_nothing_is_put_out_without_the_token(store: Store) -> None:
    job = await running(store, token="token-1")
    assert await emit(store, "token-2", job.seq, "a") is None
    await store.retry("token-1", delay_ms=0, holder=HOLDER, lease_ms=LONG)
    assert await emit(store, "token-1", job.seq + 1, "a") is None
    again = changed(await taken(store, token="token-2")).record
    assert await emit(store, "token-1", again.seq, "a") is None
    assert await found(store, job) == ([], False)


async def test_the_same_pieces_are_recorded_once(store: Store) -> None:
    """Who does not know whether a commit went through gives them again, and finds that it did."""
    job = await running(store, token="token-1")
    first = changed(await emit(store, "token-1", job.seq, "a"))
    assert await emit(store, "token-1", job.seq, "a") is None
    assert await store.find(job.key) == first.record
    assert await found(store, job) == ([(job.seq + 1, ["a"])], False)


@pytest.mark.promise("P8")
async def test_who_takes_over_tells_the_pieces_too(store: Store) -> None:
    job = await running_untold(store)
    changes = [
        await emit(store, "token-1", job.seq, "a", "ä\n", lease_ms=0),
        await store.progress("token-1", "{}", holder=HOLDER, lease_ms=0),
        await emit(store, "token-1", job.seq + 2, [None], lease_ms=0),
    ]
    messages = [message for change in changes for message in changed(change).messages]
    assert [message.output for message in messages] == [json.dumps(["a", "ä\n"]), None, "[[null]]"]
    assert (await unsent(store, lease_ms=0))[-3:] == messages


async def test_no_more_output_is_handed_out_at_once_than_can_be_held(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MOST_PIECES", 20)
    job = await running_untold(store)
    for number in range(3):
        await emit(store, "token-1", job.seq + number, "x" * 12, lease_ms=0)
    await store.sent([message.number for message in await unsent(store, limit=2)])
    for number in range(3):
        (message,) = await unsent(store, lease_ms=LONG)
        assert message.seq == job.seq + number + 1
        await store.sent([message.number])
    assert await unsent(store) == []


async def test_output_is_read_from_where_one_stopped(store: Store) -> None:
    job = await running(store, token="token-1")
    for number in range(20):
        await emit(store, "token-1", job.seq + number, number)
    every = [(job.seq + number + 1, [number]) for number in range(20)]
    assert await found(store, job) == (every, False)
    assert await found(store, job, limit=20) == (every, False)
    assert await found(store, job, limit=19) == (every[:19], True)
    assert await found(store, job, after=every[6][0]) == (every[7:], False)
    assert await found(store, job, after=every[-1][0]) == ([], False)
    read = await outputs(store, job, limit=1)
    assert read is not None
    assert read.seq == job.seq + 20


async def test_a_page_of_output_has_its_size_and_something_at_least(store: Store) -> None:
    job = await running(store, token="token-1")
    for number in range(3):
        await emit(store, "token-1", job.seq + number, "ö" * 10)  # ten characters, more bytes
    size = len(json.dumps(["ö" * 10]).encode())
    pages = [await found(store, job, most_bytes=most) for most in (0, size, 2 * size, 3 * size - 1, 3 * size)]
    assert [(len(rows), more) for rows, more in pages] == [
        (1, True),
        (1, True),
        (2, True),
        (2, True),
        (3, False),
    ]


async def test_output_names_its_attempt(store: Store) -> None:
    job = await running(store, token="token-1")
    await emit(store, "token-1", job.seq, "a")
    await store.retry("token-1", delay_ms=0, holder=HOLDER, lease_ms=LONG)
    again = changed(await taken(store, token="token-2")).record
    await emit(store, "token-2", again.seq, "b")
    read = await outputs(store, job)
    assert read is not None
    assert [(emitted.attempt, emitted.pieces) for emitted in read.emitted] == [(1, '["a"]'), (2, '["b"]')]


@pytest.mark.promise("P5")
async def test_anothers_output_and_no_output_look_alike(store: Store) -> None:
    job = await running(store, token="token-1")
    await emit(store, "token-1", job.seq, "a")
    assert await outputs(store, job, client="client-2") is None
    assert await store.outputs(CLIENT, "no-such-job", after=0, limit=9, most_bytes=ROOMY) is None
    waiting = await accepted(store)
    assert await outputs(store, waiting) == Outputs(1, (), more=False)


async def test_output_leaves_with_the_body(store: Store) -> None:
    job = await ended_after(store, 3)
    other = await running(store, token="token-2")
    await emit(store, "token-2", other.seq, "stays")
    assert await store.forget(result_ttl_ms=LONG, skew_ms=LONG, limit=10) == 0
    assert len((await found(store, job))[0]) == 3
    assert await store.forget(result_ttl_ms=0, skew_ms=LONG, limit=10) == 3 + 1
    assert await outputs(store, job) is None
    assert await found(store, other) == ([(other.seq + 1, ["stays"])], False)


async def test_much_output_leaves_in_small_steps_and_is_read_no_more_meanwhile(store: Store) -> None:
    """Half of what a job put out would look like the whole."""
    job = await ended_after(store, 7)
    steps: list[int] = []
    while not steps or steps[-1]:
        steps.append(await store.forget(result_ttl_ms=0, skew_ms=LONG, limit=3))
        assert await outputs(store, job) is None
    assert steps == [3, 3, 1 + 1, 0]
    left = await store.find(job.key)
    assert left is not None
    assert left.forgotten


async def test_output_that_waits_to_be_told_is_kept(store: Store) -> None:
    job = await running_untold(store)
    change = changed(await emit(store, "token-1", job.seq, "a", lease_ms=0))
    await finished(store, "token-1", lease_ms=0)
    assert await store.forget(result_ttl_ms=0, skew_ms=0, limit=9) == 0
    assert change.messages[0] in await unsent(store, holder=OTHER)
