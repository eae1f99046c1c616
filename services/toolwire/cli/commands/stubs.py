"""`stubs`: typed declarations for callers who have no code of the service."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from toolwire.cli import options
from toolwire.cli.running import run


def stubs(
    server: Annotated[
        str | None, Argument(metavar="SERVER", help="The server to ask. Otherwise: TOOLWIRE_SERVER.")
    ] = None,
    output: Annotated[
        Path | None,
        Option("--output", "-o", metavar="FILE", help="Where to write; to stdout otherwise."),
    ] = None,
    check: Annotated[
        bool, Option("--check", help="Write nothing; exit with 1 if FILE is not what would be written.")
    ] = False,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: options.Timeout = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Write a server's tools as a Python module: models, and a declaration for each tool.

    Callers import it and call `client.call(add, AddArguments(a=1, b=2))`, checked by their editor. The same
    catalogue gives the same file; a file that this command did not write is left alone.
    """
    from toolwire.cli import stubs as work
    from toolwire.cli.asking import Asking

    asking = Asking(server, client, key, timeout, broker, home, as_json)
    return run(work.stubs(asking, output, check=check))
