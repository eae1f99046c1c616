"""asyncapi.yaml tells all of the topology, leads nowhere else, and its examples are real."""

import re
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import yaml

from spec.write.asyncapi import FILE
from spec.write.files import FOLDER
from spec.write.keys import KEYS, NOW_MS
from tests.unit.spec.reading_schemas import DRAFTS, SCHEMAS, validator
from toolwire.broker import topology
from toolwire.broker.topology import Queue, Route
from toolwire.contracts.encoding import canonical
from toolwire.contracts.envelopes import Control, Envelope, Event, Request, Response
from toolwire.contracts.jobs import EventName
from toolwire.contracts.keys import Key, Keyring, ed25519_verifier
from toolwire.contracts.sealing import digest, unseal

DOCUMENT: dict[str, Any] = yaml.safe_load((FOLDER / FILE).read_text(encoding="utf-8"))
CHANNELS: dict[str, dict[str, Any]] = DOCUMENT["channels"]
MESSAGES: dict[str, dict[str, Any]] = DOCUMENT["components"]["messages"]
MODELS: dict[str, type[Envelope]] = {model.TYPE: model for model in (Request, Response, Event, Control)}

BY_CHANCE = "@"
NAMES = {
    "server_id": "server-1",
    "client_id": "client-1",
    "instance": "desk-1",
    "tool": "files.read",
    "event": "done",
    "name": "packing",
    "replica": "replica-1",
    "suffix": BY_CHANCE,
}


def filled(text: str) -> str:
    """A name or key with its parameters filled in."""
    return re.sub(r"\{(\w+)\}", lambda found: NAMES[found[1]], text)


def amqp(channel: str) -> dict[str, Any]:
    return cast("dict[str, Any]", CHANNELS[channel]["bindings"]["amqp"])


# --- the topology ---

ROUTES = {
    "requests": topology.request_route("server-1", "files.read"),
    "replies": topology.reply_route("client-1", "desk-1"),
    "events": topology.event_route("client-1", "server-1", "files.read", "done"),
    "control": topology.control_route("server-1"),
    "jobs": topology.job_route("server-1"),
    "dead": topology.dead_route("server-1"),
    "junk": topology.junk_route("server-1"),
}
QUEUES: dict[str, Callable[[], Queue]] = {
    "callQueue": lambda: topology.call_queue("server-1"),
    "freshReplyQueue": lambda: topology.fresh_reply_queue("client-1", "desk-1"),
    "namedReplyQueue": lambda: topology.named_reply_queue("client-1", "desk-1"),
    "watchQueue": lambda: topology.watch_queue(
        "client-1", "packing", [topology.event_pattern("client-1", "server-1", "files.read", "done")]
    ),
    "controlQueue": lambda: topology.control_queue("server-1", "replica-1"),
    "jobQueue": lambda: topology.job_queue("server-1"),
    "deadQueue": lambda: topology.dead_queue("server-1"),
    "junkQueue": lambda: topology.junk_queue("server-1"),
}


def test_every_route_and_queue_of_the_topology_is_a_channel() -> None:
    made = [name for name in vars(topology) if name.endswith(("_route", "_queue"))]
    assert len(made) == len(CHANNELS)
    assert CHANNELS.keys() == {*ROUTES, *QUEUES}
    assert {route.exchange for route in ROUTES.values()} == set(topology.EXCHANGES)


@pytest.mark.parametrize("name", ROUTES)
def test_an_exchange_and_its_key_are_those_of_the_topology(name: str) -> None:
    route: Route = ROUTES[name]
    exchange = {"name": route.exchange, "type": topology.EXCHANGE_TYPE, "durable": True, "autoDelete": False}
    assert filled(CHANNELS[name]["address"]) == route.key
    assert amqp(name)["is"] == "routingKey"
    assert amqp(name)["exchange"] == exchange


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_is_that_of_the_topology(name: str) -> None:
    queue, told = QUEUES[name](), amqp(name)
    pattern = re.escape(filled(told["queue"]["name"])).replace(BY_CHANCE, "[0-9a-f]{8}")
    assert re.fullmatch(pattern, queue.name)
    assert CHANNELS[name]["address"] == told["queue"]["name"]
    assert (told["queue"]["durable"], told["queue"]["exclusive"]) == (queue.durable, queue.exclusive)
    assert (told["queue"]["autoDelete"], told["x-exclusive-consumer"]) == (
        queue.auto_delete,
        queue.exclusive_consumer,
    )
    assert told["x-queue-arguments"] == queue.arguments
    bound = [(each["exchange"], filled(each["routingKey"])) for each in told["x-queue-bindings"]]
    assert bound == [(each.exchange, each.key) for each in queue.bindings]


def test_long_names_of_tools_are_cut_as_it_says() -> None:
    key = topology.event_key("c", "s", "t" * 101, "done")
    assert re.fullmatch(r"c\.s\.t{83}~[0-9a-f]{16}\.done", key)
    assert "t" * 100 in topology.event_key("c", "s", "t" * 100, "done")
    assert (
        "more than 100 characters stands as its first 83, `~` and the first 16"
        in CHANNELS["events"]["description"]
    )


# --- the document ---


def references(value: object) -> Iterator[str]:
    """Every reference in it."""
    if isinstance(value, dict):
        given = cast("dict[str, object]", value)
        yield from [str(given["$ref"])] if "$ref" in given else []
        value = [*given.values()]
    if isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from references(inner)


def pointed_at(pointer: str) -> Any:
    found: Any = DOCUMENT
    for name in pointer.removeprefix("#/").split("/"):
        found = found[name]
    return found


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        if reference.startswith("#/"):
            assert pointed_at(reference)
        else:
            assert reference.removeprefix("./schemas/") in SCHEMAS


def test_every_parameter_is_used_and_explained() -> None:
    for channel in CHANNELS.values():
        assert list(channel["parameters"]) == re.findall(r"\{(\w+)\}", channel["address"])
        assert all(parameter["description"] for parameter in channel["parameters"].values())


def test_every_channel_has_its_operation() -> None:
    """A reply counts as sending."""
    operations = DOCUMENT["operations"].values()
    used = {operation["channel"]["$ref"].rpartition("/")[2] for operation in operations}
    assert used == CHANNELS.keys()
    for operation in operations:
        assert (operation["action"] == "send") == (operation["channel"]["$ref"].rpartition("/")[2] in ROUTES)


# --- the examples ---

KEYRING = Keyring(
    Key(key.kid, key.owner, ed25519_verifier(key.public, key.kid))
    for key in (KEYS["client-1.ed"], KEYS["server-1.ed"])
)
EXAMPLES = {
    example["name"]: (type_, example["payload"])
    for type_ in MODELS
    for example in MESSAGES[type_]["examples"]
}


def line_of(payload: dict[str, Any]) -> bytes:
    """The line that an example was: canonical JSON, with the signature as its last member."""
    signed = {name: value for name, value in payload.items() if name != "signature"}
    return f'{canonical(signed)[:-1]},"signature":"{payload["signature"]}"}}'.encode()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_fits_its_schema_and_is_signed(name: str) -> None:
    type_, payload = EXAMPLES[name]
    for draft in DRAFTS:
        validator(f"{type_}.json", draft).validate(payload)
    assert unseal(line_of(payload), KEYRING, MODELS[type_], NOW_MS)
    assert MESSAGES[type_]["payload"] == {"$ref": f"./schemas/{type_}.json"}


def test_the_examples_answer_each_other() -> None:
    digests = {name: digest(line_of(EXAMPLES[name][1])) for name in ("call", "submission")}
    asked = {"result": "call", "refusal": "call", "acceptance": "submission", "progress": "submission"}
    for name, question in {**asked, "done": "submission"}.items():
        assert EXAMPLES[name][1]["request_digest"] == digests[question]
    assert EXAMPLES["call"][1]["nonce"] != EXAMPLES["submission"][1]["nonce"]
    assert {EXAMPLES[name][1]["event"] for name in ("progress", "done")} == {
        EventName.PROGRESS,
        EventName.DONE,
    }
