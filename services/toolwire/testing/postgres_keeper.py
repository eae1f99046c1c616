"""Runs a program of PostgreSQL until our input ends, so that none stays behind, however who wants it ends.

    python postgres_keeper.py FOLDER COMMAND …

As root it runs the program as the owner of the folder. When the input ends, the folder goes as well. It is a
program of its own, and needs the standard library alone.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

STOP_SECONDS = 10.0


def main() -> int:
    """Run the command; give its exit code, or 0 where the input ended first."""
    folder, *command = sys.argv[1:]
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)  # a shell's background job ignores it: so would the server
    owner = Path(folder).stat() if os.geteuid() == 0 else None
    running = subprocess.Popen(  # noqa: S603 - what the module beside this one found
        command,
        stdin=subprocess.DEVNULL,
        user=owner and owner.st_uid,
        group=owner and owner.st_gid,
        extra_groups=owner and (),
    )
    unwanted = threading.Event()
    threading.Thread(target=_end_with_input, args=(running, unwanted), daemon=True).start()
    code = running.wait()
    if not unwanted.is_set():
        return code
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _end_with_input(running: "subprocess.Popen[bytes]", unwanted: threading.Event) -> None:
    os.read(0, 1)  # nobody writes there; not by sys.stdin, whose lock is in the way of this program's end
    unwanted.set()
    running.send_signal(signal.SIGQUIT)  # at once: nobody wants its data any more
    try:
        running.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        running.kill()


if __name__ == "__main__":
    raise SystemExit(main())
