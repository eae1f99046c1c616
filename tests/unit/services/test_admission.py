"""How much is opened at a time."""

from toolwire.broker.consume import Delivery
from toolwire.services.requests.admission import MOST_BYTES, MOST_LINES, Admission


def delivery(lines: int, size: int = 1) -> Delivery:
    return Delivery(
        body=b"\n".join([b"x" * size] * lines), type=None, redelivered=False, exchange="", routing_key=""
    )


class Door:
    """Opens what is let in."""

    def __init__(self, running: int = 0) -> None:
        self.opened: list[Delivery] = []
        self.admission = Admission(self._open, running)

    def _open(self, delivered: Delivery) -> None:
        self.opened.append(delivered)
        lines = delivered.body.split(b"\n")
        self.admission.enter(len(lines), sum(map(len, lines)))


def test_messages_are_opened_in_their_order_up_to_so_many_lines() -> None:
    door = Door()
    several = [delivery(MOST_LINES // 2), delivery(MOST_LINES // 2), delivery(1), delivery(1)]
    for each in several:
        door.admission.come(each)
    assert door.opened == several[:2]
    door.admission.leave(1, 1)
    assert door.opened == several[:3]
    door.admission.leave(1, 1)
    assert door.opened == several


def test_messages_are_opened_up_to_so_many_bytes() -> None:
    door = Door()
    for each in (large := [delivery(1, MOST_BYTES // 2) for _ in range(3)]):
        door.admission.come(each)
    assert door.opened == large[:2]
    door.admission.leave(0, MOST_BYTES // 2)
    assert door.opened == large


def test_what_may_run_at_the_same_time_hinders_no_others_opening() -> None:
    door = Door(running=MOST_LINES)
    for each in (several := [delivery(1) for _ in range(2 * MOST_LINES + 1)]):
        door.admission.come(each)
    assert door.opened == several[:-1]


def test_one_is_opened_however_large() -> None:
    door = Door()
    door.admission.come(delivery(MOST_LINES + 1, MOST_BYTES))
    assert len(door.opened) == 1


def test_what_was_not_opened_can_be_turned_away() -> None:
    door = Door()
    for _ in range(3):
        door.admission.come(delivery(MOST_LINES))
    assert len(door.admission.turn_away()) == 2
    door.admission.leave(MOST_LINES, MOST_LINES)
    assert len(door.opened) == 1
