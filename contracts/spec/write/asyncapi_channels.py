"""The channels of asyncapi.yaml: every exchange with its routing key, every queue with what it is bound to.

Names, keys and arguments are those of `toolwire.broker.topology`, asked for a server named `{server_id}`.
"""

import re
from collections.abc import Mapping
from typing import Any

from toolwire.broker import topology
from toolwire.broker.topology import Queue, Route

Section = dict[str, Any]

BINDING_VERSION = "0.3.0"
"""Of AsyncAPI's AMQP bindings."""

_SERVER, _CLIENT, _INSTANCE, _TOOL, _EVENT = "{server_id}", "{client_id}", "{instance}", "{tool}", "{event}"
_SUFFIX = re.compile(r"\.[0-9a-f]{8}$")

_PARAMETERS: Mapping[str, str] = {
    "server_id": "The id of the server.",
    "client_id": "The id of the client.",
    "instance": "The instance of the client: the request's `reply_to`.",
    "tool": "The name of the tool. It may hold dots, and is several words of the key then.",
    "event": "What happened.",
    "replica": "The name of the replica.",
    "name": "What the watchers call themselves; those of one name share the queue.",
    "suffix": "Eight hexadecimal digits by chance, others for every connection.",
}

_SIGNED: Mapping[str, Mapping[str, str]] = {
    topology.REQUESTS: {"server_id": "server_id", "tool": "tool"},
    topology.REPLIES: {"client_id": "client_id"},
    topology.EVENTS: {
        "client_id": "client_id",
        "server_id": "server_id",
        "tool": "data/tool",
        "event": "event",
    },
    topology.CONTROL: {"server_id": "server_id"},
}
"""Where the signed line says what its routing key says."""

_LONG_TOOLS = (
    "In this key a tool's name of more than 100 characters stands as its first 83, `~` and the first 16 "
    "hexadecimal digits of its SHA-256."
)


def channels() -> Section:
    """All of them: first the exchanges, to send to, then the queues, to receive from."""
    return {**_exchanges(), **_queues()}


def _exchanges() -> Section:
    return {
        "requests": _exchange(
            topology.request_route(_SERVER, _TOOL), "Requests to a server's tools.", "request"
        ),
        "replies": _exchange(
            topology.reply_route(_CLIENT, _INSTANCE),
            "What one instance of a client gets: answers, and the events of its own jobs.",
            *("response", "event"),
        ),
        "events": _exchange(
            topology.event_route(_CLIENT, _SERVER, _TOOL, _EVENT),
            f"Events of jobs, for those who may watch them. {_LONG_TOOLS}",
            "event",
        ),
        "control": _exchange(topology.control_route(_SERVER), "A server's word to its replicas.", "control"),
        "jobs": _exchange(topology.job_route(_SERVER), "Wake-up hints to a server's replicas.", "hint"),
        "dead": _exchange(
            topology.dead_route(_SERVER),
            "Authentic requests that could not be handled. What the broker itself gives up to deliver comes "
            "under the key that it had.",
            "dead",
        ),
        "junk": _exchange(topology.junk_route(_SERVER), "What never authenticated.", "junk"),
    }


def _queues() -> Section:
    any_event = topology.event_pattern(_CLIENT, _SERVER, _TOOL, _EVENT)
    return {
        "callQueue": _queue(
            topology.call_queue(_SERVER),
            "Requests to a server, shared by its replicas. A full queue refuses: its sender gets a nack.",
            "request",
        ),
        "freshReplyQueue": _queue(
            topology.fresh_reply_queue(_CLIENT, _INSTANCE),
            "Answers and events for an instance that is named by chance: gone with its connection.",
            *("response", "event"),
        ),
        "namedReplyQueue": _queue(
            topology.named_reply_queue(_CLIENT, _INSTANCE),
            "Answers and events for an instance that keeps its name: they wait while it is away.",
            *("response", "event"),
        ),
        "watchQueue": _queue(
            topology.watch_queue(_CLIENT, "{name}", [any_event]),
            "Events for a client's watchers of one name. In a binding any client, server or event is `*`, "
            "and any tool is `#`. Every queue on tw.events has to be drop-head: a full one that refused "
            "would stop the servers.",
            "event",
        ),
        "controlQueue": _queue(
            topology.control_queue(_SERVER, "{replica}"), "Control messages for one replica.", "control"
        ),
        "jobQueue": _queue(topology.job_queue(_SERVER), "Hints, each for one of the replicas.", "hint"),
        "deadQueue": _queue(
            topology.dead_queue(_SERVER),
            "Authentic requests that could not be handled, for a person to look at and to send again.",
            "dead",
        ),
        "junkQueue": _queue(
            topology.junk_queue(_SERVER), "What never authenticated, kept for a look and bounded.", "junk"
        ),
    }


def _exchange(route: Route, description: str, *messages: str) -> Section:
    exchange = {
        "name": route.exchange,
        "type": topology.EXCHANGE_TYPE,
        "durable": True,
        "autoDelete": False,
    }
    return {
        "address": route.key,
        "description": description,
        "messages": _messages(messages),
        "parameters": _parameters(route.key, _SIGNED.get(route.exchange, {})),
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": BINDING_VERSION}},
    }


def _queue(queue: Queue, description: str, *messages: str) -> Section:
    name = _SUFFIX.sub(".{suffix}", queue.name)
    amqp = {
        "is": "queue",
        "queue": {
            "name": name,
            "durable": queue.durable,
            "exclusive": queue.exclusive,
            "autoDelete": queue.auto_delete,
        },
        "x-queue-arguments": dict(queue.arguments),
        "x-queue-bindings": [{"exchange": each.exchange, "routingKey": each.key} for each in queue.bindings],
        "x-exclusive-consumer": queue.exclusive_consumer,
        "bindingVersion": BINDING_VERSION,
    }
    return {
        "address": name,
        "description": description,
        "messages": _messages(messages),
        "parameters": _parameters(name, {}),
        "bindings": {"amqp": amqp},
    }


def _messages(names: tuple[str, ...]) -> Section:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _parameters(address: str, signed: Mapping[str, str]) -> Section:
    return {
        name: {"description": _PARAMETERS[name]}
        | ({"location": f"$message.payload#/{signed[name]}"} if name in signed else {})
        for name in re.findall(r"\{(\w+)\}", address)
    }
