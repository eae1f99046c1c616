"""Judges the exchanges and queues: are they there, as we declare them, served, and how full?"""

from collections.abc import Iterator

from toolwire.broker import topology
from toolwire.broker.look import BrokerLook, Seen, State
from toolwire.cli.doctor.finding import Area, Desk, Finding, count
from toolwire.cli.doctor.managed import BindingTold, Managed, Node, QueueTold, Unseen

BACKLOG = 1_000
"""Requests that wait. A replica takes hundreds a second: so many are waiting for something."""
MOST_UNACKED = 200
"""Deliveries that one consumer may hold: a replica's are bounded far below."""


def expected_queues(server_id: str) -> tuple[topology.Queue, ...]:
    """The queues that every server has."""
    return (
        topology.call_queue(server_id),
        topology.job_queue(server_id),
        topology.dead_queue(server_id),
        topology.junk_queue(server_id),
    )


def judge_queues(look: BrokerLook, managed: Managed, server_id: str) -> Iterator[Finding]:
    """Everything about exchanges and queues."""
    reached = look.open
    if reached is None:
        return
    yield from judge_exchanges(look.exchanges, reached.virtual_host)
    expected = {queue.name: queue for queue in expected_queues(server_id)}
    told = {} if isinstance(managed.queues, Unseen) else {queue.name: queue for queue in managed.queues}
    for seen in look.queues:
        yield from judge_declared(expected[seen.name], seen, told.get(seen.name), reached.virtual_host)
    yield from judge_served(look.queues, server_id)
    yield from judge_put_aside(look.queues, server_id)
    if isinstance(managed.queues, Unseen):
        yield Desk(Area.QUEUES, managed.where).unseen(
            "queue_details",
            "deliveries without acknowledgement, leaders and members of queues",
            managed.queues.because,
            managed.queues.remedy,
        )
    else:
        ours = [told[name] for name in expected if name in told]
        yield from judge_unacked(ours)
        yield from judge_members(ours, managed.nodes)
    there = [expected[seen.name] for seen in look.queues if _is_there(seen)]
    yield from judge_bindings(managed.bindings, there, managed.where)


def judge_exchanges(exchanges: tuple[Seen, ...], virtual_host: str) -> Iterator[Finding]:
    """Whether all of them are there, as durable topic exchanges."""
    good = [seen for seen in exchanges if seen.state is State.THERE]
    if good:
        yield Desk(Area.QUEUES, f"virtual host {virtual_host!r}").ok(
            "exchanges", f"{len(good)} of {len(exchanges)} exchanges are there"
        )
    for seen in exchanges:
        yield from _judge_exchange(Desk(Area.QUEUES, f"exchange {seen.name}"), seen, virtual_host)


def _judge_exchange(desk: Desk, seen: Seen, virtual_host: str) -> Iterator[Finding]:
    match seen.state:
        case State.THERE:
            return
        case State.OTHERWISE:
            yield desk.error(
                "exchange_declared_otherwise",
                f"it was declared otherwise: {seen.said}",
                f"delete it, and it is declared anew with the next connection: rabbitmqadmin --vhost="
                f"{virtual_host} delete exchange name={seen.name}",
            )
        case State.MISSING:
            yield desk.error(
                "exchange_missing",
                "it is not there: no service or client was started on this virtual host",
                "toolwire serve MODULE:ATTR; if a service runs, compare the broker URLs: their virtual hosts "
                "may differ",
            )
        case State.FORBIDDEN | State.UNKNOWN:
            yield desk.unseen("exchange", "whether it is there", seen.said or "nobody answered")


def judge_declared(
    queue: topology.Queue, seen: Seen, told: QueueTold | None, virtual_host: str
) -> Iterator[Finding]:
    """Whether a queue is there as we declare it; where AMQP may not compare, the management API can."""
    desk = Desk(Area.QUEUES, f"queue {queue.name}")
    otherwise = seen.said if seen.state is State.OTHERWISE else ""
    if told is not None and (otherwise or not seen.sure):
        otherwise = differences(queue, told) or otherwise  # the broker names the first difference alone
    if otherwise:
        yield desk.error(
            "queue_declared_otherwise",
            f"it was declared otherwise, and no replica can start beside it: {otherwise}",
            f"when it is empty: rabbitmqctl delete_queue -p {virtual_host} {queue.name} --if-empty; the "
            "next replica declares it anew. Limits are changed by a policy, never by a declaration",
        )
    elif seen.state is State.MISSING:
        yield desk.error(
            "queue_missing",
            "it is not there: the service was never started on this virtual host",
            "toolwire serve MODULE:ATTR; if it runs, compare the broker URLs and the server's name",
        )
    elif seen.sure or told is not None:
        yield desk.ok(
            "queue", f"there, with {count(seen.messages, 'message')} and {count(seen.consumers, 'consumer')}"
        )
    else:
        what = "whether it was declared as we do" if seen.state is State.THERE else "whether it is there"
        yield desk.unseen("queue", what, seen.said or "nobody answered")


def differences(queue: topology.Queue, told: QueueTold) -> str:
    """What is not as we declare it, in words."""
    there = {"x-queue-type": told.type, **told.arguments}
    lines = [
        f"{name} is {there.get(name, 'not set')}, not {value}"
        for name, value in queue.arguments.items()
        if there.get(name) != value
    ]
    lines += [f"{name} = {told.arguments[name]}" for name in sorted(set(there) - set(queue.arguments))]
    return "; ".join(lines)


def judge_served(queues: tuple[Seen, ...], server_id: str) -> Iterator[Finding]:
    """Whether somebody hears the requests, and how many wait."""
    call = _named(queues, topology.call_queue(server_id).name)
    if call is None:
        return
    desk = Desk(Area.QUEUES, f"queue {call.name}")
    if call.consumers == 0:
        yield desk.error(
            "no_replica",
            f"no replica of {server_id!r} is running; waiting: {count(call.messages, 'request')}",
            "toolwire serve MODULE:ATTR",
        )
    elif call.messages > BACKLOG:
        yield desk.warning(
            "backlog",
            f"{call.messages} requests wait for {count(call.consumers, 'replica')}",
            "start more replicas, give each more --places, or look for a slow store or tool in their logs",
        )
    else:
        yield desk.ok(
            "replicas",
            f"{count(call.consumers, 'replica')} at work; waiting: {count(call.messages, 'request')}",
        )


def judge_put_aside(queues: tuple[Seen, ...], server_id: str) -> Iterator[Finding]:
    """Dead letters and junk."""
    dead = _named(queues, topology.dead_queue(server_id).name)
    if dead is not None and dead.messages:
        yield Desk(Area.QUEUES, f"queue {dead.name}").warning(
            "dead_letters",
            f"{count(dead.messages, 'authentic message')} could not be handled",
            "toolwire dead list; then toolwire dead show NAME, and toolwire dead replay NAME",
        )
    junk = _named(queues, topology.junk_queue(server_id).name)
    if junk is not None and junk.messages:
        yield Desk(Area.QUEUES, f"queue {junk.name}").warning(
            "junk",
            f"{count(junk.messages, 'message')} never authenticated: a client with an unknown or revoked "
            "key, or a stranger",
            "toolwire junk list, and toolwire junk show NAME: the reason stands beside each",
        )


def judge_unacked(queues: list[QueueTold]) -> Iterator[Finding]:
    """Deliveries that somebody holds for long."""
    for queue in queues:
        if queue.messages_unacknowledged > MOST_UNACKED * max(1, queue.consumers):
            yield Desk(Area.QUEUES, f"queue {queue.name}").warning(
                "unacked",
                f"{queue.messages_unacknowledged} messages are delivered and not acknowledged",
                "look for a stuck consumer (rabbitmqctl list_consumers) and restart it: the broker then "
                "gives them to another one",
            )


def judge_members(queues: list[QueueTold], nodes: list[Node] | Unseen) -> Iterator[Finding]:
    """Whether quorum queues have their majority, and more than one home in a cluster."""
    up = 1 if isinstance(nodes, Unseen) else sum(node.running for node in nodes)
    for queue in queues:
        if queue.type != "quorum" or not queue.members:
            continue
        desk = Desk(Area.QUEUES, f"queue {queue.name}")
        if 2 * len(queue.online) <= len(queue.members):
            away = ", ".join(sorted(set(queue.members) - set(queue.online)))
            yield desk.error(
                "no_majority",
                f"only {len(queue.online)} of its {len(queue.members)} members are up: it takes no messages",
                f"start the nodes {away}",
            )
        elif len(queue.members) == 1 and up > 1:
            yield desk.warning(
                "one_member",
                f"it lives on one node of {up}: with that node it is gone",
                f"rabbitmq-queues grow NODE all --queue-pattern '^{queue.name}$', for two more nodes",
            )


def judge_bindings(
    bindings: list[BindingTold] | Unseen, queues: list[topology.Queue], where: str
) -> Iterator[Finding]:
    """Whether what is published reaches the queues."""
    if isinstance(bindings, Unseen):
        yield Desk(Area.QUEUES, where).unseen("bindings", "bindings", bindings.because, bindings.remedy)
        return
    there = {(told.source, told.destination, told.routing_key) for told in bindings}
    for queue in queues:
        for binding in queue.bindings:
            if (binding.exchange, queue.name, binding.key) not in there:
                yield Desk(Area.QUEUES, f"queue {queue.name}").error(
                    "binding_missing",
                    f"it is not bound to {binding.exchange} with {binding.key!r}: nothing reaches it",
                    "restart a replica whose user may bind it, or bind it as an administrator: rabbitmqadmin "
                    f"declare binding source={binding.exchange} destination={queue.name} "
                    f"routing_key='{binding.key}'",
                )


def _named(queues: tuple[Seen, ...], name: str) -> Seen | None:
    return next((seen for seen in queues if seen.name == name and _is_there(seen)), None)


def _is_there(seen: Seen) -> bool:
    return seen.state in {State.THERE, State.OTHERWISE}
