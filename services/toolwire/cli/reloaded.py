"""The service of `--reload`, in its own process: `python -m toolwire.cli.reloaded PIPE`.

PIPE is a file descriptor: it gives what to serve, and ends with the process that watches the code.
"""

import json
import os
import signal
import sys
import threading
from typing import Any

from toolwire.cli import exits
from toolwire.cli.dev import serve_developed
from toolwire.cli.explain import explain
from toolwire.cli.logs import Level, LogFormat
from toolwire.cli.output import print_error
from toolwire.cli.serving import serve
from toolwire.cli.stopping import leave


def main(descriptor: int) -> int:
    """Serve what the pipe says; the exit code."""
    os.set_inheritable(descriptor, False)
    pipe = os.fdopen(descriptor, "rb")
    command, again, given = json.loads(pipe.readline())

    def end_with_the_watcher() -> None:
        pipe.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_with_the_watcher, name="toolwire watcher", daemon=True).start()
    try:
        return _serve(command, again=again, **given)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except exits.EXPECTED as error:
        print_error(explain(error), as_json=False)
        return exits.exit_code(error)


def _serve(command: str, *, again: bool, level: str, log_format: str, **given: Any) -> int:
    if command == "dev":
        return serve_developed(**given, level=Level(level), log_format=LogFormat(log_format), again=again)
    return serve(**given, level=Level(level), log_format=LogFormat(log_format))


if __name__ == "__main__":
    leave(main(int(sys.argv[1])))
