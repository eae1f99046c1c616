"""What the doctor says of the broker's user."""

import pytest

from tests.unit.cli.doctor_given import CALL, CLIENT, SERVER, bad, look, managed, only, reached, seen
from toolwire.broker.look import State
from toolwire.broker.reach import Stage
from toolwire.cli.doctor.finding import Level
from toolwire.cli.doctor.managed import Permission, TopicPermission, Unseen
from toolwire.cli.doctor.permissions import Roles, judge_permissions

ALL = Roles(CLIENT, SERVER, serves=True)
ONLY_CLIENT = Roles(CLIENT, SERVER, serves=False)


def permission(configure: str, write: str, read: str) -> list[Permission]:
    return [Permission(vhost="tools", configure=configure, write=write, read=read)]


def topic(exchange: str, write: str, read: str) -> list[TopicPermission]:
    return [TopicPermission(vhost="tools", exchange=exchange, write=write, read=read)]


def test_a_user_with_all_that_it_needs_is_ok() -> None:
    assert bad(judge_permissions(look(), managed(), ALL)) == []


NARROW = permission(
    r"^tw\.reply\.client-001\.",
    r"^tw\.(requests$|reply\.client-001\.)",
    r"^tw\.(replies$|reply\.client-001\.)",
)


def test_a_client_needs_its_reply_queue_and_the_requests_alone() -> None:
    assert bad(judge_permissions(look(), managed(permissions=NARROW), ONLY_CLIENT)) == []


def test_a_clients_user_cannot_serve() -> None:
    found = list(judge_permissions(look(), managed(permissions=NARROW), ALL))
    lacking = {finding.what.partition(" is missing")[0] for finding in found if finding.level is Level.ERROR}
    assert f"read on {CALL}" in lacking
    assert "write on tw.replies" in lacking
    assert "configure on tw.control.server-1-…" in lacking


@pytest.mark.parametrize(
    ("permissions", "what"),
    [
        (permission("^tw", "", "^tw"), "write on tw.requests is missing: client client-001 cannot ask"),
        (permission("^$", "^tw", "^tw"), "configure on tw.reply.client-001.… is missing"),
        (permission("^tw", "^tw", r"^tw\.reply"), "read on tw.replies is missing"),
    ],
)
def test_what_is_missing_is_named_with_its_remedy(permissions: list[Permission], what: str) -> None:
    found = list(judge_permissions(look(), managed(permissions=permissions), ONLY_CLIENT))
    first = next(finding for finding in found if finding.level is Level.ERROR)
    assert first.what.startswith(what)
    assert first.remedy.startswith("rabbitmqctl set_permissions -p tools toolwire ")


def test_topic_permissions_are_compared_with_the_keys() -> None:
    def found(write: str) -> list[tuple[Level, str]]:
        given = managed(topic_permissions=topic("tw.requests", write, ""))
        return bad(judge_permissions(look(), given, ONLY_CLIENT))

    assert found(r"^server-1\.") == []
    assert found(r"^server-2\.") == [(Level.ERROR, "topic_permission")]
    assert found("") == [(Level.ERROR, "topic_permission")]


def test_topic_permissions_expand_the_user() -> None:
    as_client = look(reached=(reached(user=CLIENT),))
    given = managed(topic_permissions=topic("tw.replies", "", r"^{username}\."))
    assert bad(judge_permissions(as_client, given, ONLY_CLIENT)) == []


def test_an_expression_that_python_does_not_know_accuses_nobody() -> None:
    strange = permission("(?<a", "(?<a", "(?<a")
    assert bad(judge_permissions(look(), managed(permissions=strange), ONLY_CLIENT)) == []


@pytest.mark.parametrize(("host", "level"), [("127.0.0.1", Level.NOTE), ("rabbit.example", Level.WARNING)])
def test_guest_and_administrators_are_not_for_production(host: str, level: Level) -> None:
    guest = look(reached=(reached(host=host, user="guest"),))
    everything = managed(tags=["administrator"])
    assert bad(judge_permissions(guest, everything, ALL)) == [(level, "guest")]
    admin = look(reached=(reached(host=host),))
    assert bad(judge_permissions(admin, everything, ALL)) == [(level, "administrator")]


def test_what_may_not_be_seen_is_said() -> None:
    hidden = look(seen(CALL, state=State.FORBIDDEN, sure=False))
    unseen = managed(permissions=Unseen("it is forbidden", "ask as another user"), tags=Unseen("so"))
    found = list(judge_permissions(hidden, unseen, ALL))
    assert bad(found) == [(Level.NOTE, "hidden"), (Level.NOTE, "permissions")]
    assert CALL in only(found, "hidden").what


def test_nobody_who_got_in_without_permissions_is_judged_by_them() -> None:
    """Another authentication backend let the user in."""
    assert bad(judge_permissions(look(), managed(permissions=[]), ALL)) == []


def test_a_broker_that_was_not_reached_says_nothing_of_its_user() -> None:
    assert list(judge_permissions(look(reached=(reached(stage=Stage.LOGIN),)), managed(), ALL)) == []
