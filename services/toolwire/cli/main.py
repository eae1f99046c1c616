"""The console script. The base package has it too, so that it says what is missing there."""

import sys

from toolwire.cli import exits


def main() -> None:
    """Run the command that was typed."""
    try:
        from toolwire.cli.commands import app
        from toolwire.cli.running import command_line
    except ModuleNotFoundError as error:
        if error.name != "typer":  # what comes with the extra, and is imported first of it
            raise
        print("error: the command needs more: pip install 'toolwire[cli]'", file=sys.stderr)
        sys.exit(exits.CONFIGURATION)
    command_line(app, sys.argv[1:])


if __name__ == "__main__":
    main()
