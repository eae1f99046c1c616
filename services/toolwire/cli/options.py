"""The options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

Tool = Annotated[
    str, Argument(metavar="TOOL", help="The tool's name; `list_tools` is a tool that lists them.")
]
Pairs = Annotated[
    list[str] | None,
    Argument(metavar="NAME=VALUE", help="Arguments; a value is read as JSON, or else taken as text."),
]
Document = Annotated[
    str | None,
    Option("--args", metavar="JSON|@FILE|-", help="Arguments as one JSON object, from a file or stdin."),
]
JobId = Annotated[str, Argument(metavar="JOB", help="The job's id, as `submit` printed it.")]
Target = Annotated[
    str, Argument(metavar="MODULE:ATTR", help="The service, such as app:service for `service` in app.py.")
]
Server = Annotated[str | None, Option("--server", metavar="ID", help="The server to ask.")]
ClientId = Annotated[str | None, Option("--client", metavar="ID", help="Who asks.")]
KeyId = Annotated[
    str | None, Option("--key", metavar="KID", help="The key to sign with; the client's newest otherwise.")
]
Timeout = Annotated[
    float | None, Option("--timeout", metavar="SECONDS", help="How long to wait for the answer.")
]
RequestId = Annotated[
    str | None,
    Option("--request-id", metavar="ID", help="The idempotency key: the same again gives the stored answer."),
]
Broker = Annotated[
    str | None, Option("--broker", metavar="URL", help="The broker: amqp://user:password@host/vhost.")
]
Home = Annotated[Path | None, Option("--home", metavar="FOLDER", help="The folder with registry and keys.")]
AsJson = Annotated[bool, Option("--json", help="For programs: JSON on stdout, errors too.")]
