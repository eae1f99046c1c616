"""Not a test: tools that run in processes, which import them from here."""

import io
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, SecretStr

from toolwire.services import JobContext, Service, ToolContext, ToolError
from toolwire.services.declaring.retries import Retry
from toolwire.services.running.end_flag import AttemptEnded

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

FOR_EVER = 600.0

service = Service("server-1")


class Secret(BaseModel):
    """What would be lost on the way if it were written again from what was read."""

    word: SecretStr
    until: date


class Refused(ConnectionError):
    """An error of the tools' own."""


@service.tool(run_in="process", read_only=True)
def whereabouts() -> tuple[int, int]:
    """This process, and the one that started it."""
    return os.getpid(), os.getppid()


@service.tool(run_in="process", read_only=True)
def read_secret(secret: Secret) -> tuple[str, date]:
    """Give back what only the request itself says."""
    return secret.word.get_secret_value(), secret.until


@service.tool(run_in="process", read_only=True, context=True)
def who(ctx: ToolContext[None], stateless: bool = True) -> list[str]:
    """What a tool sees of its caller."""
    assert (ctx.state is None) is stateless
    return [ctx.client_id, ctx.request_id, str(ctx.cancelled)]


@service.job(run_in="process", max_attempts=3, retry_on=(ConnectionError,))
def fail(ctx: JobContext[None], how: str) -> int:
    """Fail in one of many ways."""
    match how:
        case "tool error":
            raise ToolError("no_luck", "There was no luck.", {"tries": 3})
        case "large error":
            raise ToolError("no_luck", data={"much": "x" * 2_000_000})
        case "no json":
            raise ToolError("no_luck", data={"what": object()})
        case "retry":
            raise Retry(after=7.5, message="Not yet.")
        case "refused":
            raise Refused("password=hunter2")
        case "value":
            raise ValueError("password=hunter2")
        case "exit":
            sys.exit(0)
        case "leave":
            os._exit(3)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case _:
            pass
    return ctx.attempt


@service.tool(run_in="process", read_only=True)
def results(how: str) -> list[str]:
    """Return what must not be returned."""
    return ["x" * 2_000_000] if how == "large" else [1]  # type: ignore[list-item]  # pyright: ignore[reportReturnType] - the point


@service.tool(run_in="process", read_only=True)
def babble(what: str) -> int:
    """Write to the line between this process and its replica what the replica cannot understand."""
    text = {
        "noise": b"\xff\xfe no line of ours\n",
        "another object": b'{"says": "returned"}\n',
        "half a line": b'{"says": "ret',
        "no end": b"x" * 5_000_000,
        "no number": b'{"says": "returned", "result": NaN}\n',
    }[what]
    for number in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                while text:
                    text = text[os.write(number, text) :]
        except OSError:
            pass
    os._exit(0)


@service.tool(run_in="process", read_only=True, context=True)
def stay(ctx: ToolContext[None], folder: str, stubborn: bool) -> int:
    """Never end by itself; leave word of what happened in the folder."""
    child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({FOR_EVER})"])
    note(folder, "child", child.pid)
    try:
        note(folder, "tool", os.getpid())
        time.sleep(FOR_EVER)
    except AttemptEnded as end:
        os.kill(os.getpid(), signal.SIGTERM)  # again, as by a service manager: it is on its way out already
        note(folder, "told", f"{end.reason} {ctx.cancelled}")
        if stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(FOR_EVER)
        raise
    finally:
        note(folder, "cleaned", "up")
    return 0


@service.tool(run_in="process", read_only=True, time_limit=0.2)
def hear_nothing() -> None:
    """Stay, as in a long computation, where no signal handler of Python's has its turn."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    time.sleep(FOR_EVER)


@service.tool(run_in="process", read_only=True)
def end_a_child() -> int | None:
    """Start a process as the standard library does, end it, and say how it ended."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_say_and_stay, args=[theirs])
    child.start()
    ours.recv()
    child.terminate()
    child.join(20)
    exit_code = child.exitcode
    child.kill()
    return exit_code


def _say_and_stay(parent: "Connection[str, str]") -> None:
    parent.send("here")
    time.sleep(FOR_EVER)


class _LastSignal(io.StringIO):
    """Whoever flushes this gets SIGTERM."""

    def flush(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


@service.tool(run_in="process", read_only=True)
def return_late() -> str:
    """Have a service manager send SIGTERM when the result is about to be told."""
    sys.stdout = _LastSignal()
    return "whole"


@service.job(run_in="process")
def count(ctx: JobContext[None], to: int) -> int:
    """Report every step."""
    for number in range(to):
        ctx.progress((number + 1) / to)
    return to


class Approval(BaseModel):
    """What the owner of a job is asked for."""

    granted: bool


@service.job(run_in="process", max_attempts=2, asks=(Approval,))
def step_by_step(ctx: JobContext[None], chatter: int) -> list[int | bool]:
    """Go a part of the way in each attempt, and ask on the way."""
    if ctx.checkpoint is None:
        ctx.save({"done": 1})
        raise Retry(after=0)
    granted = ctx.ask(Approval, "Go on?").granted
    for number in range(chatter):
        ctx.progress(number / chatter)
        ctx.emit({"number": number})
    ctx.progress(1.0, "all the way")
    ctx.save({"done": 2})
    return [ctx.attempt, granted]


@service.job(run_in="process", max_attempts=2)
def burn(ctx: JobContext[None], folder: str) -> int:
    """Compute, and let hardly anybody else of this interpreter have a turn, until it is enough."""
    while not Path(folder, "enough").exists():
        sum(range(10**7))
    return ctx.attempt


@service.job(run_in="process", max_attempts=2)
def stay_once(ctx: JobContext[None], folder: str) -> int:
    """Stay in the first attempt; in the second, see that the first is no more."""
    first = Path(folder, "first")
    if first.exists():
        return int(Path("/proc", first.read_text()).exists())
    note(folder, "first", os.getpid())
    time.sleep(FOR_EVER)
    return -1


@service.tool(read_only=True)
async def ping() -> str:
    """Answer at once, from the loop."""
    return "pong"


def note(folder: str, name: str, what: object) -> None:
    """Leave a note, in one piece."""
    unfinished = Path(folder, f".{name}")
    unfinished.write_text(str(what))
    unfinished.rename(Path(folder, name))
