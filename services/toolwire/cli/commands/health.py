"""`health`: whether a replica is at work, for a container's health check."""

from typing import Annotated

import typer

from toolwire.cli import options


def health(
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="[URL]",
            help="What to ask, such as http://127.0.0.1:9464/healthz; without a path /readyz. Otherwise what "
            "the setting `http` (TOOLWIRE_HTTP) names.",
        ),
    ] = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Ask a replica on this machine whether it takes requests. Fit for a container's HEALTHCHECK.

    The exit code is 0 where it does, 1 where it says what is wrong, and 4 where nothing answers.
    """
    from toolwire.cli.health import health

    return health(url, home=home, as_json=as_json)
