"""The `toolwire` command as users run it, in a process of its own; and in this one, which is sooner done."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolwire.cli.commands import app
from toolwire.cli.running import exit_code_of

TOOLWIRE = (sys.executable, "-m", "toolwire.cli.main")
PATIENCE_S = 30.0
LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one JSON document that it printed."""
        return json.loads(self.out)

    def json_lines(self) -> list[Any]:
        """The JSON documents that it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def toolwire(*words: str, folder: Path, stdin: str = "") -> Ended:
    """Run `toolwire WORDS` in that folder to its end."""
    done = subprocess.run(
        [*TOOLWIRE, *words],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def toolwire_here(*words: str) -> Ended:
    """Run `toolwire WORDS` in this process: the half second that a start takes is saved."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = exit_code_of(app, words)
    return Ended(code, out.getvalue(), err.getvalue())


def completed(*words: str, folder: Path) -> list[str]:
    """What bash is told to offer for the last word when the Tab key is pressed."""
    asked = {
        "_TOOLWIRE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("toolwire", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        TOOLWIRE,
        cwd=folder,
        env=os.environ | asked,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


class Running:
    """A command that goes on until it is ended."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def text(self) -> str:
        """What it has written so far, to stdout and stderr."""
        return self._log.read_text(errors="replace")

    def wait_for(self, part: str, *, times: int = 1) -> None:
        """Wait until it has written that."""
        until = time.monotonic() + PATIENCE_S
        while self.text.count(part) < times:
            assert self.process.poll() is None, f"it ended before it wrote {part!r}:\n{self.text}"
            assert time.monotonic() < until, f"it did not write {part!r}:\n{self.text}"
            time.sleep(LOOK_EVERY_S)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(PATIENCE_S)


@contextmanager
def running(*words: str, folder: Path, command: tuple[str, ...] = TOOLWIRE) -> Generator[Running]:
    """Run `toolwire WORDS` in that folder, killed at the end of the block unless it has ended."""
    log = folder / f"{words[0].strip('-') if words else 'command'}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*command, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
        )
    with process:
        try:
            yield Running(process, log)
        finally:
            process.kill()
