"""What an operator replayed or threw away: audit.jsonl in TOOLWIRE_HOME, and the log `toolwire.audit`.

A line is written before each replay and after it, so that none can happen unseen. Arguments and results are
not in it.
"""

import getpass
import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

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
        # One write to a file opened for appending is one piece, even beside other processes.
        file = os.open(audit_file(home), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, line.encode() + b"\n")
        finally:
            os.close(file)
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
            entry = json.loads(line)
        except ValueError:
            continue  # a piece of a line, from a disk that was full
        if "line" in entry:
            last[entry["line"]] = entry
    return last


def _user() -> str:
    """The user of the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return str(os.getuid())
