"""Requests for a quick tool travel together, those for a slow one alone."""

import pytest

from toolwire.client.pace import MOST_TOOLS, PACE_S, SHARES, Pace, ToolPace
from toolwire.contracts.lines import MAX_LINES

MANY = 100
"""Answers after which an average is what each of them took."""


def answering(took: float, waiting: int = 1) -> ToolPace:
    """A tool that answered so many times, always after so long, and owes so many answers still.

    The last of them came at second 0.
    """
    pace = ToolPace()
    for _ in range(waiting):
        pace.begin(-1.0)
    for _ in range(MANY):
        pace.answered(took, 0.0, ok=True)
    return pace


def test_a_tool_that_never_answered_gets_one_at_a_time() -> None:
    pace = ToolPace()
    assert pace.company(0.0) == 1
    for _ in range(1000):
        pace.begin(0.0)
    assert pace.company(0.0) == 1


@pytest.mark.parametrize(
    ("took", "company"),
    [(0.0, 64), (0.001, 64), (0.015, 64), (0.03125, 32), (0.25, 4), (0.75, 1), (1.0, 1), (5.0, 1)],
)
def test_the_slower_the_fewer(took: float, company: int) -> None:
    assert answering(took).company(0.0) == company


def test_the_first_answer_says_how_it_goes() -> None:
    pace = ToolPace()
    pace.begin(0.0)
    pace.answered(0.001, 0.001, ok=True)
    assert pace.company(0.001) == MAX_LINES


def test_one_late_answer_among_quick_ones_is_soon_forgiven() -> None:
    pace = answering(0.001)
    pace.answered(30.0, 0.0, ok=True)
    assert 1 < pace.company(0.0) < MAX_LINES
    for _ in range(30):
        pace.answered(0.001, 0.0, ok=True)
    assert pace.company(0.0) == MAX_LINES


def test_a_tool_that_becomes_slow_gets_fewer_before_its_next_answer() -> None:
    """What is sent into the silence would wait behind the slow ones, in one replica."""
    pace = answering(0.001)
    assert [pace.company(silence) for silence in (0.0, 0.25, 0.5, PACE_S, 10.0)] == [MAX_LINES, 4, 2, 1, 1]


def test_silence_says_nothing_where_nothing_is_waited_for() -> None:
    pace = answering(0.001)
    pace.end(None)
    assert pace.company(3600.0) == MAX_LINES
    pace.begin(3600.0)
    assert pace.company(3600.001) == MAX_LINES


@pytest.mark.promise("P7")
def test_no_answer_at_all_counts_as_one_after_all_that_time() -> None:
    pace = answering(0.001)
    pace.end(30.0)
    assert pace.company(0.0) < MAX_LINES
    for _ in range(MANY):
        pace.begin(0.0)
        pace.end(30.0)
    assert pace.company(0.0) == 1


def test_a_refusal_makes_no_tool_quicker() -> None:
    """A replica without a free place says so at once, whatever its tools are like."""
    pace = answering(1.0)
    for _ in range(MANY):
        pace.answered(0.001, 0.0, ok=False)
    assert pace.company(0.0) == 1

    refused = ToolPace()
    refused.begin(0.0)
    refused.answered(0.001, 0.001, ok=False)
    assert refused.company(0.001) == 1


def test_an_error_that_came_late_is_as_late_as_an_answer() -> None:
    pace = answering(0.001)
    for _ in range(MANY):
        pace.answered(1.0, 0.0, ok=False)
    assert pace.company(0.0) == 1


@pytest.mark.parametrize(("waiting", "company"), [(SHARES, 1), (8 * SHARES, 8), (1000 * SHARES, MAX_LINES)])
def test_where_very_many_wait_a_message_may_hold_its_share(waiting: int, company: int) -> None:
    """What goes alone because it is slow would be slow because it goes alone."""
    pace = answering(1.0, waiting)
    assert pace.company(0.0) == company
    assert pace.company(PACE_S) == 1  # not while nothing answers at all


def test_tools_of_one_name_on_two_servers_are_two() -> None:
    pace = Pace()
    assert pace.of("server-1", "add") is pace.of("server-1", "add")
    assert pace.of("server-1", "add") is not pace.of("server-2", "add")


def test_the_tools_that_were_not_asked_for_longest_are_forgotten() -> None:
    pace = Pace()
    first, second = pace.of("server-1", "first"), pace.of("server-1", "second")
    for n in range(MOST_TOOLS - 2):
        pace.of("server-1", f"tool-{n}")
    assert pace.of("server-1", "first") is first
    pace.of("server-1", "one-more")
    assert pace.of("server-1", "first") is first
    assert pace.of("server-1", "second") is not second
