"""What a watcher sees: what a pinned server signed, of a client that the registry grants, and asked for."""

import secrets
from typing import Any

import pytest

from tests.unit.client.test_answers import OLD, OTHER, PINNED, SECRET, SERVER
from tests.unit.contracts import samples
from tests.unit.contracts.samples import forge
from toolwire.client.answers import Drop
from toolwire.client.identity import Identity
from toolwire.client.watched import Watched, read_event, servers_own, watched
from toolwire.contracts.envelopes import Event
from toolwire.contracts.errors import ConfigurationError, UsageError
from toolwire.contracts.jobs import EventName
from toolwire.contracts.keys import Ed25519Signer
from toolwire.contracts.sealing import seal

STRANGER = Ed25519Signer("client-002.1", secrets.token_bytes(32))


def identity(*watches: str) -> Identity:
    """Client client-001, which may watch those."""
    return Identity(
        client_id="client-001",
        instance="main",
        named=False,
        signer=lambda _server: STRANGER,
        pinned=PINNED,
        pinned_servers=frozenset({"server-1", "server-2"}),
        watches=watches,
    )


def asked(who: Identity, **given: Any) -> Watched:
    anything: dict[str, Any] = {"server": None, "tools": (), "events": (), "clients": ()}
    return watched(who, **anything | given)


def read(line: bytes, who: Identity, **given: Any) -> Event | Drop:
    return read_event(line, servers_own(PINNED), who, asked(who, **given), samples.NOW_MS)


def reason(line: bytes, who: Identity, **given: Any) -> str:
    dropped = read(line, who, **given)
    assert isinstance(dropped, Drop), "the event was believed"
    assert dropped.attributable, "no pending call may take it for its answer"
    return dropped.reason


OWN = samples.event()
FOREIGN = samples.event(client_id="client-002")


# --- which lines are seen ---


def test_an_event_of_a_granted_client_is_read() -> None:
    assert read(seal(FOREIGN, SERVER), identity("client-002")) == FOREIGN
    assert read(seal(FOREIGN, SERVER), identity("client-*")) == FOREIGN


def test_a_client_may_watch_itself() -> None:
    assert read(seal(OWN, SERVER), identity()) == OWN


@pytest.mark.promise("P6")
@pytest.mark.parametrize("watches", [(), ("client-003",), ("client-0021", "client-00")])
def test_an_event_of_a_client_that_is_not_granted_is_dropped(watches: tuple[str, ...]) -> None:
    assert reason(seal(FOREIGN, SERVER), identity(*watches)) == "not_granted"


@pytest.mark.promise("P1", "P6")
@pytest.mark.parametrize(
    ("line", "why"),
    [
        pytest.param(b"", "bad_envelope", id="nothing"),
        pytest.param(FOREIGN.payload().encode(), "bad_envelope", id="unsigned"),
        pytest.param(seal(FOREIGN, STRANGER), "unknown_key", id="a client's key"),
        pytest.param(seal(FOREIGN, SECRET), "unknown_key", id="a secret, which two parties know"),
        pytest.param(seal(FOREIGN, OLD), "revoked_key", id="a revoked key"),
        pytest.param(seal(FOREIGN, OTHER), "foreign_key", id="another server's key"),
        pytest.param(
            seal(FOREIGN, Ed25519Signer(SERVER.kid, STRANGER.seed)), "bad_signature", id="a forgery"
        ),
        pytest.param(
            forge(FOREIGN.payload().encode(), SERVER, type_="request"), "bad_signature", id="as a request"
        ),
        pytest.param(seal(samples.response(), SERVER), "bad_signature", id="a response"),
        pytest.param(forge(b'{"type":"event"}', SERVER, type_="event"), "invalid_envelope", id="no event"),
        pytest.param(
            seal(samples.event(data=samples.snapshot(server_id="server-2")), SERVER),
            "foreign_job",
            id="another server's job",
        ),
    ],
)
def test_what_is_not_surely_the_servers_is_dropped(line: bytes, why: str) -> None:
    assert reason(line, identity("*")) == why


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"server": "server-1"}, True),
        ({"server": "server-2"}, False),
        ({"tools": ["add", "start_long_task"]}, True),
        ({"tools": ["add"]}, False),
        ({"events": ["progress"]}, True),
        ({"events": [EventName.DONE]}, False),
        ({"clients": ["client-002"]}, True),
        ({"clients": ["client-003"]}, False),
    ],
)
def test_only_what_was_asked_for_is_seen(given: dict[str, Any], fits: bool) -> None:
    """A queue may hold what an earlier watch of its name asked for, and a routing key is not signed."""
    seen = read(seal(FOREIGN, SERVER), identity("*"), **given)
    assert seen == (FOREIGN if fits else Drop("not_watched", attributable=True))


# --- what is bound ---


@pytest.mark.parametrize(
    ("watches", "given", "patterns"),
    [
        ((), {}, ["client-001.*.#.*"]),
        (("client-002",), {}, ["client-001.*.#.*", "client-002.*.#.*"]),
        (("client-002", "shop-*"), {}, ["*.*.#.*"]),
        (("shop-*",), {"clients": ["shop-1"]}, ["shop-1.*.#.*"]),
        ((), {"server": "server-1", "tools": ["a.b"]}, ["client-001.server-1.a.b.*"]),
        ((), {"events": ["done", "error"]}, ["client-001.*.#.done", "client-001.*.#.error"]),
    ],
)
def test_no_more_is_bound_than_is_asked_for(
    watches: tuple[str, ...], given: dict[str, Any], patterns: list[str]
) -> None:
    assert asked(identity(*watches), **given).patterns() == patterns


# --- what is refused at once ---


@pytest.mark.promise("P6")
def test_nobody_asks_for_a_client_that_is_not_granted() -> None:
    with pytest.raises(ConfigurationError, match=r'watch = \["client-003"\] to \[clients.client-001\]'):
        asked(identity("client-002"), clients=["client-002", "client-003"])


def test_nobody_asks_for_a_server_that_is_not_pinned() -> None:
    with pytest.raises(ConfigurationError, match=r"'server-3' is pinned.* keys export server server-3`"):
        asked(identity(), server="server-3")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tools": "resize"}, "are lists"),
        ({"events": "done"}, "are lists"),
        ({"clients": "client-001"}, "are lists"),
        ({"tools": ["re size"]}, "tool name"),
        ({"events": ["finished"]}, "no event 'finished'; there are accepted, started"),
        ({"clients": ["*"]}, "clients are ids"),
    ],
)
def test_what_names_nothing_is_the_callers_mistake(given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        asked(identity("*"), **given)
