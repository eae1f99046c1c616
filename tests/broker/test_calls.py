"""A call reaches its tool and brings its result home, whatever the tool, the key and the company."""

import asyncio
import json

import pytest
from pydantic import JsonValue

from tests.handmade import Handmade
from tests.served import (
    SERVER,
    Person,
    Seen,
    Total,
    add,
    book,
    count_up,
    greet,
    look_around,
    mirror,
    peek,
    thread_name,
    tidy,
)
from tests.stage import CLIENTS, HMAC_CLIENT, Stage
from toolwire.contracts.descriptors import ToolDescriptor

MANY = 64
EVERY_KIND_OF_JSON: list[JsonValue] = json.loads(
    """[null, true, 0, 1, -9007199254740991, 9007199254740992, 1180591620717411303424,
        0.1, 1.0, -0.0, 1e-300, 3.141592653589793,
        "", "quotes \\" and \\\\, lines\\n, \\u0000, \\u2028, ä, 漢, 🐇",
        [], [1, [2, [3, [null]]]], {}, {"": {"a": [false], "b": 1}, "ä": null}]"""
)


async def test_a_tool_called_by_its_function_gives_what_the_function_gives(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        assert await client.call(add, [1, 2, 3]) == Total(count=3, total=6.0)
        assert await client.call(add, numbers=[0.1, 0.2]) == Total(count=2, total=0.1 + 0.2)


async def test_a_tool_called_by_name_gives_its_json(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        assert await client.call("add", {"numbers": [1, 2, 3]}) == {"count": 3, "total": 6.0}


async def test_a_tool_called_by_name_gives_what_returns_says(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        total = await client.call("add", {"numbers": [1, 2, 3]}, returns=Total)
        assert total == Total(count=3, total=6.0)


async def test_a_tool_of_one_model_takes_it_whole_or_by_its_fields(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        assert await client.call(greet, Person(name="Ada", age=36)) == "Hello Ada, 36"
        assert await client.call("greet", Person(name="Ada", age=36)) == "Hello Ada, 36"
        assert await client.call("greet", {"name": "Ada", "age": 36}) == "Hello Ada, 36"


async def test_a_sync_tool_runs_in_a_thread_of_its_own(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        assert (await client.call(thread_name)).startswith("tool-")


async def test_a_tool_with_context_knows_who_asked(stage: Stage) -> None:
    async with stage.replica(), stage.client(CLIENTS[1]) as client:
        seen = await client.options(request_id="order-17").call(look_around)
        assert seen == Seen(client_id=CLIENTS[1], request_id="order-17", tool="look_around", attempt=1)


async def test_a_tool_that_changes_something_runs_once_for_one_call(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        assert await client.call(book, "table") == 1
        assert await client.call(book, item="chair") == 2
    assert stage.diary.lines() == ["book table", "book chair"]


async def test_an_idempotent_tool_is_called_like_any_other(stage: Stage) -> None:
    stage.diary.open("kitchen")
    async with stage.replica(), stage.client() as client:
        assert await client.call(tidy, "kitchen") == 1


async def test_a_job_that_is_called_is_followed_to_its_end(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        assert await client.call("count_up", {"steps": 3}) == 3
        assert await client.call(count_up, 3) == 3


@pytest.mark.parametrize("client_id", [*CLIENTS, HMAC_CLIENT])
async def test_a_client_is_answered_whatever_its_kind_of_key(stage: Stage, client_id: str) -> None:
    async with stage.replica(), stage.client(client_id) as client:
        assert (await client.call(look_around)).client_id == client_id
        assert await client.call(book, "table") == 1


async def test_every_kind_of_json_comes_back_as_it_went(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        back = await asyncio.gather(*(client.call(mirror, value) for value in EVERY_KIND_OF_JSON))
        assert repr(back) == repr(EVERY_KIND_OF_JSON)  # which tells 1 from 1.0 and from True


async def test_many_calls_of_one_client_are_under_way_together(stage: Stage) -> None:
    """All of them wait at the gate at the same time, and each gets its own answer."""
    async with stage.replica(places=MANY), stage.client() as client:
        waiting = asyncio.gather(*(client.call(peek, "gate") for _ in range(MANY)))
        await stage.noted("peek gate", times=MANY)
        stage.diary.open("gate")
        assert await waiting == ["gate"] * MANY


async def test_answers_of_concurrent_calls_are_not_mixed_up(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        back = await asyncio.gather(*(client.call(mirror, number) for number in range(MANY)))
        assert back == list(range(MANY))


async def test_more_calls_than_places_wait_their_turn(stage: Stage) -> None:
    async with stage.replica(places=2), stage.client() as client:
        back = await asyncio.gather(*(client.call(book, str(number)) for number in range(MANY)))
        assert sorted(back) == list(range(1, MANY + 1))


async def test_two_clients_get_each_its_own_answers(stage: Stage) -> None:
    async with stage.replica(), stage.client(CLIENTS[0]) as one, stage.client(HMAC_CLIENT) as other:
        seen = await asyncio.gather(*(client.call(look_around) for client in (one, other) * 8))
        assert [each.client_id for each in seen] == [CLIENTS[0], HMAC_CLIENT] * 8


async def test_two_processes_of_one_client_get_each_its_own_answers(stage: Stage) -> None:
    async with stage.replica(), stage.client(instance="a") as one, stage.client(instance="b") as other:
        back = await asyncio.gather(*(client.call(mirror, n) for n in range(8) for client in (one, other)))
        assert back == [n for n in range(8) for _ in range(2)]
        assert not one.dropped
        assert not other.dropped


async def test_the_server_says_who_it_is(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client, stage.client(HMAC_CLIENT) as sharing:
        known = await client.server_identity()
        assert known.server_id == SERVER
        assert known.fingerprint.startswith("SHA256:")
        assert (known.capabilities.async_, known.capabilities.stateless) == (True, True)
        assert (await sharing.server_identity()).fingerprint == f"{HMAC_CLIENT}.1"


async def test_the_catalogue_describes_what_the_client_may_use(stage: Stage) -> None:
    stage.limit(CLIENTS[1], allow=["add", "b*"])
    async with stage.replica(), stage.client() as client, stage.client(CLIENTS[1]) as limited:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert "poll_job" not in tools
        assert _hints(tools["add"]) == (True, True)
        assert _hints(tools["tidy"]) == (False, True)
        assert _hints(tools["book"]) == (False, False)
        assert [tool.name for tool in (await limited.list_tools()).tools] == [
            "add",
            "bake",
            "book",
            "break_down",
            "brew",
            "burn",
        ]


async def test_a_tool_may_be_pinned_to_its_revision(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        (tool,) = (tool for tool in (await client.list_tools()).tools if tool.name == "add")
        assert (await client.options(tool_rev=tool.tool_rev).call(add, [1])).count == 1


async def test_a_server_can_be_named_for_one_call(stage: Stage) -> None:
    async with stage.replica(), stage.client(server="somebody-else") as client:
        assert (await client.options(server=SERVER).call(add, [1])).count == 1


async def test_an_answer_names_the_very_attempt_that_it_answers(stage: Stage) -> None:
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        request = hand.request("mirror", {"value": 1})
        asked = await hand.send(request)
        answer = await hand.answer(asked)
        assert (answer.request_id, answer.request_digest) == (request.request_id, asked)
        assert (answer.ok, answer.status, answer.result) == (True, "ok", 1)


def _hints(tool: ToolDescriptor) -> tuple[bool | None, bool | None]:
    return tool.annotations.readOnlyHint, tool.annotations.idempotentHint
