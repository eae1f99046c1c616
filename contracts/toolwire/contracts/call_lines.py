"""The lines of calls, sealed from arguments and results that are JSON text already.

What `seal` gives for the model, byte for byte, in half the time: the value was checked and written before,
and one regular expression checks all other fields. Whatever is not of the plainest kind takes the way through
the model, which then says what is wrong with it.
"""

import json
import re
from typing import Literal

from toolwire.contracts.encoding import JsonText, canonical
from toolwire.contracts.envelopes import VERSION, Request, Response, Trace
from toolwire.contracts.errors import WireError
from toolwire.contracts.jobs import Status
from toolwire.contracts.keys import Signer
from toolwire.contracts.names import DIGEST_PATTERN, ID_PATTERN, NONCE_PATTERN, TOOL_PATTERN
from toolwire.contracts.sealing import seal, sign_payload

NULL = JsonText("null")

_ID, _TOOL = ID_PATTERN[1:-1], TOOL_PATTERN[1:-1]
_NONCE, _DIGEST = NONCE_PATTERN[1:-1], DIGEST_PATTERN[1:-1]
_MILLIS = "(?:0|[1-9][0-9]{0,14})"
"""Without the 16 digits that may be over the largest safe integer: the model judges those."""

_REQUEST = re.compile(
    f',"client_id":"{_ID}","deadline_ms":{_MILLIS},"nonce":"{_NONCE}","reply_to":"{_ID}","request_id":"{_ID}",'
    f'"server_id":"{_ID}","tool":"{_TOOL}"(?:,"tool_rev":"{_DIGEST}")?'
    f',"ts_ms":{_MILLIS},"type":"request","v":"{VERSION}"}}'
)
_RESPONSE = re.compile(
    f'{{"client_id":"{_ID}","error":null,"ok":true,"request_digest":"{_DIGEST}","request_id":"{_ID}","result":'
    f',"server_id":"{_ID}","status":"(?:ok|{"|".join(Status)})","ts_ms":{_MILLIS},'
    f'"type":"response","v":"{VERSION}"}}'
)


def seal_request(
    key: Signer,
    *,
    ts_ms: int,
    server_id: str,
    request_id: str,
    nonce: str,
    deadline_ms: int,
    client_id: str,
    tool: str,
    args: JsonText,
    reply_to: str,
    tool_rev: str | None = None,
    run_at_ms: int | None = None,
    priority: int | None = None,
    trace: Trace | None = None,
) -> bytes:
    """The line for a request. `args` is the text of an object that `sendable` gave: it is not checked again.

    Raises pydantic's `ValidationError` where another field is not what the model says, and `DefinitionError`
    as `seal` does.
    """
    head = (
        f',"client_id":"{client_id}","deadline_ms":{deadline_ms},"nonce":"{nonce}","reply_to":"{reply_to}",'
        f'"request_id":"{request_id}","server_id":"{server_id}","tool":"{tool}"'
    )
    if tool_rev is not None:
        head += f',"tool_rev":"{tool_rev}"'
    tail = f',"ts_ms":{ts_ms},"type":"request","v":"{VERSION}"}}'
    plain = (
        run_at_ms is None
        and priority is None
        and _are(str, client_id, nonce, reply_to, request_id, server_id, tool, tool_rev or "")
        and _are(int, deadline_ms, ts_ms)
    )
    if plain and _REQUEST.fullmatch(head + tail):
        traced = "" if trace is None else f',"trace":{canonical(vars(trace))}'
        return sign_payload(f'{{"args":{args}{head}{traced}{tail}'.encode(), Request.TYPE, key)
    request = Request(
        ts_ms=ts_ms,
        server_id=server_id,
        request_id=request_id,
        nonce=nonce,
        deadline_ms=deadline_ms,
        client_id=client_id,
        tool=tool,
        args=json.loads(args),
        reply_to=reply_to,
        tool_rev=tool_rev,
        run_at_ms=run_at_ms,
        priority=priority,
        trace=trace,
    )
    return seal(request, key)


def seal_response(
    key: Signer,
    *,
    ts_ms: int,
    server_id: str,
    request_id: str,
    request_digest: str,
    client_id: str,
    status: Status | Literal["ok"],
    result: JsonText = NULL,
    error: WireError | None = None,
) -> bytes:
    """The line for an answer. `result` is what `sendable` gave: it is not checked again.

    Raises pydantic's `ValidationError` where another field is not what the model says, and `DefinitionError`
    as `seal` does.
    """
    head = (
        f'{{"client_id":"{client_id}","error":null,"ok":true,"request_digest":"{request_digest}",'
        f'"request_id":"{request_id}","result":'
    )
    tail = (
        f',"server_id":"{server_id}","status":"{status}","ts_ms":{ts_ms},"type":"response","v":"{VERSION}"}}'
    )
    plain = error is None and _are(str, client_id, request_digest, request_id, server_id) and _are(int, ts_ms)
    if plain and _RESPONSE.fullmatch(head + tail):
        return sign_payload(f"{head}{result}{tail}".encode(), Response.TYPE, key)
    response = Response(
        ts_ms=ts_ms,
        server_id=server_id,
        request_id=request_id,
        request_digest=request_digest,
        client_id=client_id,
        ok=error is None,
        status=status,
        result=json.loads(result),
        error=error,
    )
    return seal(response, key)


def _are(kind: type, *values: object) -> bool:
    """Not every caller has a type checker, and a number looks like an id once it is written."""
    return {*map(type, values)} == {kind}
