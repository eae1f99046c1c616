"""The event loop behind `SyncClient`: what waits for it ends, whatever happens."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar

import pytest

from toolwire.client import ClientClosed, UsageError
from toolwire.client.sync_loop import LoopThread

PATIENCE_S = 20


class Kept:
    """Something that is open for a while."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[None]:
        self.said.append("opened")
        yield
        self.said.append("closed")


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def thread(kept: Kept) -> Generator[LoopThread]:
    thread = LoopThread(kept())
    thread.open()
    yield thread
    thread.close()


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


async def for_ever() -> None:
    await asyncio.Event().wait()


def test_work_runs_in_the_loop_and_its_result_comes_back(thread: LoopThread) -> None:
    assert thread.run(answer) == 42


def test_what_work_raises_comes_back(thread: LoopThread) -> None:
    async def breaks() -> None:
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        thread.run(breaks)


def test_what_breaks_before_it_gives_a_coroutine_comes_back_too(thread: LoopThread) -> None:
    def breaks() -> Coroutine[object, object, None]:
        raise LookupError("here")

    with ThreadPoolExecutor(1) as threads, pytest.raises(LookupError, match="here"):
        threads.submit(thread.run, breaks).result(PATIENCE_S)


def test_work_sees_the_context_variables_of_its_caller(thread: LoopThread) -> None:
    said: ContextVar[str] = ContextVar("said")

    async def hears() -> str:
        return said.get()

    said.set("in the calling thread")
    assert thread.run(hears) == "in the calling thread"


def test_many_threads_may_use_it(thread: LoopThread) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(thread.run, [answer] * 100)) == [42] * 100


def test_ctrl_c_ends_the_wait_and_the_work(thread: LoopThread) -> None:
    ended: Future[str] = Future()

    async def is_interrupted() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await for_ever()
        finally:
            ended.set_result("cancelled")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            thread.run(is_interrupted)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.result(PATIENCE_S) == "cancelled"
    assert thread.run(answer) == 42


def test_closing_ends_what_other_threads_wait_for(kept: Kept) -> None:
    thread = LoopThread(kept())
    thread.open()
    running = threading.Event()

    async def waits() -> None:
        running.set()
        await for_ever()

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(thread.run, waits)
        assert running.wait(PATIENCE_S)
        thread.close()
        with pytest.raises(ClientClosed):
            waiting.result(PATIENCE_S)
    assert kept.said == ["opened", "closed"]
    thread.close()  # once is enough, twice does no harm


def test_nothing_hangs_where_calls_and_the_end_meet(kept: Kept) -> None:
    for _ in range(20):
        thread = LoopThread(kept())
        thread.open()
        with ThreadPoolExecutor(4) as threads:
            calls = [threads.submit(thread.run, answer) for _ in range(20)]
            thread.close()
            for call in calls:
                error = call.exception(PATIENCE_S)
                assert error is None or isinstance(error, UsageError | ClientClosed)


def test_it_takes_work_only_while_it_is_open(kept: Kept) -> None:
    thread = LoopThread(kept())
    with pytest.raises(UsageError, match=r"not open: use it in `with SyncClient"):
        thread.run(answer)
    thread.open()
    with pytest.raises(UsageError, match="open already"):
        thread.open()
    thread.close()
    with pytest.raises(UsageError, match="not open"):
        thread.run(answer)
    thread.finish(answer)


def test_it_opens_once(kept: Kept) -> None:
    """A `Client` does not open again: each of its calls would end as if somebody had closed it meanwhile."""
    thread = LoopThread(kept())
    thread.open()
    thread.close()
    with pytest.raises(UsageError, match="open another one"):
        thread.open()
    assert kept.said == ["opened", "closed"]


def test_what_cannot_be_opened_leaves_no_thread() -> None:
    @asynccontextmanager
    async def locked() -> AsyncGenerator[None]:
        raise OSError("locked")
        yield

    kept: AbstractAsyncContextManager[None] = locked()
    before = threading.active_count()
    with pytest.raises(OSError, match="locked"):
        LoopThread(kept).open()
    assert threading.active_count() == before


async def test_in_a_running_loop_it_says_what_to_use(kept: Kept) -> None:
    with pytest.raises(UsageError, match=r"use `async with Client\(…\) as client:`"):
        LoopThread(kept()).open()
    assert kept.said == []


async def test_an_open_one_does_not_stop_a_running_loop_either(thread: LoopThread) -> None:
    with pytest.raises(UsageError, match="an event loop runs in this thread"):
        thread.run(answer)


OPEN = """
import asyncio, os
from contextlib import asynccontextmanager
from toolwire.client import UsageError
from toolwire.client.sync_loop import LoopThread

@asynccontextmanager
async def kept():
    try:
        yield
    finally:
        print("closed")

async def answer():
    return 42

thread = LoopThread(kept())
thread.open()
assert thread.run(answer) == 42
"""
FORK = (
    OPEN
    + """
child = os.fork()
if child == 0:
    try:
        thread.run(answer)
    except UsageError as error:
        print(error, flush=True)
    thread.close()
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert thread.run(answer) == 42
thread.close()
"""
)


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_a_program_that_does_not_close_it_ends_all_the_same() -> None:
    ended = python(OPEN)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_after_a_fork_the_child_is_refused_and_the_parent_goes_on() -> None:
    ended = python(FORK)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("this client was opened before the process forked")
    assert ended.stdout.count("closed") == 1
