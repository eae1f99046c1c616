"""Tools in processes: what they give and how they fail, how they are ended, and that nothing stays behind."""

import asyncio
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.unit.services import heavy
from tests.waiting import wait_until
from toolwire.contracts.errors import Code, DefinitionError
from toolwire.contracts.history import Why
from toolwire.contracts.snapshots import Progress
from toolwire.services import JobContext, ToolContext
from toolwire.services.asking.checkpoints import Checkpoint
from toolwire.services.asking.questions import Asking
from toolwire.services.declaring.run_policy import RunPolicy
from toolwire.services.declaring.tools import Declaration
from toolwire.services.processes.processes import Processes, place_of
from toolwire.services.requests.plans import prepare_arguments
from toolwire.services.running.endings import Again, Ended
from toolwire.services.running.execute import execute
from toolwire.services.running.threads import ToolThreads
from toolwire.testing.bench import Bench
from toolwire.testing.memory import MemoryBroker

T = TypeVar("T")

LONG = 40.0
TOOLS = heavy.service.tools


class Replica:
    """An event loop in a thread, with the processes of one replica; their start takes a while."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.reports: list[Progress] = []
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self.processes = self.wait(self._opened())

    async def _opened(self) -> Processes:
        return await Processes(TOOLS.values()).__aenter__()

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.begin(work).result(LONG)

    def run(
        self, tool: str, *, seconds: float = LONG, more: dict[str, Any] | None = None, **args: Any
    ) -> Future[Ended]:
        spec = TOOLS[tool]
        prepared = prepare_arguments(spec, args)
        known: dict[str, Any] = {"state": "ours", "client_id": "client-1", "request_id": "request-1"}
        known |= {"tool": tool, "deadline_ms": 0}
        context: tuple[ToolContext[Any], ...] = ()
        if spec.takes_context:
            context = (ToolContext(**known),)
        if spec.kind == "job":
            context = (JobContext(**known, job_id="job-1", report=self.reports.append, **(more or {})),)
        threads = ToolThreads(limit=1)
        return self.begin(
            execute(prepared, context, seconds_left=seconds, threads=threads, processes=self.processes)
        )

    def ended(self, tool: str, **args: Any) -> Ended:
        return self.run(tool, **args).result(LONG)

    def close(self) -> None:
        self.wait(self.processes.__aexit__(None, None, None))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@pytest.fixture(scope="module")
def replica() -> Iterator[Replica]:
    there = Replica()
    yield there
    there.close()


def until(condition: Callable[[], T]) -> T:
    """Poll from a test without a loop."""
    give_up = time.monotonic() + LONG
    while not (found := condition()):
        assert time.monotonic() < give_up, "not in time"
        time.sleep(0.01)
    return found


def is_there(pid: int) -> bool:
    """Whether there is such a process, be it a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def code_of(ended: Ended) -> Code:
    assert ended.result is None
    assert ended.error is not None
    return ended.error.code


def noted(folder: Path, name: str) -> str:
    until((folder / name).exists)
    return (folder / name).read_text()


def starter_of(replica: Replica) -> int:
    result = replica.ended("whereabouts").result
    assert result is not None
    return int(json.loads(result)[1])


def children_of(pid: int) -> list[str]:
    """Its child processes, zombies too."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


# --- what it gives ---


def test_a_tool_runs_in_a_process_of_its_own(replica: Replica) -> None:
    first, second = replica.ended("whereabouts").result, replica.ended("whereabouts").result
    assert first is not None
    assert first != second
    assert str(os.getpid()) not in first


def test_arguments_are_read_from_the_request_itself(replica: Replica) -> None:
    ended = replica.ended("read_secret", word="hunter2", until="2030-01-02")
    assert ended == Ended('["hunter2","2030-01-02"]')


def test_a_tool_sees_its_request_and_no_state(replica: Replica) -> None:
    assert replica.ended("who", stateless=True) == Ended('["client-1","request-1","False"]')


def test_a_job_asks_once_it_has_its_checkpoint(replica: Replica) -> None:
    more = {"saving": Checkpoint('{"done":1}', kept([])), "asking": Asking(["Approval"])}
    ended = replica.ended("step_by_step", more=more, chatter=0)
    assert ended.question is not None
    assert ended.question.prompt == "Go on?"


def test_what_a_job_says_reaches_its_replica_in_order(replica: Replica) -> None:
    saved: list[str] = []
    pieces: list[str] = []
    answers = '{"Approval":{"answer":{"granted":true},"model":"Approval","request_id":"request-2"}}'
    more = {
        "saving": Checkpoint('{"done":1}', kept(saved)),
        "asking": Asking(["Approval"], answers),
        "emitting": kept(pieces),
    }
    replica.reports.clear()
    assert replica.ended("step_by_step", more=more, chatter=300) == Ended("[1,true]")
    assert pieces == [f'{{"number":{number}}}' for number in range(300)]
    assert saved == ['{"done":2}']
    assert [report.fraction for report in replica.reports] == [number / 300 for number in range(301)]


def kept(texts: list[str]) -> Callable[[str], Awaitable[None]]:
    async def keep(text: str) -> None:
        texts.append(text)

    return keep


def test_of_very_many_reports_some_cross_and_the_last_one(replica: Replica) -> None:
    replica.reports.clear()
    assert replica.ended("count", to=20_000) == Ended("20000")
    assert len(replica.reports) < 2_000
    assert replica.reports[-1] == Progress(fraction=1.0)


def test_sigterm_to_all_processes_when_a_tool_has_returned_costs_no_result(replica: Replica) -> None:
    """A service manager sends it: the replica goes on until its tools are over."""
    assert replica.ended("return_late") == Ended('"whole"')


def test_a_tool_can_end_processes_of_its_own(replica: Replica) -> None:
    assert replica.ended("end_a_child") == Ended(str(-signal.SIGTERM))


# --- how it fails ---


def test_a_tool_error_is_told_as_it_is(replica: Replica) -> None:
    error = replica.ended("fail", how="tool error").error
    assert error is not None
    assert (error.code, error.reason) == (Code.TOOL_ERROR, "no_luck")
    assert (error.message, error.data) == ("There was no luck.", {"tries": 3})


def test_a_retry_is_asked_for(replica: Replica) -> None:
    ended = replica.ended("fail", how="retry")
    assert ended.again == Again(7.5)
    assert ended.error is not None
    assert ended.error.message == "Not yet."


@pytest.mark.parametrize(("how", "again"), [("refused", Again()), ("value", None), ("exit", None)])
def test_an_exception_stays_with_the_operator_and_is_judged_by_its_classes(
    replica: Replica, caplog: pytest.LogCaptureFixture, how: str, again: Again | None
) -> None:
    ended = replica.ended("fail", how=how)
    assert code_of(ended) is Code.INTERNAL
    assert ended.again == again
    assert ended.error is not None
    assert ended.error.data is not None
    assert "hunter2" not in ended.error.model_dump_json()
    assert str(ended.error.data["error_id"]) in caplog.text
    assert "heavy.py" in caplog.text


@pytest.mark.parametrize(
    ("how", "words"), [("leave", "it left with exit code 3"), ("crash", "it was ended by SIGSEGV")]
)
def test_a_process_that_dies_is_an_internal_error(
    replica: Replica, caplog: pytest.LogCaptureFixture, how: str, words: str
) -> None:
    assert code_of(replica.ended("fail", how=how)) is Code.INTERNAL
    assert words in caplog.text


@pytest.mark.parametrize(
    ("tool", "how", "code"),
    [
        ("results", "large", Code.RESULT_TOO_LARGE),
        ("results", "wrong", Code.RESULT_INVALID),
        ("fail", "large error", Code.RESULT_TOO_LARGE),
        ("fail", "no json", Code.INTERNAL),
    ],
)
def test_what_cannot_be_told_has_its_code(replica: Replica, tool: str, how: str, code: Code) -> None:
    assert code_of(replica.ended(tool, how=how)) is code


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("noise", Code.INTERNAL),
        ("another object", Code.INTERNAL),
        ("half a line", Code.INTERNAL),
        ("no end", Code.INTERNAL),
        ("no number", Code.RESULT_INVALID),
    ],
)
def test_a_process_that_babbles_costs_one_request(replica: Replica, what: str, code: Code) -> None:
    assert code_of(replica.ended("babble", what=what)) is code
    assert replica.ended("whereabouts").error is None


# --- how it is ended ---


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_cancelled_tool_cleans_up_and_is_gone_with_what_it_started(
    replica: Replica, tmp_path: Path, stubborn: bool
) -> None:
    running = replica.run("stay", folder=str(tmp_path), stubborn=stubborn)
    pids = [int(noted(tmp_path, name)) for name in ("tool", "child")]
    os.kill(pids[0], signal.SIGTERM)  # by a service manager, to all: it is the replica that decides
    replica.wait(_cancelled("fenced"))
    with pytest.raises(CancelledError):
        running.result(LONG)
    assert not is_there(pids[0])
    until(lambda: not is_there(pids[1]))
    assert noted(tmp_path, "told") == "fenced True"
    assert (tmp_path / "cleaned").exists() is not stubborn


async def _cancelled(reason: str) -> None:
    """Cancel what runs, as a lease does it, and wait for that."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel(reason)
    await asyncio.wait(others)


def test_a_deadline_ends_a_tool(replica: Replica, tmp_path: Path) -> None:
    running = replica.run("stay", seconds=0.2, folder=str(tmp_path), stubborn=False)
    assert code_of(running.result(LONG)) is Code.DEADLINE_EXCEEDED


def test_one_that_is_cancelled_twice_is_not_waited_for(
    replica: Replica, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    starter = starter_of(replica)
    running = replica.run("stay", folder=str(tmp_path), stubborn=False)
    pid = int(noted(tmp_path, "tool"))
    os.kill(starter, signal.SIGSTOP)
    try:
        replica.wait(_cancelled_twice())
        with pytest.raises(CancelledError):
            running.result(LONG)
        assert "does not end" not in caplog.text  # as it says when it has waited
    finally:
        os.kill(starter, signal.SIGCONT)
    until(lambda: not is_there(pid))


async def _cancelled_twice() -> None:
    [task] = asyncio.all_tasks() - {asyncio.current_task()}
    task.cancel()
    for _ in range(10):  # turns of the loop, until it waits for the process
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})


def test_a_time_limit_ends_a_tool_that_no_signal_handler_reaches(replica: Replica) -> None:
    ended = replica.ended("hear_nothing")
    assert code_of(ended) is Code.TIME_LIMIT_EXCEEDED
    assert ended.cause is not None
    assert ended.cause.why is Why.TIME_LIMIT


def test_nothing_is_left_behind(replica: Replica) -> None:
    starter = starter_of(replica)

    def count() -> tuple[int, int]:
        return len(list(Path("/dev/fd").iterdir())), len(list(Path(f"/proc/{starter}/fd").iterdir()))

    until(lambda: not children_of(starter))
    before = count()
    running = [replica.run("whereabouts") for _ in range(4)]
    running += [replica.run("fail", how=how) for how in ("value", "leave", "crash")]
    for each in running:
        each.result(LONG)
    replica.ended("hear_nothing")
    until(lambda: not children_of(starter))
    until(lambda: count() <= before)


def test_a_starter_that_is_killed_is_replaced(
    replica: Replica, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    running = replica.run("stay", folder=str(tmp_path), stubborn=True)
    tool = int(noted(tmp_path, "tool"))
    os.kill(starter_of(replica), signal.SIGKILL)
    assert code_of(running.result(LONG)) is Code.INTERNAL
    assert replica.ended("whereabouts").error is None
    until(lambda: not is_there(tool))
    os.kill(int(noted(tmp_path, "child")), signal.SIGKILL)
    assert "a new one is started" in caplog.text


# --- where it begins and ends ---


SCRIPT = """
import asyncio, os, signal, sys
from toolwire.services import Service
from toolwire.testing import in_memory

service = Service("script")

@service.tool(run_in="process", read_only=True)
def pids() -> list[int]:
    print("a line of its own")
    return [os.getpid(), os.getppid()]

@service.tool(run_in="process", read_only=True)
def busy() -> int:
    print(os.getpid(), flush=True)
    return sum(range(10**11))

async def main() -> None:
    async with in_memory(service, timeout=60) as client:
        print(*(await client.call(pids)), flush=True)
        await client.call(busy)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_a_script_has_tools_in_processes_which_end_when_it_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "own_script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "a line of its own\n"
        first, starter = map(int, process.stdout.readline().split())
        busy = int(process.stdout.readline())
        assert len({process.pid, first, starter, busy}) == 4
        process.kill()
    until(lambda: not is_there(starter))
    until(lambda: not is_there(busy))


MODULE = """
import os, threading
from toolwire.services import Service
from toolwire.services.processes import process_starter
from toolwire.services.processes.processes import Processes

service = Service("module")
end = threading.Event()

@service.tool(run_in="process", read_only=True)
def pids() -> list[int]:
    return [os.getpid(), os.getppid()]

"""


@pytest.fixture
def written_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Writes a module with a process tool and these last lines, where it can be imported; imports it."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()
    name = "written_for_a_test"

    def write(last: str) -> Any:
        (tmp_path / f"{name}.py").write_text(MODULE + last)
        return importlib.import_module(name)

    yield write
    del sys.modules[name]


async def test_a_module_that_starts_threads_is_imported_anew_by_every_process(
    written_module: Callable[[str], Any], caplog: pytest.LogCaptureFixture
) -> None:
    module = written_module("threading.Thread(target=end.wait, daemon=True).start()\n")
    spec = module.service.tools["pids"]
    async with Processes([spec]) as processes:
        ended = await execute(
            prepare_arguments(spec, {}), (), seconds_left=LONG, threads=ToolThreads(1), processes=processes
        )
    module.end.set()
    assert ended.result is not None
    assert "starts threads when it is imported" in caplog.text


async def test_a_module_that_starts_a_replica_when_it_is_imported_is_refused(
    written_module: Callable[[str], Any], capfd: pytest.CaptureFixture[str]
) -> None:
    module = written_module("Processes(service.tools.values())\n")
    with pytest.raises(DefinitionError, match="has not found written_for_a_test:pids"):
        await Processes(module.service.tools.values()).__aenter__()
    assert 'put that under if __name__ == "__main__"' in capfd.readouterr().err


async def test_without_such_a_tool_nothing_is_started() -> None:
    before = children_of(os.getpid())
    async with Processes([TOOLS["ping"]]):
        assert children_of(os.getpid()) == before


def test_a_function_that_its_module_does_not_have_under_its_name_is_refused() -> None:
    def elsewhere(numbers: list[int]) -> int:
        return sum(numbers)

    elsewhere.__qualname__ = "nowhere"
    declaration = Declaration(name="tried", runs=RunPolicy(run_in="process"))
    with pytest.raises(DefinitionError, match=r"test_processes\.nowhere is not that function"):
        place_of(declaration.spec(elsewhere, "tool"))


# --- with everything around it ---


async def test_jobs_go_on_after_a_question_and_after_their_replica(tmp_path: Path) -> None:
    bench = Bench(heavy.service, tmp_path, MemoryBroker(), grace_s=0.1, timeout=LONG)
    async with bench.client() as client:
        async with bench.running():
            asks = await client.submit("step_by_step", {"chatter": 3})
            stays = await client.submit("stay_once", {"folder": str(tmp_path)})
            async for event in asks.events():
                if event.snapshot.question is not None:
                    await asks.answer(heavy.Approval(granted=True))
            snapshot = await asks.poll()
            assert snapshot.result == [3, True]
            assert snapshot.progress == Progress(fraction=1.0, message="all the way")
            await wait_until((tmp_path / "first").exists, LONG, "the first attempt of the other one")
        async with bench.running():
            assert await stays.result(timeout=LONG) == 0
