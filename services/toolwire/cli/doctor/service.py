"""Asks the service, signed as every call, and judges who answers, how fast, and how the clocks differ."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from toolwire.broker.transport import AmqpTransport
from toolwire.cli.doctor.finding import Area, Desk, Finding, count
from toolwire.cli.doctor.managed import Unseen
from toolwire.client.clock import now_ms
from toolwire.client.exchange import Exchange
from toolwire.client.home import Home
from toolwire.client.identity import read_identity
from toolwire.client.options import Options
from toolwire.client.pins import Pins
from toolwire.client.questions import Reply, call_of
from toolwire.contracts.builtin import BUILT_IN, LIST_TOOLS, SERVER_IDENTITY, Catalogue, ServerIdentity
from toolwire.contracts.encoding import sendable
from toolwire.contracts.errors import RemoteError, ToolwireError
from toolwire.services.requests.decide import SKEW_MS
from toolwire.services.settings import ServiceSettings

ANSWER_S = 5.0
"""How long to wait for each answer."""
SLOW_MS = 1_000
DRIFT_MS = 5_000
"""A machine whose clock is kept is within milliseconds: so much says that nobody keeps it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A signed round trip: who answered, when by its own clock, and what it offers."""

    identity: ServerIdentity
    sent_ms: int
    """By our clock."""
    answered_ms: int
    """By the service's clock: signed."""
    received_ms: int
    """By our clock."""
    took_ms: int
    tools: int
    """How many tools of the service's own the client may use."""


async def ask_service(settings: ServiceSettings, client_id: str, server_id: str) -> Answered:
    """Ask who it is (twice: the first finds the way) and what it offers. Raises `ToolwireError`."""
    home = Home(settings.home)
    identity = read_identity(home, client_id, None, None)
    pins = Pins(home, client_id, identity.pinned)
    async with Exchange(AmqpTransport(settings.broker_urls()), identity, pins) as exchange:

        async def ask(tool: str) -> Reply:
            reply = await exchange.ask(call_of(tool, sendable({}), Options(ANSWER_S, server_id)))
            if reply.response.error is not None:
                raise RemoteError.of(reply.response.error)
            return reply

        await ask(SERVER_IDENTITY)
        sent_ms, began = now_ms(), time.monotonic()
        reply = await ask(SERVER_IDENTITY)
        took_ms, received_ms = round((time.monotonic() - began) * 1000), now_ms()
        offered = Catalogue.model_validate((await ask(LIST_TOOLS)).response.result)
        return Answered(
            ServerIdentity.model_validate(reply.response.result),
            sent_ms,
            reply.response.ts_ms,
            received_ms,
            took_ms,
            sum(tool.name not in BUILT_IN for tool in offered.tools),
        )


def judge_service(server_id: str, answer: Answered | ToolwireError | Unseen) -> Iterator[Finding]:
    """Whether a call works today."""
    desk = Desk(Area.SERVICE, f"server {server_id}")
    if isinstance(answer, Unseen):
        yield desk.unseen("round_trip", "a signed round trip", answer.because, answer.remedy)
        return
    if isinstance(answer, ToolwireError):
        code = answer.code.value if isinstance(answer, RemoteError) else type(answer).__name__
        yield desk.error(
            "round_trip",
            f"a signed call failed: {answer}",
            f"what it says; Toolwire's docs/troubleshooting.md has more under `{code}`",
        )
        return
    yield desk.ok("round_trip", f"answered in {answer.took_ms} ms, signed by {answer.identity.fingerprint}")
    if answer.took_ms > SLOW_MS:
        yield desk.warning(
            "slow",
            f"a signed call that does nothing took {answer.took_ms} ms",
            "look at the replicas' load and at the network between; start more replicas",
        )
    if answer.tools:
        yield desk.ok("catalogue", f"it offers this client {count(answer.tools, 'tool')} of its own")
    else:
        yield desk.warning(
            "catalogue",
            "it offers this client no tool of its own",
            "where the service runs: toolwire keys allow CLIENT TOOL …",
        )


def judge_clock(server_id: str, answer: Answered | ToolwireError | Unseen) -> Iterator[Finding]:
    """The service's signed time against the middle of the round trip."""
    desk = Desk(Area.CLOCK, f"server {server_id}")
    if not isinstance(answer, Answered):
        because = answer.because if isinstance(answer, Unseen) else "no signed answer came"
        yield desk.unseen("service_clock", "how far the service's clock is from ours", because)
        return
    ahead_ms = answer.answered_ms - (answer.sent_ms + answer.received_ms) // 2
    # The answer was written at some time of the trip: by half of it nobody can know better.
    surely_ms = max(0, abs(ahead_ms) - (answer.received_ms - answer.sent_ms) // 2)
    yield _judge_skew(desk, "service_clock", "the service's clock", ahead_ms, surely_ms)


def judge_broker_clock(where: str, skew_ms: int | Unseen) -> Iterator[Finding]:
    """The broker's time decides when messages expire; where it is far off, somebody's clock is wrong."""
    desk = Desk(Area.CLOCK, where)
    if isinstance(skew_ms, Unseen):
        yield desk.unseen("broker_clock", "the broker's clock", skew_ms.because, skew_ms.remedy)
        return
    found = _judge_skew(desk, "broker_clock", "the broker's clock", skew_ms, max(0, abs(skew_ms) - 1_000))
    # Nothing of Toolwire's is decided by the broker's clock.
    yield found if found.level.rank < 3 else desk.warning(found.check, found.what, found.remedy)


def _judge_skew(desk: Desk, check: str, whose: str, ahead_ms: int, surely_ms: int) -> Finding:
    side = "ahead of" if ahead_ms > 0 else "behind"
    what = f"{whose} is {abs(ahead_ms) / 1000:.1f} s {side} ours"
    remedy = "keep both clocks with NTP (timedatectl set-ntp true) and compare: date -u"
    if surely_ms > SKEW_MS:
        return desk.error(
            check,
            f"{what}: more than the {SKEW_MS // 1000} s that the protocol bears, so that requests are "
            "refused as clock_skew or expired",
            remedy,
        )
    if surely_ms > DRIFT_MS:
        return desk.warning(check, f"{what}: nobody keeps one of them", remedy)
    return desk.ok(check, what if surely_ms else f"{whose} is ours, as far as the round trip can tell")
