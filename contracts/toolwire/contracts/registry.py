"""Who is who: the registry of clients and servers, their public keys and what they may do.

It is written in TOML and read by both sides: a service finds its clients in it, a client the servers that
it trusts. Whoever is not listed does not exist, and whatever is not allowed is forbidden.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from toolwire.contracts.keys import Algorithm
from toolwire.contracts.names import MAX_PRIORITY, Id, Kid, Millis, Priority

MAX_TTL_S = 31 * 24 * 3600
"""A month: a job may wait for its time for long. Nothing is kept for longer than a request's own deadline."""

Side = Literal["clients", "servers"]
SIDES: tuple[Side, ...] = ("clients", "servers")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class KeyEntry(_Strict):
    """One key of a client or a server."""

    kid: Kid
    algorithm: Algorithm
    public: str | None = None
    """Ed25519: the 32 public bytes as base64url."""
    secret_file: str | None = None
    """HS256: the file with the secret, from the registry's own folder."""
    peer: Id | None = None
    """HS256: the one other party that shares the secret."""
    not_before_ms: Millis | None = None
    not_after_ms: Millis | None = None
    revoked: bool = False

    @model_validator(mode="after")
    def _fits_algorithm(self) -> "KeyEntry":
        given = {name for name in ("public", "secret_file", "peer") if getattr(self, name)}
        if self.algorithm == "Ed25519" and given != {"public"}:
            raise ValueError("an Ed25519 key has `public`, and neither `secret_file` nor `peer`")
        if self.algorithm == "HS256" and given != {"secret_file", "peer"}:
            raise ValueError("an HS256 key has `secret_file` and `peer`, and no `public`")
        return self


Pattern = Annotated[str, Field(pattern=r"^([A-Za-z0-9_.-]{1,128}|[A-Za-z0-9_.-]{0,127}\*)$")]
"""A tool's name, or its beginning and `*`."""

ClientPattern = Annotated[
    str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]{0,63}|([A-Za-z0-9][A-Za-z0-9_-]{0,62})?\*)$")
]
"""A client's id, or its beginning and `*`."""


class ClientEntry(_Strict):
    """A client: its keys, the tools that it may use and how much of them, and whose jobs it may watch."""

    keys: tuple[KeyEntry, ...] = Field(strict=False, min_length=1)
    allow: tuple[Pattern, ...] = Field(default=(), strict=False)
    max_ttl_s: Annotated[int, Field(ge=1)] = MAX_TTL_S
    """How far a deadline may lie ahead."""
    max_priority: Priority = MAX_PRIORITY
    """The highest priority that it may ask for."""
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Requests a second that one replica takes from this client on average; bursts of twice that. None: any
    number."""
    max_running: Annotated[int, Field(ge=1)] | None = None
    """Calls of this client that one replica runs at the same time. None: as many as there are places."""

    watch: tuple[ClientPattern, ...] = Field(default=(), strict=False)
    """The other clients whose jobs' events it may read; its own it always may."""

    def allows(self, tool: str) -> bool:
        """Whether the client may use the tool."""
        return fits_any(tool, self.allow)


def fits_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns is the name, or its beginning and `*`."""
    return any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in patterns
    )


class ServerEntry(_Strict):
    """A server and the keys that its answers are accepted under."""

    keys: tuple[KeyEntry, ...] = Field(strict=False, min_length=1)


class Registry(_Strict):
    """Everybody who is known, by id."""

    clients: dict[Id, ClientEntry] = Field(default_factory=dict[str, ClientEntry])
    servers: dict[Id, ServerEntry] = Field(default_factory=dict[str, ServerEntry])

    def parties(self, side: Side) -> Mapping[str, ClientEntry | ServerEntry]:
        """Everybody on one side, by id."""
        return self.clients if side == "clients" else self.servers

    def listed(self) -> Iterator[tuple[Side, str, KeyEntry]]:
        """Every key, good or not, with the side and the id of its owner."""
        for side in SIDES:
            for owner, party in self.parties(side).items():
                for key in party.keys:
                    yield side, owner, key
