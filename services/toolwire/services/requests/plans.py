"""What the service does with one request, as a value: decided in `decide`, carried out by the shell."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from toolwire.contracts.encoding import JsonText
from toolwire.contracts.envelopes import Arguments
from toolwire.contracts.errors import WireError
from toolwire.contracts.jobs import Status
from toolwire.services.declaring.tools import ToolSpec

NOTHING = JsonText("null")


@dataclass(frozen=True, slots=True)
class Reply:
    """The content of a signed response."""

    status: Status | Literal["ok"]
    result: JsonText = NOTHING
    """As it was written once, when the tool gave it."""
    error: WireError | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer at once; nothing runs."""

    reply: Reply
    on_record: bool = False
    """Another attempt of a request that is on record: the record is to know of it."""
    broke: Exception | None = None
    """What broke over the request, for the operator's log; nothing of it is sent."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Do nothing more: whoever runs the request answers it, at the address that this attempt gives."""

    why: Literal["running", "repeated"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A tool and its validated arguments."""

    spec: ToolSpec
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    received: Arguments | None = None
    """As they came, where a process is to read them anew."""


def prepare_arguments(spec: ToolSpec, received: Arguments) -> Prepared:
    """The tool with arguments as they came, validated. pydantic's `ValidationError` where they do not fit."""
    args, kwargs = spec.signature.decode(received)
    return Prepared(spec, args, kwargs, received if spec.run_in == "process" else None)


@dataclass(frozen=True, slots=True)
class Run:
    """Run without a record."""

    prepared: Prepared


@dataclass(frozen=True, slots=True)
class Claim:
    """Claim the request in the store, then run it."""

    prepared: Prepared
    meaning: str


@dataclass(frozen=True, slots=True)
class Accept:
    """Record the request as a job; a replica with a free slot takes it."""

    prepared: Prepared
    meaning: str


Plan: TypeAlias = Answer | Leave | Run | Claim | Accept
