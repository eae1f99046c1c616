"""What the doctor says of a signed round trip, and of clocks."""

import pytest

from tests.unit.cli.doctor_given import API, SERVER, bad, only
from toolwire.cli.doctor.finding import Level
from toolwire.cli.doctor.managed import Unseen
from toolwire.cli.doctor.service import Answered, judge_broker_clock, judge_clock, judge_service
from toolwire.contracts.builtin import Capabilities, ServerIdentity
from toolwire.contracts.errors import Code, NoReplica, RemoteError, WireError

NOW = 1_700_000_000_000


def answered(*, ahead_ms: int = 0, took_ms: int = 10, tools: int = 2) -> Answered:
    """An answer, by a clock that is that far ahead of ours, in the middle of the trip."""
    capabilities = Capabilities.model_validate({"async": True, "stateless": True})
    identity = ServerIdentity(server_id=SERVER, fingerprint="SHA256:x", capabilities=capabilities)
    return Answered(identity, NOW, NOW + took_ms // 2 + ahead_ms, NOW + took_ms, took_ms, tools)


def test_a_quick_answer_with_tools_is_ok() -> None:
    assert bad(judge_service(SERVER, answered())) == []


def test_a_slow_answer_and_an_empty_catalogue_are_told() -> None:
    found = list(judge_service(SERVER, answered(took_ms=1_500, tools=0)))
    assert bad(found) == [(Level.WARNING, "slow"), (Level.WARNING, "catalogue")]
    assert "toolwire keys allow" in only(found, "catalogue").remedy


def test_a_failed_call_is_told_with_its_section_of_the_troubleshooting_page() -> None:
    local = only(judge_service(SERVER, NoReplica(SERVER)), "round_trip")
    assert str(NoReplica(SERVER)) in local.what
    assert "`NoReplica`" in local.remedy
    refusal = RemoteError.of(WireError(code=Code.FORBIDDEN, message="no", retryable=False))
    assert "`forbidden`" in only(judge_service(SERVER, refusal), "round_trip").remedy


def test_what_was_not_asked_is_not_seen() -> None:
    unseen = Unseen("the broker was not reached")
    assert bad(judge_service(SERVER, unseen)) == [(Level.NOTE, "round_trip")]
    assert bad(judge_clock(SERVER, unseen)) == [(Level.NOTE, "service_clock")]
    assert bad(judge_clock(SERVER, NoReplica(SERVER))) == [(Level.NOTE, "service_clock")]
    assert bad(judge_broker_clock(API, unseen)) == [(Level.NOTE, "broker_clock")]


@pytest.mark.parametrize(
    ("ahead_ms", "took_ms", "expected", "what"),
    [
        (0, 10, [], "the service's clock is ours"),
        (4_000, 10, [], "the service's clock is 4.0 s ahead of ours"),
        (-6_000, 10, [(Level.WARNING, "service_clock")], "6.0 s behind ours"),
        (31_000, 10, [(Level.ERROR, "service_clock")], "clock_skew"),
        (-31_000, 10, [(Level.ERROR, "service_clock")], "31.0 s behind ours"),
        # An answer that took eight seconds may have been written at any time of them.
        (8_000, 8_000, [], "8.0 s ahead"),
    ],
)
def test_how_far_the_clocks_may_differ(
    ahead_ms: int, took_ms: int, expected: list[tuple[Level, str]], what: str
) -> None:
    found = list(judge_clock(SERVER, answered(ahead_ms=ahead_ms, took_ms=took_ms)))
    assert bad(found) == expected
    assert what in found[0].what
    if expected:
        assert "NTP" in found[0].remedy


@pytest.mark.parametrize(
    ("skew_ms", "expected"), [(900, []), (-7_000, [Level.WARNING]), (60_000, [Level.WARNING])]
)
def test_the_brokers_clock_decides_nothing(skew_ms: int, expected: list[Level]) -> None:
    assert [level for level, _ in bad(judge_broker_clock(API, skew_ms))] == expected
