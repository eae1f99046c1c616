"""`dead replay` and `junk replay`: the request again, signed by the operator, under an id of its own.

A message leaves its queue only when the service has each of its lines: answered, or accepted as a job. Until
then the same client may repeat everything: the request id is derived from the line, so that nothing runs
twice. To a service the same id of another client is another request: what one client has begun no other
begins again, as far as the audit of this home tells. From another home, another client may run it twice.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import typer

from toolwire.cli import exits
from toolwire.cli.aside import Kind
from toolwire.cli.aside.audit import Entry, last_replays, record
from toolwire.cli.aside.letters import Letter
from toolwire.cli.aside.plan import SETTLED, Errand, Wish, plan
from toolwire.cli.aside.sending import Sender, Sent
from toolwire.cli.aside.shelf import NOT_NOW, Shelf, shelf
from toolwire.cli.aside.showing import bounded
from toolwire.cli.asking import Asking
from toolwire.cli.output import print_json, print_line, print_note
from toolwire.contracts.errors import UsageError

LOST = "its connection was lost: it may still be there"


@dataclass(slots=True)
class Replay:
    """One replay: `look`, then `agreed`, then `carry_out`. Between them no message is held."""

    kind: Kind
    asking: Asking
    wish: Wish
    place: Shelf = field(init=False)
    errands: list[Errand] = field(init=False, default_factory=list[Errand])
    replayed: Mapping[str, Entry] = field(init=False, default_factory=dict[str, Entry])
    """What the audit knows when it is carried out."""

    def __post_init__(self) -> None:
        self.place = shelf(self.kind, self.asking)

    async def look(self) -> int:
        """Find what is to be replayed, and say so."""
        async with self.place.open() as pile:
            self.errands = plan(pile, self.place, self.wish)
        if self.asking.json and self.wish.dry_run:
            print_json({"queue": self.place.queue, "lines": [each.document() for each in self.errands]})
        elif not self.asking.json:
            self._say()
        return exits.OK

    def _say(self) -> None:
        """Tell people what would be done, unless they know it and will be told what came of it."""
        if not self.errands:
            print_note(self.place.nothing_to_see)
        if self.wish.yes and not (self.wish.dry_run or self.wish.unverified):
            return
        for errand in self.errands:
            (print_line if self.wish.dry_run else print_note)(errand.told())

    def agreed(self) -> bool:
        """Whether to go on, by --yes or by the person at the terminal."""
        if self.wish.dry_run or not self.errands:
            return False
        will = sum(errand.obstacle is None for errand in self.errands)
        return will == 0 or agreed(f"replay {will} of {len(self.errands)} lines?", yes=self.wish.yes)

    async def carry_out(self) -> int:
        """Replay, message by message. Ends with the first that is not answered in time or not delivered."""
        async with self.place.open() as pile:
            self.replayed = last_replays(self.place.home)  # nobody adds to it while the messages are held
            present = {letter.digest: letter for letter in pile.letters}
            async with Sender(self.place, self.asking, self.wish.deadline) as sender:
                all_gone = True
                for digest, group in groupby(self.errands, key=lambda errand: errand.letter.digest):
                    all_gone &= await self._letter(present.get(digest), list(group), sender)
        return exits.OK if all_gone else exits.FAILED

    async def _letter(self, letter: Letter | None, errands: Sequence[Errand], sender: Sender) -> bool:
        """Replay one message. Whether it has left its queue."""
        if letter is None:
            self._tell(errands[0], [], removed=False, note=NOT_NOW)
            return False
        results: list[Mapping[str, Any]] = []
        trouble: Exception | None = None
        for errand in errands:
            sent = await self._line(errand, sender)
            results.append({**_named(errand), **sent.document()})
            if sent.trouble is not None:
                trouble = sent.trouble
                break
        settled = len(results) == len(errands) and all(each["outcome"] in SETTLED for each in results)
        removed = settled and await letter.remove()
        note = LOST if settled and not removed else ""
        self._tell(errands[0], results, removed=removed, note=note)
        if trouble is not None:
            raise trouble
        return removed

    async def _line(self, errand: Errand, sender: Sender) -> Sent:
        if errand.done is not None:
            return Sent("answered", note=errand.done)
        if errand.obstacle is not None:
            return Sent("refused", note=errand.obstacle)
        if self.replayed.get(errand.line.digest) != errand.last:
            return Sent("refused", note="somebody has replayed it in the meantime: look again")
        entry = _audited(errand, self.place, sender)
        record(self.place.home, "begun", entry)
        sent = await sender.send(errand)
        record(self.place.home, sent.outcome, entry | sent.traces())
        return sent

    def _tell(
        self, errand: Errand, results: Sequence[Mapping[str, Any]], *, removed: bool, note: str
    ) -> None:
        if self.asking.json:
            told = {"name": errand.name, "message": errand.letter.digest, "removed": removed}
            print_json({**told, "note": note or None, "lines": list(results)})
            return
        for number, result in enumerate(results, 1):
            print_line(f"{errand.name} line {number}: {_words(result)}")
        left = "removed from" if removed else "stays in"
        print_line(f"{errand.name}: {note or f'{left} {self.place.queue}'}")


def agreed(question: str, *, yes: bool) -> bool:
    """Whether to go on. `UsageError` where nobody can be asked."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("stdin is no terminal, so that nobody can be asked: --yes")
    return typer.confirm(question, err=True)


def _named(errand: Errand) -> dict[str, Any]:
    return {
        "line": errand.line.digest,
        "tool": errand.request.tool if errand.request else None,
        "request_id": errand.request_id,
    }


def _audited(errand: Errand, place: Shelf, sender: Sender) -> dict[str, Any]:
    """What the audit says of a replay, beside who did it, when, and what came of it."""
    assert errand.request is not None  # noqa: S101 - what has no obstacle can be read
    return {
        "queue": place.queue,
        "message": errand.letter.digest,
        "line": errand.line.digest,
        "reason": errand.letter.reason,
        "verified": errand.line.refusal is None,
        "original": {"client_id": errand.request.client_id, "request_id": errand.request.request_id},
        "server_id": place.server,
        "tool": errand.request.tool,
        "client_id": sender.client_id,
        "kid": sender.kid,
        "request_id": errand.request_id,
    }


def _words(result: Mapping[str, Any]) -> str:
    told = str(result["outcome"])
    told += f" as job {result['job_id']}" if "job_id" in result else ""
    told += f": {result['note']}" if result.get("note") else ""
    return told + (f": {bounded(result['result'])}" if result.get("result") is not None else "")
