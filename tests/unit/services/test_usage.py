"""What each client uses of a replica."""

from __future__ import annotations

from itertools import count

import pytest

from tests.unit.services.given import CLIENT, OTHER, client
from toolwire.services.requests import usage
from toolwire.services.requests.usage import UsageMeter

NONCE = "n" * 22
NUMBERS = count()
UNLIMITED = client()


def waits(meter: UsageMeter, rate: float, now: float, client_id: str = CLIENT) -> int:
    fresh = f"{next(NUMBERS):022}"
    return meter.look(client_id, fresh, client(rate=rate), redelivered=False, now=now).wait_ms


def seen(meter: UsageMeter, nonce: str, *, redelivered: bool = False, client_id: str = CLIENT) -> bool:
    return meter.look(client_id, nonce, UNLIMITED, redelivered=redelivered, now=0).nonce_seen


def test_a_burst_of_two_seconds_then_the_average() -> None:
    meter = UsageMeter()
    assert [waits(meter, 5, now=100) for _ in range(10)] == [0] * 10
    assert waits(meter, 5, now=100) == 200
    assert waits(meter, 5, now=100.1) == 100
    assert waits(meter, 5, now=100.2) == 0
    assert waits(meter, 5, now=100.2) == 200


def test_a_rate_of_less_than_one_lets_one_through_at_a_time() -> None:
    meter = UsageMeter()
    assert waits(meter, 0.1, now=0) == 0
    assert waits(meter, 0.1, now=0) == 10_000
    assert waits(meter, 0.1, now=10) == 0


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    meter = UsageMeter()
    assert waits(meter, 1, now=0) == 0
    assert [waits(meter, 1, now=1_000_000) for _ in range(3)] == [0, 0, 1000]


def test_the_wait_is_never_told_as_nothing() -> None:
    meter = UsageMeter()
    rate = 10_000.0
    assert max(waits(meter, rate, now=0) for _ in range(20_001)) == 1


def test_one_client_does_not_pay_for_another() -> None:
    meter = UsageMeter()
    assert [waits(meter, 1, now=0) for _ in range(3)] == [0, 0, 1000]
    assert waits(meter, 1, now=0, client_id=OTHER) == 0


@pytest.mark.parametrize("entry", [None, UNLIMITED], ids=["unknown", "no rate"])
def test_without_a_rate_nobody_waits(entry: None) -> None:
    meter = UsageMeter()
    looks = [meter.look(CLIENT, NONCE, entry, redelivered=False, now=0).wait_ms for _ in range(100)]
    assert looks == [0] * 100


def test_running_calls_are_counted_for_each_client() -> None:
    meter = UsageMeter()

    def running(client_id: str) -> int:
        return meter.look(client_id, NONCE, UNLIMITED, redelivered=False, now=0).running

    meter.begin(CLIENT)
    meter.begin(CLIENT)
    assert (running(CLIENT), running(OTHER)) == (2, 0)
    meter.end(CLIENT)
    assert running(CLIENT) == 1
    meter.end(CLIENT)
    assert running(CLIENT) == 0


def test_what_was_counted_for_a_repetition_is_given_back() -> None:
    meter = UsageMeter()
    assert [waits(meter, 1, now=0) for _ in range(2)] == [0, 0]
    meter.give_back(CLIENT)
    assert [waits(meter, 1, now=0) for _ in range(2)] == [0, 1000]
    meter.give_back(OTHER)
    assert waits(meter, 1, now=0, client_id=OTHER) == 0


def test_nothing_is_saved_up_by_giving_back() -> None:
    meter = UsageMeter()
    waits(meter, 1, now=0)
    for _ in range(9):
        meter.give_back(CLIENT)
    assert [waits(meter, 1, now=0) for _ in range(3)] == [0, 0, 1000]


def test_a_request_that_is_handed_on_comes_again_as_new() -> None:
    meter, limited = UsageMeter(), client(rate=0.5)
    for _ in range(2):
        look = meter.look(CLIENT, NONCE, limited, redelivered=False, now=0)
        assert (look.wait_ms, look.nonce_seen) == (0, False)
        meter.forget(CLIENT, NONCE)


def test_a_nonce_is_good_once_for_each_client() -> None:
    meter = UsageMeter()
    assert not seen(meter, NONCE)
    assert seen(meter, NONCE)
    assert not seen(meter, NONCE, client_id=OTHER)


def test_a_redelivery_is_no_replay_and_is_remembered() -> None:
    meter = UsageMeter()
    assert not seen(meter, NONCE, redelivered=True)
    assert not seen(meter, NONCE, redelivered=True)
    assert seen(meter, NONCE)


def test_a_repeated_nonce_takes_nothing_from_the_rate() -> None:
    """Whoever reads a request can send it again; its client must not pay for that."""
    meter, limited = UsageMeter(), client(rate=1)
    looks = [meter.look(CLIENT, NONCE, limited, redelivered=False, now=0) for _ in range(100)]
    assert {look.wait_ms for look in looks} == {0}
    assert waits(meter, 1, now=0) == 0


def test_only_so_many_nonces_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "REMEMBERED_NONCES", 3)
    meter = UsageMeter()
    for nonce in "abcd":
        assert not seen(meter, nonce)
    assert [seen(meter, nonce) for nonce in "dcb"] == [True, True, True]
    assert not seen(meter, "a")
