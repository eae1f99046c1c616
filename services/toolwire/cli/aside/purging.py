"""`dead purge` and `junk purge`: messages thrown away for good."""

from dataclasses import dataclass, field

from toolwire.cli import exits
from toolwire.cli.aside import Kind
from toolwire.cli.aside.audit import record
from toolwire.cli.aside.letters import Letter
from toolwire.cli.aside.plan import Wish, chosen
from toolwire.cli.aside.replaying import LOST, agreed
from toolwire.cli.aside.shelf import NOT_NOW, Shelf, shelf
from toolwire.cli.asking import Asking
from toolwire.cli.output import print_json, print_line, print_note


@dataclass(slots=True)
class Purge:
    """One purge: `look`, then `agreed`, then `carry_out`."""

    kind: Kind
    asking: Asking
    wish: Wish
    place: Shelf = field(init=False)
    names: dict[str, str] = field(init=False, default_factory=dict[str, str])
    """What is to go: short names by digest."""

    def __post_init__(self) -> None:
        self.place = shelf(self.kind, self.asking)

    async def look(self) -> int:
        """Find what is to go, and say so."""
        async with self.place.open() as pile:
            letters = chosen(pile, self.wish.names)
            self.names = {letter.digest: pile.names[letter.digest] for letter in letters}
        if not self.asking.json:
            if not letters:
                print_note(self.place.nothing_to_see)
            for letter in letters:
                print_note(f"{self.names[letter.digest]}: {letter.reason}, {letter.size} bytes")
        return exits.OK

    def agreed(self) -> bool:
        """Whether to go on, by --yes or by the person at the terminal."""
        return bool(self.names) and agreed(
            f"throw {len(self.names)} messages away for good?", yes=self.wish.yes
        )

    async def carry_out(self) -> int:
        """Throw them away, each with a line in the audit."""
        all_gone = True
        async with self.place.open() as pile:
            present = {letter.digest: letter for letter in pile.letters}
            for digest in self.names:
                all_gone &= await self._letter(digest, present.get(digest))
        return exits.OK if all_gone else exits.FAILED

    async def _letter(self, digest: str, letter: Letter | None) -> bool:
        """Throw one message away. Whether it has left its queue."""
        if letter is None:
            self._tell(digest, removed=False, note=NOT_NOW)
            return False
        self._record(letter)
        removed = await letter.remove()
        self._tell(digest, removed=removed, note="" if removed else LOST)
        return removed

    def _record(self, letter: Letter) -> None:
        record(
            self.place.home,
            "purged",
            {
                "queue": self.place.queue,
                "message": letter.digest,
                "reason": letter.reason,
                "original": [
                    {"client_id": request.client_id, "request_id": request.request_id, "tool": request.tool}
                    for request in letter.requests
                ],
            },
        )

    def _tell(self, digest: str, *, removed: bool, note: str) -> None:
        name = self.names[digest]
        if self.asking.json:
            print_json({"name": name, "message": digest, "removed": removed, "note": note or None})
        else:
            print_line(f"{name}: {note or 'thrown away'}")
