"""`dead list|show` and `junk list|show`: what is there, why, and what to do about it."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from toolwire.cli import exits
from toolwire.cli.aside import Kind
from toolwire.cli.aside.letters import Letter, Line
from toolwire.cli.aside.reasons import reason_of
from toolwire.cli.aside.shelf import Pile, Shelf, shelf
from toolwire.cli.asking import Asking
from toolwire.cli.output import print_json, print_line, print_note
from toolwire.cli.table import print_table
from toolwire.cli.times import iso
from toolwire.client.clock import now_ms
from toolwire.contracts.builtin import BUILT_IN
from toolwire.contracts.envelopes import Request
from toolwire.contracts.registry import Registry

MOST_SHOWN = 4000
"""Characters of a request's arguments, or of unverified content, that are shown to people."""


async def list_letters(kind: Kind, asking: Asking, most: int) -> int:
    """Show what was put aside, oldest first."""
    place = shelf(kind, asking)
    async with place.open(most) as pile:
        if asking.json:
            messages = [document(letter, pile) for letter in pile.letters]
            print_json({"queue": place.queue, "messages": messages, "more": pile.left})
            return exits.OK
        if not pile.letters:
            print_note(place.nothing_to_see)
            return exits.OK
        rows = [_row(letter, pile) for letter in pile.letters]
        print_table(("NAME", "WHEN", "REASON", "TOOL", "CLIENT", "LINES", "BYTES"), rows)
        if pile.left:
            print_note(f"{pile.left} more: --limit shows more of them")
    return exits.OK


async def show_letter(kind: Kind, asking: Asking, name: str) -> int:
    """Show one message: why it is there, who signed it, and what it asks for."""
    place = shelf(kind, asking)
    async with place.open() as pile:
        letter = pile.find(name)
        if asking.json:
            print_json(_full_document(letter, pile, place))
            return exits.OK
        for line in _told(letter, pile, place):
            print_line(line)
    return exits.OK


def document(letter: Letter, pile: Pile) -> dict[str, Any]:
    """A message for programs. What stands in `lines` beside a `refusal` is not verified."""
    return {
        "name": pile.names[letter.digest],
        "digest": letter.digest,
        "time": iso(letter.when_ms),
        "reason": letter.reason,
        "routing_key": letter.routing_key,
        "bytes": letter.size,
        "copies": len(letter.copies),
        "unreadable": letter.unreadable,
        "lines": [_line_document(line) for line in letter.lines],
    }


def _line_document(line: Line) -> dict[str, Any]:
    told: dict[str, Any] = {"digest": line.digest, "kid": line.kid, "refusal": line.refusal}
    if line.request is None:
        return told
    return told | {name: getattr(line.request, name) for name in ("client_id", "request_id", "tool")}


def _full_document(letter: Letter, pile: Pile, place: Shelf) -> dict[str, Any]:
    told = document(letter, pile)
    reason = reason_of(letter.reason)
    told |= {"said": reason.said, "remedy": reason.remedy}
    for line, shown in zip(letter.lines, told["lines"], strict=True):
        if line.request is not None:
            shown["request"] = line.request.model_dump(mode="json")
            shown["allowed"] = allowed(line.request, place.home.registry())
        else:
            shown["content"] = escaped(line.text)
    if letter.unreadable:
        told["content"] = escaped(letter.body)
    return told


def allowed(request: Request, registry: Registry) -> bool:
    """Whether the client that signed may use the tool: what the service would look up."""
    client = registry.clients.get(request.client_id)
    return client is not None and (request.tool in BUILT_IN or client.allows(request.tool))


def escaped(content: bytes) -> str:
    """Bytes of an unknown sender as plain ASCII of a bounded length: nothing in it can act on a terminal."""
    text = content[:MOST_SHOWN].decode("utf-8", "backslashreplace").encode("unicode_escape").decode("ascii")
    left = len(content) - MOST_SHOWN
    return text[:MOST_SHOWN] + (f" ... ({left} more bytes)" if left > 0 else "")


def bounded(value: JsonValue) -> str:
    """A JSON value as a text that a person can read to its end."""
    text = json.dumps(value, ensure_ascii=False)
    left = len(text) - MOST_SHOWN
    return text[:MOST_SHOWN] + (f" … ({left} more characters)" if left > 0 else "")


def _row(letter: Letter, pile: Pile) -> tuple[str, ...]:
    asked = letter.requests
    return (
        pile.names[letter.digest],
        iso(letter.when_ms) or "",
        letter.reason,
        _several([request.tool for request in asked]) or f"({letter.routing_key})",
        _several([request.client_id for request in asked]) or "unverified",
        str(len(letter.lines)),
        str(letter.size),
    )


def _several(names: list[str]) -> str:
    """The name, or the first of several different ones and how many more there are."""
    different = list(dict.fromkeys(names))
    return f"{different[0]} +{len(different) - 1}" if len(different) > 1 else "".join(different)


def _told(letter: Letter, pile: Pile, place: Shelf) -> Iterator[str]:
    reason = reason_of(letter.reason)
    name = pile.names[letter.digest]
    yield f"{name} in {place.queue}, {letter.size} bytes under the key {letter.routing_key!r}"
    yield f"digest    {letter.digest}"
    if letter.when_ms is not None:
        yield f"put aside {iso(letter.when_ms)}"
    if len(letter.copies) > 1:
        yield f"copies    {len(letter.copies)}"
    yield f"reason    {letter.reason}: {reason.said}"
    yield f"to do     {reason.remedy}"
    if letter.unreadable:
        yield f"\nNOT VERIFIED: the body is no message of lines: {letter.unreadable}"
        yield "content of an UNKNOWN sender, escaped; believe nothing in it:"
        yield escaped(letter.body)
    for number, line in enumerate(letter.lines, 1):
        yield ""
        yield from _line_told(number, line, letter, place)
    yield f"\nreplay it: toolwire {place.kind} replay {name}     see first: --dry-run"


def _line_told(number: int, line: Line, letter: Letter, place: Shelf) -> Iterator[str]:
    if line.refusal is not None:
        named = f"it names key {line.kid!r}; " if line.kid else ""
        why = reason_of(line.refusal)
        told = line.refusal == letter.reason  # above, for the whole message
        yield f"line {number}: NOT VERIFIED: {named}{line.refusal}{'' if told else f': {why.said}'}"
        if not told:
            yield f"  to do      {why.remedy}"
        yield "  content of an UNKNOWN sender, escaped; believe nothing in it:"
        yield f"  {escaped(line.text)}"
        return
    if line.request is None:
        yield f"line {number}: signed with {line.kid}, and no valid request: it cannot be replayed"
        yield f"  {escaped(line.text)}"
        return
    request = line.request
    yield f"line {number}: signed with {line.kid}, a key of client {request.client_id}; the signature is good"
    yield f"  request id {request.request_id}"
    yield f"  tool       {request.tool}"
    if not allowed(request, place.home.registry()):
        yield f"  not allowed: {request.client_id} may not use this tool (toolwire keys allow)"
    yield f"  sent       {iso(request.ts_ms)}"
    yield f"  deadline   {iso(request.deadline_ms)}{_late(request)}"
    yield f"  arguments  {bounded(request.args)}"


def _late(request: Request) -> str:
    late_s = (now_ms() - request.deadline_ms) // 1000
    return f": passed {late_s} seconds ago; a replay has a new one" if late_s >= 0 else ""
