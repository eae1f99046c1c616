"""The options and arguments that several commands share.

What a person does not type comes from the settings, which each help text names: `TOOLWIRE_<NAME>`, or the
name as a key of toolwire.toml.
"""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from toolwire.cli import completing

Tool = Annotated[
    str,
    Argument(
        metavar="TOOL",
        help="The tool's name: `toolwire tools list` shows which there are.",
        autocompletion=completing.tools,
    ),
]
Pairs = Annotated[
    list[str] | None,
    Argument(metavar="NAME=VALUE", help="Arguments; a value is read as JSON, or else taken as text."),
]
Document = Annotated[
    str | None,
    Option("--args", metavar="JSON|@FILE|-", help="Arguments as one JSON object, from a file or stdin."),
]
JobId = Annotated[
    str,
    Argument(
        metavar="JOB",
        help="The job's id, from `submit` or `jobs list`.",
        autocompletion=completing.jobs,
    ),
]
Target = Annotated[
    str, Argument(metavar="MODULE:ATTR", help="The service, such as app:service for `service` in app.py.")
]
Server = Annotated[
    str | None, Option("--server", metavar="ID", help="The server to ask. Otherwise: TOOLWIRE_SERVER.")
]
ClientId = Annotated[
    str | None, Option("--client", metavar="ID", help="Who asks. Otherwise: TOOLWIRE_CLIENT.")
]
KeyId = Annotated[
    str | None, Option("--key", metavar="KID", help="The key to sign with; the client's newest otherwise.")
]
Timeout = Annotated[
    float | None,
    Option(
        "--timeout",
        metavar="SECONDS",
        help="How long to wait for the answer. Otherwise: TOOLWIRE_TIMEOUT, or 30.",
    ),
]
RequestId = Annotated[
    str | None,
    Option("--request-id", metavar="ID", help="The idempotency key: the same again gives the stored answer."),
]
Broker = Annotated[
    str | None,
    Option(
        "--broker",
        metavar="URL",
        help="The broker: amqp://user:password@host/vhost. Otherwise: TOOLWIRE_BROKER_URL.",
    ),
]
Home = Annotated[
    Path | None,
    Option(
        "--home",
        metavar="FOLDER",
        help="The folder with registry and keys. Otherwise: TOOLWIRE_HOME, or ./.toolwire.",
    ),
]
AsJson = Annotated[bool, Option("--json", help="For programs: JSON on stdout, errors too.")]
