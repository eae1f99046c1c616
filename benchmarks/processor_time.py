"""How much processor time other processes have used, as Linux tells in /proc; None where there is none."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One line of /proc/PID/stat, proc(5): its name, who started it, its session, its time so far."""

    pid: int
    name: str
    parent: int
    session: int
    seconds: float


def of_session(session: int) -> float | None:
    """Seconds used by all processes of a session, with their children that have ended."""
    return _of(lambda each: each.session == session)


def of_broker() -> float | None:
    """Seconds used by Erlang's machine, where this program has started it; a container's is no child."""
    seen = {each.pid: each for each in processes()}

    def is_ours(each: Process) -> bool:
        return each.name == "beam.smp" and os.getpid() in ancestors(each, seen)

    found = [each.seconds for each in seen.values() if is_ours(each)]
    return sum(found) if found else None


def ancestors(process: Process, seen: dict[int, Process]) -> set[int]:
    """The numbers of those who started it, and who started them."""
    numbers: set[int] = set()
    parent = process.parent
    while parent in seen and parent not in numbers:
        numbers.add(parent)
        parent = seen[parent].parent
    return numbers


def processes() -> list[Process]:
    """All that run at this moment."""
    texts = (_text(file) for file in PROC.glob("[0-9]*/stat"))
    return [read(text) for text in texts if text]


def read(stat: str) -> Process:
    """Take one line apart. The name is in parentheses, and may hold blanks and parentheses itself."""
    pid, _, rest = stat.partition(" (")
    name, _, fields = rest.rpartition(") ")
    values = fields.split()
    ticks = sum(int(values[number]) for number in (11, 12, 13, 14))  # utime, stime, cutime, cstime
    return Process(int(pid), name, int(values[1]), int(values[3]), ticks / os.sysconf("SC_CLK_TCK"))


def _of(belongs: Callable[[Process], bool]) -> float | None:
    found = [each.seconds for each in processes() if belongs(each)]
    return sum(found) if found else None


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # it has ended meanwhile
        return ""
