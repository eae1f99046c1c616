"""What a healthy system looks like to the doctor; each test spoils one thing of it."""

from collections.abc import Iterable
from typing import Any

from toolwire.broker.look import BrokerLook, Seen, State
from toolwire.broker.reach import Reached, Stage
from toolwire.broker.topology import EXCHANGES
from toolwire.cli.doctor.finding import Finding, Level
from toolwire.cli.doctor.managed import BindingTold, Managed, Node, Permission, QueueTold, Whoami
from toolwire.cli.doctor.queues import expected_queues

SERVER = "server-1"
CLIENT = "client-001"
API = "rabbit.example:15672"
CALL, JOB, DEAD, JUNK = (queue.name for queue in expected_queues(SERVER))


def reached(**but: Any) -> Reached:
    """A broker that lets the user in."""
    good: dict[str, Any] = {
        "host": "rabbit.example",
        "port": 5672,
        "virtual_host": "tools",
        "user": "toolwire",
        "tls": False,
        "stage": Stage.OPEN,
        "version": "4.3.6",
        "heartbeat_s": 15,
    }
    return Reached(**good | but)


def seen(name: str, **but: Any) -> Seen:
    """A queue or an exchange as we declare it."""
    good: dict[str, Any] = {"state": State.THERE, "sure": True}
    return Seen(name, **good | but)


def look(*queues: Seen, **but: Any) -> BrokerLook:
    """A broker with everything on it, one replica, and nothing that waits."""
    given = {queue.name: queue for queue in queues}
    usual = [seen(CALL, consumers=1), seen(JOB, consumers=1), seen(DEAD), seen(JUNK)]
    good: dict[str, Any] = {
        "reached": (reached(),),
        "exchanges": tuple(seen(name) for name in EXCHANGES),
        "queues": tuple(given.get(queue.name, queue) for queue in usual),
        "blocked": False,
    }
    return BrokerLook(**good | but)


def told(name: str, **but: Any) -> QueueTold:
    """A queue as the management API tells of it."""
    declared = {queue.name: queue for queue in expected_queues(SERVER)}
    arguments = dict(declared[name].arguments) if name in declared else {}
    good = {"name": name, "type": arguments.get("x-queue-type", "classic"), "arguments": arguments}
    return QueueTold.model_validate(good | but)


def managed(**but: Any) -> Managed:
    """What the management API tells of a healthy broker."""
    queues = expected_queues(SERVER)
    good: dict[str, Any] = {
        "where": API,
        "whoami": Whoami(name="toolwire", tags=["monitoring"]),
        "nodes": [Node(name="rabbit@one", running=True)],
        "queues": [told(queue.name) for queue in queues],
        "bindings": [
            BindingTold(
                source=binding.exchange,
                destination=queue.name,
                destination_type="queue",
                routing_key=binding.key,
            )
            for queue in queues
            for binding in queue.bindings
        ],
        "policies": [],
        "operator_policies": [],
        "permissions": [Permission(vhost="tools", configure="^tw", write="^tw", read="^tw")],
        "topic_permissions": [],
        "tags": ["monitoring"],
        "flags": [],
        "skew_ms": 0,
    }
    return Managed(**good | but)


def bad(findings: Iterable[Finding]) -> list[tuple[Level, str]]:
    """What is worse than ok: its level, and the word for programs."""
    return [(finding.level, finding.check) for finding in findings if finding.level is not Level.OK]


def only(findings: Iterable[Finding], check: str) -> Finding:
    """The one finding of that check; it has a remedy."""
    (found,) = [finding for finding in findings if finding.check == check]
    assert found.remedy, found
    return found
