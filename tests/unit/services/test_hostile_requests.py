"""Whatever a known client sends: each decision is compared with a second wording of the protocol's order."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.contracts.samples import forge
from tests.unit.services.given import (
    CLIENT,
    CLIENTS_KEY,
    KEYS,
    NOW,
    OTHER,
    OTHERS_KEY,
    SERVER,
    TOOLS,
    client,
    record_of,
    request,
    signed,
)
from toolwire.contracts.envelopes import Request
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.jobs import Status
from toolwire.contracts.keys import Ed25519Signer
from toolwire.contracts.meaning import meaning
from toolwire.contracts.registry import ClientEntry
from toolwire.services.requests.authenticate import Authentic, Refused, Unreadable, authenticate
from toolwire.services.requests.decide import Policy, Usage, again, decide
from toolwire.services.requests.plans import Answer, Leave, Plan
from toolwire.services.store.port import Record

STEADY = settings(deadline=None, database=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
SKEW_MS = 30_000
FITTING: dict[str, dict[str, Any]] = {
    "add": {"numbers": [1]},
    "charge": {"amount": 1},
    "put": {"amount": 1},
    "build": {"parts": 2},
    "launch": {},
    "look": {},
    "no_such_tool": {},
}
DONE_BY = {
    "add": "Run",
    "look": "Run",
    "charge": "Claim",
    "put": "Claim",
    "build": "Accept",
    "launch": "Accept",
}
LOST = WireError(code=Code.INTERRUPTED, message="lost", retryable=False)


@dataclass(frozen=True)
class Situation:
    """All that a decision is made from, in plain values."""

    asked: Request
    by: Ed25519Signer
    routing_key: str
    entry: ClientEntry
    record: Record | None
    usage: Usage

    def authentic(self) -> Authentic:
        return signed(self.asked, by=self.by, routing_key=self.routing_key)

    def policy(self) -> Policy:
        return Policy(SERVER, {CLIENT: self.entry, OTHER: self.entry}, TOOLS)

    def decided(self) -> Plan:
        return decide(self.authentic(), self.record, lambda: self.usage, self.policy(), NOW)

    def is_counted(self) -> bool:
        """Whether deciding asks what the client uses, this request counted in."""
        asked: list[Usage] = []

        def usage() -> Usage:
            asked.append(self.usage)
            return self.usage

        decide(self.authentic(), self.record, usage, self.policy(), NOW)
        return bool(asked)


def outcomes(given_: Situation) -> Iterator[tuple[str, bool]]:
    """Every possible outcome in the protocol's order, and whether there is a cause for it."""
    asked, record, entry, usage, tool = (
        given_.asked,
        given_.record,
        given_.entry,
        given_.usage,
        given_.asked.tool,
    )
    lives_ms = asked.deadline_ms - asked.ts_ms
    yield "forbidden", given_.by is not CLIENTS_KEY
    yield "wrong_server", asked.server_id != SERVER
    yield "wrong_destination", given_.routing_key != f"{asked.server_id}.{tool}"
    if record is not None:
        yield "request_id_conflict", record.meaning != meaning(asked)
        yield "expired", record.forgotten
        yield "answer accepted", record.kind == "job"
        yield "running", record.status in (Status.ACCEPTED, Status.RUNNING, Status.INPUT_REQUIRED)
        yield "interrupted", record.error is not None
        yield "answer ok", True
    yield "clock_skew", asked.ts_ms - NOW > SKEW_MS
    yield "expired", NOW - asked.deadline_ms > SKEW_MS
    yield "ttl_too_long", lives_ms <= 0 or lives_ms > entry.max_ttl_s * 1000
    yield "repeated", usage.nonce_seen
    yield "rate_limited", usage.wait_ms > 0
    most = entry.max_running
    yield (
        "rate_limited",
        most is not None and usage.running >= most and tool not in ("look", "build", "launch"),
    )
    yield "tool_not_available", tool not in TOOLS or (tool != "look" and not entry.allow)
    yield "tool_changed", asked.tool_rev not in (None, TOOLS[tool].descriptor.tool_rev)
    yield "invalid_args", asked.args != FITTING[tool]
    yield DONE_BY[tool], True


def told(plan: Plan) -> str:
    match plan:
        case Answer(reply) if reply.error is not None:
            return reply.error.code
        case Answer(reply):
            return f"answer {reply.status}"
        case Leave(why):
            return why
        case _:
            return type(plan).__name__


edges = st.sampled_from([-SKEW_MS - 1, -SKEW_MS, -1, 0, 1, SKEW_MS, SKEW_MS + 1]).map(NOW.__add__)
lives = st.sampled_from([-1, 0, 1, 1000, 1001, 60_000, 60_001])
WRONG = (
    *("key", "server", "destination", "record", "ts_ms", "deadline_ms", "repeated", "rate", "busy"),
    *("not allowed", "tool_rev", "args"),
)
"""What can be wrong; most is right in every case, or the first checks would refuse them all."""
wrongs = st.sets(st.sampled_from(WRONG), max_size=3)


@st.composite
def requests(draw: st.DrawFn, wrong: set[str]) -> Request:
    tool = draw(st.sampled_from(["add", "add", *FITTING]))
    right = TOOLS["add" if tool == "no_such_tool" else tool].descriptor.tool_rev
    ts_ms = draw(edges) if "ts_ms" in wrong else NOW
    return request(
        request_id="r",
        tool=tool,
        args={"unknown": "a private word"} if "args" in wrong else FITTING[tool],
        ts_ms=ts_ms,
        deadline_ms=draw(edges | lives.map(ts_ms.__add__)) if "deadline_ms" in wrong else ts_ms + 1000,
        server_id="server-2" if "server" in wrong else SERVER,
        tool_rev="A" * 43 if "tool_rev" in wrong else draw(st.sampled_from([None, right])),
    )


@st.composite
def records(draw: st.DrawFn, asked: Request) -> Record:
    status = draw(st.sampled_from(Status))
    failed = status in (Status.ERROR, Status.CANCELLED)
    return replace(
        record_of(asked, kind=draw(st.sampled_from(["call", "job"]))),
        status=status,
        meaning=draw(st.sampled_from([meaning(asked), meaning(asked), "A" * 43])),
        forgotten=draw(st.booleans()),
        result='"another private word"' if status is Status.DONE else None,
        error=LOST.model_dump_json() if failed else None,
    )


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    wrong = draw(wrongs)
    asked = draw(requests(wrong))
    return Situation(
        asked=asked,
        by=OTHERS_KEY if "key" in wrong else CLIENTS_KEY,
        routing_key=f"{SERVER}.add.more" if "destination" in wrong else f"{asked.server_id}.{asked.tool}",
        entry=client(
            allow=() if "not allowed" in wrong else ("*",),
            max_ttl_s=draw(st.sampled_from([1, 60])),
            max_running=2 if "busy" in wrong else None,
        ),
        record=draw(records(asked)) if "record" in wrong else None,
        usage=Usage(
            running=draw(st.integers(1, 3)),
            wait_ms=draw(st.integers(1, 999)) if "rate" in wrong else 0,
            nonce_seen="repeated" in wrong,
        ),
    )


@pytest.mark.promise("P2", "P4", "P5")
@settings(STEADY, max_examples=400)
@given(situations())
def test_the_first_cause_in_the_order_of_the_protocol_decides(given_: Situation) -> None:
    assert told(given_.decided()) == next(name for name, there in outcomes(given_) if there)


@pytest.mark.promise("P5")
@STEADY
@given(situations())
def test_nothing_of_a_record_or_of_a_request_is_told_to_another_client(given_: Situation) -> None:
    plan = replace(given_, by=OTHERS_KEY).decided()
    assert told(plan) == "forbidden"
    assert "private" not in repr(plan)
    assert plan == replace(given_, by=OTHERS_KEY, record=None).decided(), "even that there is a record shows"


@STEADY
@given(situations())
def test_a_refusal_repeats_nothing_that_was_sent(given_: Situation) -> None:
    plan = given_.decided()
    if isinstance(plan, Answer) and plan.reply.error is not None:
        assert "private" not in plan.reply.error.model_dump_json()


@pytest.mark.promise("P2")
@STEADY
@given(situations())
def test_only_new_requests_are_counted(given_: Situation) -> None:
    """What is refused before the limits are asked, or is on record, costs its client nothing."""
    free = {"forbidden", "wrong_server", "wrong_destination", "clock_skew", "expired", "ttl_too_long"}
    assert given_.is_counted() == (given_.record is None and told(given_.decided()) not in free)


@pytest.mark.promise("P4")
@STEADY
@given(
    data=st.data(),
    asked=requests(set[str]()),
    now_ms=st.integers(0, 2**53 - 1),
    usage=st.builds(Usage, wait_ms=st.integers(0, 9)),
)
def test_a_record_gives_the_same_plan_whenever_and_however_often_it_is_asked(
    data: st.DataObject, asked: Request, now_ms: int, usage: Usage
) -> None:
    record = data.draw(records(asked))
    plan = again(record, meaning(asked))
    assert again(record, meaning(asked)) == plan
    policy = Policy(SERVER, {CLIENT: client(allow=())}, {})
    later = request(**{**dict(asked), "ts_ms": 1, "deadline_ms": 2, "nonce": "m" * 22})
    assert decide(signed(later), record, lambda: usage, policy, now_ms) == plan


# --- what a client signed, and is no request ---

texts = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.promise("P6", "P9")
@STEADY
@given(st.dictionaries(st.sampled_from([*Request.model_fields]) | texts, values, max_size=4), st.booleans())
def test_whatever_a_client_signs_is_told_back_to_nobody_but_this_client(
    changes: dict[str, Any], whole: bool
) -> None:
    """Fields of any kind: it is a request, or the answer goes by the ids in it where those are ids."""
    fields = request(request_id="r").model_dump(exclude_none=True) if whole else {}
    said = {**fields, **changes}
    payload = json.dumps(said).encode()  # with NaN and lone surrogates, as Python writes them
    found = authenticate(forge(payload, CLIENTS_KEY), KEYS, f"{SERVER}.add", NOW)
    assert not isinstance(found, Refused)
    assert found.key.owner == CLIENT
    if isinstance(found, Unreadable):
        assert found.error.code in (Code.INVALID_ENVELOPE, Code.UNSUPPORTED_VERSION)
        for name in ("request_id", "reply_to"):
            assert getattr(found, name) in (None, said.get(name))
    else:
        assert found.request.model_dump(exclude_none=True) == {
            name: value for name, value in said.items() if value is not None
        }
