"""The line of a tool's process to its replica, without the process."""

import socket
from collections.abc import Iterator

import pytest

from toolwire.services.processes.crossing import LastWords, Reply
from toolwire.services.processes.in_process import Wire
from toolwire.services.running.end_flag import AttemptEnded, EndFlag

LARGE = b"x" * 100_000 + b"\n"


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, Wire, EndFlag]]:
    """The replica's end, and the process's with its flag."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        end = EndFlag()
        yield ours, Wire(theirs, end), end


@pytest.mark.parametrize("order", [b"an order\n", LARGE], ids=["small", "large"])
def test_last_words_right_behind_an_order_are_seen(
    line: tuple[socket.socket, Wire, EndFlag], order: bytes
) -> None:
    replica, wire, end = line
    replica.sendall(order + LastWords(reason="fenced").line())
    assert wire.read() == order
    assert end.reason is None
    wire.look()
    assert end.reason == "fenced"


def test_after_the_end_no_reply_to_an_earlier_call_is_taken_for_another(
    line: tuple[socket.socket, Wire, EndFlag],
) -> None:
    """What is saved on the way out is not durable, and must not look so."""
    replica, wire, end = line
    replica.sendall(Reply().line())  # to a call that the end has interrupted
    end.set("cancelled")
    with pytest.raises(AttemptEnded):
        wire.ask("save", {"done": 2})


def test_a_replica_that_hangs_up_is_noticed(line: tuple[socket.socket, Wire, EndFlag]) -> None:
    replica, wire, _ = line
    replica.sendall(b"half a line")
    replica.close()
    with pytest.raises(EOFError):
        wire.read()
