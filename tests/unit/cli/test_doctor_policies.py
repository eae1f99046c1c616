"""What the doctor says of policies."""

from typing import Any

import pytest

from tests.unit.cli.doctor_given import CALL, DEAD, JUNK, SERVER, bad, managed, only, told
from toolwire.cli.doctor.finding import Finding, Level
from toolwire.cli.doctor.managed import BindingTold, PolicyTold, Unseen
from toolwire.cli.doctor.policies import judge_policies

NEWEST = (4, 3, 6)


def policy(pattern: str, definition: dict[str, Any], **but: Any) -> PolicyTold:
    return PolicyTold.model_validate({"name": "p", "pattern": pattern, "definition": definition} | but)


def judged(*policies: PolicyTold, **but: Any) -> list[Finding]:
    return list(judge_policies(managed(policies=list(policies), **but), SERVER, "tools", NEWEST))


def test_no_policy_is_ok_and_so_are_tighter_limits() -> None:
    assert bad(judged()) == []
    assert bad(judged(policy("^tw", {"max-length": 500, "delivery-limit": 5}))) == []


@pytest.mark.parametrize(
    ("queue", "definition", "level", "check"),
    [
        (CALL, {"expires": 60_000}, Level.ERROR, "policy_expires"),
        (CALL, {"message-ttl": 1_000}, Level.WARNING, "policy_message_ttl"),
        (CALL, {"dead-letter-routing-key": "x"}, Level.ERROR, "policy_dead_letter_routing_key"),
        (CALL, {"max-length": 10}, Level.WARNING, "policy_max_length"),
        (CALL, {"delivery-limit": 1}, Level.WARNING, "policy_delivery_limit"),
        (CALL, {"consumer-timeout": 5_000}, Level.WARNING, "policy_consumer_timeout"),
        (DEAD, {"expires": 60_000}, Level.WARNING, "policy_expires"),
        (JUNK, {"message-ttl": 60_000}, Level.WARNING, "policy_message_ttl"),
    ],
)
def test_what_a_policy_may_not_do(queue: str, definition: dict[str, Any], level: Level, check: str) -> None:
    found = judged(policy(f"^{queue}$", definition))
    assert bad(found) == [(level, check)]
    assert only(found, check).remedy.startswith(
        "rabbitmqctl clear_policy -p tools p, or set it again without"
    )
    assert only(found, check).where == f"queue {queue}"


def test_an_argument_of_the_declaration_goes_before_a_policy() -> None:
    overriding = {"overflow": "drop-head", "dead-letter-exchange": "elsewhere"}
    assert bad(judged(policy("^tw", overriding))) == []
    # An administrator's queue, without our arguments: there the policy holds.
    bare = told(CALL, arguments={"x-queue-type": "quorum"})
    assert bad(judged(policy("^tw", overriding), queues=[bare])) == [
        (Level.ERROR, "policy_overflow"),
        (Level.ERROR, "policy_dead_letter_exchange"),
    ]


def test_of_several_policies_the_one_of_the_highest_priority_holds() -> None:
    harmless = policy("^tw", {"max-length": 500}, name="q", priority=5)
    assert bad(judged(policy("^tw", {"expires": 1}), harmless)) == []


def test_a_policy_for_other_types_or_names_does_not_hold() -> None:
    assert bad(judged(policy("^tw", {"expires": 1}, **{"apply-to": "exchanges"}))) == []
    assert bad(judged(policy(f"^{CALL}$", {"expires": 1}, **{"apply-to": "classic_queues"}))) == []
    assert bad(judged(policy("^other", {"expires": 1}))) == []
    assert bad(judged(policy("(?<a", {"expires": 1}))) == []


def test_an_operators_policy_is_cleared_as_one() -> None:
    found = judged(operator_policies=[policy(f"^{CALL}$", {"expires": 1})])
    assert "rabbitmqctl clear_operator_policy -p tools p," in only(found, "policy_expires").remedy


@pytest.mark.parametrize(
    ("arguments", "definition", "checks"),
    [
        ({}, {}, []),
        ({"x-overflow": "drop-head"}, {"overflow": "reject-publish"}, []),
        ({"x-overflow": "reject-publish"}, {}, ["watcher_refuses"]),
        ({}, {"overflow": "reject-publish-dlx"}, ["watcher_refuses"]),
    ],
)
def test_a_watchers_queue_must_not_refuse(
    arguments: dict[str, Any], definition: dict[str, Any], checks: list[str]
) -> None:
    bindings = managed().bindings
    assert not isinstance(bindings, Unseen)
    watching = BindingTold(source="tw.events", destination="mine", destination_type="queue", routing_key="#")
    given: dict[str, Any] = {
        "queues": [told(CALL), told("mine", arguments=arguments)],
        "bindings": [*bindings, watching],
    }
    found = judged(policy("^mine$", definition), **given)
    assert [check for _, check in bad(found)] == checks


def test_mirroring_is_an_old_habit() -> None:
    mirrored = policy(".*", {"ha-mode": "all"})
    assert "ignored since 4.0" in only(judged(mirrored), "policy_mirroring").what
    old = judge_policies(managed(policies=[mirrored]), SERVER, "tools", (3, 13, 7))
    assert "ends with 4.0" in only(old, "policy_mirroring").what


def test_policies_that_may_not_be_read_are_not_seen() -> None:
    assert bad(
        judged_unseen := list(
            judge_policies(managed(policies=Unseen("it is forbidden")), SERVER, "tools", NEWEST)
        )
    ) == [(Level.NOTE, "policies")]
    assert judged_unseen[0].what.startswith("not seen: ")
