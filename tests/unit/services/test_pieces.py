"""Pieces of output: what can be one, and how they wait."""

from __future__ import annotations

import datetime
import json
import threading
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel, Field

from toolwire.contracts.encoding import MAX_NESTING
from toolwire.services import AttemptEnded, PieceRefused
from toolwire.services.telling.pieces import MAX_PIECE_BYTES, MOST_TOGETHER, MOST_WAITING, Pieces, written

SOON = 5.0


class Row(BaseModel):
    number: int = Field(alias="no")
    at: datetime.date


@dataclass
class Point:
    x: float
    rows: tuple[Row, ...] = ()


class Colour(Enum):
    RED = "red"


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("piece", "text"),
    [
        (None, "null"),
        (2**200, str(2**200)),
        ("ä\n\0", '"ä\\n\\u0000"'),
        ({"b": (1.5, True), "a": []}, '{"a":[],"b":[1.5,true]}'),
        (Row(no=1, at=datetime.date(2026, 1, 2)), '{"at":"2026-01-02","no":1}'),
        (
            Point(0.5, (Row(no=1, at=datetime.date(2026, 1, 2)),)),
            '{"rows":[{"at":"2026-01-02","no":1}],"x":0.5}',
        ),
        (Colour.RED, '"red"'),
        (nested(MAX_NESTING), "[" * MAX_NESTING + "1" + "]" * MAX_NESTING),
    ],
    ids=["nothing", "large", "text", "object", "model", "dataclass", "enum", "deep"],
)
def test_a_piece_is_any_json(piece: object, text: str) -> None:
    assert written(piece) == text


@pytest.mark.parametrize(
    "piece",
    [
        float("nan"),
        float("-inf"),
        "\ud800",
        b"\xff",
        object(),
        print,
        10**400,
        nested(MAX_NESTING + 1),
        nested(100_000),
        {(1, 2): object()},
    ],
    ids=["nan", "infinity", "surrogate", "bytes", "object", "function", "huge", "deep", "deepest", "key"],
)
def test_what_has_no_json_form_is_no_piece(piece: object) -> None:
    with pytest.raises(PieceRefused, match=f"of type {type(piece).__name__} has no JSON form"):
        written(piece)


def test_what_contains_itself_is_no_piece() -> None:
    piece: list[Any] = []
    piece.append(piece)
    with pytest.raises(PieceRefused):
        written(piece)


def test_a_piece_fits_a_message_beside_its_brackets() -> None:
    assert len(written("x" * (MAX_PIECE_BYTES - 4))) == MAX_PIECE_BYTES - 2
    for large in ("x" * (MAX_PIECE_BYTES - 3), "ä" * (MAX_PIECE_BYTES // 2)):
        with pytest.raises(PieceRefused, match=f"at most {MAX_PIECE_BYTES}"):
            written(large)


def test_pieces_go_together_up_to_a_size() -> None:
    pieces = Pieces()
    text = written("x" * (MOST_TOGETHER // 3))
    assert [pieces.add(text) for _ in range(5)] == [True, False, False, False, False]
    arrays = [pieces.take() for _ in range(3)]
    assert not pieces
    assert [len(json.loads(array)) for array in arrays] == [2, 2, 1]
    assert all(len(array.encode()) <= MOST_TOGETHER for array in arrays)


@pytest.mark.parametrize(("size", "together"), [(MOST_TOGETHER, 2), (MOST_TOGETHER + 1, 1)])
def test_exactly_so_much_goes_together(size: int, together: int) -> None:
    pieces = Pieces()
    first = written("x" * 1000)
    pieces.add(first)
    pieces.add(written("x" * (size - len(first) - len('["",]'))))
    array = pieces.take()
    assert len(json.loads(array)) == together
    assert len(array) == (size if together == 2 else len(first) + 2)


def test_a_large_piece_goes_alone() -> None:
    pieces = Pieces()
    for piece in ("small", "x" * 2 * MOST_TOGETHER, "small"):
        pieces.add(written(piece))
    assert [len(json.loads(pieces.take())) for _ in range(3)] == [1, 1, 1]


def test_what_is_taken_waits_until_it_is_recorded() -> None:
    pieces = Pieces()
    text = written("x" * 998)
    while not pieces.full:
        pieces.add(text)
    taken = [pieces.take() for _ in range(3)]
    assert pieces.full
    assert not pieces
    for array in taken:
        pieces.recorded(array)
    pieces.add(written("x" * (MOST_WAITING - 4)))  # with its brackets one byte less than too much
    assert not pieces.full
    pieces.add("1")
    assert pieces.full


def test_a_thread_waits_for_room() -> None:
    pieces = Pieces()
    pieces.add(written("x" * MOST_WAITING))
    waiting = threading.Thread(target=pieces.wait)
    waiting.start()
    assert waiting.is_alive()
    pieces.recorded(pieces.take())
    waiting.join(SOON)
    assert not waiting.is_alive()


def test_once_it_is_closed_nobody_waits_and_nothing_comes() -> None:
    pieces = Pieces()
    pieces.add(written("x" * MOST_WAITING))
    waiting = threading.Thread(target=pieces.wait)
    waiting.start()
    pieces.close()
    waiting.join(SOON)
    assert not waiting.is_alive()
    with pytest.raises(AttemptEnded):
        pieces.add("1")
    assert json.loads(pieces.take()) == ["x" * MOST_WAITING]
