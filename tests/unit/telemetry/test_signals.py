"""The hooks, and those who hear them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.services.given import record_of, request
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import Status
from toolwire.services.telemetry.logs import LINES, LogLines
from toolwire.services.telemetry.metrics import Metrics
from toolwire.services.telemetry.signals import HOOKS, Everybody, Signals, Whom, tell_settled
from toolwire.services.telemetry.tally import Tally

WHOM = Whom("client-1", "request-1", "add")


class Broken(Signals):
    """Hears one signal, and breaks over it."""

    def refused(self, whom: Whom, code: Code) -> None:
        raise RuntimeError("the listener is broken")


def test_each_hook_says_in_a_sentence_when_it_is_called() -> None:
    """Together they are the life of a request."""
    assert HOOKS[0] == "junk"
    for name in HOOKS:
        said = getattr(Signals, name).__doc__
        assert said.endswith("."), name


def test_every_signal_makes_a_line_or_a_figure() -> None:
    for name in HOOKS:
        heard_by = [each for each in (LogLines, Metrics) if name in vars(each)]
        assert heard_by, f"nobody hears {name}"
    assert set(LINES) - {"left_out"} == {name for name in HOOKS if name in vars(LogLines)}


def test_everybody_hears_although_one_breaks(caplog: pytest.LogCaptureFixture) -> None:
    first, last = Tally(), Tally()
    Everybody(first, Broken(), last).refused(WHOM, Code.FORBIDDEN)
    assert first.counts == last.counts == {"refused.forbidden": 1}
    assert "telling Broken.refused failed" in caplog.text


def test_an_ending_that_cannot_be_read_costs_nobody_anything(caplog: pytest.LogCaptureFixture) -> None:
    """A newer replica may have recorded a code that this one does not know."""
    ended = replace(
        record_of(request()), status=Status.ERROR, error='{"code":"of_tomorrow","message":"a secret"}'
    )
    tell_settled(Everybody(LogLines()), ended)
    assert "telling settled failed" in caplog.text
    assert "secret" not in caplog.text


def test_without_listeners_nothing_happens() -> None:
    for signals in (Signals(), Everybody()):
        signals.refused(WHOM, Code.FORBIDDEN)
        signals.reconnected("publish")


def test_the_tally_counts_what_was_not_handled() -> None:
    tally = Tally()
    tally.junk("bad_signature", 10, "key")
    tally.junk("bad_signature", 10, "another key")
    tally.dead("broken", "key")
    tally.refused(WHOM, Code.RATE_LIMITED)
    tally.undeliverable("event")
    tally.repeated(WHOM, "nonce")
    tally.repeated(WHOM, "stored")
    assert tally.counts == {
        "junk.bad_signature": 2,
        "dead.broken": 1,
        "refused.rate_limited": 1,
        "undeliverable.event": 1,
        "repeated": 1,
    }
