"""`dead` and `junk`: what services put aside. Both have the same commands."""

from typing import Annotated

import typer
from typer import Argument, Option

from toolwire.cli import exits, options
from toolwire.cli.aside import Kind
from toolwire.cli.running import run

Which = Annotated[str, Argument(metavar="NAME", help="The message: a beginning of its digest.")]
Several = Annotated[
    list[str] | None, Argument(metavar="NAME", help="The messages: beginnings of their digests.")
]
Whose = Annotated[str | None, Option("--server", metavar="ID", help="The server whose messages they are.")]
All = Annotated[bool, Option("--all", help="All of them.")]
Yes = Annotated[bool, Option("--yes", "-y", help="Do not ask.")]


dead = typer.Typer(
    help="Authentic messages that could not be handled, in the queue tw.dead.SERVER.", no_args_is_help=True
)
junk = typer.Typer(
    help="Messages that never authenticated, in the queue tw.junk.SERVER.", no_args_is_help=True
)


def _add_commands(app: typer.Typer, kind: Kind) -> None:
    """Give `app` the commands for one of the two."""

    @app.command("list", epilog=exits.HELP)
    def show_all(
        most: Annotated[int, Option("--limit", metavar="N", min=1, help="How many to show.")] = 100,
        server: Whose = None,
        broker: options.Broker = None,
        home: options.Home = None,
        as_json: options.AsJson = False,
    ) -> int:
        """List what is there, oldest first: name, when, why, tool, client, size."""
        from toolwire.cli.aside.showing import list_letters
        from toolwire.cli.asking import Asking

        return run(list_letters(kind, Asking(server, broker=broker, home=home, json=as_json), most))

    @app.command(epilog=exits.HELP)
    def show(
        name: Which,
        server: Whose = None,
        broker: options.Broker = None,
        home: options.Home = None,
        as_json: options.AsJson = False,
    ) -> int:
        """Show one message: why it is there and what to do, who signed it, what it asks for."""
        from toolwire.cli.aside.showing import show_letter
        from toolwire.cli.asking import Asking

        return run(show_letter(kind, Asking(server, broker=broker, home=home, json=as_json), name))

    @app.command(epilog=exits.HELP)
    def replay(
        names: Several = None,
        everything: All = False,
        yes: Yes = False,
        unverified: Annotated[
            bool,
            Option(
                "--yes-unverified", help="Run also what nobody known has signed. See what it is: --dry-run."
            ),
        ] = False,
        again: Annotated[
            bool, Option("--again", help="Run once more what a replay ran already, with whatever result.")
        ] = False,
        dry_run: Annotated[
            bool, Option("--dry-run", help="Show what would be run, and run nothing.")
        ] = False,
        deadline: Annotated[
            float | None,
            Option("--deadline", metavar="SECONDS", help="How long a job may take; a day otherwise."),
        ] = None,
        server: Whose = None,
        client: options.ClientId = None,
        key: options.KeyId = None,
        timeout: options.Timeout = None,
        broker: options.Broker = None,
        home: options.Home = None,
        as_json: options.AsJson = False,
    ) -> int:
        """Send the requests again, as your own client, and remove what the service has answered or accepted.

        Twice the same replay by one client runs nothing twice; what another one has begun takes --again.

        Each one is written down in audit.jsonl in TOOLWIRE_HOME.

        What another client replays from another home is not known here: it may run twice.
        """
        from toolwire.cli.aside.plan import Wish
        from toolwire.cli.aside.replaying import Replay
        from toolwire.cli.asking import Asking

        who = Asking(server, client, key, timeout, broker, home, as_json)
        wish = Wish(tuple(names or ()), everything, yes, unverified, again, dry_run, deadline)
        work = Replay(kind, who, wish)
        code = run(work.look())
        return run(work.carry_out()) if work.agreed() else code

    @app.command(epilog=exits.HELP)
    def purge(
        names: Several = None,
        everything: All = False,
        yes: Yes = False,
        server: Whose = None,
        broker: options.Broker = None,
        home: options.Home = None,
        as_json: options.AsJson = False,
    ) -> int:
        """Throw messages away for good. Each one is written down in audit.jsonl in TOOLWIRE_HOME."""
        from toolwire.cli.aside.plan import Wish
        from toolwire.cli.aside.purging import Purge
        from toolwire.cli.asking import Asking

        who = Asking(server, broker=broker, home=home, json=as_json)
        work = Purge(kind, who, Wish(tuple(names or ()), everything, yes))
        code = run(work.look())
        return run(work.carry_out()) if work.agreed() else code


_add_commands(dead, "dead")
_add_commands(junk, "junk")
