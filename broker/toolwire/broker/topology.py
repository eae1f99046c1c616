"""Every exchange, queue and routing key of Toolwire: names are made here and nowhere else.

Pure data; `toolwire.broker.declare` carries it to the broker.

Three rules explain the arguments below.

* **Declared arguments never change.** RabbitMQ refuses a second declaration that differs in one of
  them (406 PRECONDITION_FAILED), so a queue carries only what the design rests on: its type, its
  dead-letter route, its overflow behaviour, and *ceilings*.
* **Ceilings are lowered by policy.** Where both a policy and an argument set `max-length`,
  `max-length-bytes`, `delivery-limit`, `expires` or `message-ttl`, the broker takes the smaller one.
  An operator tightens them at any time (`rabbitmqctl set_policy`) and nothing here has to know.
* **Arguments that a version does not know are ignored by it**, so one form serves 3.10 to 4.3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_hex
from types import MappingProxyType

REQUESTS = "tw.requests"
JOBS = "tw.jobs"
REPLIES = "tw.replies"
EVENTS = "tw.events"
CONTROL = "tw.control"
DEAD = "tw.dead"
JUNK = "tw.junk"

EXCHANGES: tuple[str, ...] = (REQUESTS, JOBS, REPLIES, EVENTS, CONTROL, DEAD, JUNK)
"""All of them topic exchanges and durable, one kind of message each."""

EXCHANGE_TYPE = "topic"

ASIDE_REASON = "x-toolwire-reason"
"""The header of what a service puts into tw.dead or tw.junk: why, in one word."""
ASIDE_KEY = "x-toolwire-routing-key"
"""The same: the key that the message came under."""
ASIDE_TIME = "x-toolwire-time"
"""The same: when, in milliseconds since 1970-01-01 UTC, as a text."""
SUSPECT = "tw-suspect"
"""The header of a request that was with a replica which was lost, published again alone. Nobody signs it, and
it decides nothing but how carefully the request is begun."""
PASSES = "tw-passes"
"""The same, where replicas without a free place have passed a request on: how many. It decides nothing but
whether the next one may do so, too."""

_SECOND = 1000
_DAY = 24 * 60 * 60 * _SECOND
_MEBIBYTE = 1024 * 1024

_LONGEST_TOOL_IN_KEY = 100


@dataclass(frozen=True, slots=True)
class Route:
    """Where a message goes."""

    exchange: str
    key: str


@dataclass(frozen=True, slots=True)
class Binding:
    """What a queue receives: messages of one exchange whose key fits `key` (`*` one word, `#` any)."""

    exchange: str
    key: str


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue as it is declared. `exclusive_consumer`: a second consumer on it is refused."""

    name: str
    bindings: tuple[Binding, ...] = ()
    durable: bool = True
    exclusive: bool = False
    auto_delete: bool = False
    arguments: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}))
    exclusive_consumer: bool = False


# --- routing keys -----------------------------------------------------------------------------------


def request_key(server_id: str, tool: str) -> str:
    """`<server>.<tool>` on tw.requests. Tool names may hold dots, so queues bind `<server>.#`."""
    return f"{server_id}.{tool}"


def reply_key(client_id: str, instance: str) -> str:
    """`<client>.<instance>` on tw.replies."""
    return f"{client_id}.{instance}"


def event_key(client_id: str, server_id: str, tool: str, event: str) -> str:
    """`<client>.<server>.<tool>.<event>` on tw.events.

    A routing key ends at 255 bytes (AMQP 0-9-1, short string), so a tool name of more than 100
    characters stands as its beginning and a hash; `~` occurs in no tool name.
    """
    return f"{client_id}.{server_id}.{_tool_in_key(tool)}.{event}"


def event_pattern(client_id: str | None, server_id: str | None, tool: str | None, event: str | None) -> str:
    """What to bind for the events of one client, server, tool and name, each of which may be any (None).

    A tool's name may hold dots, so that any tool is any number of words. The topic permission that a broker
    user needs for the binding is `read` on tw.events, and its expression meets this pattern as it stands,
    with its `*` and `#`.
    """
    return event_key(client_id or "*", server_id or "*", tool or "#", event or "*")


def _tool_in_key(tool: str) -> str:
    if len(tool) <= _LONGEST_TOOL_IN_KEY:
        return tool
    return f"{tool[: _LONGEST_TOOL_IN_KEY - 17]}~{sha256(tool.encode()).hexdigest()[:16]}"


# --- routes -----------------------------------------------------------------------------------------


def request_route(server_id: str, tool: str) -> Route:
    """A request to a server's tool."""
    return Route(REQUESTS, request_key(server_id, tool))


def job_route(server_id: str) -> Route:
    """A wake-up hint to the server's replicas: there is work in the store."""
    return Route(JOBS, server_id)


def reply_route(client_id: str, instance: str) -> Route:
    """An answer, or the owner's copy of an event, to one instance of a client."""
    return Route(REPLIES, reply_key(client_id, instance))


def event_route(client_id: str, server_id: str, tool: str, event: str) -> Route:
    """An event for whoever watches. Publish it with `mandatory=False`: often nobody does."""
    return Route(EVENTS, event_key(client_id, server_id, tool, event))


def control_route(server_id: str) -> Route:
    """A control message to every replica of a server."""
    return Route(CONTROL, server_id)


def dead_route(server_id: str) -> Route:
    """An authentic message that could not be handled."""
    return Route(DEAD, server_id)


def junk_route(server_id: str) -> Route:
    """What never authenticated."""
    return Route(JUNK, server_id)


# --- queues -----------------------------------------------------------------------------------------


def call_queue(server_id: str) -> Queue:
    """Requests to one server, shared by its replicas.

    The delivery limit is explicit because 3.10 has none. A full queue refuses (the publisher gets a
    nack) instead of dropping, which dead-lettering at-least-once also demands.
    """
    return Queue(
        name=f"tw.call.{server_id}",
        # `#` also matches no word at all, and it keeps the tool in the key of what is dead-lettered.
        bindings=(Binding(REQUESTS, f"{server_id}.#"),),
        arguments=_quorum(
            {
                "x-delivery-limit": 20,
                "x-max-length": 100_000,
                "x-max-length-bytes": 1024 * _MEBIBYTE,
                "x-overflow": "reject-publish",
                "x-dead-letter-exchange": DEAD,
                "x-dead-letter-strategy": "at-least-once",
            }
        ),
    )


def job_queue(server_id: str) -> Queue:
    """Wake-up hints. Losing one is harmless, a thousand say no more than one."""
    return Queue(
        name=f"tw.job.{server_id}",
        bindings=(Binding(JOBS, server_id),),
        arguments=_quorum({"x-max-length": 1_000, "x-overflow": "drop-head"}),
    )


def dead_queue(server_id: str) -> Queue:
    """Authentic messages that could not be handled, for a person to look at and to replay."""
    return Queue(
        name=f"tw.dead.{server_id}",
        bindings=(Binding(DEAD, f"{server_id}.#"),),
        arguments=_quorum(
            {
                "x-max-length": 10_000,
                "x-max-length-bytes": 1024 * _MEBIBYTE,
                "x-overflow": "drop-head",
                **_FOR_LOOKS,
            }
        ),
    )


def junk_queue(server_id: str) -> Queue:
    """What never authenticated: kept for a look, bounded so that an attacker fills nothing."""
    return Queue(
        name=f"tw.junk.{server_id}",
        bindings=(Binding(JUNK, f"{server_id}.#"),),
        arguments=_quorum(
            {
                "x-max-length": 1_000,
                "x-max-length-bytes": 64 * _MEBIBYTE,
                "x-overflow": "drop-head",
                **_FOR_LOOKS,
            }
        ),
    )


def control_queue(server_id: str, replica: str) -> Queue:
    """Control messages to one replica: gone with its connection, under a fresh name at every call."""
    return Queue(
        name=f"tw.control.{replica}.{token_hex(4)}",
        bindings=(Binding(CONTROL, server_id),),
        durable=False,
        exclusive=True,
        arguments=_classic({"x-max-length": 1_000, "x-overflow": "drop-head"}),
    )


def named_reply_queue(client_id: str, instance: str) -> Queue:
    """Answers to a client instance that has a name: they wait for it while it is away.

    Classic, because there may be very many and a lost one is healed by a poll; drop-head, because an
    absent client must not stop a service.
    """
    return Queue(
        name=f"tw.reply.{client_id}.{instance}",
        bindings=(Binding(REPLIES, reply_key(client_id, instance)),),
        arguments=_classic(
            {**_REPLY_CEILINGS, "x-expires": 7 * _DAY, "x-message-ttl": _DAY},
        ),
        exclusive_consumer=True,
    )


def fresh_reply_queue(client_id: str, instance: str) -> Queue:
    """Answers to an unnamed client instance: gone with its connection.

    The name is fresh at every call, because a connection that is lost but not yet given up by the
    broker still holds the old one (405 RESOURCE_LOCKED, for up to three heartbeats). The routing key
    stays, so that answers to requests sent before a reconnect still arrive.
    """
    return Queue(
        name=f"tw.reply.{client_id}.{instance}.{token_hex(4)}",
        bindings=(Binding(REPLIES, reply_key(client_id, instance)),),
        durable=False,
        exclusive=True,
        arguments=_classic(_REPLY_CEILINGS),
    )


def watch_queue(client_id: str, name: str, bindings: Sequence[str]) -> Queue:
    """Events for a client's watchers of one name, who share them; `bindings` are `event_pattern`s.

    Drop-head, as every queue on tw.events has to be: a full one that refused would nack the services. The
    queue outlives its watchers for some days, and keeps its bindings for as long as it lives: new ones add.
    """
    return Queue(
        name=f"tw.watch.{client_id}.{name}",
        bindings=tuple(Binding(EVENTS, key) for key in bindings),
        arguments=_quorum(
            {
                "x-max-length": 100_000,
                "x-max-length-bytes": 256 * _MEBIBYTE,
                "x-overflow": "drop-head",
                "x-expires": 7 * _DAY,
                **_FOR_LOOKS,
            }
        ),
    )


_REPLY_CEILINGS: Mapping[str, str | int] = {
    "x-max-length": 10_000,
    "x-max-length-bytes": 256 * _MEBIBYTE,
    "x-overflow": "drop-head",
}


_FOR_LOOKS: Mapping[str, int] = {"x-delivery-limit": 1_000_000}
"""None, so to say. 4.x counts every return as a delivery, looking at a message takes and returns it, and with
the limit of 20 that a queue has otherwise the twenty-first look would delete it."""


def _quorum(arguments: Mapping[str, str | int]) -> Mapping[str, str | int]:
    """For what a whole service or a client's watchers share.

    A durable classic queue lives on one node of a cluster. While that node is down, declaring it fails, on
    4.3 after a minute, and nobody who needs it can begin.
    """
    # 4.3 keeps the un-acked messages of a killed *node* for a minute otherwise.
    return _arguments({"x-queue-type": "quorum", "x-consumer-disconnected-timeout": 5 * _SECOND, **arguments})


def _classic(arguments: Mapping[str, str | int]) -> Mapping[str, str | int]:
    return _arguments({"x-queue-type": "classic", "x-queue-version": 2, **arguments})


def _arguments(arguments: Mapping[str, str | int]) -> Mapping[str, str | int]:
    return MappingProxyType(dict(arguments))
