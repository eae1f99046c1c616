"""One line for each signal: readable, with the same in fields, and never more than a few of a flood."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.waiting import wait_until
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import Status
from toolwire.services.telemetry.floods import FIRST, Floods
from toolwire.services.telemetry.logs import LINES, MOST_SHOWN, LogLines, shown
from toolwire.services.telemetry.signals import Signals, Whom

CALL = Whom("client-1", "request-1", "charge")
JOB = Whom("client-1", "request-2", "build", "job-1")
HOSTILE = 'x\n2026-01-01 ERROR all is lost\x1b[2J\t"é\udc80'
WINDOW_S = 0.05


@pytest.fixture(autouse=True)
def everything_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="toolwire.services")


@pytest.fixture
def lines() -> LogLines:
    return LogLines(WINDOW_S)


def tell_everything(signals: Signals) -> None:
    """Each signal that makes a line, once, in the order of the table."""
    signals.junk("bad_signature", 10, HOSTILE)
    signals.dead("broken", HOSTILE)
    signals.refused(CALL, Code.RATE_LIMITED)
    signals.repeated(CALL, "stored")
    signals.accepted(JOB)
    signals.started(JOB, 2, 1.23456)
    signals.retried(JOB, 1, 500)
    signals.parked(JOB, 1)
    signals.answered(JOB)
    signals.lease_lost(JOB)
    signals.taken_over(JOB, Status.ACCEPTED)
    signals.cancel_asked(JOB)
    signals.settled(JOB, Status.ERROR, Code.INTERNAL)
    signals.undeliverable("event")
    signals.unanswered(Whom("client-1", "request-1"))
    signals.reconnected("publish")
    signals.store_away()
    signals.store_back(2.04)


def told(caplog: pytest.LogCaptureFixture) -> list[Any]:
    """The records so far."""
    return list(caplog.records)


async def test_each_line_has_its_event_and_the_fields_of_the_table(
    lines: LogLines, caplog: pytest.LogCaptureFixture
) -> None:
    tell_everything(lines)
    records = told(caplog)
    assert [record.event for record in records] == [name for name in LINES if name != "left_out"]
    for record in records:
        line = LINES[record.event]
        optional = {"job"} if record.event != "unanswered" else {"job", "tool"}
        assert set(line.fields) - optional <= set(record.fields) <= set(line.fields)
        assert record.levelno == line.level
        assert record.name == "toolwire.services"


async def test_a_line_can_be_read(lines: LogLines, caplog: pytest.LogCaptureFixture) -> None:
    lines.refused(CALL, Code.RATE_LIMITED)
    lines.started(JOB, 2, 1.23456)
    lines.unanswered(Whom("client-1", "request-1"))
    lines.store_away()
    assert [record.getMessage() for record in told(caplog)] == [
        "charge for client-1 (request request-1) is refused: rate_limited",
        "build for client-1 (job job-1) runs, attempt 2, after 1.235 s",
        "the answer to a request for client-1 (request request-1) was given up: its deadline passed",
        "the store is away: no more requests are taken",
    ]
    assert told(caplog)[1].fields == {
        "tool": "build",
        "client": "client-1",
        "request": "request-2",
        "job": "job-1",
        "attempt": 2,
        "waited_s": 1.235,
    }


async def test_a_line_reads_well_whatever_stands_in_it(caplog: pytest.LogCaptureFixture) -> None:
    lines = LogLines(flood_window_s=3600)
    for _ in range(FIRST + 1):
        lines.undeliverable("event")
    lines.end()
    messages = [record.getMessage() for record in told(caplog)]
    assert messages[0] == "the client's queue for this event is gone; the record tells it to a poll"
    assert messages[-1] == "left out: 1 more like the last line of undeliverable (event)"


async def test_what_every_call_does_is_for_those_who_ask_for_it(
    lines: LogLines, caplog: pytest.LogCaptureFixture
) -> None:
    lines.started(CALL, 1, 0)
    lines.settled(CALL, Status.DONE, None)
    lines.started(CALL, 2, 0)
    lines.settled(JOB, Status.DONE, None)
    assert [record.levelno for record in told(caplog)] == [
        logging.DEBUG,
        logging.DEBUG,
        logging.INFO,
        logging.INFO,
    ]


async def test_text_that_anybody_wrote_stays_on_its_line(
    lines: LogLines, caplog: pytest.LogCaptureFixture
) -> None:
    lines.junk("bad_signature", 10, HOSTILE)
    message = told(caplog)[0].getMessage()
    assert message.isascii()
    assert message.isprintable()
    assert r"x\n2026-01-01 ERROR all is lost\x1b[2J\t" in message


@pytest.mark.parametrize("text", ["x" * 1000, "\n" * 1000, "é" * MOST_SHOWN])
def test_text_that_anybody_wrote_is_cut(text: str) -> None:
    assert len(shown(text)) == MOST_SHOWN + 3
    assert shown(text).endswith("...")
    assert shown(text).isascii()


def test_short_text_is_shown_whole() -> None:
    assert shown("server-1.add") == "server-1.add"


async def test_of_a_flood_there_are_the_first_lines_and_their_number(
    lines: LogLines, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        lines.junk("bad_signature", 10, "key")
        lines.refused(CALL, Code.FORBIDDEN)
    lines.junk("unknown_key", 10, "key")
    assert len(told(caplog)) == 2 * FIRST + 1, "each reason has its own share"
    await wait_until(lambda: len(told(caplog)) == 2 * FIRST + 3, 5, "both floods are summed up")
    assert [record.fields for record in told(caplog)[-2:]] == [
        {"signal": "junk", "reason": "bad_signature", "count": 100 - FIRST},
        {"signal": "refused", "reason": "forbidden", "count": 100 - FIRST},
    ]
    lines.junk("bad_signature", 10, "key")
    assert told(caplog)[-1].event == "junk", "a new window lets the first ones through again"


async def test_the_end_does_not_hide_what_was_left_out(caplog: pytest.LogCaptureFixture) -> None:
    lines = LogLines(flood_window_s=3600)
    for _ in range(FIRST + 1):
        lines.undeliverable("event")
    lines.end()
    assert told(caplog)[-1].fields == {"signal": "undeliverable", "reason": "event", "count": 1}


async def test_who_stays_below_the_limit_is_not_summed_up() -> None:
    summed: list[object] = []
    floods = Floods(lambda kind, count: summed.append((kind, count)), WINDOW_S)
    assert all(floods.lets_through("kind") for _ in range(FIRST))
    floods.end()
    assert all(floods.lets_through("kind") for _ in range(FIRST))
    floods.end()
    assert summed == []
