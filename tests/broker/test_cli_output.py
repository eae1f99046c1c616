"""`toolwire jobs output`: what a job has put out, as it is typed."""

import asyncio
import os

from tests.command_line import Ended, toolwire_here
from toolwire.cli import exits
from toolwire.cli.dev_home import prepare_home, write_settings
from toolwire.client.home import Home
from toolwire.services import JobContext, Service

service = Service("talker")


@service.job(max_attempts=2)
async def stammer(ctx: JobContext[None]) -> None:
    """Put out a text and an object, and break the first time."""
    await ctx.emit("w\x1b[2Jord")
    await ctx.emit({"a": [None]})
    if ctx.attempt == 1:
        raise RuntimeError


async def typed(*words: str) -> Ended:
    return await asyncio.to_thread(toolwire_here, *words)


async def test_the_output_of_a_job_is_printed_as_it_comes_and_afterwards(vhost_url: str) -> None:
    home = Home(os.environ["TOOLWIRE_HOME"])
    prepare_home(home, "talker")
    write_settings(home, "talker", vhost_url)
    async with service.running(home=home.path, broker_url=vhost_url, grace_s=1.0):
        job = (await typed("submit", "stammer")).out.strip()
        followed = await typed("jobs", "output", job, "--follow")
        lines = ["w\N{REPLACEMENT CHARACTER}[2Jord", '{"a": [null]}'] * 2
        assert (followed.code, followed.out.splitlines()) == (exits.OK, lines)
        assert followed.err == "attempt 2\n"
        read = await typed("jobs", "output", job)
        assert (read.code, read.out, read.err) == (exits.OK, followed.out, followed.err)
        events = (await typed("jobs", "output", job, "--json")).json_lines()
        assert [(event["attempt"], piece) for event in events for piece in event["output"]] == [
            (attempt, piece) for attempt in (1, 2) for piece in ("w\x1b[2Jord", {"a": [None]})
        ]
        unknown = await typed("jobs", "output", "no-such-job", "--json")
        assert (unknown.code, unknown.json()["error"]["code"]) == (exits.FAILED, "job_not_found")
