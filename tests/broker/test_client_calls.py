"""A call ends by its deadline with one verified answer or one typed error, whatever else arrives."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.broker.responder import (
    CLIENT,
    OTHER_SERVER,
    SERVER,
    Asked,
    Behaviour,
    Responder,
    echo,
    new_home,
    refusal,
    silence,
)
from tests.waiting import wait_until
from toolwire.broker.publish import Publisher
from toolwire.broker.topology import call_queue
from toolwire.client import (
    AnswerNotVerified,
    BrokerAway,
    Client,
    ClientClosed,
    ConfigurationError,
    DeadlineExceeded,
    InvalidArguments,
    NoReplica,
    NoSuchServer,
    NotAccepted,
    RateLimited,
    ResultMismatch,
    UsageError,
)
from toolwire.client.home import Home
from toolwire.contracts.errors import Code, FieldError
from toolwire.contracts.keys import Ed25519Signer
from toolwire.services.homes.provision import add_client, add_server

SOON = 0.6  # seconds: a deadline that is meant to pass
UNHEARD = 2.0  # the same, when an answer that counts for nothing has come


class Total(BaseModel):
    total: int


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


@pytest.fixture
async def client(vhost_url: str, home: Home) -> AsyncIterator[Client]:
    async with Client(CLIENT, server=SERVER, broker=vhost_url, home=home.path) as client:
        yield client


Serve = Callable[[Behaviour], Responder]


@pytest.fixture
def serve(vhost_url: str, home: Home) -> Serve:
    return lambda behave: Responder(vhost_url, home, behave)


# --- answers ---


async def test_a_tool_by_name_gives_its_json(client: Client, serve: Serve) -> None:
    async with serve(echo):
        assert await client.call("total", {"total": 3}) == {"total": 3}


async def test_a_tool_by_name_gives_what_returns_says(client: Client, serve: Serve) -> None:
    async with serve(echo):
        assert await client.call("total", Total(total=3), returns=Total) == Total(total=3)


async def test_a_result_that_does_not_fit_is_an_error_of_its_own(client: Client, serve: Serve) -> None:
    async with serve(echo):
        with pytest.raises(ResultMismatch) as caught:
            await client.call("total", {"total": "three"}, returns=Total)
    assert [field.path for field in caught.value.fields] == ["/total"]
    assert "three" not in str(caught.value)


async def test_a_signed_refusal_is_raised_as_the_class_of_its_code(client: Client, serve: Serve) -> None:
    fields = (FieldError(path="/numbers", type="too_short", message="List is too short"),)

    async def refuse(responder: Responder, asked: Asked) -> None:
        await responder.answer(asked, error=refusal(Code.INVALID_ARGS, fields=fields))

    async with serve(refuse):
        with pytest.raises(InvalidArguments) as caught:
            await client.call("total", {"numbers": []})
    assert caught.value.fields == fields


async def test_a_client_with_a_shared_secret_is_answered_under_it(
    vhost_url: str, home: Home, serve: Serve
) -> None:
    kid = add_client(home, CLIENT, hmac_for=SERVER)

    async def answer(responder: Responder, asked: Asked) -> None:
        await responder.send(asked, responder.response(asked), signer=home.shared_key(kid))

    async with (
        serve(answer),
        Client(CLIENT, server=SERVER, broker=vhost_url, home=home.path, key=kid) as client,
    ):
        assert await client.call("total", {"total": 3}) == {"total": 3}


async def test_a_retry_keeps_the_request_id_and_the_deadline_and_renews_the_rest(
    client: Client, serve: Serve
) -> None:
    async def refuse_twice(responder: Responder, asked: Asked) -> None:
        if len(responder.asked) < 3:
            await responder.answer(asked, error=refusal(Code.OVERLOADED, retryable=True, retry_after_ms=10))
        else:
            await responder.answer(asked)

    async with serve(refuse_twice) as responder:
        assert await client.options(request_id="order-17").call("total", {"total": 3}) == {"total": 3}
    requests = [asked.request for asked in responder.asked]
    assert {request.request_id for request in requests} == {"order-17"}
    assert len({request.deadline_ms for request in requests}) == 1
    assert len({request.nonce for request in requests}) == 3


async def test_a_refusal_that_invites_a_retry_is_raised_when_there_is_no_time_for_one(
    client: Client, serve: Serve
) -> None:
    async def refuse(responder: Responder, asked: Asked) -> None:
        await responder.answer(asked, error=refusal(Code.RATE_LIMITED, retryable=True, retry_after_ms=60_000))

    async with serve(refuse):
        with pytest.raises(RateLimited):
            await client.call("total")


# --- nobody answers ---


@pytest.mark.promise("P7")
@pytest.mark.parametrize("server_id", [OTHER_SERVER, "never-heard-of"])
async def test_a_server_that_nobody_bound_is_told_at_once(client: Client, server_id: str) -> None:
    began = time.monotonic()
    with pytest.raises(NoSuchServer):
        await client.options(server=server_id).call("total")
    assert time.monotonic() - began < 15


async def test_nothing_is_asked_of_a_server_whose_answer_could_not_be_verified(
    client: Client, vhost_url: str, tmp_path: Path
) -> None:
    stranger = new_home(tmp_path / "elsewhere")
    add_server(stranger, "stranger")
    async with Responder(vhost_url, stranger, echo, "stranger") as responder:
        with pytest.raises(ConfigurationError, match="toolwire keys import"):
            await client.options(server="stranger").call("total")
    assert responder.asked == []


@pytest.mark.promise("P7")
async def test_a_call_ends_soon_where_no_replica_runs(client: Client, vhost_url: str) -> None:
    async with Publisher([vhost_url], name="declares", declare=[call_queue(SERVER)]) as declaring:
        await declaring.wait_connected(15)
        began = time.monotonic()
        with pytest.raises(NoReplica):
            await client.call("total")
    assert time.monotonic() - began < 20


@pytest.mark.promise("P7")
async def test_a_submission_waits_in_the_queue_where_no_replica_runs(client: Client, vhost_url: str) -> None:
    async with Publisher([vhost_url], name="declares", declare=[call_queue(SERVER)]) as declaring:
        await declaring.wait_connected(15)
        with pytest.raises(NotAccepted, match="order-17"):
            await client.options(timeout=3.5, request_id="order-17").submit("long")


@pytest.mark.promise("P7")
async def test_a_server_that_says_nothing_is_a_deadline_exceeded(client: Client, serve: Serve) -> None:
    async with serve(silence):
        with pytest.raises(DeadlineExceeded, match="order-17"):
            await client.options(timeout=SOON, request_id="order-17").call("total")


@pytest.mark.promise("P7")
async def test_a_broker_that_is_away_is_told_at_the_deadline(home: Home) -> None:
    async with Client(CLIENT, server=SERVER, broker="amqp://127.0.0.1:1/", home=home.path) as client:
        with pytest.raises(BrokerAway):
            await client.options(timeout=SOON).call("total")


@pytest.mark.promise("P7")
async def test_closing_the_client_ends_its_calls(vhost_url: str, home: Home, serve: Serve) -> None:
    async with serve(silence) as responder:
        async with Client(CLIENT, server=SERVER, broker=vhost_url, home=home.path) as client:
            calling = asyncio.create_task(client.call("total"))
            await wait_until(lambda: responder.asked, 15, "the request arrived")
        with pytest.raises(ClientClosed):
            await calling


async def test_a_client_that_is_not_open_says_so(home: Home) -> None:
    with pytest.raises(UsageError, match="async with"):
        await Client(CLIENT, server=SERVER, broker="amqp://127.0.0.1:1/", home=home.path).call("total")


# --- what is no answer ---


Wrong = Callable[[Responder, Asked, Home], Awaitable[None]]


async def forged(responder: Responder, asked: Asked, _home: Home) -> None:
    mallory = Ed25519Signer(responder.signer.kid, secrets.token_bytes(32))
    await responder.send(asked, responder.response(asked, result="forged"), signer=mallory)


async def unknown(responder: Responder, asked: Asked, _home: Home) -> None:
    mallory = Ed25519Signer("nobody.1", secrets.token_bytes(32))
    await responder.send(asked, responder.response(asked, result="forged"), signer=mallory)


async def foreign(responder: Responder, asked: Asked, home: Home) -> None:
    other = home.server_signer(OTHER_SERVER)
    await responder.send(asked, responder.response(asked, result="forged"), signer=other)


async def unasked_server(responder: Responder, asked: Asked, home: Home) -> None:
    other = home.server_signer(OTHER_SERVER)
    await responder.send(asked, responder.response(asked, server_id=OTHER_SERVER, result="x"), signer=other)


async def for_another_client(responder: Responder, asked: Asked, _home: Home) -> None:
    await responder.send(asked, responder.response(asked, client_id="client-2", result="x"))


async def for_another_attempt(responder: Responder, asked: Asked, _home: Home) -> None:
    await responder.send(asked, responder.response(replace(asked, digest="A" * 43), result="x"))


async def for_another_request(responder: Responder, asked: Asked, _home: Home) -> None:
    await responder.send(asked, responder.response(asked, request_id="another", result="x"))


async def not_a_line(responder: Responder, asked: Asked, _home: Home) -> None:
    await responder.send_bytes(asked, b"\xff\xfe garbage")


async def empty_line(responder: Responder, asked: Asked, _home: Home) -> None:
    await responder.send_bytes(asked, b"{}\n\n{}")


UNVERIFIABLE = [
    (forged, "bad_signature"),
    (unknown, "unknown_key"),
    (foreign, "foreign_key"),
    (not_a_line, "bad_envelope"),
    (empty_line, "bad_lines"),
]
VERIFIED = [
    (unasked_server, "wrong_server"),
    (for_another_client, "not_mine"),
    (for_another_attempt, "not_awaited"),
    (for_another_request, "wrong_request"),
]


@pytest.mark.promise("P9")
@pytest.mark.parametrize(("wrong", "reason"), [*UNVERIFIABLE, *VERIFIED])
async def test_what_is_no_answer_is_dropped_and_counted_and_the_answer_still_counts(
    client: Client, serve: Serve, home: Home, wrong: Wrong, reason: str
) -> None:
    async def wrong_then_right(responder: Responder, asked: Asked) -> None:
        await wrong(responder, asked, home)
        await responder.answer(asked)

    async with serve(wrong_then_right):
        assert await client.call("total", {"total": 3}) == {"total": 3}
    assert client.dropped == {reason: 1}


@pytest.mark.promise("P7")
@pytest.mark.parametrize(("wrong", "reason"), UNVERIFIABLE)
async def test_where_nothing_could_be_verified_the_deadline_says_so(
    client: Client, serve: Serve, home: Home, wrong: Wrong, reason: str
) -> None:
    async def only_wrong(responder: Responder, asked: Asked) -> None:
        await wrong(responder, asked, home)

    async with serve(only_wrong):
        with pytest.raises(AnswerNotVerified) as caught:
            await client.options(timeout=UNHEARD).call("total")
    assert caught.value.reasons == (reason,)


async def test_the_type_property_only_orders_the_tries(client: Client, serve: Serve) -> None:
    async def mislabelled(responder: Responder, asked: Asked) -> None:
        await responder.send(asked, responder.response(asked), told_type="event")

    async with serve(mislabelled):
        assert await client.call("total", {"total": 3}) == {"total": 3}


async def test_a_second_answer_is_dropped(client: Client, serve: Serve) -> None:
    async def twice(responder: Responder, asked: Asked) -> None:
        await responder.answer(asked)
        await responder.answer(asked)

    async with serve(twice):
        await client.call("total")
        await wait_until(lambda: client.dropped, 15, "the second answer was dropped")
    assert client.dropped == {"not_awaited": 1}


async def test_an_answer_after_the_deadline_spoils_nothing(client: Client, serve: Serve) -> None:
    asked_before: list[Asked] = []

    async def late(responder: Responder, asked: Asked) -> None:
        for before in asked_before:
            await responder.answer(before, result="late")
            await responder.answer(asked)
        asked_before.append(asked)

    async with serve(late):
        with pytest.raises(DeadlineExceeded):
            await client.options(timeout=SOON).call("total")
        assert await client.call("total", {"total": 3}) == {"total": 3}
    assert client.dropped == {"not_awaited": 1}
