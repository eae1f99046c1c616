"""What the doctor says of exchanges, queues and bindings."""

from typing import Any

import pytest

from tests.unit.cli.doctor_given import CALL, DEAD, JUNK, SERVER, bad, look, managed, only, seen, told
from toolwire.broker.look import State
from toolwire.broker.reach import Stage
from toolwire.broker.topology import EXCHANGES
from toolwire.cli.doctor.finding import Level
from toolwire.cli.doctor.managed import Managed, Node, Unseen
from toolwire.cli.doctor.queues import MOST_UNACKED, differences, expected_queues, judge_queues


def test_healthy_queues_are_ok() -> None:
    assert bad(judge_queues(look(), managed(), SERVER)) == []


@pytest.mark.parametrize(
    ("queue", "but", "level", "check", "remedy"),
    [
        (CALL, {"consumers": 0}, Level.ERROR, "no_replica", "toolwire serve"),
        (CALL, {"consumers": 2, "messages": 1001}, Level.WARNING, "backlog", "start more replicas"),
        (
            CALL,
            {"consumers": 1, "state": State.OTHERWISE, "said": "inequivalent arg 'x-queue-type'"},
            Level.ERROR,
            "queue_declared_otherwise",
            f"rabbitmqctl delete_queue -p tools {CALL} --if-empty",
        ),
        (CALL, {"state": State.MISSING}, Level.ERROR, "queue_missing", "toolwire serve"),
        (DEAD, {"messages": 3}, Level.WARNING, "dead_letters", "toolwire dead list"),
        (JUNK, {"messages": 1}, Level.WARNING, "junk", "toolwire junk list"),
    ],
)
def test_what_is_wrong_with_one_queue(
    queue: str, but: dict[str, Any], level: Level, check: str, remedy: str
) -> None:
    found = list(judge_queues(look(seen(queue, **but)), managed(), SERVER))
    assert bad(found) == [(level, check)]
    assert remedy in only(found, check).remedy
    assert only(found, check).where == f"queue {queue}"


@pytest.mark.parametrize(
    ("state", "level", "check"),
    [
        (State.OTHERWISE, Level.ERROR, "exchange_declared_otherwise"),
        (State.MISSING, Level.ERROR, "exchange_missing"),
        (State.FORBIDDEN, Level.NOTE, "exchange"),
    ],
)
def test_what_is_wrong_with_one_exchange(state: State, level: Level, check: str) -> None:
    exchanges = (*(seen(name) for name in EXCHANGES[1:]), seen(EXCHANGES[0], state=state))
    assert bad(judge_queues(look(exchanges=exchanges), managed(), SERVER)) == [(level, check)]


def test_where_amqp_may_not_compare_the_management_api_does() -> None:
    """A user without the configure permission may look at a queue and not declare it."""
    unsure = look(seen(CALL, consumers=1, sure=False))
    assert bad(judge_queues(unsure, managed(), SERVER)) == []
    classic = told(CALL, type="classic", arguments={"x-expires": 5})
    others = [told(queue.name) for queue in expected_queues(SERVER)[1:]]
    found = list(judge_queues(unsure, managed(queues=[classic, *others]), SERVER))
    assert bad(found) == [(Level.ERROR, "queue_declared_otherwise")]
    assert "x-queue-type is classic, not quorum" in only(found, "queue_declared_otherwise").what
    assert "x-expires = 5" in only(found, "queue_declared_otherwise").what


def test_equal_arguments_differ_in_nothing() -> None:
    assert [differences(queue, told(queue.name)) for queue in expected_queues(SERVER)] == [""] * 4


def test_deliveries_that_somebody_holds_are_told() -> None:
    held = told(CALL, messages_unacknowledged=MOST_UNACKED + 1, consumers=1)
    found = judge_queues(look(), managed(queues=[held]), SERVER)
    assert bad(found) == [(Level.WARNING, "unacked")]


@pytest.mark.parametrize(
    ("members", "online", "up", "expected"),
    [
        ("a b c", "a b c", 3, []),
        ("a b c", "a b", 2, []),
        ("a b c", "a", 1, [(Level.ERROR, "no_majority")]),
        ("a b", "a", 1, [(Level.ERROR, "no_majority")]),
        ("a", "a", 1, []),
        ("a", "a", 3, [(Level.WARNING, "one_member")]),
    ],
)
def test_majorities(members: str, online: str, up: int, expected: list[tuple[Level, str]]) -> None:
    quorum = told(CALL, members=members.split(), online=online.split())
    nodes = [Node(name=name, running=True) for name in "abc"[:up]]
    assert bad(judge_queues(look(), managed(queues=[quorum], nodes=nodes), SERVER)) == expected


def test_a_queue_that_is_not_bound_hears_nothing() -> None:
    bindings = managed().bindings
    assert not isinstance(bindings, Unseen)
    fewer = managed(bindings=[binding for binding in bindings if binding.destination != CALL])
    found = list(judge_queues(look(), fewer, SERVER))
    assert bad(found) == [(Level.ERROR, "binding_missing")]
    assert "routing_key='server-1.#'" in only(found, "binding_missing").remedy


def test_without_the_management_api_the_rest_is_not_seen() -> None:
    away = Managed.away("", Unseen("nobody answered"))
    expected = [(Level.NOTE, "queue_details"), (Level.NOTE, "bindings")]
    assert bad(judge_queues(look(), away, SERVER)) == expected


def test_a_broker_that_was_not_reached_has_no_queues() -> None:
    from tests.unit.cli.doctor_given import reached

    assert list(judge_queues(look(reached=(reached(stage=Stage.TCP),)), managed(), SERVER)) == []
