"""contracts/spec/PROTOCOL.md says what the code does: its closed sets, its queues, its limits."""

import ast
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from pamqp.commands import Basic
from pamqp.header import ContentHeader
from pydantic import BaseModel

from tests.unit.services.test_decide import FAILURES
from tests.unit.spec.protocol_page import FILE, TEXT, headings, plain, rows, sections, tables
from toolwire.broker import guard, topology
from toolwire.client import answers, following, ledger, replies, watched, watching
from toolwire.client.exchange import FIRST_PAUSE_S, LONGEST_PAUSE_S
from toolwire.client.job_news import GRACE_S, LOOK_EVERY_MS
from toolwire.contracts import builtin, encoding, fields, history, keys, lines, names, sealing
from toolwire.contracts.envelopes import VERSION, Request
from toolwire.contracts.errors import RETRYABLE, Code, KeyRefused
from toolwire.contracts.history import Happened, Why
from toolwire.contracts.jobs import MCP_TASK_STATUS, TRANSITIONS, EventName, Status
from toolwire.contracts.keys import _SMALL_ORDER_Y as SMALL_ORDER_Y  # pyright: ignore[reportPrivateUsage] - nobody else needs it
from toolwire.contracts.keys import ed25519_verifier
from toolwire.contracts.registry import MAX_TTL_S
from toolwire.contracts.sealing import _TAIL as TAIL  # pyright: ignore[reportPrivateUsage] - nobody else needs it
from toolwire.services.asking import questions
from toolwire.services.requests import decide
from toolwire.services.telling.snapshots import POLL_AFTER_MS

CONTRACTS = sorted(Path(keys.__file__).parent.glob("*.py"))
DROPPING = [
    Path(module.__file__ or "") for module in (answers, following, ledger, replies, watched, watching)
]
"""The modules that drop what is no answer and no event."""


# --- closed sets ---


def test_the_statuses_are_those_that_there_are() -> None:
    told = [(plain(status), final, plain(mcp)) for status, _, final, _, mcp in rows("10.1")]
    job = [(status.value, "yes" if status.final else "no", MCP_TASK_STATUS[status]) for status in Status]
    assert told == [("ok", "", ""), *job]


def test_the_codes_are_those_that_there_are() -> None:
    told = [(plain(code), retry) for code, retry, *_ in rows("10.2")]
    assert told == [(code.value, "yes" if code in RETRYABLE else "no") for code in Code]


def test_the_events_are_those_that_there_are_and_lead_where_the_table_says() -> None:
    told = [(plain(event), plain(status), final) for event, status, final, _ in rows("11.2")]
    leads = {step.event: step.status for step in TRANSITIONS.values()}
    assert told == [
        (event.value, leads[event].value, "yes" if leads[event].final else "no") for event in EventName
    ]


def test_what_a_history_can_tell_is_what_there_is() -> None:
    told = {plain(name): re.findall(r"`(\w+)`", meaning) for name, _, meaning in rows("12.4")}
    assert told["event"] == [event.value for event in Happened]
    assert told["why"] == [why.value for why in Why]


def said_in(file: Path, *calls: str, functions: tuple[str, ...] = ()) -> Iterator[str]:
    """The texts that are given first to these callables, or returned by these functions."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(word)), *_]) if name in calls:
                yield word
            case ast.FunctionDef(name=name) if name in functions:
                for inner in ast.walk(node):
                    match inner:
                        case ast.Return(value=ast.Constant(value=str(word))):
                            yield word
                        case _:
                            pass
            case _:
                pass


def unauthentic() -> set[str]:
    """Every reason for which bytes are not authentic."""
    opened = {word for file in CONTRACTS for word in said_in(file, "Unverified", functions=("refusal",))}
    return opened | {"malformed_properties"}


def test_the_reasons_of_what_is_not_authentic_are_all_there() -> None:
    assert {plain(reason) for reason, _ in rows("8.1")} == unauthentic()


def test_the_reasons_of_what_a_client_drops_are_all_there() -> None:
    made = {
        word for file in DROPPING for word in said_in(file, "Drop", functions=("_mismatch", "doubt", "tell"))
    }
    told = {
        word
        for number in ("9.1", "9.2", "9.3", "13")
        for words in re.findall(r"else ((?:`\w+`(?:, )?)+)", sections()[number])
        for word in re.findall(r"\w+", words)
    }
    assert told | {"invalid_envelope"} == made - unauthentic()


def test_the_built_in_tools_are_those_that_there_are() -> None:
    told = {plain(tool): re.findall(r"`(\w+)`:", arguments) for tool, arguments, _ in rows("12")}
    assert set(told) == builtin.BUILT_IN
    about_a_job = {builtin.POLL_JOB, builtin.CANCEL_JOB, builtin.JOB_HISTORY}
    models: dict[str, type[BaseModel]] = {
        builtin.SERVER_IDENTITY: builtin.NoArguments,
        builtin.LIST_TOOLS: builtin.ListTools,
        builtin.LIST_JOBS: builtin.ListJobs,
        builtin.JOB_OUTPUT: builtin.ReadOutput,
        builtin.ANSWER_JOB: builtin.AnswerJob,
        **dict.fromkeys(about_a_job, builtin.PollJob),
    }
    assert told == {name: list(model.model_fields) for name, model in models.items()}


def test_the_checks_stand_in_the_order_in_which_the_service_makes_them() -> None:
    """`FAILURES` is in that order, which is tested there with every pair of them."""
    made = list(dict.fromkeys(name.split()[0].replace("repeated", "silence") for name, _ in FAILURES))
    told = [word for _, words in rows("8.2") for word in re.findall(r"`(\w+)`|(silence)", words)[:1]]
    order = [code or silence for code, silence in told]
    start = order.index(made[0])
    assert order[start : start + len(made)] == made


def test_a_line_ends_as_the_page_says() -> None:
    [tail] = re.findall(r"^ +(,\"signature.+)\$$", sections()["4.2"], flags=re.MULTILINE)
    assert tail.encode() + rb"\Z" == TAIL.pattern


def test_the_version_is_the_codes() -> None:
    assert headings()[0] == f"The Toolwire protocol, `{VERSION}`"
    assert f'`["{VERSION}"]`' in sections()["17"]


def test_every_section_that_is_named_exists() -> None:
    named = re.findall(r"[Ss]ections? (\d+(?:\.\d+)?)|\((\d+\.\d+)\)", TEXT)
    assert {one or other for one, other in named} <= set(sections())


def test_every_section_of_the_checklist_exists() -> None:
    named = {number for *_, numbers in rows("1.1") for number in numbers.split(", ")}
    assert named <= set(sections())


def test_numbers_are_spelt_in_canonical_form_as_the_page_says() -> None:
    [said] = re.findall(r"as Python writes it: (.+?)\. Toolwire", sections()["4.1"], flags=re.DOTALL)
    spelt = re.findall(r"`(.+?)`", said)
    assert [encoding.canonical(float(number)) for number in spelt] == spelt
    assert {"e" in number for number in map(encoding.canonical, (0.0001, 9999999999999998.0))} == {False}
    assert {"e" in number for number in map(encoding.canonical, (0.000099, 1e16))} == {True}


# --- exchanges and queues ---

PARTS = {
    "<client_id>": "client-1",
    "<server_id>": "server-1",
    "<tool>": "add",
    "<event>": "done",
    "<reply_to>": "i1",
}


def filled(formula: str) -> str:
    for part, sample in PARTS.items():
        formula = formula.replace(part, sample)
    return formula


def test_the_exchanges_and_their_keys_are_those_of_the_topology() -> None:
    told = {topology.Route(plain(exchange), filled(plain(key))) for exchange, _, key, *_ in rows("5.1")}
    assert told == {
        topology.request_route("server-1", "add"),
        topology.reply_route("client-1", "i1"),
        topology.event_route("client-1", "server-1", "add", "done"),
        topology.job_route("server-1"),
        topology.control_route("server-1"),
        topology.dead_route("server-1"),
        topology.junk_route("server-1"),
    }
    assert {route.exchange for route in told} == set(topology.EXCHANGES)


def typed(kind: str, value: str) -> str | int:
    return int(plain(value)) if kind == "integer" else plain(value)


def test_a_reply_queue_is_declared_as_the_page_says() -> None:
    fresh = topology.fresh_reply_queue("client-1", "i1")
    named = topology.named_reply_queue("client-1", "i1")
    manners, arguments = tables("5.2")
    for column, queue in ((1, fresh), (2, named)):
        told = {plain(row[0]): typed(row[1], row[column + 1]) for row in arguments[1:] if row[column + 1]}
        assert told == dict(queue.arguments)
        said = {row[0]: row[column] for row in manners[1:]}
        flags = (said["durable"], said["exclusive"], said["auto-delete"])
        assert flags == tuple(
            str(flag).lower() for flag in (queue.durable, queue.exclusive, queue.auto_delete)
        )
        assert ("exclusive consumer" in said["consume"]) is queue.exclusive_consumer
        shape = re.escape(plain(said["queue"])).replace("<suffix>", "[0-9a-f]{8}")
        shape = shape.replace("<client_id>", "client\\-1").replace("<instance>", "i1")
        assert re.fullmatch(shape, queue.name)
        assert queue.bindings == (topology.Binding("tw.replies", "client-1.i1"),)


def test_a_watchers_queue_is_declared_as_the_page_says() -> None:
    queue = topology.watch_queue("C", "name", ())
    assert {plain(name): typed(kind, value) for name, kind, value in rows("13")} == dict(queue.arguments)
    assert f"`{queue.name.replace('name', '<name>')}`" in sections()["13"]
    assert (queue.durable, queue.exclusive, queue.auto_delete) == (True, False, False)


def test_a_servers_queues_are_declared_as_the_page_says() -> None:
    queues = [
        topology.call_queue("server-1"),
        topology.job_queue("server-1"),
        topology.control_queue("server-1", "replica-1"),
        topology.dead_queue("server-1"),
        topology.junk_queue("server-1"),
    ]
    for (name, bound, arguments), queue in zip(rows("5.7"), queues, strict=True):
        told = dict(re.findall(r"`(x-[a-z-]+)`=`?([\w.-]+)`?", arguments))
        assert told == {argument: str(value) for argument, value in queue.arguments.items()}
        assert queue.name.startswith(filled(plain(name)).partition("<")[0])
        exchange, key = (filled(plain(part)) for part in bound.split(", "))
        assert queue.bindings == (topology.Binding(exchange, key),)


def test_the_bindings_of_the_examples_are_those_that_are_made() -> None:
    for pattern in (
        topology.event_pattern("client-001", None, None, None),
        topology.event_pattern(None, "mcp-server-001", "render", "done"),
    ):
        assert f"`{pattern}`" in sections()["13"]


def test_a_long_tool_name_stands_in_a_key_as_the_page_says() -> None:
    most, kept, digits = map(int, re.findall(r"(?:than|first) (\d+)\s", sections()["13"]))
    for tool in ("t" * most, "t" * (most + 1)):
        hashed = f"{tool[:kept]}~{hashlib.sha256(tool.encode()).hexdigest()[:digits]}"
        expected = tool if len(tool) <= most else hashed
        assert topology.event_key("c", "s", tool, "done") == f"c.s.{expected}.done"


def test_a_request_is_published_as_the_page_says() -> None:
    told = {plain(name): plain(value) for name, value in rows("5.3")}
    assert told["content_type"].startswith(f"{lines.CONTENT_TYPE}, exactly")
    assert told["type"] == Request.TYPE
    assert topology.Route(told["exchange"], filled(told["routing key"].split()[0])) == (
        topology.request_route("server-1", "add")
    )


def test_a_client_needs_the_permissions_that_the_operators_page_gives() -> None:
    page = Path(__file__).parents[3] / "docs" / "operations.md"
    [row] = re.findall(r"^\| a client `C` \|(.+)\|$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    given = [plain(cell).replace("\\|", "|") for cell in row.strip().split(" | ")]
    assert re.findall(r"^    (\^.+)$", sections()["5.6"], flags=re.MULTILINE) == given


# --- limits ---


def limits() -> dict[str, int]:
    return {what: int(limit) for what, limit in rows("14")}


FIGURES = {
    "a line, with its signature, in bytes": sealing.MAX_LINE_BYTES,
    "the body of a message, in bytes": lines.MAX_BODY_BYTES,
    "lines in a message": lines.MAX_LINES,
    "a tool's result, as canonical JSON, in bytes": sealing.MAX_RESULT_BYTES,
    "an answer to a job's question, as canonical JSON, in bytes": questions.MAX_ANSWER_BYTES,
    "the largest integer of the protocol's own fields": names.MAX_SAFE_INTEGER,
    "an HS256 secret, in bytes, at least": keys.MIN_SECRET_BYTES,
    "how far clocks may differ, in milliseconds": decide.SKEW_MS,
    "how far a deadline may lie ahead by default, in seconds": MAX_TTL_S,
    "a priority, above and below 0": names.MAX_PRIORITY,
    "field errors in an error": fields.MAX_FIELDS,
    "jobs in one answer of `list_jobs`": builtin.MAX_LISTED,
    "attempts in one answer of `job_history`": history.KEPT_ATTEMPTS,
}


def nested(depth: int) -> list[object]:
    """An array that lies in so many arrays."""
    return [] if depth == 0 else [nested(depth - 1)]


def passes(do: Callable[[], object]) -> bool:
    try:
        do()
    except encoding.NotJson:
        return False
    return True


def header_with(value: str) -> bytes:
    """The properties of a message, as they travel, with a header of that value."""
    return ContentHeader(properties=Basic.Properties(headers={"header": value})).marshal()


def decodes(size: int) -> bool:
    """Whether the guard decodes properties of so many bytes."""
    received = ContentHeader()
    received.unmarshal(header_with("v" * (size - len(header_with("")))))
    return not isinstance(received.properties, guard.Malformed)


TRIED: Mapping[str, Callable[[int], bool]] = {
    "objects and arrays that a value lies in: in an envelope": lambda depth: passes(
        lambda: encoding.parse(b"[" * depth + b"1" + b"]" * depth)
    ),
    "objects and arrays that a value lies in: in arguments, results": lambda depth: passes(
        lambda: encoding.sendable(nested(depth))
    ),
    "an id, a kid, in characters": lambda length: names.is_id("i" * length),
    "a tool name, in characters": lambda length: names.is_tool_name("t" * length),
    "AMQP properties of a message, in bytes": decodes,
    "a tool name in the routing key of an event, in characters": lambda length: (
        "~" not in topology.event_key("c", "s", "t" * length, "done")
    ),
}


def test_every_limit_is_looked_at() -> None:
    assert set(limits()) == {*FIGURES, *TRIED}


@pytest.mark.parametrize("what", FIGURES)
def test_a_limit_is_the_codes(what: str) -> None:
    assert limits()[what] == FIGURES[what]


@pytest.mark.parametrize("what", TRIED)
def test_what_is_as_large_as_a_limit_passes_and_nothing_larger(what: str) -> None:
    assert [TRIED[what](size) for size in (limits()[what], limits()[what] + 1)] == [True, False]


def test_the_pauses_that_the_page_advises_are_those_that_are_kept() -> None:
    asking, following_jobs = sections()["7.1"], sections()["11.3"]
    assert f"up to {FIRST_PAUSE_S:g} s at first" in asking
    assert f"{LONGEST_PAUSE_S:g} s at the most" in asking
    assert f"({POLL_AFTER_MS} at present)" in following_jobs
    assert f"or for {LOOK_EVERY_MS} ms where" in following_jobs
    assert f"({GRACE_S:g} seconds, say)" in following_jobs


def test_every_file_of_vectors_is_told_of() -> None:
    files = {file.name for file in (FILE.parent / "vectors").iterdir()}
    assert files == set(re.findall(r"`(?:vectors/)?(\w+\.json)`", sections()["18"]))


def test_the_keys_to_refuse_are_those_that_are_refused() -> None:
    told = {
        int(number, 16) for number in re.findall(r"^    (0x[0-9a-f]{64})$", sections()["2"], re.MULTILINE)
    }
    assert told == SMALL_ORDER_Y
    for y in told:
        with pytest.raises(KeyRefused):
            ed25519_verifier(y.to_bytes(32, "little"), "kid")
