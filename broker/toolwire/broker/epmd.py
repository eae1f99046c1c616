"""A stand-in for epmd, Erlang's register of node names, for as long as a private node boots.

RabbitMQ asks epmd at its start whether its name is taken, and starts the daemon where there is none: on
all interfaces, and for good. The private node is told its own port by flags and never asks again, so an
answerer that knows no names does, and nothing is left behind.
"""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class NobodyHome:
    """Listens on a free port of 127.0.0.1 and answers every question with "no names"."""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._answer, name="no epmd", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread on Linux, where close() does not
        self._listener.close()
        self._thread.join(timeout=5)

    def _answer(self) -> None:
        with suppress(OSError):  # the listener was closed: the node is up
            while True:
                asker, _ = self._listener.accept()
                with asker, suppress(OSError):
                    asker.settimeout(1)
                    asker.recv(64)
                    # NAMES_RESP of the Erlang distribution protocol: epmd's port, then a line for each name.
                    asker.sendall(self.port.to_bytes(4, "big"))
