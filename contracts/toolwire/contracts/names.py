"""The names that appear in messages, keys and queues, and the shapes that they must have.

One rule for each kind, used by every model. An id that passes is safe as one segment of a routing key, as
part of a queue name and as a file name, and so is a key id as a file name. A tool's name may hold dots: it is
the rest of its routing key, and never a file name.
"""

import re
from typing import Annotated

from pydantic import Field

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
KID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
TOOL_PATTERN = r"^[A-Za-z0-9_.-]{1,128}$"
"""The rule of the Model Context Protocol for tool names (specification 2026-07-28, server/tools)."""

NONCE_PATTERN = r"^[A-Za-z0-9_-]{22}$"
"""128 bits as base64url without padding."""

DIGEST_PATTERN = r"^[A-Za-z0-9_-]{43}$"
"""256 bits as base64url without padding."""

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON implementation keeps exact (RFC 8259, section 6)."""

Id = Annotated[str, Field(pattern=ID_PATTERN)]
Kid = Annotated[str, Field(pattern=KID_PATTERN)]
ToolName = Annotated[str, Field(pattern=TOOL_PATTERN)]
Nonce = Annotated[str, Field(pattern=NONCE_PATTERN)]
Digest = Annotated[str, Field(pattern=DIGEST_PATTERN)]
Millis = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
"""Milliseconds since 1970-01-01 UTC."""

Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]

MAX_PRIORITY = 9
Priority = Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)]
"""Which of the jobs that wait goes first: the one with the highest number."""

_ID = re.compile(ID_PATTERN[:-1] + r"\Z")
_TOOL = re.compile(TOOL_PATTERN[:-1] + r"\Z")


def is_id(text: str) -> bool:
    """Whether `text` can name a client, a server, an instance, a request or a job."""
    return _ID.match(text) is not None


def is_tool_name(text: str) -> bool:
    """Whether `text` can name a tool."""
    return _TOOL.match(text) is not None
