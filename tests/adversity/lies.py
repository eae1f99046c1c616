"""Hostile answers as data: what is sent to a client that waits, and the reason that it is dropped for."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.adversity.forger import (
    LINES,
    another_first,
    another_last,
    change_key,
    content,
    encoded,
    sign_otherwise,
)
from tests.adversity.hostile import MIB
from tests.adversity.raw_amqp import POISONS
from tests.served import SERVER
from tests.stage import CLIENTS, Stage
from tests.unit.contracts.samples import event, forge, response, snapshot
from toolwire.client.clock import now_ms
from toolwire.contracts.envelopes import Envelope, Event, Response
from toolwire.contracts.keys import Signer
from toolwire.contracts.sealing import digest, seal
from toolwire.services.homes.provision import add_server

OTHER_SERVER, OLD_SERVER = "server-2", "server-old"


class Liar:
    """Writes answers that are almost right, with keys of everybody; only the server's own would be believed.

    To be made before the client reads the registry; `line` is the request that it waits for.
    """

    line = b""

    def __init__(self, stage: Stage) -> None:
        for server_id in (OTHER_SERVER, OLD_SERVER):
            add_server(stage.home, server_id)
        self.server: Signer = stage.home.server_signer(SERVER)
        self.other_server: Signer = stage.home.server_signer(OTHER_SERVER)
        self.old_server: Signer = stage.home.server_signer(OLD_SERVER)
        self.client: Signer = stage.home.client_signer(CLIENTS[0])
        change_key(stage.home, "servers", OLD_SERVER, revoked=True)

    def response(self, **changes: Any) -> Response:
        """The answer that the client waits for, as a lie, or what `changes` make of it."""
        return response(**{**self._asked(), "result": "a lie", **changes})

    def event(self, **changes: Any) -> Event:
        """News of a job that the request would have made, or what `changes` make of it."""
        return event(**{**self._asked(), **changes})

    def signed(self, envelope: Envelope, signer: Signer | None = None) -> bytes:
        """The envelope as a line, by default signed with the server's own key."""
        return seal(envelope, signer or self.server)

    def with_fields(self, **fields: Any) -> bytes:
        """A line that the server signed, some fields of which do not fit."""
        return self.with_text(json.dumps(json.loads(self.response().payload()) | fields).encode())

    def with_text(self, payload: bytes) -> bytes:
        """Any text, signed by the server as a response."""
        return forge(payload, self.server, type_="response")

    def _asked(self) -> dict[str, Any]:
        request = json.loads(self.line)
        return {"request_id": request["request_id"], "request_digest": digest(self.line), "ts_ms": now_ms()}


@dataclass(frozen=True, slots=True)
class Lie:
    """A message to a client, and the reason that it is dropped for."""

    reason: str
    body: Callable[[Liar], bytes]
    properties: bytes = LINES
    lines: int = 1
    may_be_refused: bool = False


def _true_but(**changes: Any) -> Callable[[Liar], bytes]:
    return lambda liar: liar.signed(liar.response(**changes))


def _untrue(change: Callable[[bytes], bytes]) -> Callable[[Liar], bytes]:
    return lambda liar: change(liar.signed(liar.response()))


LIES: dict[str, Lie] = {
    **{
        f"properties: {name}": Lie(
            "malformed_properties" if poison.malformed else "bad_content_type",
            _true_but(),
            poison.properties,
            may_be_refused=poison.may_be_refused,
        )
        for name, poison in POISONS.items()
        if poison.key == b"tool"
    },
    "no content type": Lie("bad_content_type", _true_but(), b"\x00\x00"),
    "content type of JSON": Lie("bad_content_type", _true_but(), content(b"application/json")),
    "gzip": Lie("bad_content_encoding", _true_but(), encoded(b"gzip")),
    "over 1 MiB": Lie("too_large", lambda _: bytes(MIB + 1)),
    "65 lines": Lie("too_many_lines", lambda liar: b"\n".join([liar.signed(liar.response())] * 65)),
    "a newline at the end": Lie("bad_lines", _untrue(lambda line: line + b"\n")),
    "CR": Lie("bad_lines", _untrue(lambda line: line + b"\r")),
    "no line": Lie("bad_lines", lambda _: b""),
    "no JSON": Lie("bad_envelope", lambda _: b"hello"),
    "no signature": Lie("bad_envelope", lambda liar: liar.response().payload().encode()),
    "64 bad lines": Lie("bad_envelope", lambda _: b"\n".join([b"{}"] * 64), lines=64),
    "the client's own key": Lie("unknown_key", lambda liar: liar.signed(liar.response(), liar.client)),
    "a revoked key": Lie(
        "revoked_key", lambda liar: liar.signed(liar.response(server_id=OLD_SERVER), liar.old_server)
    ),
    "a wrong signature": Lie("bad_signature", _untrue(lambda line: sign_otherwise(line, another_first))),
    "another spelling": Lie("bad_signature", _untrue(lambda line: sign_otherwise(line, another_last))),
    "a changed value": Lie("bad_signature", _untrue(lambda line: line.replace(b"a lie", b"a cry"))),
    "its own request": Lie("unknown_key", lambda liar: liar.line),
    "signed as a request": Lie(
        "bad_signature", lambda liar: forge(liar.response().payload().encode(), liar.server, type_="request")
    ),
    "signed as an event": Lie(
        "invalid_envelope", lambda liar: forge(liar.response().payload().encode(), liar.server, type_="event")
    ),
    "an extra field": Lie("invalid_envelope", lambda liar: liar.with_fields(extra=1)),
    "ok and an error": Lie("invalid_envelope", lambda liar: liar.with_fields(ok=False)),
    "an unknown status": Lie("invalid_envelope", lambda liar: liar.with_fields(status="won")),
    "another version": Lie("invalid_envelope", lambda liar: liar.with_fields(v="toolwire/2")),
    "two keys alike": Lie(
        "invalid_envelope",
        lambda liar: liar.with_text(liar.response().payload().encode().replace(b"{", b'{"ok":false,', 1)),
    ),
    "NaN": Lie(
        "invalid_envelope",
        lambda liar: liar.with_text(liar.response().payload().encode().replace(b'"a lie"', b"NaN")),
    ),
    "a deep result": Lie(
        "invalid_envelope",
        lambda liar: liar.with_text(liar.response().payload().encode().replace(b'"a lie"', b"[" * 1000)),
    ),
    "for somebody else": Lie("not_mine", _true_but(client_id=CLIENTS[1])),
    "another pinned server in this one's name": Lie(
        "foreign_key", lambda liar: liar.signed(liar.response(), liar.other_server)
    ),
    "this server in another one's name": Lie("foreign_key", _true_but(server_id=OTHER_SERVER)),
    "another pinned server in its own name": Lie(
        "wrong_server", lambda liar: liar.signed(liar.response(server_id=OTHER_SERVER), liar.other_server)
    ),
    "the digest of another request": Lie("not_awaited", _true_but(request_digest=digest(b"another"))),
    "the id of another request": Lie("wrong_request", _true_but(request_id="another")),
    "an event of a job that it does not follow": Lie(
        "not_awaited", lambda liar: liar.signed(liar.event(request_digest=digest(b"another")))
    ),
    "an event for somebody else": Lie("not_mine", lambda liar: liar.signed(liar.event(client_id=CLIENTS[1]))),
    "an event of another server's job": Lie(
        "foreign_job", lambda liar: liar.signed(liar.event(data=snapshot(server_id=OTHER_SERVER)))
    ),
}
