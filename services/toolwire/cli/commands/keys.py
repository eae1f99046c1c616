"""`keys`: clients, servers, and the keys that they are known by."""

from typing import Annotated, Literal

import typer
from typer import Argument, Option

from toolwire.cli import exits, options

WhatItIs = Annotated[Literal["client", "server"], Argument(help="What it is.")]
Name = Annotated[str, Argument(metavar="ID", help="Its id.")]
Allow = Annotated[
    list[str] | None,
    Option("--allow", metavar="PATTERN", help="A tool that it may use, or a beginning and `*`. Repeatable."),
]
HmacFor = Annotated[
    str | None,
    Option("--hmac-for", metavar="SERVER", help="A secret shared with that server, instead of Ed25519."),
]
Watch = Annotated[
    list[str] | None,
    Option(
        "--watch",
        metavar="CLIENT",
        help="Another client, or a beginning and `*`, whose jobs it may watch. Repeatable.",
    ),
]

app = typer.Typer(
    help="Who is known here, and under which keys: registry.toml in TOOLWIRE_HOME.", no_args_is_help=True
)


@app.command(epilog=exits.HELP)
def new(
    role: WhatItIs,
    name: Name,
    allow: Allow = None,
    hmac_for: HmacFor = None,
    watch: Watch = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """List a client or a server, with a key of its own. Makes a home where there is none.

    What is there already stays: to make another key, rotate.
    """
    from toolwire.cli.keys import Keys
    from toolwire.contracts.errors import UsageError

    if role == "client":
        return Keys(home, as_json).new_client(name, allow or (), hmac_for, watch or ())
    if allow or hmac_for or watch:
        raise UsageError("--allow, --hmac-for and --watch are for clients: toolwire keys new client ID")
    return Keys(home, as_json).new_server(name)


@app.command("list", epilog=exits.HELP)
def show(home: options.Home = None, as_json: options.AsJson = False) -> int:
    """Show every key: whose it is, its fingerprint, how long it is good, and which one signs."""
    from toolwire.cli.keys import Keys

    return Keys(home, as_json).list()


@app.command(epilog=exits.HELP)
def rotate(
    role: WhatItIs,
    name: Name,
    hmac_for: HmacFor = None,
    after: Annotated[
        float,
        Option("--after", metavar="SECONDS", min=0, help="Sign with it only then: time to make it known."),
    ] = 0,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Make a new key beside the old ones, which are accepted until they are revoked."""
    from toolwire.cli.keys import Keys

    return Keys(home, as_json).rotate(role, name, hmac_for, after)


@app.command(epilog=exits.HELP)
def revoke(
    kid: Annotated[str, Argument(metavar="KEY", help="The key's id, as `keys list` shows it.")],
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Accept nothing more that is signed with a key. There is no way back but a new key."""
    from toolwire.cli.keys import Keys

    return Keys(home, as_json).revoke(kid)


@app.command(epilog=exits.HELP)
def allow(
    client: Annotated[str, Argument(metavar="CLIENT", help="The client's id.")],
    patterns: Annotated[
        list[str], Argument(metavar="PATTERN", help="Tools, or beginnings and `*`, such as 'billing.*'.")
    ],
    remove: Annotated[bool, Option("--remove", help="Take these patterns away instead.")] = False,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Let a client use tools; what it may already, it may still."""
    from toolwire.cli.keys import Keys

    return Keys(home, as_json).allow(client, patterns, remove=remove)


@app.command(epilog=exits.HELP)
def export(role: WhatItIs, name: Name, home: options.Home = None, as_json: options.AsJson = False) -> int:
    """Print public keys for another machine's registry: toolwire keys export client ID > ID.toml."""
    from toolwire.cli.keys import Keys

    return Keys(home, as_json).export(role, name)


@app.command("import", epilog=exits.HELP)
def take_in(
    source: Annotated[
        str, Argument(metavar="FILE|-", help="What `keys export` printed on the other machine.")
    ],
    allow: Allow = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Make somebody of another machine known here; what a client may use is said by --allow alone."""
    from toolwire.cli.keys import Keys

    return Keys(home, as_json).take_in(source, allow or ())
