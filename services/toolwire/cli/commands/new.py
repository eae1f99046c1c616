"""`new`: what begins a project."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from toolwire.cli import options


def new(
    name: Annotated[str, Argument(metavar="NAME", help="The project's name, which is its server's id too.")],
    folder: Annotated[
        Path | None, Option("--folder", metavar="FOLDER", help="Where; a folder of that name otherwise.")
    ] = None,
    as_json: options.AsJson = False,
) -> int:
    """Make a small project: a service, a client, tests, and `make demo` that shows them at work."""
    from toolwire.cli.new import new

    return new(name, folder, as_json=as_json)
