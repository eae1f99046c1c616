"""What a replay would do, line by line, before anything is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolwire.cli.aside.audit import Entry, last_replays
from toolwire.cli.aside.letters import Letter, Line, read_unverified
from toolwire.cli.aside.reasons import reason_of
from toolwire.cli.aside.shelf import Pile, Shelf
from toolwire.cli.aside.showing import allowed, bounded
from toolwire.contracts.envelopes import Request
from toolwire.contracts.errors import UsageError
from toolwire.contracts.registry import Registry
from toolwire.contracts.sealing import digest

SETTLED = ("answered", "accepted")
"""Outcomes after which a line needs no replay."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator asked for."""

    names: Sequence[str] = ()
    all: bool = False
    yes: bool = False
    unverified: bool = False
    """Replay what nobody known signed, too."""
    again: bool = False
    """Run once more what was replayed already."""
    dry_run: bool = False
    deadline: float | None = None

    def __post_init__(self) -> None:
        if bool(self.names) == self.all:
            raise UsageError("which messages? Write their names, as `list` shows them, or --all")


@dataclass(frozen=True, slots=True)
class Errand:
    """One line, and what a replay would do with it."""

    letter: Letter
    name: str
    number: int
    line: Line
    request: Request | None
    request_id: str
    """Derived from the line: to replay it twice as the same client runs it once."""
    obstacle: str | None
    """Why it is not replayed."""
    done: str | None = None
    """How it was replayed before, which is enough."""
    last: Entry | None = None
    """What the audit says of its last replay."""

    def told(self) -> str:
        """In words."""
        where = f"{self.name} line {self.number}"
        if self.done is not None:
            return f"{where}: {self.done}: only to be removed"
        if self.obstacle is not None:
            return f"{where}: stays: {self.obstacle}"
        assert self.request is not None  # noqa: S101 - what has no obstacle can be read
        whose = f"of {self.request.client_id}"
        if self.line.refusal is not None:
            whose = f"NOT VERIFIED ({self.line.refusal}), says it is {whose}"
        return f"{where}: {self.request.tool} {bounded(self.request.args)} {whose}, as {self.request_id}"

    def document(self) -> dict[str, Any]:
        """For programs."""
        request = self.request
        return {
            "name": self.name,
            "message": self.letter.digest,
            "line": self.line.digest,
            "verified": self.line.refusal is None,
            "tool": request.tool if request else None,
            "args": request.args if request else None,
            "request_id": self.request_id,
            "obstacle": self.obstacle,
            "done": self.done,
        }


def chosen(pile: Pile, names: Sequence[str]) -> list[Letter]:
    """The letters of these names, each once; all of them where there are no names."""
    if not names:
        return list(pile.letters)
    return list({letter.digest: letter for letter in map(pile.find, names)}.values())


def plan(pile: Pile, place: Shelf, wish: Wish) -> list[Errand]:
    """An errand for each line of what was chosen."""
    known = _Known(place, place.home.registry(), wish, last_replays(place.home))
    return [
        _errand(letter, pile.names[letter.digest], number, line, known)
        for letter in chosen(pile, wish.names)
        for number, line in enumerate(_lines(letter), 1)
    ]


@dataclass(frozen=True, slots=True)
class _Known:
    """What decides about every line."""

    place: Shelf
    registry: Registry
    wish: Wish
    replayed: Mapping[str, Entry]


def _errand(letter: Letter, name: str, number: int, line: Line, known: _Known) -> Errand:
    last = known.replayed.get(line.digest)
    request = line.request
    if line.refusal is not None and known.wish.unverified:
        request = read_unverified(line)
    return Errand(
        letter=letter,
        name=name,
        number=number,
        line=line,
        request=request,
        request_id=_request_id(line, last, again=known.wish.again),
        obstacle=_unreplayable(line, request, known) or _begun_before(last, known),
        done=_told(last) if last and last["outcome"] in SETTLED and not known.wish.again else None,
        last=last,
    )


def _unreplayable(line: Line, request: Request | None, known: _Known) -> str | None:
    if line.refusal is not None and not known.wish.unverified:
        remedy = reason_of(line.refusal).remedy
        return f"not verified ({line.refusal}). {remedy} To run it all the same: --yes-unverified"
    if request is None:
        return "it cannot be read as a request"
    if request.server_id != known.place.server:
        return f"it is for the server {request.server_id}"
    if line.refusal is None and not allowed(request, known.registry):
        return (
            f"{request.client_id} may not use {request.tool}: toolwire keys allow {request.client_id} "
            f"{request.tool}"
        )
    return None


def _begun_before(last: Entry | None, known: _Known) -> str | None:
    """Why an earlier replay stands in the way: it ran already, or this one might run beside it."""
    if last is None or last["outcome"] in SETTLED or known.wish.again:
        return None
    if last["outcome"] == "failed":  # to the same request the service says the same
        return f"{_told(last)}. --again runs it once more"
    client = last["client_id"]
    if client != known.place.client:  # to the service the same id of another client is another request
        return f"begun as {client}: repeat with --client {client}, or --again"
    return None


def _told(last: Entry) -> str:
    """An earlier replay in words."""
    code = f" ({last['code']})" if "code" in last else ""
    return f"replayed at {last['time']} by {last['user']} as {last['request_id']}: {last['outcome']}{code}"


def _request_id(line: Line, last: Entry | None, *, again: bool) -> str:
    """The request id of a replay: the same for every replay of a line, until it is to run once more."""
    first = f"replay-{line.digest}"
    if last is None:
        return first
    if not again:
        return str(last["request_id"])
    times = str(last["request_id"]).removeprefix(first).lstrip("-") or "1"
    return f"{first}-{int(times) + 1}"


def _lines(letter: Letter) -> Sequence[Line]:
    """Its lines; a body that has none is one that cannot be read."""
    if letter.unreadable is None:
        return letter.lines
    return [Line(letter.body, digest(letter.body), None, letter.unreadable, None)]
