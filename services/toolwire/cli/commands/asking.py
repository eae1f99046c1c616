"""`call`, `submit`, `poll` and `watch`: what asks."""

from datetime import datetime
from typing import Annotated

from typer import Option

from toolwire.cli import options
from toolwire.cli.running import run


def call(
    tool: options.Tool,
    pairs: options.Pairs = None,
    document: options.Document = None,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: options.Timeout = None,
    request_id: options.RequestId = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Call a tool and print its result: toolwire call batch_sum numbers='[1, 2, 3]'."""
    from toolwire.cli import arguments, asking

    who = asking.Asking(server, client, key, timeout, broker, home, as_json)
    return run(asking.call(who, tool, arguments.read_arguments(pairs or (), document), request_id))


def submit(
    tool: options.Tool,
    pairs: options.Pairs = None,
    document: options.Document = None,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: options.Timeout = None,
    request_id: options.RequestId = None,
    deadline: Annotated[
        float | None,
        Option("--deadline", metavar="SECONDS", help="How long the job may take; a day otherwise."),
    ] = None,
    delay: Annotated[
        float | None, Option("--delay", metavar="SECONDS", help="Do not start it before so long from now.")
    ] = None,
    at: Annotated[
        datetime | None,
        Option(
            "--at",
            metavar="TIME",
            formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"],
            help="Do not start it before then, such as 2030-01-31T08:00+00:00.",
        ),
    ] = None,
    priority: Annotated[
        int | None,
        Option("--priority", metavar="N", help="From -9 to 9; of jobs that wait, the highest goes first."),
    ] = None,
    wait: Annotated[bool, Option("--wait", help="Follow the job to its end and print its result.")] = False,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Submit a job and print its id: toolwire submit start_long_task seconds=5."""
    from toolwire.cli import arguments, asking
    from toolwire.client.options import Changes

    who = asking.Asking(server, client, key, timeout, broker, home, as_json)
    given = arguments.read_arguments(pairs or (), document)
    changes: Changes = {
        "request_id": request_id,
        "deadline": deadline,
        "delay": delay,
        "run_at": at,
        "priority": priority,
    }
    return run(asking.submit(who, tool, given, changes, wait=wait))


def poll(
    job_id: options.JobId,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: options.Timeout = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Print how a job stands now. The exit code tells of the poll, not of the job."""
    from toolwire.cli import asking

    return run(asking.poll(asking.Asking(server, client, key, timeout, broker, home, as_json), job_id))


def watch(
    job_id: options.JobId,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: Annotated[
        float | None,
        Option("--timeout", metavar="SECONDS", help="How long to watch; to the job's end otherwise."),
    ] = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Print a job's events as they come, to its end; then its result. With --json: one event a line."""
    from toolwire.cli import asking

    who = asking.Asking(server, client, key, None, broker, home, as_json)
    return run(asking.watch(who, job_id, patience=timeout))
