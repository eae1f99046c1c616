"""What the figures were measured on, without which they mean nothing."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from toolwire.testing.brokers import Broker

OURS = ("toolwire", "aio-pika", "aiormq", "pydantic", "cryptography", "pynacl", "uvloop")
ASK = """
import json, sys
from importlib.metadata import version, PackageNotFoundError
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def facts(broker: Broker) -> dict[str, str]:
    """The machine, the Python and the broker, in words."""
    return {
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "broker": str(broker),
    }


def our_versions() -> dict[str, str]:
    """The versions of what Toolwire is made of, as far as it is installed."""
    found: dict[str, str] = {}
    for name in OURS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def peer_versions(python: Path, names: Iterable[str]) -> dict[str, str]:
    """The versions of the peers, asked of their own environment."""
    command = [str(python), "-c", ASK, *sorted(set(names))]
    asked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    versions: dict[str, str] = json.loads(asked.stdout) if asked.returncode == 0 else {}
    return versions


def _processor() -> str:
    """Linux tells its name in /proc/cpuinfo; elsewhere `platform` may know it."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or "unknown"
