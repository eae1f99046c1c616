"""The one contender that is compiled, where a compiler and librabbitmq are there."""

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).parent / "peers" / "c_echo.c"
HEADER = "amqp_tcp_socket.h"


def compiled(program: Path) -> str:
    """Compile it, unless that is done; return why it cannot be had, or an empty text."""
    if program.exists() and program.stat().st_mtime >= SOURCE.stat().st_mtime:
        return ""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return "there is no C compiler"
    command = [compiler, "-O2", "-o", str(program), str(SOURCE), "-lrabbitmq"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    if HEADER in done.stderr or "lrabbitmq" in done.stderr:
        return "librabbitmq is not installed with its headers (Debian's package librabbitmq-dev)"
    return f"it does not compile: {done.stderr.strip()[-300:]}"
