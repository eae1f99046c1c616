"""Which waiting records run next: by priority, then the client with the fewest running, then age.

Waiting records lie in lanes: one client, one tool (or revision of it), one priority. Within a lane only the
age counts, so the heads of each lane are all that must be looked at. The index of waiting records is in the
order of the lanes, and a recursive query jumps from one to the next (`lanes`): the cost grows with the number
of lanes, not of records.

Free slots that look at the same time share one look: it brings as many heads of each lane as there are slots,
and they are given out here, one after the other, as if each slot had looked by itself.

The age counts from `due_ms`, as in Oban and River: from when the record could first have been taken.
"""

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from toolwire.contracts.encoding import canonical
from toolwire.contracts.jobs import Trigger
from toolwire.services.failpoints import reach
from toolwire.services.store.lanes import BEST_LANES, TAKE_CHOSEN, TAKE_HEAD
from toolwire.services.store.news import News, tell_all
from toolwire.services.store.port import Changed, Kind
from toolwire.services.store.rows import Unit, record_of
from toolwire.services.store.transitions import told_as

LANES_TRIED = 10
"""How many lanes are looked at for each slot. Another replica may empty one while we look; after so many such
lanes we look again later. And a client that takes a place falls behind with all its lanes: with more than so
many of one priority, it may get a place too many among slots that look at the same time."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A free slot: what it can run, and the lease of whatever it gets."""

    needs: tuple[str, ...]
    kinds: tuple[Kind, ...]
    token: str
    holder: str
    lease_ms: int


def take_all(unit: Unit, slots: Sequence[Slot]) -> list[Changed | None]:
    """Give each slot the best record that is left, if there is any."""
    alike: dict[tuple[tuple[str, ...], tuple[Kind, ...]], list[Slot]] = {}
    for slot in slots:
        alike.setdefault((slot.needs, slot.kinds), []).append(slot)
    rows: dict[str, Row[Any]] = {}
    for some in alike.values():
        rows |= _fill(unit, some)
    taken = [slot for slot in slots if slot.token in rows]
    news = [_started(slot, rows[slot.token]) for slot in taken]
    told = {slot.token: changed for slot, changed in zip(taken, tell_all(unit, news), strict=True)}
    reach("take.written", times=len(taken))
    return [told.get(slot.token) for slot in slots]


def _fill(unit: Unit, slots: Sequence[Slot]) -> dict[str, Row[Any]]:
    """What slots that can run the same have got, by their tokens."""
    asked = {
        "server": unit.server_id,
        "now_ms": unit.now_ms,
        "kinds": canonical(slots[0].kinds),
        "needs": canonical(slots[0].needs),
    }
    most = {"wanted": len(slots), "at_most": len(slots) * LANES_TRIED}
    lanes = BEST_LANES.run(unit.connection, {**asked, **most}).all()
    chosen = [
        {"id": id_, "token": slot.token, "holder": slot.holder, "until_ms": unit.now_ms + slot.lease_ms}
        for slot, id_ in zip(slots, _best_first(lanes), strict=False)
    ]
    if not chosen:
        return {}
    found = TAKE_CHOSEN.run(unit.connection, {**asked, "rows": canonical(chosen)}).all()
    rows: dict[str, Row[Any]] = {row.token: row for row in found}
    for slot in slots[: len(chosen)]:
        if slot.token not in rows and (row := _next_best(unit, slot, lanes, asked)) is not None:
            rows[slot.token] = row
    return rows


def _best_first(lanes: Sequence[Row[Any]]) -> Iterator[int]:
    """The ids of the records in the order in which slots that look one after the other would take them."""
    running = {lane.client_id: lane.running for lane in lanes}
    heads = [sorted(json.loads(lane.heads), reverse=True) for lane in lanes]

    def place(number: int) -> tuple[int, int, int, int, int]:
        lane, (due_ms, id_) = lanes[number], heads[number][-1]
        return -lane.priority, running[lane.client_id], due_ms, id_, number

    places = [place(number) for number in range(len(lanes)) if heads[number]]
    heapq.heapify(places)
    while places:
        found = heapq.heappop(places)
        number = found[-1]
        if place(number) == found:  # else its client has got a place by another lane meanwhile
            yield heads[number].pop()[1]
            running[lanes[number].client_id] += 1
        if heads[number]:
            heapq.heappush(places, place(number))


def _next_best(
    unit: Unit, slot: Slot, lanes: Sequence[Row[Any]], asked: Mapping[str, object]
) -> Row[Any] | None:
    """The oldest of the best lane that nobody else is taking: where what was chosen is gone."""
    lease = {"new_token": slot.token, "by": slot.holder, "until_ms": unit.now_ms + slot.lease_ms}
    for lane in lanes[:LANES_TRIED]:
        place = {"client": lane.client_id, "its_needs": lane.needs, "its_priority": lane.priority}
        row = TAKE_HEAD.run(unit.connection, {**asked, **lease, **place}).one_or_none()
        if row is not None:
            return row
    return None


def _started(slot: Slot, row: Row[Any]) -> News:
    return News(row.id, record_of(row), told_as(Trigger.TAKE), slot.holder, slot.lease_ms)
