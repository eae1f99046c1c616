"""Runs a command and turns its end into an exit code: the one place where errors become words."""

import asyncio
import logging
import os
import sys
import traceback
from collections.abc import Coroutine, Sequence
from typing import Any, NoReturn

import typer

from toolwire.cli import exits
from toolwire.cli.explain import Explained, explain
from toolwire.cli.logs import hear_amqp
from toolwire.cli.output import print_error, replace_unprintable
from toolwire.cli.stopping import leave

JSON_FLAG = "--json"


def command_line(app: typer.Typer, words: Sequence[str]) -> NoReturn:
    """Run the command that `words` name, and end the process with its exit code."""
    replace_unprintable()
    leave(exit_code_of(app, words))


def exit_code_of(app: typer.Typer, words: Sequence[str]) -> int:
    """Run the command that `words` name. What can go wrong with a right command is told."""
    as_json = JSON_FLAG in words
    try:
        code = app(args=list(words), prog_name="toolwire", standalone_mode=False)
    except typer.TyperException as error:
        _tell_usage(error, as_json=as_json)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return exits.INTERRUPTED
    except exits.EXPECTED as error:
        print_error(explain(error), as_json=as_json)
        return exits.exit_code(error)
    except Exception as error:  # noqa: BLE001 - the end of the line: a mistake of ours is shown in full
        if as_json:
            print_error(explain(error), as_json=True)
        traceback.print_exc()
        return exits.BROKEN
    return code if isinstance(code, int) else exits.OK


def run(work: Coroutine[Any, Any, int]) -> int:
    """Run a command that talks to the broker. What its client would log is told by the error that ends it."""
    logging.getLogger("toolwire").addHandler(logging.NullHandler())
    hear_amqp()
    try:
        return asyncio.run(work)
    except BrokenPipeError:
        # Who read our output has gone with what it wanted, as in `toolwire watch JOB --json | head -1`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OK


def _tell_usage(error: typer.TyperException, *, as_json: bool) -> None:
    context = getattr(error, "ctx", None)
    message = error.format_message()
    if not message:
        return  # no word was typed, and the help is on the screen already
    lines = [message] if context is None else [message, f"See: {context.command_path} --help"]
    print_error(Explained(tuple(lines), {"type": "UsageError", "message": message}), as_json=as_json)
