"""The replicas of a folder, as whoever asks them sees them from outside: their memory and processor time."""

import os
from pathlib import Path

_PREFIX = "replica-"
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
MIB = 1024


def note_replica(folder: Path, pid: int) -> None:
    """Have it known that this process is a replica."""
    (folder / f"{_PREFIX}{pid}").touch()


def replicas(folder: Path) -> list[int]:
    """The processes that run there."""
    return [int(file.name.removeprefix(_PREFIX)) for file in sorted(folder.glob(f"{_PREFIX}*"))]


def memory_mib(folder: Path) -> float:
    """What the largest replica has in memory (VmRSS)."""
    return max(resident_mib(pid) for pid in replicas(folder))


def processor_s(folder: Path) -> float:
    """What all replicas together have computed so far, in seconds."""
    return sum(_processor_s(pid) for pid in replicas(folder))


def resident_mib(pid: int) -> float:
    """What that process has in memory (VmRSS)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return round(int(line.split()[1]) / MIB, 1)


def _processor_s(pid: int) -> float:
    # proc(5): user and system time are the fields 14 and 15; the name in field 2 may hold blanks.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND
