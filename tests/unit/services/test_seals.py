"""Which key seals what."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.unit.services.given import (
    CLIENT,
    CLIENTS_KEY,
    NOW,
    OWN,
    SECRET,
    SERVER,
    key_of,
    record_of,
    request,
)
from toolwire.contracts.encoding import sendable
from toolwire.contracts.envelopes import Control, Event, Response
from toolwire.contracts.errors import Code, DefinitionError, Unverified, WireError
from toolwire.contracts.jobs import EventName, Status
from toolwire.contracts.keys import Key, Keyring
from toolwire.contracts.sealing import unseal
from toolwire.services.requests.plans import Reply
from toolwire.services.requests.seals import Seals
from toolwire.services.store.port import Address, Message, RecordKey
from toolwire.services.telling.snapshots import snapshot_of

PUBLIC = Keyring([key_of(OWN, SERVER)])
SHARED = Keyring([Key(SECRET.kid, SERVER, SECRET)])
KEY = RecordKey(CLIENT, "request-1")


def home(kid: str) -> Address:
    return Address("instance-1", "d" * 43, kid, asked_ms=0)


def message(kid: str) -> Message:
    record = record_of(request(tool="build", args={}), kind="job")
    return Message(
        number=1,
        key=record.key,
        address=home(kid),
        tool=record.tool,
        trace=None,
        event=EventName.STARTED,
        seq=record.seq,
        record=record,
    )


@pytest.mark.parametrize(
    ("kid", "keys"), [(CLIENTS_KEY.kid, PUBLIC), (SECRET.kid, SHARED), ("gone.1", PUBLIC)]
)
def test_an_answer_is_sealed_for_the_key_that_asked(seals: Seals, kid: str, keys: Keyring) -> None:
    line = seals.response(KEY, home(kid), Reply("ok", sendable([1])), NOW)
    assert unseal(line, keys, Response, NOW) == Response(
        ts_ms=NOW,
        server_id=SERVER,
        request_id="request-1",
        request_digest="d" * 43,
        client_id=CLIENT,
        ok=True,
        status="ok",
        result=[1],
    )


def test_an_error_is_not_ok(seals: Seals) -> None:
    error = WireError(code=Code.EXPIRED, message="late", retryable=False)
    line = seals.response(KEY, home(CLIENTS_KEY.kid), Reply(Status.ERROR, error=error), NOW)
    answer = unseal(line, PUBLIC, Response, NOW)
    assert (answer.ok, answer.status, answer.error) == (False, Status.ERROR, error)


@pytest.mark.promise("P6")
def test_what_watchers_read_is_sealed_with_the_servers_own_key(seals: Seals) -> None:
    own, watched = seals.event(message(SECRET.kid), EventName.STARTED, NOW)
    assert own != watched
    assert unseal(own, SHARED, Event, NOW) == unseal(watched, PUBLIC, Event, NOW)
    with pytest.raises(Unverified):
        unseal(own, PUBLIC, Event, NOW)


def test_one_line_serves_both_where_the_key_is_the_same(seals: Seals) -> None:
    own, watched = seals.event(message(CLIENTS_KEY.kid), EventName.STARTED, NOW)
    assert own is watched


@pytest.mark.promise("P7")
def test_an_event_tells_what_a_poll_tells(seals: Seals) -> None:
    told = message(CLIENTS_KEY.kid)
    line, _ = seals.event(told, EventName.STARTED, NOW)
    assert (
        unseal(line, PUBLIC, Event, NOW).data
        == snapshot_of(told.record, SERVER)
        == seals.snapshot(told.record)
    )


def test_a_word_to_the_replicas(seals: Seals) -> None:
    line = seals.control({"job_id": "job-1"}, NOW)
    control = unseal(line, PUBLIC, Control, NOW)
    assert (control.action, control.data) == ("cancel", {"job_id": "job-1"})


def test_what_no_message_can_hold_is_said_so(seals: Seals) -> None:
    with pytest.raises(DefinitionError, match="holds at most"):
        seals.response(KEY, home("any"), Reply("ok", sendable("x" * 2**20)), NOW)
    record = replace(message("any").record, status=Status.DONE, result=json.dumps("x" * 2**20))
    with pytest.raises(DefinitionError, match="holds at most"):
        seals.event(replace(message("any"), record=record), EventName.DONE, NOW)
