"""The process that starts the processes of a replica's tools, and ends them.

It imports the tools' modules once, and forks for every run: a fresh interpreter would need half a second to
import them again. It has one thread, none of the replica's sockets, and ends with the replica, and what it
started with it. Where a fork is not safe, every run is a fresh interpreter after all.

The standard library's forkserver does not do here: it does not import modules from the replica's `sys.path`,
runs the replica's `__main__` again in every child, is one for the whole program, and lives until that ends.
"""

import ctypes
import errno
import gc
import os
import selectors
import signal
import socket
import struct
import sys
import threading
import time
import traceback
import warnings
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from toolwire.services.processes.in_process import find, run_one

FRAME = struct.Struct("=cqq")
"""One order to the starter or one word from it: what, the number of the run, and a value."""
START, END, LET_GO = b"S", b"E", b"L"
"""Orders: start a run (its socket comes along) · end it · it has ended, see to it that it leaves."""
READY, FAILED, ENDED = b"R", b"F", b"X"
"""Words: the modules are there (value: whether it forks) · a run could not be started (value: the errno) · a
run is over (value: as from `os.waitstatus_to_exitcode`)."""

GRACE_S = 2.0
"""How long a process may take to leave once it was told to."""

starting = False
"""Whether this process is a starter, or was started by one."""

_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from toolwire.services.processes.process_starter import {0}; {0}(int(sys.argv[2]), *sys.argv[3:])"
)
_PR_SET_PDEATHSIG = 1
_NOT_YET = (signal.SIGTERM, signal.SIGINT)
"""Signals that wait until a tool runs; for the starter, whose end is the replica's affair, for ever."""


def command_line(entry: str, path: str, *words: str) -> list[str]:
    """The command that runs `serve` or `fresh` of this module with the import path of another process."""
    # -P: what lies in the working folder must not stand before the standard library.
    return [sys.executable, "-P", "-c", _CODE.format(entry), path, *words]


def serve(control: int, *places: str) -> None:
    """Be the starter of these functions, each `module:name`, until the other end of `control` is closed."""
    global starting  # noqa: PLW0603 - a process is a starter as a whole
    starting = True
    signal.pthread_sigmask(signal.SIG_BLOCK, _NOT_YET)
    os.set_inheritable(control, False)
    for place in places:
        find(*place.split(":"))
    gc.collect()
    gc.freeze()  # a collection in a child would else copy every page that they share
    forks = sys.platform == "linux" and threading.active_count() == 1
    with socket.socket(fileno=control) as line, selectors.DefaultSelector() as selector:
        Starter(line, selector, forks=forks).serve()


def fresh(channel: int) -> NoReturn:
    """Be one run, as a fresh interpreter."""
    global starting  # noqa: PLW0603 - the same
    starting = True
    if sys.platform == "linux":
        _end_with(os.getppid())
    _be_one_run(channel)


class Starter:
    """What runs, and what is to be killed when."""

    def __init__(self, line: socket.socket, selector: selectors.BaseSelector, *, forks: bool) -> None:
        self._line = line
        self._selector = selector
        self._forks = forks
        self._runs: dict[int, int] = {}  # numbers by pid
        self._kill_at: dict[int, float] = {}  # times by pid
        self._woken, self._wake = socket.socketpair()

    def serve(self) -> None:
        """Start and end processes until the replica is gone."""
        self._woken.setblocking(False)
        self._wake.setblocking(False)
        signal.signal(signal.SIGCHLD, _only_wake)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._line, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        try:
            self._say(READY, 0, int(self._forks))
            while self._turn():
                pass
        except ConnectionError:
            pass  # the replica is gone
        finally:
            self._leave()
            signal.set_wakeup_fd(-1)
            self._woken.close()
            self._wake.close()

    def _turn(self) -> bool:
        """Wait for something to do and do it. False: the replica is gone."""
        until = min(self._kill_at.values(), default=None)
        ready = self._selector.select(None if until is None else max(0.0, until - time.monotonic()))
        going = True
        for key, _ in ready:
            if key.fileobj is self._line:
                going = self._obey()
            else:
                self._woken.recv(4096)
        self._reap()
        self._kill_overdue()
        return going

    def _obey(self) -> bool:
        data, channels, _, _ = socket.recv_fds(self._line, FRAME.size, 1)
        if len(data) < FRAME.size:
            return False
        order, number, _ = FRAME.unpack(data)
        if order == START and not channels:
            self._say(FAILED, number, errno.EMFILE)  # there was no room for it
        elif order == START:
            self._start(number, channels[0])
        else:
            self._end(number, politely=order == END)
        return True

    def _start(self, number: int, channel: int) -> None:
        try:
            pid = self._fork(channel) if self._forks else _spawn(channel)
        except OSError as error:
            self._say(FAILED, number, error.errno or 0)
        else:
            self._runs[pid] = number
        finally:
            os.close(channel)

    def _fork(self, channel: int) -> int:
        _flush()
        starter = os.getpid()
        with warnings.catch_warnings():
            # Threads that are not Python's, such as those of a library for linear algebra, see to forks.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid:
            with suppress(OSError):  # it has done so itself
                os.setpgid(pid, pid)
            return pid
        return self._be_child(starter, channel)

    def _be_child(self, starter: int, channel: int) -> NoReturn:
        try:
            _end_with(starter)
            signal.set_wakeup_fd(-1)
            for end in (self._selector, self._line, self._woken, self._wake):
                end.close()
        except BaseException:  # noqa: BLE001 - this must not become a second starter
            _leave_at_once()
        _be_one_run(channel)

    def _end(self, number: int, *, politely: bool) -> None:
        for pid, run in self._runs.items():
            if run == number:
                if politely:
                    os.kill(pid, signal.SIGTERM)
                self._kill_at.setdefault(pid, time.monotonic() + GRACE_S)

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for pid in [pid for pid, at in self._kill_at.items() if at <= now]:
            del self._kill_at[pid]
            _kill_group(pid)

    def _reap(self) -> None:
        while self._runs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            _kill_group(pid)  # what a tool has started ends with it
            self._kill_at.pop(pid, None)
            number = self._runs.pop(pid, None)
            if number is not None:  # else a module has started it
                self._say(ENDED, number, os.waitstatus_to_exitcode(status))

    def _leave(self) -> None:
        """Leave nothing behind."""
        for pid in self._runs:
            _kill_group(pid)
        for pid in self._runs:
            os.waitpid(pid, 0)

    def _say(self, word: bytes, number: int, value: int) -> None:
        self._line.sendall(FRAME.pack(word, number, value))


def _only_wake(_signal: int, _frame: FrameType | None) -> None:
    """The byte that a signal writes is all that it is for."""


def _be_one_run(channel: int) -> NoReturn:
    try:
        os.set_inheritable(channel, False)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with socket.socket(fileno=channel) as line:
            run_one(line, when_ready=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, _NOT_YET))
    except (ConnectionError, EOFError):
        pass  # nobody wants to know any more
    except BaseException:  # noqa: BLE001 - the last one who can tell
        traceback.print_exc()
        _leave_at_once()
    _leave_at_once(0)


def _leave_at_once(status: int = 1) -> NoReturn:
    """End here: what the starter has registered for its own end is not for its children."""
    os._exit(status)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def _spawn(channel: int) -> int:
    """Start a fresh interpreter, in a group of its own."""
    os.set_inheritable(channel, True)
    command = command_line("fresh", sys.argv[1], str(channel))
    return os.posix_spawn(command[0], command, os.environ, setpgroup=0)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody is left in it
        os.killpg(pid, signal.SIGKILL)


def _end_with(starter: int) -> None:
    """Lead a group of its own, and be killed when the starter ends, however that comes (Linux: prctl(2))."""
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != starter:
        _leave_at_once()
