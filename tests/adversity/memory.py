"""How much memory another process takes, as Linux counts it."""

import re
from pathlib import Path

KIB = 1024


class Memory:
    """The resident memory of a process, in bytes."""

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc") / str(pid)

    def now(self) -> int:
        """What it takes now."""
        return self._read("VmRSS")

    def peak(self) -> int:
        """The most that it took since `forget_peak`."""
        return self._read("VmHWM")

    def forget_peak(self) -> None:
        """Begin to look for a new peak (proc(5): 5 into clear_refs resets it)."""
        (self._folder / "clear_refs").write_text("5")

    def _read(self, name: str) -> int:
        found = re.search(rf"^{name}:\s+(\d+) kB$", (self._folder / "status").read_text(), re.MULTILINE)
        assert found is not None, f"the system does not tell {name}"
        return int(found[1]) * KIB
