"""An answer reaches the one who waits for it, and nobody else."""

import gc
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest

from tests.unit.contracts.samples import DIGEST, DONE, event, response, snapshot
from toolwire.client.answers import Drop
from toolwire.client.ledger import Ledger, Pending
from toolwire.contracts.envelopes import Response
from toolwire.contracts.errors import ClientClosed, Code, NoReplica, WireError
from toolwire.contracts.jobs import EventName, Status

OTHER_DIGEST = "B" * 43


class Expect(Protocol):
    """Makes a request that waits until the test ends, after attempts with these digests."""

    def __call__(self, *digests: str, submission: bool = False) -> Pending: ...


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def expecting(ledger: Ledger) -> Iterator[Expect]:
    with ExitStack() as until_the_end:

        def expect(*digests: str, submission: bool = False) -> Pending:
            waiting = ledger.expecting("server-1", "request-1", submission=submission)
            pending = until_the_end.enter_context(waiting)
            for digest in digests:
                ledger.sent(pending, digest)
            return pending

        yield expect


def received(pending: Pending) -> list[object]:
    return [pending.inbox.get_nowait() for _ in range(pending.inbox.qsize())]


def test_every_attempt_may_be_the_one_that_is_answered(ledger: Ledger, expecting: Expect) -> None:
    pending = expecting(OTHER_DIGEST, DIGEST)
    ledger.take(response())
    assert received(pending) == [response()]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (response(request_digest=OTHER_DIGEST), "not_awaited"),
        (response(server_id="server-2"), "wrong_server"),
        (response(request_id="request-2"), "wrong_request"),
        (event(request_digest=OTHER_DIGEST), "not_awaited"),
        (event(server_id="server-2"), "wrong_server"),
        (event(request_id="request-2"), "wrong_request"),
    ],
)
def test_what_answers_something_else_is_dropped(
    ledger: Ledger, expecting: Expect, answer: object, reason: str
) -> None:
    pending = expecting(DIGEST)
    ledger.take(answer)  # type: ignore[arg-type]  # of either type
    assert received(pending) == []
    assert ledger.dropped == {reason: 1}
    assert pending.unverified() == ()


def refusal(code: Code, *, retryable: bool = False, digest: str = DIGEST) -> Response:
    error = WireError(code=code, message="no", retryable=retryable)
    return response(ok=False, status=Status.ERROR, result=None, error=error, request_digest=digest)


@pytest.mark.promise("P7")
def test_one_refusal_of_an_attempt_is_heard_and_its_copies_hide_no_answer(
    ledger: Ledger, expecting: Expect
) -> None:
    """Each would have the client wait and try again, with the answer behind it in the queue."""
    pending = expecting(DIGEST, OTHER_DIGEST)
    first = refusal(Code.RATE_LIMITED, retryable=True)
    second = refusal(Code.UNAVAILABLE, retryable=True, digest=OTHER_DIGEST)
    for answer in (first, first, second, refusal(Code.OVERLOADED, retryable=True), response()):
        ledger.take(answer)
    assert received(pending) == [first, second, response()]
    assert ledger.dropped == {"repeated": 2}


@pytest.mark.promise("P2", "P7")
def test_a_refusal_that_anybody_can_provoke_is_not_heard(ledger: Ledger, expecting: Expect) -> None:
    """The client sends under the tool's own key; whoever publishes a copy under another has it refused."""
    pending = expecting(DIGEST)
    ledger.take(refusal(Code.WRONG_DESTINATION))
    ledger.take(response())
    assert received(pending) == [response()]
    assert ledger.dropped == {"wrong_destination": 1}


def test_an_answer_after_the_wait_is_dropped(ledger: Ledger) -> None:
    with ledger.expecting("server-1", "request-1", submission=False) as pending:
        ledger.sent(pending, DIGEST)
    ledger.take(response())
    assert ledger.dropped == {"not_awaited": 1}


def test_a_second_answer_in_the_same_turn_is_counted_as_well(ledger: Ledger) -> None:
    """Both come before the first one's reader has a turn of the loop."""
    with ledger.expecting("server-1", "request-1", submission=False) as pending:
        ledger.sent(pending, DIGEST)
        ledger.take(response())
        ledger.take(response())
        pending.inbox.get_nowait()
    assert ledger.dropped == {"not_awaited": 1}


def test_what_is_read_of_the_counts_does_not_change_under_its_reader(ledger: Ledger) -> None:
    """A `SyncClient` hands it out to another thread."""
    before = ledger.dropped
    ledger.take(Drop("bad_lines"))
    assert (before, ledger.dropped) == ({}, {"bad_lines": 1})


def test_what_came_during_the_wait_from_nobody_known_may_have_been_the_answer(
    ledger: Ledger, expecting: Expect
) -> None:
    ledger.take(Drop("bad_lines"))
    pending = expecting(DIGEST)
    ledger.take(Drop("unknown_key"))
    ledger.take(Drop("bad_signature"))
    ledger.take(Drop("bad_signature"))
    ledger.take(Drop("not_mine", attributable=True))
    assert pending.unverified() == ("bad_signature", "unknown_key")
    assert ledger.dropped == {"bad_lines": 1, "unknown_key": 1, "bad_signature": 2, "not_mine": 1}


def test_an_event_before_the_acceptance_is_remembered(ledger: Ledger, expecting: Expect) -> None:
    pending = expecting(DIGEST, submission=True)
    ledger.take(event(event=EventName.DONE, data=DONE))
    ledger.take(event(data=snapshot(seq=1)))
    assert pending.newest == DONE


def test_a_snapshot_of_another_job_is_none_of_this_one(ledger: Ledger) -> None:
    """An event may come before the answer that says which job the request made."""
    following = ledger.follow("server-1", "job-1", [DIGEST])
    following.learn(snapshot(job_id="job-2"))
    assert following.newest is None


def test_a_job_is_followed_while_somebody_cares(ledger: Ledger) -> None:
    following = ledger.follow("server-1", "job-1", [DIGEST])
    assert ledger.follow("server-1", "job-1", [DIGEST]) is following
    ledger.take(event())
    assert following.newest == snapshot()
    del following
    gc.collect()
    ledger.take(event())
    assert ledger.dropped == {"not_awaited": 1}


@pytest.mark.parametrize(
    ("first", "second", "known"),
    [
        ([DIGEST], [OTHER_DIGEST], {DIGEST, OTHER_DIGEST}),
        ([DIGEST], None, None),
        (None, [DIGEST], None),
    ],
)
def test_those_who_follow_one_job_share_what_is_known_of_its_request(
    ledger: Ledger, first: list[str] | None, second: list[str] | None, known: set[str] | None
) -> None:
    following = ledger.follow("server-1", "job-1", first)
    ledger.follow("server-1", "job-1", second)
    assert (following.digests and set(following.digests)) == known


def test_the_same_job_id_of_another_server_is_another_job(ledger: Ledger) -> None:
    following = ledger.follow("server-2", "job-1", None)
    ledger.take(event())
    assert following.newest is None


def test_an_event_of_another_request_is_dropped_where_the_request_is_known(ledger: Ledger) -> None:
    following = ledger.follow("server-1", "job-1", [OTHER_DIGEST])
    ledger.take(event())
    assert following.newest is None
    assert ledger.dropped == {"unknown_digest": 1}


def test_an_event_is_told_once(ledger: Ledger) -> None:
    following = ledger.follow("server-1", "job-1", None)
    with following.listening() as news:
        for seq in (3, 3, 2, 4):
            ledger.take(event(data=snapshot(seq=seq)))
        told = [news.get_nowait() for _ in range(news.qsize())]
    assert told == [event(data=snapshot(seq=3)), event(data=snapshot(seq=4))]
    assert ledger.dropped == {"duplicate": 2}
    ledger.take(event(data=snapshot(seq=5)))
    assert news.empty()


def test_what_was_sent_is_asked_again_when_answers_come_again(ledger: Ledger, expecting: Expect) -> None:
    """A new queue has lost what the old one held; one that was kept may have been out of reach."""
    sent, unsent = expecting(DIGEST), expecting()
    following = ledger.follow("server-1", "job-1", None)
    with following.listening() as news:
        ledger.reconnected()
        assert news.get_nowait() is None
    assert (received(sent), received(unsent)) == ([None], [])


def test_without_replicas_calls_fail_and_submissions_wait(ledger: Ledger, expecting: Expect) -> None:
    call, submission = expecting(), expecting(submission=True)
    ledger.fail_calls("server-2", NoReplica("server-2"))
    assert received(call) == []
    error = NoReplica("server-1")
    ledger.fail_calls("server-1", error)
    assert (received(call), received(submission)) == ([error], [])


def test_closing_ends_all_waiting(ledger: Ledger, expecting: Expect) -> None:
    pending = expecting(submission=True)
    following = ledger.follow("server-1", "job-1", None)
    with following.listening() as news:
        ledger.close()
        assert isinstance(news.get_nowait(), ClientClosed)
    assert isinstance(pending.inbox.get_nowait(), ClientClosed)
