"""Judges policies: an operator may tighten limits, and must not break what the design rests on.

An argument of a declaration goes before a policy's key of the same meaning. Of limits the smaller one holds,
whoever sets it. A key of an operator's policy goes before the same key of a user's.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from toolwire.broker import topology
from toolwire.cli.doctor.finding import Area, Desk, Finding
from toolwire.cli.doctor.managed import BindingTold, Managed, PolicyTold, QueueTold, Unseen
from toolwire.cli.doctor.versions import Version

FEWEST_REQUESTS = 100
"""A queue of fewer requests refuses what one busy second brings."""
SHORTEST_CONSUMER_TIMEOUT_MS = 60_000
MIRRORED = frozenset(
    {"ha-mode", "ha-params", "ha-sync-mode", "ha-promote-on-shutdown", "ha-promote-on-failure"}
)
_APPLIES: Mapping[str, tuple[str, ...]] = {
    "all": ("classic", "quorum", "stream"),
    "queues": ("classic", "quorum", "stream"),
    "classic_queues": ("classic",),
    "quorum_queues": ("quorum",),
    "streams": ("stream",),
}


@dataclass(frozen=True, slots=True)
class Effective:
    """What policies make of one queue, and from which policy each key comes."""

    queue: QueueTold
    keys: Mapping[str, Any]
    source: Mapping[str, str]

    def value(self, key: str) -> Any:
        """What holds where an argument goes before a policy."""
        return self.queue.arguments.get(f"x-{key}", self.keys.get(key))

    @property
    def desk(self) -> Desk:
        """Where to write about it."""
        return Desk(Area.QUEUES, f"queue {self.queue.name}")

    def remedy(self, key: str, virtual_host: str) -> str:
        """How to take a key out."""
        name = self.source[key]
        kind = "operator_policy" if name.startswith(_OPERATORS) else "policy"
        bare = name.removeprefix(_OPERATORS)
        return (
            f"rabbitmqctl clear_{kind} -p {virtual_host} {bare}, or set it again without {key!r} or with a "
            f"pattern that leaves {self.queue.name} alone"
        )


_OPERATORS = "operator policy "


def judge_policies(
    managed: Managed, server_id: str, virtual_host: str, version: Version | None
) -> Iterator[Finding]:
    """Everything about policies."""
    desk = Desk(Area.QUEUES, managed.where)
    users, queues = managed.policies, managed.queues
    if isinstance(users, Unseen):
        yield desk.unseen("policies", "policies", users.because, users.remedy)
        return
    if isinstance(queues, Unseen):
        return
    operators = [] if isinstance(managed.operator_policies, Unseen) else managed.operator_policies
    effective = {queue.name: effective_on(queue, users, operators) for queue in queues}
    found = [
        *_judge_ours(effective, server_id, virtual_host),
        *judge_watchers(effective, managed.bindings, virtual_host),
        *judge_mirrored(desk, users, version),
    ]
    yield from found
    if not found:
        yield desk.ok("policies", "no policy stands against the design")


def effective_on(queue: QueueTold, users: list[PolicyTold], operators: list[PolicyTold]) -> Effective:
    """The one policy of each kind that holds for a queue, merged."""
    keys: dict[str, Any] = {}
    source: dict[str, str] = {}
    for kind, policies in (("", users), (_OPERATORS, operators)):
        fitting = [policy for policy in policies if _applies(policy, queue)]
        if fitting:
            policy = max(fitting, key=lambda each: each.priority)
            keys |= policy.definition
            source |= dict.fromkeys(policy.definition, f"{kind}{policy.name}")
    return Effective(queue, keys, source)


def _applies(policy: PolicyTold, queue: QueueTold) -> bool:
    try:
        fits = re.search(policy.pattern, queue.name) is not None
    except re.error:
        return False
    return fits and queue.type in _APPLIES.get(policy.apply_to, ())


# --- our own queues ---------------------------------------------------------------------------------


def _judge_ours(effective: Mapping[str, Effective], server_id: str, virtual_host: str) -> Iterator[Finding]:
    if call := effective.get(topology.call_queue(server_id).name):
        yield from judge_call(call, virtual_host)
    for queue in (topology.dead_queue(server_id), topology.junk_queue(server_id)):
        if aside := effective.get(queue.name):
            yield from judge_aside(aside, virtual_host)


def judge_call(call: Effective, virtual_host: str) -> Iterator[Finding]:
    """Requests must neither vanish nor be dropped."""
    for key, what in _HARM.items():
        if key in call.keys:
            tell = call.desk.warning if key == "message-ttl" else call.desk.error
            yield tell(
                f"policy_{key.replace('-', '_')}",
                f"the policy {call.source[key]!r} sets {key} = {call.keys[key]}: {what}",
                call.remedy(key, virtual_host),
            )
    yield from _judge_overflow(call, virtual_host)
    yield from _judge_limits(call, virtual_host)


_HARM = {
    "expires": "while no replica runs the whole queue is deleted, with the requests in it",
    "message-ttl": "requests leave before their own deadline, without an answer",
    "dead-letter-routing-key": "what cannot be handled gets that key, and does not reach tw.dead's queue",
}


def _judge_overflow(call: Effective, virtual_host: str) -> Iterator[Finding]:
    overflow = call.value("overflow")
    if "overflow" in call.keys and overflow != "reject-publish":
        yield call.desk.error(
            "policy_overflow",
            f"the policy {call.source['overflow']!r} sets overflow = {overflow}: a full queue drops the "
            "oldest request instead of refusing the newest",
            call.remedy("overflow", virtual_host),
        )
    exchange = call.value("dead-letter-exchange")
    if "dead-letter-exchange" in call.keys and exchange != topology.DEAD:
        yield call.desk.error(
            "policy_dead_letter_exchange",
            f"the policy {call.source['dead-letter-exchange']!r} sends dead letters to {exchange!r}",
            call.remedy("dead-letter-exchange", virtual_host),
        )


def _judge_limits(call: Effective, virtual_host: str) -> Iterator[Finding]:
    for key, least, what in (
        ("max-length", FEWEST_REQUESTS, "so few requests fit that clients get QueueFull in a busy second"),
        ("delivery-limit", 2, "a request is put aside after one lost connection"),
        ("consumer-timeout", SHORTEST_CONSUMER_TIMEOUT_MS, "replicas lose their consumers"),
    ):
        value = call.keys.get(key)
        if isinstance(value, int) and value < least:
            yield call.desk.warning(
                f"policy_{key.replace('-', '_')}",
                f"the policy {call.source[key]!r} sets {key} = {value}: {what}",
                call.remedy(key, virtual_host),
            )


def judge_aside(aside: Effective, virtual_host: str) -> Iterator[Finding]:
    """What was put aside is for a person to look at: it should not go by itself."""
    for key in ("expires", "message-ttl"):
        if key in aside.keys:
            yield aside.desk.warning(
                f"policy_{key.replace('-', '_')}",
                f"the policy {aside.source[key]!r} sets {key} = {aside.keys[key]}: what was put aside "
                "vanishes before somebody can replay it",
                aside.remedy(key, virtual_host),
            )


# --- others' queues, and old habits -----------------------------------------------------------------


def judge_watchers(
    effective: Mapping[str, Effective], bindings: list[BindingTold] | Unseen, virtual_host: str
) -> Iterator[Finding]:
    """A full queue on tw.events that refuses holds up every service's events."""
    if isinstance(bindings, Unseen):
        return
    for name in sorted({told.destination for told in bindings if told.source == topology.EVENTS}):
        watcher = effective.get(name)
        overflow = str(watcher.value("overflow")) if watcher else ""
        if watcher is not None and overflow.startswith("reject-publish"):
            yield watcher.desk.error(
                "watcher_refuses",
                f"it is bound to {topology.EVENTS} with overflow = {overflow}: when it is full, services "
                "cannot tell their events to anybody",
                "delete it and declare it with x-overflow=drop-head, or as a stream: rabbitmqctl "
                f"delete_queue -p {virtual_host} {name}",
            )


def judge_mirrored(desk: Desk, policies: list[PolicyTold], version: Version | None) -> Iterator[Finding]:
    """Mirroring of classic queues left with 4.0."""
    for policy in policies:
        if MIRRORED & policy.definition.keys():
            gone = version is not None and version >= (4, 0, 0)
            said = "is ignored since 4.0" if gone else "ends with 4.0, and no queue of Toolwire needs it"
            yield desk.note(
                "policy_mirroring",
                f"the policy {policy.name!r} mirrors classic queues, which {said}",
                f"rabbitmqctl clear_policy {policy.name}; what must survive a node is a quorum queue",
            )
