"""The client that was written from PROTOCOL.md alone, contracts/spec/client.py, on a real broker."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pika  # type: ignore[import-untyped]  # pika brings no types
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pika.exceptions import UnroutableError  # type: ignore[import-untyped]

from spec.client import Asked, Client, Json, Private, Refused, seal
from tests.adversity.forger import LINES
from tests.adversity.raw_amqp import RawPublisher
from tests.served import SERVER
from tests.stage import CLIENTS, HMAC_CLIENT, Stage
from toolwire.contracts.keys import Ed25519Signer, HmacKey

ANYBODY = (CLIENTS[0], HMAC_CLIENT)


@contextmanager
def stranger(stage: Stage, client_id: str) -> Generator[Client]:
    """The client, with its key as the home has it."""
    own, server = stage.home.client_signer(client_id, server_id=SERVER), stage.home.server_signer(SERVER)
    assert isinstance(own, Ed25519Signer | HmacKey)
    key: Private = own.secret if isinstance(own, HmacKey) else _private(own)
    pinned = {server.kid: Ed25519PublicKey.from_public_bytes(server.public_bytes())}
    connection: Any = pika.BlockingConnection(pika.URLParameters(stage.url))
    try:
        yield Client(connection, client_id, own.kid, key, SERVER, pinned)
    finally:
        connection.close()


def _private(signer: Ed25519Signer) -> Ed25519PrivateKey:
    """The strangers' own library for a key of Toolwire's."""
    return Ed25519PrivateKey.from_private_bytes(signer.seed)


def follow(client: Client, job: Asked) -> list[Json]:
    """All that is told of a job, to its end."""
    return list(client.events(job))


@pytest.mark.parametrize("client_id", ANYBODY)
async def test_its_call_is_answered(stage: Stage, client_id: str) -> None:
    async with stage.replica():
        with stranger(stage, client_id) as client:
            total = await asyncio.to_thread(client.call, "add", {"numbers": [1, 2.5]})
            assert total == {"count": 2, "total": 3.5}
            assert not client.dropped
            assert not client.asked


async def test_a_refusal_comes_with_its_code(stage: Stage) -> None:
    async with stage.replica():
        with stranger(stage, CLIENTS[0]) as client:
            with pytest.raises(Refused) as own_words:
                await asyncio.to_thread(client.call, "decline", {"reason": "full", "message": "No room"})
            with pytest.raises(Refused) as no_job:
                await asyncio.to_thread(client.poll, "no-such-job")
    assert (own_words.value.args[0]["code"], own_words.value.args[0]["reason"]) == ("tool_error", "full")
    assert no_job.value.args[0]["code"] == "job_not_found"


async def test_a_server_that_does_not_exist_is_told_of_at_once(stage: Stage) -> None:
    with stranger(stage, CLIENTS[0]) as client, pytest.raises(UnroutableError):
        await asyncio.to_thread(client.call, "add", {"numbers": [1]})


async def test_a_call_that_nobody_answers_ends_in_time(stage: Stage) -> None:
    async with stage.replica():
        pass  # its queue stays
    with stranger(stage, CLIENTS[0]) as client, pytest.raises(TimeoutError):
        await asyncio.to_thread(client.call, "add", {"numbers": [1]}, 0.3)


@pytest.mark.parametrize("client_id", ANYBODY)
async def test_a_job_is_followed_and_its_last_event_is_what_a_poll_says(stage: Stage, client_id: str) -> None:
    async with stage.replica():
        with stranger(stage, client_id) as client:
            job = await asyncio.to_thread(client.submit, "bake", {"gate": "gate", "payload": [1, "é"]})
            following = asyncio.create_task(asyncio.to_thread(follow, client, job))
            await stage.noted("bake gate 1")
            stage.diary.open("gate")
            told = await following
            assert told[-1] == await asyncio.to_thread(client.poll, told[-1]["job_id"])
            assert await asyncio.to_thread(follow, client, job) == []
            assert not client.dropped
    assert [snapshot["seq"] for snapshot in told] == [1, 2, 3, 4]
    assert [snapshot["status"] for snapshot in told] == ["accepted", "running", "running", "done"]
    assert told[-1]["result"] == {"payload": [1, "é"], "attempt": 1}


async def test_what_no_event_tells_a_poll_tells(stage: Stage) -> None:
    """The second client hears nothing of the job: its events go to the first."""
    stage.diary.open("gate")
    async with stage.replica():
        with stranger(stage, CLIENTS[0]) as client, stranger(stage, CLIENTS[0]) as deaf:
            job = await asyncio.to_thread(client.submit, "bake", {"gate": "gate"})
            end = (await asyncio.to_thread(follow, client, job))[-1]
            unknown = {"seq": 0, "final": False, "poll_after_ms": 1, "deadline_ms": end["deadline_ms"]}
            same = Asked(job.request_id, unknown, answer=job.answer)
            assert await asyncio.to_thread(follow, deaf, same) == [end]


def forgeries(client: Client, stage: Stage) -> list[tuple[bytes, str]]:
    """Answers to what the client waits for that are almost right, and why each of them is none."""
    ((digest, asked),) = client.asked.items()
    good: Json = {
        "v": "toolwire/1",
        "type": "response",
        "ts_ms": time.time_ns() // 10**6,
        "server_id": SERVER,
    }
    good |= {"request_id": asked.request_id, "request_digest": digest, "client_id": client.client_id}
    good |= {"ok": True, "status": "ok", "result": "forged", "error": None}
    error: Json = {"code": "wrong_destination", "message": "no", "retryable": False}
    refusal = {"ok": False, "status": "error", "result": None, "error": error}
    signer = stage.home.server_signer(SERVER)
    kid, key, another = signer.kid, _private(signer), Ed25519PrivateKey.generate()
    signed, request = seal(good, kid, key), good | {"type": "request"}
    return [
        (json.dumps(good).encode(), "bad_envelope"),
        (seal(good, "stranger.1", another), "unknown_key"),
        (seal(good, kid, another), "bad_signature"),
        (signed.replace(b"forged", b"FORGED"), "bad_signature"),
        (seal(request, kid, key), "bad_signature"),
        (seal(good | {"v": "toolwire/2"}, kid, key), "invalid_envelope"),
        (seal({"type": "response", "v": "toolwire/1"}, kid, key), "invalid_envelope"),
        (seal(good | {"server_id": "server-2"}, kid, key), "foreign_key"),
        (seal(good | {"client_id": CLIENTS[1]}, kid, key), "not_mine"),
        (seal(good | {"request_digest": "A" * 43}, kid, key), "not_awaited"),
        (seal(good | {"request_id": "another"}, kid, key), "wrong_request"),
        (seal(good | refusal, kid, key), "wrong_destination"),
        (signed + b"\n", "bad_lines"),
    ]


@pytest.mark.parametrize("client_id", ANYBODY)
async def test_of_many_forged_answers_and_the_true_one_it_takes_the_true_one(
    stage: Stage, client_id: str
) -> None:
    async with stage.replica(), RawPublisher(stage.url) as forger:
        with stranger(stage, client_id) as client:
            calling = asyncio.create_task(asyncio.to_thread(client.call, "peek", {"gate": "gate"}))
            await stage.noted("peek gate")
            forged = forgeries(client, stage)
            for line, _ in forged:
                await forger.publish("tw.replies", f"{client_id}.{client.instance}".encode(), LINES, line)
            stage.diary.open("gate")
            assert await calling == "gate"
            assert client.dropped == Counter(reason for _, reason in forged)


def false_events(client: Client, stage: Stage) -> list[tuple[bytes, str]]:
    """Events of the job that the client follows that are almost right, and why each of them is none."""
    ((digest, job),) = client.asked.items()
    good: Json = {"v": "toolwire/1", "type": "event", "ts_ms": time.time_ns() // 10**6, "server_id": SERVER}
    good |= {"request_id": job.request_id, "request_digest": digest, "client_id": client.client_id}
    data: Json = {"server_id": SERVER, "job_id": "job-1", "seq": 99, "final": True, "poll_after_ms": None}
    good |= {"event": "done", "data": data}
    signer = stage.home.server_signer(SERVER)
    kid, key = signer.kid, _private(signer)
    return [
        (seal(good, kid, Ed25519PrivateKey.generate()), "bad_signature"),
        (seal(good | {"data": None}, kid, key), "invalid_envelope"),
        (seal(good | {"data": data | {"server_id": "server-2"}}, kid, key), "foreign_job"),
        (seal(good | {"request_digest": "A" * 43}, kid, key), "not_awaited"),
        (seal(good | {"data": data | {"seq": 0}}, kid, key), "duplicate"),
    ]


async def test_false_events_do_not_end_a_job(stage: Stage) -> None:
    async with stage.replica(), RawPublisher(stage.url) as forger:
        with stranger(stage, CLIENTS[0]) as client:
            job = await asyncio.to_thread(client.submit, "bake", {"gate": "gate"})
            forged = false_events(client, stage)
            for line, _ in forged:
                await forger.publish("tw.replies", f"{CLIENTS[0]}.{client.instance}".encode(), LINES, line)
            stage.diary.open("gate")
            told = await asyncio.to_thread(follow, client, job)
            assert told[-1]["result"] == {"payload": None, "attempt": 1}
            assert "job-1" not in {snapshot["job_id"] for snapshot in told}
            assert client.dropped == Counter(reason for _, reason in forged)
