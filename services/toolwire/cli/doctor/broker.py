"""Judges how each broker was reached, its alarms, its cluster and its feature flags."""

from collections.abc import Callable, Iterator

from toolwire.broker.look import BrokerLook
from toolwire.broker.reach import Reached, Stage
from toolwire.cli.doctor.finding import Area, Desk, Finding, count
from toolwire.cli.doctor.managed import Flag, Managed, Node, Unseen
from toolwire.cli.doctor.versions import judge_version

LONGEST_HEARTBEAT_S = 60
"""Of a broker that vanished without a word a connection learns after three heartbeats."""


def judge_reached(look: BrokerLook) -> Iterator[Finding]:
    """One finding for each URL; another node may still do."""
    for reached in look.reached:
        desk = Desk(Area.BROKER, reached.where)
        if reached.stage is Stage.OPEN:
            told = f"reached as {reached.user!r}: RabbitMQ {reached.version or 'of an unknown version'}"
            yield desk.ok("reached", told)
            yield from _judge_heartbeat(desk, reached)
            continue
        what, remedy = _FAILURES[reached.stage](reached)
        tell = desk.error if look.open is None else desk.warning
        yield tell(f"no_{reached.stage}", f"{what}{f' ({reached.said})' if reached.said else ''}", remedy)


_FAILURES: dict[Stage, Callable[[Reached], tuple[str, str]]] = {
    Stage.NAME: lambda at: (
        f"the host name {at.host!r} is not known here",
        "correct the host in TOOLWIRE_BROKER_URL or toolwire.toml, or this machine's DNS",
    ),
    Stage.TCP: lambda at: (
        f"nobody listens on port {at.port} of {at.host}, or something between drops it",
        f"start RabbitMQ there (`toolwire dev` for a private one), open port {at.port}, or correct the "
        "broker URL",
    ),
    Stage.TLS: lambda _at: (
        "the TLS handshake failed",
        "amqps:// needs a TLS port (usually 5671); for a certificate of your own authority add "
        "?cafile=/path/ca.pem to the URL",
    ),
    Stage.AMQP: lambda at: (
        f"what listens on port {at.port} does not speak AMQP 0-9-1",
        "name the AMQP port (5672, with TLS 5671), not the one of the management API, and amqps:// for a TLS "
        "port",
    ),
    Stage.LOGIN: lambda at: (
        f"the user {at.user!r} or its password is refused",
        f"correct the URL, or on the broker: rabbitmqctl change_password {at.user} NEW_PASSWORD. The user "
        "guest may only log in from the broker's own machine.",
    ),
    Stage.VIRTUAL_HOST: lambda at: (
        f"there is no virtual host {at.virtual_host!r}, or the user {at.user!r} has no permissions in it",
        f"correct the path of the broker URL, or on the broker: rabbitmqctl add_vhost {at.virtual_host}; "
        f"rabbitmqctl set_permissions -p {at.virtual_host} {at.user} '.*' '.*' '.*'",
    ),
}


def _judge_heartbeat(desk: Desk, reached: Reached) -> Iterator[Finding]:
    if reached.heartbeat_s is not None and not 0 < reached.heartbeat_s <= LONGEST_HEARTBEAT_S:
        yield desk.warning(
            "heartbeat",
            f"the heartbeat is {reached.heartbeat_s} s: a broker that vanishes is noticed late or never",
            "take heartbeat= out of the broker URL; 15 seconds hold then",
        )


# --- alarms, nodes, flags ---------------------------------------------------------------------------


def judge_alarms(reached: Reached, blocked: bool | None, nodes: list[Node] | Unseen) -> Iterator[Finding]:
    """Memory and disk alarms: while one holds, the broker takes no message from anybody."""
    desk = Desk(Area.BROKER, reached.where)
    told = list(_alarms_of(nodes)) if not isinstance(nodes, Unseen) else []
    for node, what, remedy in told:
        yield Desk(Area.BROKER, f"node {node}").error(
            "alarm", f"the {what} alarm holds: the broker takes no messages", remedy
        )
    if told:
        return
    if blocked:
        yield desk.error(
            "alarm",
            "the broker reads nothing from who publishes: a memory or disk alarm holds (connection.blocked)",
            "on the broker: rabbitmq-diagnostics alarms; then free memory or disk space there",
        )
    elif blocked is None:
        yield desk.unseen("alarm", "whether an alarm holds publishers back", "the look at it was refused")
    else:
        yield desk.ok("alarm", "publishers are not held back")


def _alarms_of(nodes: list[Node]) -> Iterator[tuple[str, str, str]]:
    for node in nodes:
        if node.mem_alarm:
            yield (
                node.name,
                "memory",
                "consume the backlog or give the node more: vm_memory_high_watermark in rabbitmq.conf",
            )
        if node.disk_free_alarm:
            yield node.name, "disk", "free disk space on the node, or lower disk_free_limit in rabbitmq.conf"


def judge_management(managed: Managed) -> Iterator[Finding]:
    """Whether the management API tells what AMQP does not."""
    if isinstance(managed.whoami, Unseen):
        unseen = managed.whoami
        yield Desk(Area.BROKER, managed.where).unseen(
            "management", "what the management API tells", unseen.because, unseen.remedy
        )


def judge_nodes(where: str, nodes: list[Node] | Unseen) -> Iterator[Finding]:
    """Whether the cluster is whole."""
    desk = Desk(Area.BROKER, where)
    if isinstance(nodes, Unseen):
        yield desk.unseen("nodes", "the cluster's nodes and their alarms", nodes.because, nodes.remedy)
        return
    for node in nodes:
        at = Desk(Area.BROKER, f"node {node.name}")
        if not node.running:
            yield at.warning(
                "node_down", "this node of the cluster is down", "start it, or forget it for good"
            )
        elif node.partitions:
            yield at.error(
                "partition",
                f"it is parted from {', '.join(node.partitions)}",
                "mend the network, then restart the smaller side; set cluster_partition_handling = "
                "pause_minority",
            )
    up = sum(node.running for node in nodes)
    yield desk.ok("nodes", f"{up} of {count(len(nodes), 'node')} up")
    if len(nodes) == 2:
        yield desk.warning(
            "two_nodes",
            "a cluster of two nodes stands still when either is down: a majority of two is two",
            "add a third node",
        )


def judge_flags(where: str, flags: list[Flag] | Unseen) -> Iterator[Finding]:
    """Feature flags that the next upgrade will ask for."""
    desk = Desk(Area.BROKER, where)
    if isinstance(flags, Unseen):
        yield desk.unseen("feature_flags", "the feature flags", flags.because, flags.remedy)
        return
    off = sorted(flag.name for flag in flags if flag.state == "disabled" and flag.stability == "stable")
    if off:
        yield desk.note(
            "feature_flags",
            f"stable feature flags are off, and the next upgrade may need them: {', '.join(off)}",
            "rabbitmqctl enable_feature_flag all",
        )


def judge_broker(look: BrokerLook, managed: Managed) -> Iterator[Finding]:
    """Everything about the broker itself."""
    yield from judge_reached(look)
    if look.open is None:
        return
    yield from judge_version(look.open)
    yield from judge_alarms(look.open, look.blocked, managed.nodes)
    yield from judge_management(managed)
    yield from judge_nodes(managed.where, managed.nodes)
    yield from judge_flags(managed.where, managed.flags)
