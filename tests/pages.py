"""Does what a page of the documentation says, as its reader would: writes the files, types the commands.

A block of Python is a file: the last `name.py` that the text before it names. A block of `console` is typed
into a shell: lines with `$ ` are commands, those under them are what they print; `…` stands for anything.
Indented lines that begin with `.venv/bin/` are commands, too. `toolwire dev` runs until the page ends.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.command_line import Running, running

BIN = Path(sys.executable).parent

BLOCK = re.compile(
    r"^```(?P<language>\w*)\n(?P<fenced>.*?)^```$|(?P<typed>(?:^    \.venv/bin/[^\n]*\n)+)",
    re.MULTILINE | re.DOTALL,
)
FILE = re.compile(r"`(\w+\.py)`")
DEV = re.compile(r"^toolwire (dev .*)$", re.MULTILINE)  # left running, as the page says


@dataclass(frozen=True, slots=True)
class Source:
    """A file that the page has its reader write."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Typed:
    """Commands that it has its reader type, and what they print; None where it does not say."""

    commands: str
    prints: str | None


def steps(page: str) -> Iterator[Source | Typed]:
    """What a page has its reader do, in order."""
    end = 0
    for block in BLOCK.finditer(page):
        if block["typed"]:
            yield Typed(re.sub(r"^    \.venv/bin/", "", block["typed"], flags=re.MULTILINE), None)
        elif block["language"] == "python":
            named = FILE.findall(page, end, block.start())
            assert named, f"the page does not say which file this is:\n{block['fenced']}"
            yield Source(named[-1], block["fenced"])
        elif block["language"] == "console":
            lines = block["fenced"].splitlines()
            commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
            prints = [line for line in lines if not line.startswith("$ ")]
            yield Typed("\n".join(commands), "\n".join(prints) if prints else None)
        end = block.end()


def do_what_it_says(page: Path, folder: Path, broker_url: str) -> None:
    """Follow a page in that folder, on that broker, and see that all happens as it says.

    The broker is one that is there already, so that a test needs no second one.
    """
    with ExitStack() as stack:
        shell = stack.enter_context(Shell(folder))
        serving: list[Running] = []
        for step in steps(page.read_text(encoding="utf-8")):
            if isinstance(step, Source):
                (folder / step.name).write_text(step.text, encoding="utf-8")
                continue
            for dev in DEV.findall(step.commands):
                words = shlex.split(dev, comments=True)
                serving.append(stack.enter_context(running(*words, "--broker", broker_url, folder=folder)))
                serving[-1].wait_for("Ctrl-C ends it.")
            shell.type(DEV.sub("", step.commands), step.prints)
        for each in serving:
            each.signal(signal.SIGINT)
            assert each.ended() == 0


class Shell:
    """One terminal: what is set in one block is there in the next."""

    END = "that was all"

    def __init__(self, folder: Path) -> None:
        self._shell = subprocess.Popen(
            ["/bin/bash"],
            cwd=folder,
            env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._shell.pid, signal.SIGKILL)  # with whatever still runs in it
        self._shell.communicate()

    def type(self, commands: str, prints: str | None) -> None:
        """Type commands, and compare what they print; without that, the last one has to end well."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{commands}\necho {self.END} $?\n")
        self._shell.stdin.flush()
        lines: list[str] = []
        while not (line := self._shell.stdout.readline()).startswith(self.END):
            assert line, f"the shell ended:\n{''.join(lines)}"
            lines.append(line.rstrip())
        printed = "\n".join(lines)
        if prints is None:
            assert line.split()[-1] == "0", f"{commands}\n{printed}"
        else:
            pattern = ".*".join(map(re.escape, prints.split("…")))
            assert re.fullmatch(pattern, printed, re.DOTALL), f"{commands}\n{printed}\ninstead of\n{prints}"
