"""How long the broker has to hold a request: until nothing is lost by a crash any more."""


class Hold:
    """Whether the broker still holds the request, and would give it to another replica after a crash."""

    __slots__ = ("declined", "movable", "needed", "overdue")

    def __init__(self, *, movable: bool = False) -> None:
        self.overdue = False
        """Held for long enough: the broker is to be rid of it as soon as something else covers a crash."""
        self.needed = True
        """Nothing else covers a crash: there is no record, or its answer is about to be sent from here."""
        self.declined = False
        """Nothing was done for the request here: another replica is to have it."""
        self.movable = movable
        """Where no place gets free here soon, it may look for one elsewhere."""

    def cover(self) -> None:
        """From now on something else covers a crash: a record, or the caller's patience."""
        self.needed = False

    def answer_through_outbox(self) -> bool:
        """Whether the outcome that is about to be written must take its answer along.

        If not, the broker has to hold the request until that answer was sent.
        """
        through_outbox = self.overdue
        self.needed = not through_outbox
        self.overdue = True  # asked again, the store has not taken the outcome, and may be away for long
        return through_outbox
