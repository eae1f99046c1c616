"""Our own readers agree with every published vector of a line: what they accept, as what, and why not."""

import json
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.unit.spec.vector_files import (
    CONTROL,
    EVENT,
    REQUEST,
    RESPONSE,
    SEALED,
    WATCH,
    Vector,
    accepted_in,
    each,
    keyring_of,
    line_of,
    signer_of,
)
from toolwire.broker.topology import reply_key
from toolwire.client.answers import Answer, Drop, read_answer
from toolwire.client.following import Following
from toolwire.client.identity import Identity
from toolwire.client.ledger import Ledger, Pending
from toolwire.client.watched import read_event, watched
from toolwire.contracts.envelopes import Control, Envelope, Event, Request, Response
from toolwire.contracts.keys import HmacKey, Keyring
from toolwire.contracts.registry import ClientEntry, KeyEntry
from toolwire.contracts.sealing import digest, seal, split
from toolwire.services.requests.authenticate import Authentic, Refused, Unreadable, authenticate, read_control
from toolwire.services.requests.decide import SKEW_MS, Policy, Usage, decide
from toolwire.services.requests.plans import Answer as Answered

REQUEST_KEYS, RESPONSE_KEYS, EVENT_KEYS, WATCH_KEYS, CONTROL_KEYS = map(
    keyring_of, (REQUEST, RESPONSE, EVENT, WATCH, CONTROL)
)

MODELS: dict[str, type[Envelope]] = {
    "request": Request,
    "response": Response,
    "event": Event,
    "control": Control,
}


def agree(vector: Vector, envelope: Envelope) -> None:
    """An accepted line has the stated parts, and says the stated envelope to the letter."""
    stated, line = vector["accepted"], line_of(vector)
    parts = split(line)
    assert parts.payload.decode() == stated["payload"]
    assert parts.kid == stated["kid"]
    assert digest(line) == stated["digest"]
    # Texts, not values: True and 1 are equal in Python.
    plain = type(envelope).model_validate_json(json.dumps(stated["envelope"]))
    assert envelope.payload() == plain.payload()


@pytest.mark.parametrize("name", MODELS)
def test_sealing_gives_the_accepted_lines_that_are_canonical(name: str) -> None:
    """The line of every envelope that we would write so ourselves, byte for byte."""
    sealed = 0
    for vector in accepted_in(SEALED[name]):
        envelope = MODELS[name].model_validate_json(json.dumps(vector["accepted"]["envelope"]))
        if envelope.payload() == vector["accepted"]["payload"]:
            sealed += 1
            assert seal(envelope, signer_of(vector["accepted"]["kid"])) == line_of(vector)
    assert sealed > 0


# --- requests -----------------------------------------------------------------------------------


def _policy() -> Policy:
    """What the file says of the service; it has no tools, so that a request that passes finds none."""
    keys = (KeyEntry(kid="k", algorithm="Ed25519", public="x"),)
    clients = {
        client_id: ClientEntry(keys=keys, max_ttl_s=max_ttl_ms // 1000)
        for client_id, max_ttl_ms in REQUEST["max_ttl_ms"].items()
    }
    return Policy(REQUEST["server_id"], clients, {})


def test_the_stated_limits_are_ours() -> None:
    assert REQUEST["skew_ms"] == SKEW_MS


@pytest.mark.promise("P1", "P2", "P3", "P6")
@pytest.mark.parametrize("vector", each(REQUEST))
def test_a_request(vector: Vector) -> None:
    """Up to where a service would look at its tools: what passes is told that there is no such tool."""
    now_ms = REQUEST["now_ms"]
    found = authenticate(line_of(vector), REQUEST_KEYS, vector["routing_key"], now_ms)
    match found:
        case Refused(reason):
            assert vector["refused"] == {"code": None, "reason": reason}
        case Unreadable(error=error, request_id=str(), reply_to=str(reply_to)):
            assert vector["refused"]["code"] == error.code
            assert vector["refused"]["answer_to"] == reply_key(found.key.owner, reply_to)
        case Unreadable(error=error):
            assert vector["refused"] == {"code": None, "reason": error.code}
        case Authentic():
            _decided(vector, found, now_ms)


def _decided(vector: Vector, found: Authentic, now_ms: int) -> None:
    plan = decide(found, None, Usage, _policy(), now_ms)
    assert isinstance(plan, Answered)
    assert plan.reply.error is not None
    if plan.reply.error.code == "tool_not_available":
        agree(vector, found.request)
    else:
        assert vector["refused"]["code"] == plan.reply.error.code
        assert vector["refused"]["answer_to"] == reply_key(found.key.owner, found.request.reply_to)


# --- what a client reads ------------------------------------------------------------------------


@contextmanager
def awaiting(ledger: Ledger, awaited: Iterable[dict[str, Any]]) -> Generator[list[Pending]]:
    """The ledger of a client that has asked what a file says."""
    asked: dict[tuple[str, str], Pending] = {}
    with ExitStack() as waiting:
        for entry in awaited:
            who = (entry["server_id"], entry["request_id"])
            if who not in asked:
                asked[who] = waiting.enter_context(ledger.expecting(*who, submission=True))
            ledger.sent(asked[who], entry["digest"])
            if entry["told_to_try_again"]:
                ledger.take(_refusal(entry["digest"]))
                asked[who].inbox.get_nowait()
        yield list(asked.values())


def _refusal(request_digest: str) -> Response:
    """A signed answer that invites another attempt."""
    [stated] = (vector for vector in RESPONSE["vectors"] if vector["name"] == "error: overloaded")
    response = Response.model_validate_json(json.dumps(stated["accepted"]["envelope"]))
    return response.model_copy(update={"request_digest": request_digest})


def read_as_client(file: dict[str, Any], keys: Keyring, vector: Vector) -> Answer | Drop:
    """What a line is to the file's client. The unsigned type of the message must not matter."""
    answers = [
        read_answer(line_of(vector), keys, file["client_id"], told, file["now_ms"])
        for told in ("response", "event", "request", None)
    ]
    assert all(answer == answers[0] for answer in answers)
    return answers[0]


@pytest.mark.promise("P1", "P2", "P3")
@pytest.mark.parametrize("vector", each(RESPONSE))
def test_a_response(vector: Vector) -> None:
    ledger = Ledger()
    with awaiting(ledger, RESPONSE["awaited"]) as [pending]:
        answer = read_as_client(RESPONSE, RESPONSE_KEYS, vector)
        ledger.take(answer)
        if "accepted" in vector:
            assert isinstance(answer, Response)
            agree(vector, answer)
            assert pending.inbox.get_nowait() == answer
            assert ledger.dropped == {}
        else:
            assert vector["refused"]["code"] is None
            assert ledger.dropped == {vector["refused"]["reason"]: 1}
            assert pending.inbox.empty()


def followed(ledger: Ledger, jobs: Iterable[dict[str, Any]]) -> list[Following]:
    """The jobs that the file's client follows, each with the last event that it took."""
    first = json.dumps(EVENT["vectors"][0]["accepted"]["envelope"])
    event = Event.model_validate_json(first)
    following: list[Following] = []
    for job in jobs:
        of_job = ledger.follow(job["server_id"], job["job_id"], job["digests"])
        taken = event.data.model_copy(update={"job_id": job["job_id"], "seq": job["seq"]})
        assert of_job.tell(event.model_copy(update={"data": taken})) is None
        following.append(of_job)
    return following


@pytest.mark.promise("P1", "P2", "P3", "P5")
@pytest.mark.parametrize("vector", each(EVENT))
def test_an_event(vector: Vector) -> None:
    ledger = Ledger()
    jobs = followed(ledger, EVENT["followed"])
    with awaiting(ledger, EVENT["awaited"]) as [pending]:
        answer = read_as_client(EVENT, EVENT_KEYS, vector)
        ledger.take(answer)
        if "accepted" in vector:
            assert isinstance(answer, Event)
            agree(vector, answer)
            assert answer.data in [pending.newest, *(job.newest for job in jobs)]
            assert ledger.dropped == {}
        else:
            assert vector["refused"]["code"] is None
            assert ledger.dropped == {vector["refused"]["reason"]: 1}
            assert pending.newest is None


@pytest.mark.promise("P1", "P2", "P5")
@pytest.mark.parametrize("vector", each(WATCH))
def test_a_watched_event(vector: Vector) -> None:
    watcher = Identity(
        client_id=WATCH["client_id"],
        instance="i1",
        named=False,
        signer=lambda _: HmacKey("unused", bytes(32)),
        pinned=WATCH_KEYS,
        pinned_servers=frozenset({"server-1", "server-2"}),
        watches=tuple(WATCH["may_watch"]),
    )
    wanted = watched(watcher, server=None, tools=WATCH["tools"], events=WATCH["events"], clients=())
    event = read_event(line_of(vector), WATCH_KEYS, watcher, wanted, WATCH["now_ms"])
    if isinstance(event, Drop):
        assert vector["refused"] == {"code": None, "reason": event.reason}
    else:
        agree(vector, event)


# --- what a replica reads -----------------------------------------------------------------------


@pytest.mark.promise("P1", "P2", "P3")
@pytest.mark.parametrize("vector", each(CONTROL))
def test_a_control_message(vector: Vector) -> None:
    control = read_control(line_of(vector), CONTROL_KEYS, CONTROL["server_id"], CONTROL["now_ms"])
    if isinstance(control, Refused):
        assert vector["refused"] == {"code": None, "reason": control.reason}
    else:
        assert isinstance(control, Control)
        agree(vector, control)
