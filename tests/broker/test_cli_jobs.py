"""`toolwire jobs`, `cancel` and `tools` as they are typed, and what watching says on the way."""

import asyncio
import os
import re
import shlex
import signal
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.adversity.tcp_proxy import TcpProxy
from tests.command_line import Ended, Running, completed, running, toolwire_here
from tests.waiting import wait_until
from toolwire.cli import exits
from toolwire.cli.dev_home import prepare_home, write_settings
from toolwire.client.home import Home

APP = '''
import asyncio
from typing import Annotated
from pydantic import Field
from toolwire.services import JobContext, Service

service = Service("server-1")

@service.tool(read_only=True)
async def greet(name: Annotated[str, Field(min_length=1, description="Whom")], loud: bool = False) -> str:
    """Greet somebody."""
    return f"Hello {name}"

@service.job()
async def bake(ctx: JobContext[None], bread: str) -> str:
    """Be done at once."""
    return bread

@service.job()
async def wait_for_godot(ctx: JobContext[None]) -> None:
    """Never end."""
    await ctx.progress(0.4, "he will surely come tomorrow")
    await asyncio.Event().wait()

@service.job(max_attempts=2)
async def stumble(ctx: JobContext[None]) -> int:
    """Break once."""
    if ctx.attempt == 1:
        raise RuntimeError("a secret")
    return ctx.attempt
'''
PATIENCE_S = 30.0


@pytest.fixture
def folder(vhost_url: str, tmp_path: Path) -> Path:
    """A working folder with a service that nobody serves yet."""
    (tmp_path / "app.py").write_text(APP)
    home = Home(os.environ["TOOLWIRE_HOME"])
    prepare_home(home, "server-1")
    write_settings(home, "server-1", vhost_url)
    return tmp_path


@pytest.fixture
def replica(folder: Path) -> Generator[Running]:
    """A replica of the service."""
    with running("serve", "app:service", folder=folder) as replica:
        replica.wait_for("is ready")
        yield replica


def submitted(*words: str) -> str:
    ended = toolwire_here("submit", *words)
    assert ended.code == exits.OK, ended
    return ended.out.strip()


def rows(listed: Ended) -> list[list[str]]:
    """The cells of a table, without its headings."""
    assert listed.code == exits.OK, listed
    return [re.split(r" {2,}", line) for line in listed.out.splitlines()[1:]]


def silent() -> list[list[str]]:
    """Jobs that have told nothing for a moment, as soon as there are any."""
    until = time.monotonic() + PATIENCE_S
    while not (listed := toolwire_here("jobs", "list", "--silent", "0.5")).out:
        assert time.monotonic() < until, "no silent job is listed"
    return rows(listed)


@pytest.mark.usefixtures("replica")
def test_a_stuck_job_is_found_understood_and_cancelled() -> None:
    """What a newcomer does, with nothing but what the commands say."""
    assert toolwire_here("submit", "bake", "bread=rye", "--wait").out == '"rye"\n'
    stuck = submitted("wait_for_godot")

    ((found, tool, status, *_, message),) = silent()
    assert (found, tool, status, message) == (
        stuck,
        "wait_for_godot",
        "running",
        "he will surely come tomorrow",
    )

    shown = toolwire_here("jobs", "show", found).out
    assert re.search(r"^status +running, attempt 1 on server-1-[0-9a-f]+$", shown, re.MULTILINE)
    assert re.search(r"^progress +40% he will surely come tomorrow$", shown, re.MULTILINE)
    advised = re.search(r"end it: +toolwire (.*)$", shown, re.MULTILINE)
    assert advised is not None, shown

    ended = toolwire_here(*shlex.split(advised[1]), "--wait")
    assert (ended.code, ended.out) == (exits.OK, f"job {stuck} is cancelled\n")
    nothing = toolwire_here("jobs", "list", "--silent", "0")
    assert (nothing.code, nothing.out, nothing.err) == (exits.OK, "", "this client has no such jobs\n")
    (row,) = rows(toolwire_here("jobs", "list", "--status", "cancelled"))
    assert row[0] == stuck


@pytest.mark.usefixtures("replica")
def test_jobs_are_listed_filtered_and_cancelled_for_programs() -> None:
    def listed(*words: str) -> list[str]:
        told: list[Any] = toolwire_here("jobs", "list", "--json", *words).json()["jobs"]
        return [job["job_id"] for job in told]

    assert listed() == []
    bread, godot = submitted("bake", "bread=rye"), submitted("wait_for_godot")
    assert toolwire_here("watch", bread).code == exits.OK
    assert listed() == [godot, bread]
    assert listed("--limit", "1") == [godot]
    assert listed("--tool", "bake") == [bread]
    assert listed("--status", "running", "--status", "accepted") == [godot]
    first = toolwire_here("cancel", godot, "--wait", "--json")
    assert (first.code, first.err, first.json()["status"]) == (exits.OK, "", "cancelled")
    assert toolwire_here("cancel", godot, "--json").json() == first.json(), "to ask twice is fine"
    over = toolwire_here("cancel", bread)
    assert (over.code, over.out) == (exits.OK, f"job {bread} was over already, and stays: done\n")
    shown = toolwire_here("jobs", "show", godot, "--json").json()
    assert shown["job"] == first.json()
    assert [entry["event"] for entry in shown["history"]] == [
        "accepted",
        "started",
        "cancel_asked",
        "cancelled",
    ]
    nobody = toolwire_here("jobs", "show", "no-such-job")
    assert (nobody.code, nobody.out) == (exits.FAILED, "")
    assert "toolwire jobs list" in nobody.err


def test_a_job_that_broke_once_says_where_to_look(replica: Running) -> None:
    told = toolwire_here("call", "stumble")
    assert (told.code, told.out) == (exits.OK, "2\n")
    lines = told.err.splitlines()
    followed = re.fullmatch(r"stumble is a job: it is followed to its end .* as job (\w+)", lines[0])
    assert followed is not None, lines
    assert "started, attempt 2" in lines
    shown = toolwire_here("jobs", "show", followed[1]).out
    broke = re.search(r"retrying +attempt 1, on \S+, the tool broke, error id (\w+), again after ", shown)
    assert broke is not None, shown
    assert broke[1] in replica.text, "the id leads to the traceback"
    assert "a secret" not in shown


@pytest.mark.usefixtures("replica")
def test_tools_are_listed_and_described(folder: Path) -> None:
    own = [row[:2] for row in rows(toolwire_here("tools", "list"))]
    assert own == [["bake", "job"], ["greet", "tool"], ["stumble", "job"], ["wait_for_godot", "job"]]
    every = toolwire_here("tools", "list", "--all", "--json").json()["tools"]
    assert {tool["name"] for tool in every if tool["built_in"]} >= {"poll_job", "job_history"}
    told = toolwire_here("tools", "describe", "greet").out
    assert "  name  text, at least 1 character  (required)\n        Whom\n" in told
    assert "  loud  true or false  (default false)\n" in told
    example = told.splitlines()[-1].strip()
    assert example == "toolwire call greet name=text"
    assert toolwire_here(*shlex.split(example)[1:]).out == '"Hello text"\n'
    assert completed("call", "gr", folder=folder) == ["greet"], "the Tab key knows it too"
    document = toolwire_here("tools", "describe", "greet", "--json").json()
    assert (document["example"], document["inputSchema"]["required"]) == (example, ["name"])


@pytest.mark.usefixtures("replica")
def test_what_was_probably_meant_is_said() -> None:
    tool = toolwire_here("call", "gret", "name=x")
    assert (tool.code, tool.err.splitlines()[-1]) == (exits.FAILED, "Did you mean greet?")
    argument = toolwire_here("call", "greet", "nam=x")
    assert argument.code == exits.FAILED
    assert argument.err.splitlines()[-2:] == [
        "Did you mean name?",
        "Its arguments: toolwire tools describe greet",
    ]
    described = toolwire_here("tools", "describe", "gret", "--json")
    assert described.code == exits.USAGE
    assert described.json()["error"]["message"].endswith("Did you mean greet?")


def test_a_submission_without_a_replica_says_early_that_it_waits(folder: Path) -> None:
    with running("serve", "app:service", folder=folder) as replica:
        replica.wait_for("is ready")
        replica.signal(signal.SIGTERM)
        replica.ended()
    with running("submit", "bake", "bread=rye", "--wait", folder=folder) as waiting:
        waiting.wait_for("no replica of 'server-1' is running: the submission waits in its queue for one")
        with running("serve", "app:service", folder=folder) as replica:
            assert waiting.ended() == exits.OK
    assert waiting.text.splitlines()[-1] == '"rye"'


@pytest.mark.usefixtures("replica")
async def test_a_watch_says_when_the_broker_is_away_and_back(folder: Path, vhost_url: str) -> None:
    job = await asyncio.to_thread(submitted, "wait_for_godot")
    async with TcpProxy(vhost_url) as proxy:
        with running("watch", job, "--broker", proxy.url, folder=folder) as watching:
            await wait_until(lambda: "now running 40%" in watching.text, PATIENCE_S, "it watches")
            proxy.refuse()
            await wait_until(lambda: "the broker is away" in watching.text, PATIENCE_S, "it is told")
            proxy.accept()
            await wait_until(lambda: "the broker is back" in watching.text, PATIENCE_S, "it is told")
            cancelled = await asyncio.to_thread(toolwire_here, "cancel", job)
            assert cancelled.code == exits.OK
            await wait_until(lambda: watching.process.poll() is not None, PATIENCE_S, "its end is heard")
    assert "cancelled" in watching.text


@pytest.mark.usefixtures("folder")
def test_a_wrong_password_is_told_with_what_to_mend(vhost_url: str) -> None:
    wrong = re.sub(r"://([^:]+):[^@]+@", r"://\1:mistaken@", vhost_url)
    told = toolwire_here("call", "greet", "name=x", "--broker", wrong)
    assert told.code == exits.UNDELIVERED
    assert "check the user, the password and that the virtual host exists" in told.err
    assert "Traceback" not in told.err
    assert "mistaken" not in told.err
