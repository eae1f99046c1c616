"""What services put aside: how it gets there, and how an operator looks at it and replays it."""

import asyncio
import json
import stat
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import Ended, toolwire_here
from tests.served import SERVER
from tests.stage import CLIENTS, PATIENCE_S, Stage
from toolwire.broker.browse import Look, looking_into
from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.publish import Outgoing, Publisher
from toolwire.broker.topology import (
    Route,
    call_queue,
    dead_queue,
    dead_route,
    junk_queue,
    request_route,
)
from toolwire.cli import exits
from toolwire.cli.aside.audit import record
from toolwire.cli.aside.plan import Wish
from toolwire.cli.aside.purging import Purge
from toolwire.cli.aside.replaying import Replay
from toolwire.cli.asking import Asking
from toolwire.cli.dev_home import write_settings
from toolwire.client.clock import now_ms
from toolwire.client.home import Home
from toolwire.contracts.envelopes import Control, Request
from toolwire.contracts.errors import DeadlineExceeded
from toolwire.contracts.keys import Signer
from toolwire.contracts.lines import join
from toolwire.contracts.sealing import seal

OPERATOR, AUTHOR = CLIENTS
"""The client that the settings name, and another one."""


async def cli(*words: str) -> Ended:
    """`toolwire WORDS`, in a thread of this process."""
    return await asyncio.to_thread(toolwire_here, *words)


@pytest.fixture(autouse=True)
def settings(stage: Stage) -> None:
    """What the commands find in toolwire.toml."""
    write_settings(stage.home, SERVER, stage.url)
    text = stage.home.settings_file.read_text().replace("client-001", OPERATOR)
    stage.home.settings_file.write_text(text)


@asynccontextmanager
async def publishing(stage: Stage) -> AsyncGenerator[Publisher]:
    queues = [call_queue(SERVER), dead_queue(SERVER), junk_queue(SERVER)]
    async with Publisher([stage.url], name="test", declare=queues) as publisher:
        yield publisher


def line(signer: Signer, tool: str, client_id: str = AUTHOR, server_id: str = SERVER, **args: Any) -> bytes:
    """A request that nobody waits for."""
    now = now_ms()
    request = Request(
        ts_ms=now,
        server_id=server_id,
        request_id=f"order-{tool}",
        nonce="n" * 22,
        deadline_ms=now + 60_000,
        client_id=client_id,
        tool=tool,
        args=args,
        reply_to="gone",
    )
    return seal(request, signer)


async def put(stage: Stage, route: Route, *lines: bytes) -> None:
    async with publishing(stage) as publisher:
        await publisher.publish(Outgoing(route, join(lines), "request", "message-1"), timeout=15)


async def wait_for_one(stage: Stage, queue: str) -> None:
    """Wait until a message was put aside."""

    async def count() -> int:
        async with looking_into(
            queue, [stage.url], name="test", most=9, most_bytes=1_000_000, timeout=5
        ) as look:
            return len(look.messages)

    async with asyncio.timeout(PATIENCE_S):
        while await count() == 0:  # noqa: ASYNC110 - RabbitMQ tells nobody
            await asyncio.sleep(0.05)


async def make_dead(stage: Stage, *lines: bytes) -> None:
    """Have the broker dead-letter a message, as when every replica dies of it."""

    def give_up(delivery: Delivery) -> None:
        giving_up.append(asyncio.ensure_future(delivery.reject(requeue=True)))

    giving_up: list[asyncio.Future[bool]] = []
    await put(stage, request_route(SERVER, "book"), *lines)
    calls = Subscription(lambda: call_queue(SERVER), 1, give_up)
    async with Consumer([stage.url], name="dying", subscriptions=[calls], declare=[dead_queue(SERVER)]):
        await wait_for_one(stage, dead_queue(SERVER).name)
    await asyncio.gather(*giving_up)


def audited(stage: Stage) -> list[dict[str, Any]]:
    return [json.loads(text) for text in (stage.home.path / "audit.jsonl").read_text().splitlines()]


def booked(stage: Stage, item: str) -> int:
    """How often the tool ran."""
    return stage.diary.lines().count(f"book {item}")


async def names(kind: str) -> list[str]:
    return [message["name"] for message in (await cli(kind, "list", "--json")).json()["messages"]]


async def test_a_message_that_every_replica_died_of_is_replayed_once(stage: Stage) -> None:
    signer = stage.home.client_signer(AUTHOR)
    body = line(signer, "book", item="tea")
    await make_dead(stage, body)

    listed = await cli("dead", "list", "--json")
    (message,) = listed.json()["messages"]
    assert (message["reason"], message["routing_key"]) == ("delivery_limit", f"{SERVER}.book")
    assert message["time"] is not None
    assert [(each["client_id"], each["tool"], each["refusal"]) for each in message["lines"]] == [
        (AUTHOR, "book", None)
    ]
    name = message["name"]
    listed = await cli("dead", "list")
    assert listed.out.splitlines()[1].split()[0] == name
    assert AUTHOR in listed.out
    shown = await cli("dead", "show", name)
    assert "until the delivery limit was reached" in shown.out
    assert f"a key of client {AUTHOR}; the signature is good" in shown.out
    assert '{"item": "tea"}' in shown.out

    asked = await cli("dead", "replay", name)
    assert (asked.code, "--yes" in asked.err) == (exits.USAGE, True)
    dry = await cli("dead", "replay", "--all", "--dry-run", "--json")
    assert dry.json()["lines"][0]["args"] == {"item": "tea"}
    alone = await cli("dead", "replay", name, "--yes", "--timeout", "5")
    assert alone.code == exits.UNDELIVERED
    assert "no replica" in alone.err

    async with stage.replica():
        replayed = await cli("dead", "replay", name, "--yes", "--json")
        assert replayed.code == exits.OK, replayed
        assert (replayed.json()["removed"], replayed.json()["lines"][0]["outcome"]) == (True, "answered")
        assert await names("dead") == []
        await put(stage, dead_route(SERVER), body)  # dead-lettering at-least-once may do it twice
        again = await cli("dead", "replay", "--all", "--yes")
        assert (again.code, await names("dead")) == (exits.OK, [])
        check_audit(stage, name)
        # From a home that knows nothing of it: now the service gives its stored answer.
        (stage.home.path / "audit.jsonl").rename(stage.home.path / "elsewhere.jsonl")
        await put(stage, dead_route(SERVER), body)  # dead-lettering at-least-once may do it twice
        elsewhere = await cli("dead", "replay", "--all", "--yes")
        assert (elsewhere.code, await names("dead")) == (exits.OK, [])
    assert booked(stage, "tea") == 1


def check_audit(stage: Stage, name: str) -> None:
    """Who, what and whose, but no arguments."""
    lines = audited(stage)
    assert [each["outcome"] for each in lines] == ["begun", "undelivered", "begun", "answered"]
    assert len({each["request_id"] for each in lines}) == 1
    last = lines[-1]
    assert last["message"].startswith(name)
    assert (last["client_id"], last["kid"]) == (OPERATOR, f"{OPERATOR}.1")
    assert last["original"] == {"client_id": AUTHOR, "request_id": "order-book"}
    assert (last["queue"], last["reason"], last["tool"]) == (f"tw.dead.{SERVER}", "delivery_limit", "book")
    assert last["request_id"].startswith("replay-")
    assert last["user"]
    file = stage.home.path / "audit.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert '"item"' not in file.read_text()


async def test_what_the_service_itself_put_aside_is_told_and_stays(stage: Stage) -> None:
    """A known client signed it, but it is no request and says no way home."""
    signer = stage.home.client_signer(AUTHOR)
    request = seal(Control(ts_ms=now_ms(), server_id=SERVER, action="cancel", data={}), RequestSigner(signer))
    async with stage.replica():
        await put(stage, request_route(SERVER, "book"), request)
        await wait_for_one(stage, dead_queue(SERVER).name)
    (name,) = await names("dead")
    shown = await cli("dead", "show", name)
    assert "reason    invalid_envelope: a known client signed it" in shown.out
    assert f"line 1: signed with {AUTHOR}.1, and no valid request: it cannot be replayed" in shown.out
    replayed = await cli("dead", "replay", name, "--yes")
    assert (replayed.code, await names("dead")) == (exits.FAILED, [name])
    assert not (stage.home.path / "audit.jsonl").exists()


class RequestSigner:
    """Signs whatever it is given as a request."""

    def __init__(self, signer: Signer) -> None:
        self.kid = signer.kid
        self._signer = signer

    def sign(self, message: bytes) -> str:
        """The signature."""
        return self._signer.sign(message.replace(b"\ncontrol\n", b"\nrequest\n", 1))


async def test_junk_of_a_client_that_is_made_known_is_replayed(stage: Stage, tmp_path: Path) -> None:
    """The commonest honest junk: the service did not know the client yet."""
    elsewhere = tmp_path / "elsewhere"
    assert (await cli("keys", "new", "client", "newcomer", "--home", str(elsewhere))).code == exits.OK
    signer = Home(elsewhere).client_signer("newcomer")
    async with stage.replica():
        await put(stage, request_route(SERVER, "book"), line(signer, "book", "newcomer", item="salt\x1b[2J"))
        await wait_for_one(stage, junk_queue(SERVER).name)
        listed = await cli("junk", "list")
        assert "unknown_key" in listed.out
        assert "unverified" in listed.out
        (name,) = await names("junk")
        shown = await cli("junk", "show", name)
        assert "NOT VERIFIED: it names key 'newcomer.1'" in shown.out
        assert "toolwire keys import" in shown.out
        assert "\x1b" not in shown.out
        refused = await cli("junk", "replay", name, "--yes")
        assert (refused.code, await names("junk")) == (exits.FAILED, [name])

        piece = tmp_path / "newcomer.toml"
        piece.write_text((await cli("keys", "export", "client", "newcomer", "--home", str(elsewhere))).out)
        assert (await cli("keys", "import", str(piece))).code == exits.OK
        forbidden = await cli("junk", "replay", name, "--yes")
        assert forbidden.code == exits.FAILED
        assert "toolwire keys allow newcomer book" in forbidden.out
        assert (await cli("keys", "allow", "newcomer", "book")).code == exits.OK
        replayed = await cli("junk", "replay", name, "--yes")
        assert (replayed.code, await names("junk")) == (exits.OK, [])
        assert booked(stage, "salt\x1b[2J") == 1


async def test_what_nobody_signed_is_run_on_two_words_only(stage: Stage) -> None:
    body = line(stage.home.client_signer(AUTHOR), "book", item="tea").replace(b'"tea"', b'"rum"')
    async with stage.replica():
        await put(stage, request_route(SERVER, "book"), body)
        await wait_for_one(stage, junk_queue(SERVER).name)
        (name,) = await names("junk")
        refused = await cli("junk", "replay", name, "--yes", "--json")
        assert refused.code == exits.FAILED
        assert "not verified (bad_signature)" in refused.json()["lines"][0]["note"]
        dry = await cli("junk", "replay", name, "--yes-unverified", "--dry-run")
        assert 'book {"item": "rum"} NOT VERIFIED (bad_signature), says it is of' in dry.out
        assert (await cli("junk", "replay", name, "--yes-unverified")).code == exits.USAGE
        assert booked(stage, "rum") == 0
        assert (await cli("junk", "replay", name, "--yes", "--yes-unverified")).code == exits.OK
        assert booked(stage, "rum") == 1
    assert audited(stage)[-1]["verified"] is False


async def test_a_line_that_is_refused_keeps_its_message_and_its_neighbour_runs_once(stage: Stage) -> None:
    signer = stage.home.client_signer(AUTHOR)
    async with stage.replica():
        await put(
            stage,
            dead_route(SERVER),
            line(signer, "book", item="tea"),
            line(signer, "book", item=7),
            line(signer, "sell", item="tea"),
        )
        (name,) = await names("dead")
        first = await cli("dead", "replay", name, "--yes", "--json")
        assert [each["outcome"] for each in first.json()["lines"]] == ["answered", "refused", "failed"]
        replayed = await cli("dead", "replay", name, "--yes", "--json")
        assert [each["outcome"] for each in replayed.json()["lines"]] == ["answered", "refused", "refused"]
        for each in (first, replayed):
            assert (each.code, each.json()["removed"]) == (exits.FAILED, False)
        assert [booked(stage, "tea"), stage.diary.lines().count("sell tea")] == [1, 1]
        assert "--again" in replayed.json()["lines"][2]["note"]
        await cli("dead", "replay", name, "--yes", "--again")
        assert [booked(stage, "tea"), stage.diary.lines().count("sell tea")] == [2, 2]
    purged = await cli("dead", "purge", name, "--yes")
    assert (purged.code, await names("dead")) == (exits.OK, [])
    assert audited(stage)[-1]["outcome"] == "purged"


async def test_a_replayed_job_counts_as_soon_as_it_is_accepted(stage: Stage) -> None:
    async with stage.replica():
        await put(
            stage, dead_route(SERVER), line(stage.home.client_signer(AUTHOR), "bake", gate="never", item="x")
        )
        await put(stage, dead_route(SERVER), line(stage.home.client_signer(AUTHOR), "bake", gate="gate"))
        (first, second) = await names("dead")
        replayed = await cli("dead", "replay", first, second, "--yes", "--json")
        bad, good = replayed.json_lines()
        assert (bad["removed"], bad["lines"][0]["code"]) == (False, "invalid_args")
        assert (good["removed"], good["lines"][0]["outcome"]) == (True, "accepted")
        stage.diary.open("gate")
        async with stage.client(OPERATOR) as client:
            job = client.job(good["lines"][0]["job_id"])
            await job.result(timeout=PATIENCE_S)
    assert await names("dead") == [first]


def held(stage: Stage) -> AbstractAsyncContextManager[Look]:
    """Somebody else looks into the dead letters."""
    queue = dead_queue(SERVER).name
    return looking_into(queue, [stage.url], name="test", most=9, most_bytes=1_000_000, timeout=5)


async def test_while_somebody_else_looks_nothing_is_said_to_be_empty_or_gone(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    await put(stage, dead_route(SERVER), line(stage.home.client_signer(AUTHOR), "book", item="tea"))
    (name,) = await names("dead")
    asking, wish = Asking(home=stage.home.path, json=True), Wish(all=True, yes=True)
    works = Replay("dead", asking, wish), Purge("dead", asking, wish)
    for work in works:
        await work.look()
    async with held(stage):
        listed = await cli("dead", "list")
        assert "empty, or somebody is looking at it just now" in listed.err
        assert "somebody is looking" in (await cli("dead", "replay", name, "--yes")).err
        for work in works:
            capsys.readouterr()
            assert work.agreed()
            assert await work.carry_out() == exits.FAILED
            told = json.loads(capsys.readouterr().out)
            assert (told["name"], told["removed"]) == (name, False)
            assert told["note"] == "not there now: taken out, or somebody is looking at it"
    assert await names("dead") == [name]


async def test_what_somebody_replays_while_a_person_is_asked_is_not_sent(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    await put(stage, dead_route(SERVER), line(stage.home.client_signer(AUTHOR), "book", item="tea"))
    work = Replay("dead", Asking(home=stage.home.path), Wish(all=True, yes=True))
    await work.look()
    (errand,) = work.errands
    told = {"line": errand.line.digest, "request_id": errand.request_id, "client_id": AUTHOR}
    record(stage.home, "begun", told)
    assert await work.carry_out() == exits.FAILED
    assert "refused: somebody has replayed it in the meantime: look again" in capsys.readouterr().out


async def test_where_no_service_ever_was_that_is_told(stage: Stage) -> None:
    told = await cli("dead", "list", "--server", "nobody", "--json")
    assert told.code == exits.UNDELIVERED
    assert told.json()["error"]["type"] == "NoSuchServer"


async def test_a_running_replica_follows_its_registry(stage: Stage) -> None:
    """A client that is listed is served; one whose key is revoked is a stranger from then on."""
    async with stage.replica() as replica:
        assert (await cli("keys", "new", "client", "late", "--allow", "book")).code == exits.OK
        async with stage.client("late") as client:

            async def book() -> bool:
                try:
                    await client.options(timeout=1).call("book", {"item": "tea"})
                except DeadlineExceeded:
                    return False
                return True

            async with asyncio.timeout(PATIENCE_S):
                while not await book():  # it is junk until the replica has looked
                    pass
                assert (await cli("keys", "revoke", "late.1")).code == exits.OK
                while await book():
                    pass
        assert replica.ready
