"""Options are checked where they are given, and leave what is not given as it is."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from toolwire.client.options import JOB_DEADLINE_S, LONGEST_S, Options
from toolwire.client.questions import call_of, submission_of
from toolwire.contracts.encoding import sendable
from toolwire.contracts.errors import UsageError
from toolwire.contracts.names import MAX_SAFE_INTEGER

LATER = datetime(2100, 1, 1, tzinfo=UTC)
NOTHING = sendable({})


def test_what_is_not_given_stays() -> None:
    options = Options(30, "server-1").but(timeout=5, request_id=None)
    assert options == Options(5, "server-1", JOB_DEADLINE_S)


@pytest.mark.parametrize(
    "given",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": math.inf},
        {"timeout": math.nan},
        {"timeout": 1e308},
        {"deadline": 0},
        {"deadline": 1e14},
        {"server": "no spaces"},
        {"server": ""},
        {"request_id": "x" * 65},
        {"delay": 0},
        {"delay": math.inf},
        {"delay": 1e13},
        {"run_at": datetime(2030, 1, 1)},  # noqa: DTZ001 - that is what is wrong with it
        {"run_at": LATER, "delay": 1},
        {"priority": 10},
        {"priority": -10},
        {"priority": 1.0},
        {"priority": True},
    ],
)
def test_what_cannot_be_is_refused_by_name(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(given))):
        Options(30).but(**given)


def test_a_job_may_start_later_and_lives_from_then_on() -> None:
    options = Options(30, "server-1", deadline=60)
    asked = submission_of("bake", NOTHING, options.but(delay=10, priority=3))
    assert asked.run_at_ms is not None
    assert asked.deadline_ms - asked.run_at_ms == 60_000
    assert asked.priority == 3
    named = submission_of("bake", NOTHING, options.but(run_at=LATER))
    assert named.run_at_ms == round(LATER.timestamp() * 1000) == named.deadline_ms - 60_000
    assert submission_of("bake", NOTHING, options).run_at_ms is None


def test_the_longest_times_together_fit_the_protocol() -> None:
    options = Options(LONGEST_S, "server-1", deadline=LONGEST_S, delay=LONGEST_S)
    assert submission_of("bake", NOTHING, options).deadline_ms <= MAX_SAFE_INTEGER


def test_what_is_over_is_no_start() -> None:
    with pytest.raises(UsageError, match="run_at lies in the past"):
        submission_of("bake", NOTHING, Options(30, "server-1").but(run_at=datetime(2020, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize("given", [{"delay": 1}, {"run_at": LATER}, {"priority": 0}])
def test_a_call_does_not_wait(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="submitted"):
        call_of("bake", NOTHING, Options(30, "server-1").but(**given))


def test_a_server_has_to_be_named() -> None:
    with pytest.raises(UsageError, match="TOOLWIRE_SERVER"):
        Options(30).asked_server()
