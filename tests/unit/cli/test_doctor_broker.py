"""What the doctor says of a broker: how it was reached, its version, its alarms, its nodes."""

import pytest

from tests.unit.cli.doctor_given import API, bad, look, managed, only, reached
from toolwire.broker.reach import Stage
from toolwire.cli.doctor.broker import judge_alarms, judge_broker, judge_flags, judge_nodes, judge_reached
from toolwire.cli.doctor.finding import Level
from toolwire.cli.doctor.managed import Flag, Managed, Node, Unseen
from toolwire.cli.doctor.versions import TRAPS, judge_version, parsed


def test_a_healthy_broker_has_nothing_but_the_newest_versions_note() -> None:
    assert bad(judge_broker(look(), managed())) == [(Level.NOTE, "disconnected_timeout")]


@pytest.mark.parametrize(
    ("stage", "what", "remedy"),
    [
        (Stage.NAME, "the host name 'rabbit.example' is not known", "DNS"),
        (Stage.TCP, "nobody listens on port 5672", "start RabbitMQ"),
        (Stage.TLS, "the TLS handshake failed", "cafile="),
        (Stage.AMQP, "does not speak AMQP", "not the one of the management API"),
        (
            Stage.LOGIN,
            "the user 'toolwire' or its password is refused",
            "rabbitmqctl change_password toolwire",
        ),
        (Stage.VIRTUAL_HOST, "there is no virtual host 'tools'", "rabbitmqctl add_vhost tools"),
    ],
)
def test_each_way_not_to_get_in_has_its_remedy(stage: Stage, what: str, remedy: str) -> None:
    failed = look(reached=(reached(stage=stage, version=None, said="it said so"),))
    finding = only(judge_reached(failed), f"no_{stage}")
    assert finding.level is Level.ERROR
    assert what in finding.what
    assert "(it said so)" in finding.what
    assert remedy in finding.remedy
    assert bad(judge_broker(failed, managed())) == [(Level.ERROR, f"no_{stage}")]


def test_one_lost_node_of_several_is_a_warning() -> None:
    half = look(reached=(reached(stage=Stage.TCP), reached(host="two.example")))
    assert bad(judge_reached(half)) == [(Level.WARNING, "no_tcp")]


@pytest.mark.parametrize(("heartbeat", "checks"), [(15, []), (0, ["heartbeat"]), (600, ["heartbeat"])])
def test_a_broker_without_heartbeats_vanishes_unnoticed(heartbeat: int, checks: list[str]) -> None:
    found = judge_reached(look(reached=(reached(heartbeat_s=heartbeat),)))
    assert [check for _, check in bad(found)] == checks


@pytest.mark.parametrize(
    ("version", "checks"),
    [
        (
            "3.9.29",
            {
                "consumer_timeout_global",
                "too_old",
                "dead_leader_nacks",
                "no_default_delivery_limit",
                "cc_bypass",
            },
        ),
        (
            "3.10.8",
            {
                "consumer_timeout_global",
                "end_of_life",
                "dead_leader_nacks",
                "no_default_delivery_limit",
                "cc_bypass",
            },
        ),
        ("3.12.4", {"end_of_life", "dead_leader_nacks", "no_default_delivery_limit", "cc_bypass"}),
        ("3.12.5", {"end_of_life", "no_default_delivery_limit", "cc_bypass"}),
        ("3.13.7", {"end_of_life", "no_default_delivery_limit", "cc_bypass"}),
        ("4.0.9", {"end_of_life", "cc_bypass"}),
        ("4.1.0", {"end_of_life"}),
        ("4.2.8", {"end_of_life"}),
        (
            "4.3.0",
            {"disconnected_timeout", "transient_queues_denied", "passive_declare_needs_configure"},
        ),
        ("4.3.1", {"disconnected_timeout", "transient_queues_denied"}),
        ("4.3.6", {"disconnected_timeout"}),
        (None, {"version"}),
    ],
)
def test_each_version_has_its_traps(version: str | None, checks: set[str]) -> None:
    found = {check for _, check in bad(judge_version(reached(version=version)))}
    assert found == checks


def test_every_trap_says_what_to_do() -> None:
    assert all(trap.what and trap.remedy for trap in TRAPS)
    assert len({trap.check for trap in TRAPS}) == len(TRAPS)


def test_old_brokers_of_this_machine_are_noted_and_others_warned_of() -> None:
    assert (Level.WARNING, "end_of_life") in bad(judge_version(reached(version="3.13.7")))
    here = reached(version="3.13.7", host="127.0.0.1")
    assert (Level.NOTE, "end_of_life") in bad(judge_version(here))


def test_a_version_is_its_first_three_numbers() -> None:
    assert parsed("4.3.6-rc.1+build") == (4, 3, 6)
    assert parsed("four") is None


@pytest.mark.parametrize(
    ("blocked", "nodes", "expected"),
    [
        (False, [], []),
        (None, [], [(Level.NOTE, "alarm")]),
        (True, [], [(Level.ERROR, "alarm")]),
        (True, Unseen("nobody knows"), [(Level.ERROR, "alarm")]),
        (False, [Node(name="a", running=True, mem_alarm=True)], [(Level.ERROR, "alarm")]),
        (True, [Node(name="a", mem_alarm=True, disk_free_alarm=True)], [(Level.ERROR, "alarm")] * 2),
    ],
)
def test_alarms(blocked: bool | None, nodes: list[Node] | Unseen, expected: list[tuple[Level, str]]) -> None:
    assert bad(judge_alarms(reached(), blocked, nodes)) == expected


def test_nodes_that_are_down_or_parted_are_told() -> None:
    nodes = [
        Node(name="a", running=True),
        Node(name="b", running=False),
        Node(name="c", running=True, partitions=["a"]),
    ]
    assert bad(judge_nodes(API, nodes)) == [(Level.WARNING, "node_down"), (Level.ERROR, "partition")]
    pair = [Node(name="a", running=True), Node(name="b", running=True)]
    assert bad(judge_nodes(API, pair)) == [(Level.WARNING, "two_nodes")]


def test_stable_flags_that_are_off_are_noted() -> None:
    flags = [
        Flag(name="new", state="disabled", stability="stable"),
        Flag(name="try", state="disabled", stability="experimental"),
        Flag(name="old", state="enabled"),
    ]
    assert only(judge_flags(API, flags), "feature_flags").what.endswith("need them: new")


def test_without_the_management_api_what_it_tells_is_not_seen_and_never_ok() -> None:
    away = Managed.away(API, Unseen("nobody answered", "enable it"))
    found = list(judge_broker(look(), away))
    assert only(found, "management").remedy == "enable it"
    for check in ("nodes", "feature_flags"):
        (finding,) = [finding for finding in found if finding.check == check]
        assert finding.level is Level.NOTE
        assert finding.what.startswith("not seen: ")
