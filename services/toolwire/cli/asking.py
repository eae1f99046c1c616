"""`call`, `submit`, `poll` and `watch`: one client, one question."""

import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from toolwire.cli import exits
from toolwire.cli.following import follow, json_lines, silence, words
from toolwire.cli.output import print_json, print_line, print_note, print_value
from toolwire.client import Client
from toolwire.client.calls import Calls
from toolwire.client.jobs import Job
from toolwire.contracts.envelopes import Arguments
from toolwire.contracts.errors import ConfigurationError, JobCancelled, JobFailed, UsageError
from toolwire.contracts.jobs import Status
from toolwire.contracts.names import ID_PATTERN, is_id
from toolwire.contracts.snapshots import JobSnapshot


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks whom, and how. None: what the settings say."""

    server: str | None = None
    client: str | None = None
    key: str | None = None
    timeout: float | None = None
    broker: str | None = None
    home: Path | None = None
    json: bool = False

    def open(self) -> Client:
        """The client, to be entered. `ConfigurationError` also says whether `toolwire dev` is what lacks."""
        try:
            return Client(
                self.client,
                server=self.server,
                broker=self.broker,
                home=self.home,
                key=self.key,
                timeout=self.timeout,
            )
        except ConfigurationError as error:
            self._check_dev(error)
            raise

    def _check_dev(self, error: ConfigurationError) -> None:
        """Raise what tells more to a newcomer who has not started `toolwire dev`, or has ended it."""
        # Imported here: see the module.
        from toolwire.client.home import Home
        from toolwire.client.settings import Settings, read_settings

        settings = read_settings(Settings, home=self.home, broker_url=self.broker)
        place = Home(settings.home).path
        if not place.exists():
            raise ConfigurationError(
                f"there is no home at {place}: `toolwire dev` makes one; or name the folder that is one with "
                "--home or TOOLWIRE_HOME"
            ) from error
        try:
            settings.broker_urls()
        except ConfigurationError as no_broker:
            if str(no_broker) == str(error):
                raise ConfigurationError(f"{error}. Is `toolwire dev` running?") from error

    def show(self, value: object) -> None:
        """Print a result for whom it is meant."""
        (print_json if self.json else print_value)(value)


async def call(asking: Asking, tool: str, arguments: Arguments, request_id: str | None) -> int:
    """Call a tool and print its result. A job is waited for."""
    async with asking.open() as client:
        asking.show(await client.options(request_id=request_id).call(tool, arguments))
    return exits.OK


async def submit(
    asking: Asking,
    tool: str,
    arguments: Arguments,
    *,
    request_id: str | None,
    deadline: float | None,
    wait: bool,
) -> int:
    """Submit a job and print its id or, with `wait`, follow it and print its result."""
    async with asking.open() as client:
        job = await client.options(request_id=request_id, deadline=deadline).submit(tool, arguments)
        if wait:
            return await _wait(asking, job)
        if asking.json:
            told = {"job_id": job.id, "server_id": job.server_id, "request_id": job.request_id}
            print_json(told)
        else:
            print_line(job.id)
            print_note(f"submitted; what becomes of it: toolwire watch {job.id}")
    return exits.OK


async def poll(asking: Asking, job_id: str) -> int:
    """Print how a job stands."""
    async with asking.open() as client:
        asking.show(await _job(client, job_id).poll())
    return exits.OK


async def watch(asking: Asking, job_id: str, *, patience: float | None) -> int:
    """Print a job's events as they come, for `patience` seconds or to its end, and then its result."""
    async with asking.open() as client:
        view = json_lines() if asking.json else words(sys.stdout)
        final = await follow(_job(client, job_id), view, timeout=patience)
        return _ended(final) if asking.json else _told(final)


async def _wait(asking: Asking, job: Job[JsonValue]) -> int:
    if asking.json:
        final = await follow(job, silence())
        print_json(final)
        return _ended(final)
    print_note(f"job {job.id}")
    return _told(await follow(job, words(sys.stderr)))


def _told(final: JobSnapshot) -> int:
    """Print a job's result; any other end is raised."""
    if final.status is Status.CANCELLED:
        raise JobCancelled(final.job_id)
    if final.error is not None:
        raise JobFailed(final.job_id, final.error)
    print_value(final.result)
    return exits.OK


def _ended(final: JobSnapshot) -> int:
    return exits.OK if final.status is Status.DONE else exits.FAILED


def _job(client: Calls, job_id: str) -> Job[JsonValue]:
    if not is_id(job_id):
        raise UsageError(f"{job_id!r} is no job id: they match {ID_PATTERN}")
    return client.job(job_id)
