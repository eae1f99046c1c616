"""What an operator replayed or threw away: audit.jsonl in TOOLWIRE_HOME, and the log `toolwire.audit`.

A line is written before each replay and after it, so that none can happen unseen. Arguments and results are
not in it.
"""

import errno
import getpass
import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from toolwire.client.home import Home
from toolwire.contracts.errors import ConfigurationError

log = logging.getLogger("toolwire.audit")

FILE_NAME = "audit.jsonl"

Entry = Mapping[str, Any]

Outcome = Literal[
    "begun",  # it is about to be sent
    "answered",  # the tool's result came
    "accepted",  # it is a job now
    "failed",  # the service ran it, and it failed
    "refused",  # the service did not run it
    "no_answer",
    "undelivered",
    "purged",  # thrown away
]


def audit_file(home: Home) -> Path:
    """Where the lines are."""
    return home.path / FILE_NAME


def record(home: Home, outcome: Outcome, entry: Entry) -> None:
    """Append one line. `ConfigurationError` where that cannot be: then nothing may be done."""
    line = json.dumps(
        {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "user": _user(),
            "outcome": outcome,
            **entry,
        }
    )
    try:
        _append(audit_file(home), line.encode() + b"\n")
    except OSError as error:
        raise ConfigurationError(
            f"{audit_file(home)} cannot be written, and nothing is replayed or purged without it: {error}"
        ) from error
    log.info("%s", line)


def last_replays(home: Home) -> dict[str, Entry]:
    """The last entry about each line that was replayed from this home, by the line's digest."""
    last: dict[str, Entry] = {}
    try:
        text = audit_file(home).read_text(encoding="utf-8")
    except FileNotFoundError:
        return last
    for line in text.splitlines():
        try:
            entry: object = json.loads(line)
        except ValueError:
            continue  # a piece of a line, from a disk that was full
        told: Entry = cast("Entry", entry) if isinstance(entry, dict) else {}
        if isinstance(digest := told.get("line"), str):
            last[digest] = told
    return last


def _append(path: Path, line: bytes) -> None:
    """Write all of it at the end of the file. `OSError` where not all of it could be written."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            line = b"\n" + line  # after a piece of a line, from a disk that was full
        # One write to a file opened for appending is one piece, even beside other processes.
        if os.write(file, line) < len(line):
            raise OSError(errno.ENOSPC, "only a part of the line was written")
    finally:
        os.close(file)


def _user() -> str:
    """The user of the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return str(os.getuid())
