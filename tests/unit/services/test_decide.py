"""The decision core: every check of the protocol, in its order, and every plan."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Annotated, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, JsonValue

from tests.unit.services.given import (
    CLIENT,
    CLIENTS_KEY,
    LOOK,
    NOW,
    OTHERS_KEY,
    SERVER,
    TOOLS,
    Case,
    client,
    record_of,
    request,
    signed,
)
from toolwire.contracts.encoding import JsonText
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.jobs import Status
from toolwire.contracts.meaning import meaning
from toolwire.services import Service
from toolwire.services.requests.decide import SKEW_MS, Policy, Usage, again, decide, stored
from toolwire.services.requests.plans import (
    NOTHING,
    Accept,
    Answer,
    Claim,
    Leave,
    Plan,
    Prepared,
    Reply,
    Run,
)

RATE = Usage(wait_ms=250)
BUSY = Usage(running=2)
A_DIGEST = "A" * 43

# One way to fail each check, in the order of the checks. Every pair of them can be put together.
FAILURES: list[tuple[str, dict[str, Any]]] = [
    ("forbidden", {"by": OTHERS_KEY}),
    ("wrong_server", {"request": {"server_id": "server-2"}}),
    ("wrong_destination", {"routing_key": f"{SERVER}.another"}),
    ("request_id_conflict", {"record": {"meaning": A_DIGEST}}),
    ("clock_skew", {"request": {"ts_ms": NOW + SKEW_MS + 1}}),
    ("expired", {"request": {"deadline_ms": NOW - SKEW_MS - 1}}),
    ("ttl_too_long", {"client": {"max_ttl_s": 1}}),
    ("repeated", {"usage": {"nonce_seen": True}}),
    ("rate_limited", {"usage": {"wait_ms": 250}}),
    ("rate_limited by running calls", {"usage": {"running": 2}, "client": {"max_running": 2}}),
    ("tool_not_available", {"client": {"allow": ()}}),
    ("tool_changed", {"request": {"tool_rev": A_DIGEST}}),
    ("invalid_schedule", {"request": {"priority": 1}}),
    ("invalid_args", {"request": {"args": {"numbers": []}}}),
]


def case_of(*failures: dict[str, Any]) -> Case:
    """All failures in one case."""
    merged: dict[str, Any] = {}
    for failure in failures:
        for name, value in failure.items():
            inner = cast("dict[str, Any]", value)
            merged[name] = {**merged.get(name, {}), **inner} if isinstance(value, dict) else value
    if "usage" in merged:
        merged["usage"] = Usage(**merged["usage"])
    return Case(**merged)


def told(plan: Plan) -> str:
    """A plan in a few words: the code of a refusal, or what is done."""
    match plan:
        case Answer(Reply(error=WireError(code=Code.RATE_LIMITED, retry_after_ms=100))):
            return "rate_limited by running calls"
        case Answer(Reply(error=WireError(code=code))):
            return code
        case Answer(Reply(status=status)):
            return f"answer {status}"
        case Leave(why):
            return why
        case _:
            return type(plan).__name__


def error_of(plan: Plan) -> WireError:
    assert isinstance(plan, Answer)
    assert plan.reply.error is not None
    assert plan.reply.status is Status.ERROR
    return plan.reply.error


def decided(**case: Any) -> Plan:
    return decide(*Case(**case).arguments())


def look_up(name: str) -> str:
    """A tool's own validator, which breaks over what it does not know."""
    return {"known": "value"}[name]


# --- the order of the checks ---


@pytest.mark.parametrize(("name", "failure"), FAILURES, ids=[name for name, _ in FAILURES])
def test_each_check_refuses(name: str, failure: dict[str, Any]) -> None:
    assert told(decide(*case_of(failure).arguments())) == name


@pytest.mark.parametrize(
    ("first", "second"),
    list(itertools.combinations(FAILURES, 2)),
    ids=lambda failure: cast("tuple[str, object]", failure)[0],
)
def test_of_two_failures_the_first_is_told(
    first: tuple[str, dict[str, Any]], second: tuple[str, dict[str, Any]]
) -> None:
    assert told(decide(*case_of(first[1], second[1]).arguments())) == first[0]


def test_all_failures_at_once_tell_the_first_and_mending_one_tells_the_next() -> None:
    for at, (name, _) in enumerate(FAILURES):
        assert told(decide(*case_of(*(failure for _, failure in FAILURES[at:])).arguments())) == name


@pytest.mark.promise("P2")
@pytest.mark.parametrize(("name", "failure"), FAILURES, ids=[name for name, _ in FAILURES])
def test_only_what_limits_the_tool_or_its_arguments_refuse_is_counted(
    name: str, failure: dict[str, Any]
) -> None:
    """What else is refused may be a copy that somebody else published, and costs its client nothing."""
    authentic, record, usage, policy, now_ms = case_of(failure).arguments()
    asked: list[Usage] = []

    def counted() -> Usage:
        asked.append(usage())
        return asked[-1]

    names = [name for name, _ in FAILURES]
    before = names[: names.index("repeated")]
    decide(authentic, record, counted, policy, now_ms)
    assert len(asked) == (name not in before)


# --- whose key, which server, which tool ---


@pytest.mark.promise("P2", "P5")
def test_a_client_cannot_speak_for_another() -> None:
    assert error_of(decided(by=OTHERS_KEY)).code is Code.FORBIDDEN


@pytest.mark.promise("P5")
def test_even_a_record_says_nothing_to_another_client() -> None:
    finished = {"status": Status.DONE, "result": '"a secret"'}
    assert error_of(decided(by=OTHERS_KEY, record=finished)).code is Code.FORBIDDEN


def test_a_key_whose_owner_the_registry_does_not_list_is_forbidden() -> None:
    authentic, record, usage, _, now_ms = Case().arguments()
    nobody = Policy(SERVER, {}, TOOLS)
    assert error_of(decide(authentic, record, usage, nobody, now_ms)).code is Code.FORBIDDEN


@pytest.mark.parametrize("routing_key", ["", "server-1", "server-1.ad", "server-1.add.more", "#"])
@pytest.mark.promise("P2")
def test_only_its_own_destination_fits_a_tool(routing_key: str) -> None:
    assert error_of(decided(routing_key=routing_key)).code is Code.WRONG_DESTINATION


@pytest.mark.promise("P5")
def test_an_unknown_tool_and_a_forbidden_one_look_the_same() -> None:
    unknown = decided(request={"tool": "no_such_tool"})
    forbidden = decided(request={"tool": "charge", "args": {"amount": 1}}, client={"allow": ("add",)})
    assert unknown == forbidden
    assert told(unknown) == "tool_not_available"


def test_arguments_and_revision_of_a_forbidden_tool_are_not_looked_at() -> None:
    for wrong in ({"args": {"nothing": "fits"}}, {"tool_rev": A_DIGEST}):
        assert told(decided(request=wrong, client={"allow": ()})) == "tool_not_available"


def test_a_built_in_tool_is_open_to_every_client() -> None:
    plan = decided(request={"tool": "look", "args": {}}, client={"allow": ()})
    assert isinstance(plan, Run)
    assert plan.prepared.spec is LOOK


def test_a_pinned_revision_that_fits_is_let_through() -> None:
    assert isinstance(decided(request={"tool_rev": TOOLS["add"].descriptor.tool_rev}), Run)


def test_arguments_that_do_not_fit_are_told_with_their_paths() -> None:
    error = error_of(decided(request={"args": {"numbers": [1, "2"], "colour": "blue"}}))
    assert (error.code, error.retryable) == (Code.INVALID_ARGS, False)
    assert {(told.path, told.type) for told in error.fields or ()} == {
        ("/numbers/1", "int_type"),
        ("/colour", "extra_forbidden"),
    }


def test_what_was_sent_is_not_echoed() -> None:
    error = error_of(decided(request={"args": {"numbers": ["a very private word"]}}))
    assert "private" not in error.model_dump_json()


# --- freshness, to the millisecond ---


@pytest.mark.parametrize(
    ("ts_ms", "deadline_ms", "expected"),
    [
        (SKEW_MS, SKEW_MS + 1, "Run"),
        (SKEW_MS + 1, SKEW_MS + 2, "clock_skew"),
        (-SKEW_MS - 1, -SKEW_MS, "Run"),
        (-SKEW_MS - 2, -SKEW_MS - 1, "expired"),
        (0, 0, "ttl_too_long"),
        (1, 0, "ttl_too_long"),
        (0, 1, "Run"),
        (0, 60_000, "Run"),
        (0, 60_001, "ttl_too_long"),
        (-NOW, -NOW + 60_000, "expired"),
    ],
)
def test_freshness_ends_on_the_millisecond(ts_ms: int, deadline_ms: int, expected: str) -> None:
    plan = decided(request={"ts_ms": NOW + ts_ms, "deadline_ms": NOW + deadline_ms})
    assert told(plan) == expected


def test_age_alone_never_refuses() -> None:
    """A request may have waited in its queue for as long as its caller allowed."""
    assert isinstance(decided(request={"ts_ms": NOW - 59_999, "deadline_ms": NOW + 1}), Run)


def test_refusals_of_the_clock_say_by_how_much() -> None:
    assert "30001 ms ahead" in error_of(decided(request={"ts_ms": NOW + 30_001})).message
    assert "30001 ms ago" in error_of(decided(request={"ts_ms": 1, "deadline_ms": NOW - 30_001})).message
    assert "60 seconds" in error_of(decided(request={"deadline_ms": NOW})).message


# --- rate and concurrency ---


def test_a_rate_that_is_used_up_invites_to_come_again() -> None:
    error = error_of(decided(usage=RATE))
    assert (error.code, error.retryable, error.retry_after_ms) == (Code.RATE_LIMITED, True, 250)


@pytest.mark.parametrize(
    ("max_running", "expected"), [(None, "Run"), (3, "Run"), (2, "refused"), (1, "refused")]
)
def test_running_calls_count_against_their_limit(max_running: int | None, expected: str) -> None:
    plan = decided(usage=BUSY, client={"max_running": max_running})
    if expected == "Run":
        assert isinstance(plan, Run)
    else:
        error = error_of(plan)
        assert (error.code, error.retryable) == (Code.RATE_LIMITED, True)


@pytest.mark.parametrize(("tool", "args"), [("look", {}), ("build", {})])
def test_a_busy_client_can_still_poll_and_submit(tool: str, args: dict[str, Any]) -> None:
    plan = decided(request={"tool": tool, "args": args}, usage=BUSY, client={"max_running": 1})
    assert isinstance(plan, Run | Accept)


# --- what is done with a request that nothing is wrong with ---


@pytest.mark.parametrize(
    ("tool", "args", "expected"),
    [
        ("add", {"numbers": [1]}, Run),
        ("look", {}, Run),
        ("charge", {"amount": 1}, Claim),
        ("put", {"amount": 1}, Claim),
        ("build", {}, Accept),
        ("launch", {}, Accept),
    ],
)
def test_a_plan_for_every_kind_of_tool(tool: str, args: dict[str, Any], expected: type[Plan]) -> None:
    plan = decided(request={"tool": tool, "args": args})
    assert isinstance(plan, expected)
    assert isinstance(plan, Run | Claim | Accept)
    assert plan.prepared.spec is TOOLS[tool]


def test_plans_carry_the_validated_arguments_and_the_meaning() -> None:
    asked = request(tool="charge", args={"amount": 7})
    plan = decide(signed(asked), None, Usage, Policy(SERVER, {CLIENT: client()}, TOOLS), NOW)
    assert plan == Claim(Prepared(TOOLS["charge"], (), {"amount": 7}), meaning(asked))


@pytest.mark.promise("P4")
@pytest.mark.parametrize("tool", ["add", "charge", "build", "steal"])
def test_a_line_that_was_here_before_and_left_no_record_is_left(tool: str) -> None:
    """Whatever its tool: it was refused, or it is under way, or it read. Nothing is told anew."""
    plan = decided(request={"tool": tool, "args": {"amount": "x"}}, usage=Usage(nonce_seen=True))
    assert plan == Leave("repeated")


@pytest.mark.promise("P9")
def test_a_validator_that_breaks_is_answered_and_told_to_the_log_alone() -> None:
    service = Service(SERVER)

    @service.tool()
    def find(name: Annotated[str, AfterValidator(look_up)]) -> str:
        return name

    authentic = signed(request(tool="find", args={"name": "secret"}))
    plan = decide(authentic, None, Usage, Policy(SERVER, {CLIENT: client()}, service.tools), NOW)

    assert isinstance(plan, Answer)
    assert isinstance(plan.broke, KeyError)
    error = error_of(plan)
    assert (error.code, error.data) == (Code.INTERNAL, {"error_id": authentic.digest[:16]})
    assert "secret" not in error.model_dump_json()


# --- records ---

AN_ERROR = WireError(code=Code.INTERRUPTED, message="lost", retryable=False)


@pytest.mark.promise("P4")
@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"status": Status.DONE, "result": "7"}, Answer(Reply("ok", JsonText("7")), on_record=True)),
        ({"status": Status.DONE, "result": "null"}, Answer(Reply("ok", NOTHING), on_record=True)),
        (
            {"status": Status.ERROR, "error": AN_ERROR.model_dump_json()},
            Answer(Reply(Status.ERROR, error=AN_ERROR), on_record=True),
        ),
        (
            {"status": Status.CANCELLED, "error": AN_ERROR.model_dump_json()},
            Answer(Reply(Status.CANCELLED, error=AN_ERROR), on_record=True),
        ),
        ({"status": Status.RUNNING}, Leave("running")),
        ({"status": Status.ACCEPTED}, Leave("running")),
        ({"status": Status.INPUT_REQUIRED}, Leave("running")),
    ],
)
def test_the_record_of_a_call_answers_or_its_owner_will(record: dict[str, Any], expected: Plan) -> None:
    assert decided(record=record) == expected


@pytest.mark.promise("P4")
@pytest.mark.parametrize("status", Status)
def test_the_record_of_a_job_names_the_job_in_every_status(status: Status) -> None:
    plan = decided(record={"kind": "job", "job_id": "job-1", "status": status})
    assert plan == Answer(Reply(Status.ACCEPTED, JsonText('{"job_id":"job-1"}')), on_record=True)


@pytest.mark.promise("P4")
@pytest.mark.parametrize("kind", ["call", "job"])
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("forgotten", [False, True])
def test_another_meaning_under_the_same_id_is_a_conflict_whatever_became_of_the_first(
    kind: str, status: Status, forgotten: bool
) -> None:
    record = {"kind": kind, "status": status, "forgotten": forgotten, "meaning": A_DIGEST}
    assert error_of(decided(record=record)).code is Code.REQUEST_ID_CONFLICT


@pytest.mark.parametrize("kind", ["call", "job"])
@pytest.mark.parametrize("status", [status for status in Status if status.final])
def test_what_has_left_is_expired_and_not_made_up(kind: str, status: Status) -> None:
    record = {"kind": kind, "job_id": "job-1", "status": status, "forgotten": True}
    assert error_of(decided(record=record)).code is Code.EXPIRED


@pytest.mark.promise("P4")
@pytest.mark.parametrize(
    "failure", [failure for name, failure in FAILURES if name not in ("forbidden", "wrong_server")][2:]
)
def test_a_record_is_answered_before_anything_later_is_checked(failure: dict[str, Any]) -> None:
    """A duplicate after its deadline, over the rate or to a changed tool gets the stored answer."""
    case = case_of(failure, {"record": {"status": Status.DONE, "result": "7"}})
    assert decide(*case.arguments()) == Answer(Reply("ok", JsonText("7")), on_record=True)


@pytest.mark.parametrize(
    "change",
    [
        {"args": {"numbers": [1, 3]}},
        {"args": {"numbers": [1, 2, 2]}},
        {"tool": "look"},
        {"tool_rev": TOOLS["add"].descriptor.tool_rev},
        {"server_id": "server-2"},
    ],
)
def test_what_makes_another_meaning(change: dict[str, Any]) -> None:
    first = request(request_id="the-same")
    second = request(**{"request_id": "the-same"} | change)
    assert told(again(record_of(first), meaning(second))) == "request_id_conflict"


@pytest.mark.parametrize("change", [{"nonce": "m" * 22}, {"ts_ms": NOW - 5}, {"reply_to": "instance-2"}])
def test_another_attempt_means_the_same(change: dict[str, Any]) -> None:
    first = request(request_id="the-same")
    second = request(**{"request_id": "the-same"} | change)
    assert again(record_of(first), meaning(second)) == Leave("running")


def test_a_record_without_a_result_is_told_as_null() -> None:
    assert stored(replace(record_of(request()), status=Status.DONE)) == Reply("ok", NOTHING)


# --- whatever comes ---

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
arguments = st.dictionaries(st.sampled_from(["numbers", "amount", "parts"]) | texts, values, max_size=3)
times = st.integers(0, 2**53 - 1) | st.integers(NOW - 100_000, NOW + 100_000)
records = st.none() | st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["call", "job"]),
        "job_id": st.just("job-1"),
        "status": st.sampled_from(Status),
        "forgotten": st.booleans(),
    },
    optional={"meaning": st.just(A_DIGEST), "result": st.just("[1]")},
)
usages = st.builds(Usage, running=st.integers(0, 9), wait_ms=st.integers(0, 999), nonce_seen=st.booleans())


@settings(max_examples=250, deadline=None)
@given(
    asked=st.fixed_dictionaries(
        {
            "tool": st.sampled_from([*TOOLS, "no_such_tool"]),
            "args": cast("st.SearchStrategy[dict[str, JsonValue]]", arguments),
            "ts_ms": times,
            "deadline_ms": times,
            "server_id": st.sampled_from([SERVER, "server-2"]),
            "tool_rev": st.none() | st.just(A_DIGEST),
        }
    ),
    by=st.sampled_from([CLIENTS_KEY, CLIENTS_KEY, CLIENTS_KEY, OTHERS_KEY]),
    record=records,
    usage=usages,
    now_ms=times,
)
def test_every_authentic_request_gets_a_plan(
    asked: dict[str, Any], by: Any, record: dict[str, Any] | None, usage: Usage, now_ms: int
) -> None:
    plan = decide(*Case(request=asked, by=by, record=record, usage=usage, now_ms=now_ms).arguments())
    assert isinstance(plan, Answer | Leave | Run | Claim | Accept)


@pytest.mark.parametrize(
    "waits",
    [
        {"run_at_ms": NOW},
        {"run_at_ms": NOW - 1},
        {"run_at_ms": NOW + 20_000},
        {"run_at_ms": NOW + 20_001},
        {"priority": 8},
    ],
    ids=str,
)
def test_a_job_that_cannot_wait_as_asked_is_refused(waits: dict[str, int]) -> None:
    """Over already, not before its deadline, or ahead of what this client may ask for."""
    case = Case(request={"tool": "build", "args": {}, **waits}, client={"max_priority": 7})
    assert told(decide(*case.arguments())) == "invalid_schedule"


@pytest.mark.parametrize(
    "waits", [{"run_at_ms": NOW + 1}, {"run_at_ms": NOW + 19_999}, {"priority": -9}], ids=str
)
def test_a_job_may_wait(waits: dict[str, int]) -> None:
    case = Case(request={"tool": "build", "args": {}, **waits})
    assert isinstance(decide(*case.arguments()), Accept)


def test_how_a_job_waits_is_no_part_of_its_meaning() -> None:
    """A program that was restarted asks again under the same id, and counts its delay from then on."""
    asked = request(tool="build", args={})
    again_later = request(tool="build", args={}, run_at_ms=NOW + 1, priority=1)
    assert meaning(asked) == meaning(again_later)
