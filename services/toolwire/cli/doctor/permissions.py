"""Judges what the broker's user may do, against what the client and the service of this machine need."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from toolwire.broker import topology
from toolwire.broker.look import BrokerLook, State
from toolwire.broker.reach import Reached
from toolwire.cli.doctor.finding import Area, Desk, Finding
from toolwire.cli.doctor.managed import Managed, Permission, TopicPermission, Unseen
from toolwire.cli.doctor.versions import LOOPBACK

Right = Literal["configure", "write", "read"]
SAMPLE = "0123456789abcdef"
"""Stands for an instance's or a replica's name, which is fresh every time."""


@dataclass(frozen=True, slots=True)
class Need:
    """A right that a role cannot do without."""

    right: Right
    name: str
    why: str
    key: str | None = None
    """A routing key that must be open where topic permissions are set on that exchange."""


def client_needs(client_id: str, server_id: str) -> Iterator[Need]:
    """A client asks, and has a reply queue of its own."""
    own = f"tw.reply.{client_id}.{SAMPLE}"
    asked = topology.request_key(server_id, "server_identity")
    yield Need("write", topology.REQUESTS, "ask", asked)
    yield Need("configure", own, "have a queue for its answers")
    yield Need("write", own, "bind the queue for its answers")
    yield Need("read", own, "hear its answers")
    yield Need("read", topology.REPLIES, "bind the queue for its answers", f"{client_id}.{SAMPLE}")


def service_needs(server_id: str, client_id: str | None) -> Iterator[Need]:
    """A replica hears requests, hints and control messages, and tells answers and events."""
    control = f"tw.control.{server_id}-{SAMPLE}"
    asker = client_id or "client"
    yield Need("read", topology.call_queue(server_id).name, "hear requests")
    yield Need("read", topology.job_queue(server_id).name, "hear that there is work")
    yield Need("configure", control, "hear control messages")
    yield Need("write", control, "hear control messages")
    yield Need("read", control, "hear control messages")
    yield Need("read", topology.CONTROL, "hear control messages", server_id)
    yield Need("write", topology.CONTROL, "cancel running jobs", server_id)
    yield Need("write", topology.JOBS, "wake other replicas", server_id)
    yield Need("write", topology.REPLIES, "answer", f"{asker}.{SAMPLE}")
    event = topology.event_key(asker, server_id, "tool", "done")
    yield Need("write", topology.EVENTS, "tell watchers of events", event)
    yield Need("write", topology.DEAD, "put aside what cannot be handled", server_id)
    yield Need("write", topology.JUNK, "put aside what never authenticated", server_id)


@dataclass(frozen=True, slots=True)
class Roles:
    """Who lives on this machine."""

    client_id: str | None
    server_id: str | None
    serves: bool
    """The server's private key is here."""

    def needs(self) -> Iterator[tuple[str, Need]]:
        """Each role and each of its needs."""
        if self.server_id is None:
            return
        if self.client_id is not None:
            for need in client_needs(self.client_id, self.server_id):
                yield f"client {self.client_id}", need
        if self.serves:
            for need in service_needs(self.server_id, self.client_id):
                yield f"server {self.server_id}", need


def judge_permissions(look: BrokerLook, managed: Managed, roles: Roles) -> Iterator[Finding]:
    """The user: who it is, what it may do, which keys are open to it."""
    reached = look.open
    if reached is None:
        return
    desk = Desk(Area.PERMISSIONS, f"user {reached.user!r} in {reached.virtual_host!r}")
    yield from _judge_looks(desk, look)
    yield from judge_user(desk, reached, managed.tags)
    if isinstance(managed.permissions, Unseen):
        unseen = managed.permissions
        yield desk.unseen("permissions", "the user's permissions", unseen.because, unseen.remedy)
        return
    granted = next((each for each in managed.permissions if each.vhost == reached.virtual_host), None)
    topics = managed.topic_permissions if not isinstance(managed.topic_permissions, Unseen) else []
    yield from judge_granted(desk, reached, granted, topics, roles)


def _judge_looks(desk: Desk, look: BrokerLook) -> Iterator[Finding]:
    hidden = [seen.name for seen in (*look.exchanges, *look.queues) if seen.state is State.FORBIDDEN]
    if hidden:
        yield desk.note(
            "hidden",
            f"the user may not look at {', '.join(hidden)}: whether a replica is running stays unknown to it",
            "any permission on them lets it look",
        )


def judge_user(desk: Desk, reached: Reached, tags: list[str] | Unseen) -> Iterator[Finding]:
    """The well-known user, and the one that may do everything, are not for production."""
    tell = desk.note if reached.host in LOOPBACK else desk.warning
    own = f"rabbitmqctl add_user NAME PASSWORD; rabbitmqctl set_permissions -p {reached.virtual_host} NAME …"
    if reached.user == "guest":
        yield tell("guest", "guest is the user whose name everybody knows", own)
    if not isinstance(tags, Unseen) and "administrator" in tags and reached.user != "guest":
        yield tell("administrator", "the user is an administrator of the broker: a program needs less", own)


def judge_granted(
    desk: Desk,
    reached: Reached,
    granted: Permission | None,
    topics: list[TopicPermission],
    roles: Roles,
) -> Iterator[Finding]:
    """Every need against the three regular expressions, and against topic permissions."""
    if granted is None:
        return  # who got in without any is let in by another authentication backend
    if not (needs := list(roles.needs())):
        yield desk.unseen("permissions", "what is needed of the user", "no server is named")
        return
    lacking = [(role, need) for role, need in needs if not _allows(getattr(granted, need.right), need.name)]
    for role, need in lacking:
        yield desk.error(
            "permission",
            f"{need.right} on {need.name.replace(SAMPLE, '…')} is missing: {role} cannot {need.why}",
            f"rabbitmqctl set_permissions -p {reached.virtual_host} {reached.user} CONFIGURE WRITE READ, "
            f"where {need.right.upper()} (now {getattr(granted, need.right)!r}) also matches that name",
        )
    closed = [(role, need, topic) for role, need in needs if (topic := _closing(need, topics, reached))]
    for role, need, topic in closed:
        yield desk.error(
            "topic_permission",
            f"topic permissions on {topic.exchange} forbid to {need.right} the key "
            f"{str(need.key).replace(SAMPLE, '…')}: {role} cannot {need.why}",
            f"rabbitmqctl set_topic_permissions -p {reached.virtual_host} {reached.user} {topic.exchange} "
            f"WRITE READ, where {need.right.upper()} (now {getattr(topic, need.right)!r}) also matches it",
        )
    if not lacking and not closed:
        yield desk.ok("permissions", "the user may do all that is needed of it here")


def _closing(need: Need, topics: list[TopicPermission], reached: Reached) -> TopicPermission | None:
    """The topic permission that forbids it. Where none is set for an exchange, every key is open."""
    if need.key is None:
        return None
    for topic in topics:
        if topic.exchange == need.name and topic.vhost == reached.virtual_host:
            pattern: str = getattr(topic, need.right)
            expanded = pattern.replace("{username}", reached.user).replace("{vhost}", reached.virtual_host)
            if not _allows(expanded, need.key):
                return topic
    return None


def _allows(pattern: str, name: str) -> bool:
    """As RabbitMQ decides: the expression is found somewhere in the name, and an empty one in none."""
    try:
        return bool(pattern) and re.search(pattern, name) is not None
    except re.error:
        return True  # an expression of Erlang's that Python does not know: no reason to accuse anybody
