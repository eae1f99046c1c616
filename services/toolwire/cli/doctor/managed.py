"""What the management API tells, as far as this user may ask: every answer, or why there is none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from toolwire.broker.management import Management, ManagementError
from toolwire.client.clock import now_ms

T = TypeVar("T")
SECONDS = 3.0
"""For each request."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """Something that could not be asked, and why."""

    because: str
    remedy: str = ""


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Node(_Told):
    """A node of the cluster."""

    name: str
    running: bool = False
    mem_alarm: bool = False
    disk_free_alarm: bool = False
    partitions: list[str] = []
    being_drained: bool = False


class QueueTold(_Told):
    """A queue as the management API has it; its numbers lag by some seconds."""

    name: str
    type: str = ""
    durable: bool = True
    exclusive: bool = False
    arguments: dict[str, Any] = {}
    messages_unacknowledged: int = 0
    consumers: int = 0
    leader: str | None = None
    members: list[str] = []
    online: list[str] = []


class BindingTold(_Told):
    """What leads to a queue."""

    source: str
    destination: str
    destination_type: str
    routing_key: str


class PolicyTold(_Told):
    """A policy, an operator's or a user's."""

    name: str
    pattern: str
    apply_to: str = Field(default="all", alias="apply-to")
    priority: int = 0
    definition: dict[str, Any] = {}


class Permission(_Told):
    """What a user may do in one virtual host: three regular expressions over names."""

    user: str = ""
    vhost: str
    configure: str
    write: str
    read: str


class TopicPermission(_Told):
    """Which routing keys a user may write and read on one exchange."""

    user: str = ""
    vhost: str
    exchange: str
    write: str
    read: str


class Flag(_Told):
    """A feature flag."""

    name: str
    state: str
    stability: str = "stable"


class Whoami(_Told):
    """The user who asks."""

    name: str
    tags: list[str] | str = []  # before 3.9 one text


@dataclass(frozen=True, slots=True)
class Managed:
    """Everything that was asked. `where` is the API's host and port."""

    where: str
    whoami: Whoami | Unseen
    nodes: list[Node] | Unseen
    queues: list[QueueTold] | Unseen
    bindings: list[BindingTold] | Unseen
    policies: list[PolicyTold] | Unseen
    operator_policies: list[PolicyTold] | Unseen
    permissions: list[Permission] | Unseen
    topic_permissions: list[TopicPermission] | Unseen
    tags: list[str] | Unseen
    """The tags of the broker's user."""
    flags: list[Flag] | Unseen
    skew_ms: int | Unseen
    """How far the broker's clock is ahead of ours; HTTP tells whole seconds."""

    @classmethod
    def away(cls, where: str, why: Unseen) -> "Managed":
        """Nothing could be asked."""
        return cls(where, why, *[Unseen("the management API was not seen")] * 10)  # the remedy is said once


def ask(management: Management, user: str, virtual_host: str) -> Managed:
    """Ask everything. `user` is the one whose permissions are looked at: the one of the broker's URL."""
    whoami = _read(management, "/api/whoami", Whoami)
    if isinstance(whoami, Unseen):
        return Managed.away(management.where, whoami)
    host, name = quote(virtual_host, safe=""), quote(user, safe="")
    topics = _read(management, f"/api/topic-permissions/{host}/{name}", list[TopicPermission])
    if isinstance(topics, Unseen) and topics.because.endswith("there is none"):
        topics = []
    return Managed(
        where=management.where,
        whoami=whoami,
        nodes=_read(management, "/api/nodes", list[Node]),
        queues=_read(management, f"/api/queues/{host}", list[QueueTold]),
        bindings=_read(management, f"/api/bindings/{host}", list[BindingTold]),
        policies=_read(management, f"/api/policies/{host}", list[PolicyTold]),
        operator_policies=_read(management, f"/api/operator-policies/{host}", list[PolicyTold]),
        permissions=_read(management, f"/api/users/{name}/permissions", list[Permission]),
        topic_permissions=topics,
        tags=_tags(management, whoami, user),
        flags=_read(management, "/api/feature-flags", list[Flag]),
        skew_ms=_skew(management),
    )


def _tags(management: Management, whoami: Whoami, user: str) -> list[str] | Unseen:
    told = whoami
    if whoami.name != user:
        asked = _read(management, f"/api/users/{quote(user, safe='')}", Whoami)
        if isinstance(asked, Unseen):
            return asked
        told = asked
    return told.tags.split(",") if isinstance(told.tags, str) else told.tags


def _skew(management: Management) -> int | Unseen:
    before = now_ms()
    try:
        told = management.clock_ms()
    except ManagementError as error:
        return _unseen(management, error)
    # `Date` is cut to whole seconds: half a second is what it lacks on average.
    return told + 500 - (before + now_ms()) // 2


def _read(management: Management, path: str, kind: type[T]) -> T | Unseen:
    try:
        return _checked(lambda: TypeAdapter(kind).validate_python(management.request("GET", path)))
    except ManagementError as error:
        return _unseen(management, error)


def _checked(read: Callable[[], T]) -> T:
    try:
        return read()
    except ValidationError as error:
        raise ManagementError(f"it answered what nobody expects: {error.title}") from error


def _unseen(management: Management, error: ManagementError) -> Unseen:
    """Why, in one clause, and what to do."""
    where, user = management.where, management.user
    match error.status:
        case None:
            return Unseen(
                f"no management API answered at {where}",
                "rabbitmq-plugins enable rabbitmq_management, or name the API with --management "
                "http://USER:PASSWORD@HOST:15672",
            )
        case 401 | 403:
            return Unseen(
                f"the management API at {where} does not let the user {user!r} see it",
                f"rabbitmqctl set_user_tags {user} monitoring (administrator to see permissions), or name "
                "another user with --management http://USER:PASSWORD@HOST:15672",
            )
        case 404:
            return Unseen(f"at {where} there is none")
        case status:
            return Unseen(f"the management API at {where} answered {status}")
