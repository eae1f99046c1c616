"""Names are made in one place, fit what AMQP allows, and lead where they should."""

import re

import pytest

from toolwire.broker import topology
from toolwire.broker.topology import Binding, Queue, Route

SERVER, CLIENT, REPLICA, INSTANCE = "server-1", "client-1", "replica-1", "main"
LONGEST_ID, LONGEST_TOOL = "a" * 64, "t." * 64

EVERY_QUEUE = [
    topology.call_queue(SERVER),
    topology.job_queue(SERVER),
    topology.dead_queue(SERVER),
    topology.junk_queue(SERVER),
    topology.control_queue(SERVER, REPLICA),
    topology.named_reply_queue(CLIENT, INSTANCE),
    topology.fresh_reply_queue(CLIENT, INSTANCE),
    topology.watch_queue(CLIENT, "packing", [topology.event_pattern(CLIENT, SERVER, "files.read", "done")]),
]
EVERY_ROUTE = [
    (topology.request_route(SERVER, "files.read"), topology.call_queue(SERVER)),
    (topology.job_route(SERVER), topology.job_queue(SERVER)),
    (topology.reply_route(CLIENT, INSTANCE), topology.named_reply_queue(CLIENT, INSTANCE)),
    (topology.reply_route(CLIENT, INSTANCE), topology.fresh_reply_queue(CLIENT, INSTANCE)),
    (topology.control_route(SERVER), topology.control_queue(SERVER, REPLICA)),
    (topology.dead_route(SERVER), topology.dead_queue(SERVER)),
    (topology.junk_route(SERVER), topology.junk_queue(SERVER)),
    (topology.event_route(CLIENT, SERVER, "files.read", "done"), EVERY_QUEUE[-1]),
]


def leads(route: Route, binding: Binding) -> bool:
    """Match as a topic exchange does, for the two forms that we use: a plain key, and `<words>.#`."""
    if binding.exchange != route.exchange:
        return False
    stem = binding.key.removesuffix(".#")
    return route.key == stem or (stem != binding.key and route.key.startswith(stem + "."))


@pytest.mark.parametrize(("route", "queue"), EVERY_ROUTE)
def test_a_route_leads_to_its_queue_alone(route: Route, queue: Queue) -> None:
    reached = {each.name for each in EVERY_QUEUE if any(leads(route, binding) for binding in each.bindings)}
    alike = {each.name for each in EVERY_QUEUE if each.bindings == queue.bindings}
    assert reached == alike


@pytest.mark.parametrize("queue", EVERY_QUEUE)
def test_every_queue_is_bounded_and_says_what_a_full_one_does(queue: Queue) -> None:
    assert int(queue.arguments["x-max-length"]) > 0
    assert queue.arguments["x-overflow"] in {"drop-head", "reject-publish"}
    assert all(binding.exchange in topology.EXCHANGES for binding in queue.bindings)


@pytest.mark.parametrize("queue", EVERY_QUEUE)
def test_no_queue_is_transient_and_shared(queue: Queue) -> None:
    """RabbitMQ 4.3 refuses such queues."""
    assert queue.durable or queue.exclusive


@pytest.mark.parametrize("queue", EVERY_QUEUE)
def test_a_name_is_one_that_every_library_takes(queue: Queue) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,127}", queue.name)


def test_requests_that_fail_are_dead_lettered_without_loss() -> None:
    """At-least-once dead-lettering silently needs a quorum queue that refuses when it is full."""
    arguments = topology.call_queue(SERVER).arguments
    assert arguments["x-queue-type"] == "quorum"
    assert arguments["x-overflow"] == "reject-publish"
    assert arguments["x-dead-letter-strategy"] == "at-least-once"
    assert arguments["x-dead-letter-exchange"] == topology.DEAD
    assert int(arguments["x-delivery-limit"]) > 0


def test_a_server_whose_name_begins_like_another_gets_nothing_of_it() -> None:
    (binding,) = topology.call_queue("server").bindings
    assert not leads(topology.request_route("server-1", "add"), binding)


def test_an_exclusive_queue_has_a_fresh_name_and_the_same_key() -> None:
    """The broker may hold the old one for a while after the connection is lost."""
    one, two = topology.fresh_reply_queue(CLIENT, INSTANCE), topology.fresh_reply_queue(CLIENT, INSTANCE)
    assert one.name != two.name
    assert one.bindings == two.bindings
    assert topology.control_queue(SERVER, REPLICA).name != topology.control_queue(SERVER, REPLICA).name


def test_keys_fit_into_255_bytes() -> None:
    assert len(topology.request_key(LONGEST_ID, LONGEST_TOOL)) <= 255
    assert len(topology.reply_key(LONGEST_ID, LONGEST_ID)) <= 255
    assert len(topology.event_key(LONGEST_ID, LONGEST_ID, LONGEST_TOOL, "cancelled")) <= 255


def test_long_tools_keep_apart_in_the_keys_of_events() -> None:
    keys = {topology.event_key(CLIENT, SERVER, "t" * 126 + end, "done") for end in ("aa", "ab", "ba")}
    assert len(keys) == 3
    assert topology.event_key(CLIENT, SERVER, "add", "done") == "client-1.server-1.add.done"


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ((None, None, None, None), True),
        ((CLIENT, None, None, None), True),
        ((CLIENT, SERVER, "files.read", "done"), True),
        ((None, None, "files.read", None), True),
        ((None, None, None, "done"), True),
        ((None, SERVER, None, "done"), True),
        (("client-2", None, None, None), False),
        ((None, "server-2", None, None), False),
        ((None, None, "files", None), False),
        ((None, None, "read", None), False),
        ((None, None, None, "error"), False),
        ((None, None, None, "read"), False),
    ],
)
def test_a_watcher_binds_what_it_asks_for(pattern: tuple[str | None, ...], fits: bool) -> None:
    """Matched as RabbitMQ does: `*` is one word, `#` any number."""
    client_id, server_id, tool, event = pattern
    words = topology.event_pattern(client_id, server_id, tool, event).split(".")
    regex = r"\.".join({"*": "[^.]+", "#": ".+"}.get(word, re.escape(word)) for word in words)
    key = topology.event_key(CLIENT, SERVER, "files.read", "done")
    assert bool(re.fullmatch(regex, key)) == fits


def test_watchers_never_stop_a_service() -> None:
    """A full queue that refused would have the broker nack every event for all."""
    queue = topology.watch_queue(CLIENT, "packing", ["#"])
    assert queue.arguments["x-overflow"] == "drop-head"
    assert (queue.durable, queue.exclusive, queue.exclusive_consumer) == (True, False, False)
    assert int(queue.arguments["x-expires"]) > 0
