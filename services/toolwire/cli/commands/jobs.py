"""`answer`, `cancel` and `jobs`: what this client has submitted."""

from typing import Annotated

import typer
from typer import Argument, Option

from toolwire.cli import exits, options
from toolwire.cli.running import run
from toolwire.contracts.jobs import Status

app = typer.Typer(
    help="What this client has submitted: find a job, and see what became of it.", no_args_is_help=True
)


def cancel(
    job_id: options.JobId,
    wait: Annotated[bool, Option("--wait", help="Follow the job to its end.")] = False,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: options.Timeout = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Ask for a job's end, and say how it stands: at once while it waits, else as soon as its tool notices.

    A job that is over stays as it is; to ask twice changes nothing. The exit code is 0 in all these cases.
    """
    from toolwire.cli import jobs
    from toolwire.cli.asking import Asking

    who = Asking(server, client, key, timeout, broker, home, as_json)
    return run(jobs.cancel(who, job_id, wait=wait))


def answer(
    job_id: options.JobId,
    words: Annotated[
        list[str],
        Argument(
            metavar="NAME=VALUE|JSON|@FILE|-",
            help="The answer: its fields, each value read as JSON or else taken as text; or one JSON text, "
            "here, from a file or stdin.",
        ),
    ],
    question: Annotated[
        str | None, Option("--question", metavar="KEY", help="Which one; what the job asks now otherwise.")
    ] = None,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: options.Timeout = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Answer what a job asks: toolwire answer JOB approved=true. `toolwire jobs show JOB` shows the question.

    The first answer counts. One that does not fit changes nothing: the job asks on.
    """
    from toolwire.cli import answering
    from toolwire.cli.asking import Asking

    who = Asking(server, client, key, timeout, broker, home, as_json)
    return run(answering.answer(who, job_id, answering.read_answer(words), question))


@app.command("list", epilog=exits.HELP)
def list_jobs(
    statuses: Annotated[
        list[Status] | None,
        Option(
            "--status", metavar="STATUS", help=f"Only jobs that stand so: {', '.join(Status)}. Repeatable."
        ),
    ] = None,
    tools: Annotated[
        list[str] | None, Option("--tool", metavar="TOOL", help="Only jobs of this tool. Repeatable.")
    ] = None,
    silent: Annotated[
        float | None,
        Option(
            "--silent",
            metavar="SECONDS",
            min=0,
            help="Only jobs that are not over and have told nothing for so long: finds what is stuck.",
        ),
    ] = None,
    limit: Annotated[int, Option("--limit", metavar="N", min=1, help="At most so many.")] = 20,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: options.Timeout = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """List this client's jobs, newest first: toolwire jobs list --status running --silent 60.

    AGE counts from the acceptance, SILENT from the last event, TIME-LEFT to the deadline.
    """
    from toolwire.cli import jobs
    from toolwire.cli.asking import Asking

    silent_ms = None if silent is None else round(silent * 1000)
    wanted = jobs.Wanted(tuple(statuses or ()), tuple(tools or ()), silent_ms, limit)
    return run(jobs.list_jobs(Asking(server, client, key, timeout, broker, home, as_json), wanted))


@app.command(epilog=exits.HELP)
def show(
    job_id: options.JobId,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: options.Timeout = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Show how a job stands, every attempt with its replica and its end, and what can be done."""
    from toolwire.cli import jobs
    from toolwire.cli.asking import Asking

    return run(jobs.show(Asking(server, client, key, timeout, broker, home, as_json), job_id))


@app.command(epilog=exits.HELP)
def output(
    job_id: options.JobId,
    follow: Annotated[bool, Option("--follow", help="Go on until the job is over, however it ends.")] = False,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: options.Timeout = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Print what a job has put out so far, a piece a line; with --json an event a line, with its attempt."""
    from toolwire.cli import job_output
    from toolwire.cli.asking import Asking

    who = Asking(server, client, key, timeout, broker, home, as_json)
    return run(job_output.output(who, job_id, follow=follow))
