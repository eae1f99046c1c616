"""`toolwire serve` and `toolwire dev`: starting, and every way to stop."""

import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import Running, running, toolwire
from tests.waiting import wait_until
from toolwire.broker.node import PrivateNode
from toolwire.cli import exits
from toolwire.cli.dev_home import prepare_home, write_settings
from toolwire.client.home import Home
from toolwire.client.settings import Settings, read_settings

APP = '''
import time
from toolwire.services import JobContext, Service

service = Service("server-1")

@service.tool(read_only=True)
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b

@service.job()
def block(ctx: JobContext[None], seconds: int) -> None:
    """Hold a thread."""
    print("blocking", flush=True)
    time.sleep(seconds)
'''


@pytest.fixture
def folder(vhost_url: str, tmp_path: Path) -> Path:
    """A working folder with a service of the user's own."""
    (tmp_path / "app.py").write_text(APP)
    home = Home(os.environ["TOOLWIRE_HOME"])
    prepare_home(home, "server-1")
    write_settings(home, "server-1", vhost_url)
    return tmp_path


def started(replica: Running) -> None:
    replica.wait_for("is ready")


def test_a_service_of_the_working_folder_is_served_until_sigterm(folder: Path) -> None:
    with running("serve", "app:service", folder=folder) as replica:
        started(replica)
        assert toolwire("call", "add", "a=1", "b=2", folder=folder).out == "3\n"
        replica.signal(signal.SIGTERM)
        assert replica.ended() == exits.OK
        assert "has stopped" in replica.text.splitlines()[-1]
        assert all(line[:4].isdigit() for line in replica.text.splitlines()), "every line is a record"


def test_a_replica_costs_less_than_two_seconds_to_start(folder: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with running("serve", "app:service", folder=folder) as replica:
        started(replica)
        replica.signal(signal.SIGINT)
        assert replica.ended() == exits.OK
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Time on the processor, because the machine that runs the tests may be busy with others.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2.0


@pytest.fixture
def hang_up() -> Iterator[signal.Signals]:
    """SIGHUP, heard by what is started here, even where the tests run under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield signal.SIGHUP
    signal.signal(signal.SIGHUP, before)


def test_a_closed_terminal_ends_a_replica_in_order(folder: Path, hang_up: signal.Signals) -> None:
    with running("serve", "app:service", folder=folder) as replica:
        started(replica)
        replica.signal(hang_up)
        replica.signal(hang_up)  # the kernel's and the shell's
        assert replica.ended() == exits.OK
        assert "has stopped" in replica.text.splitlines()[-1]


def test_under_nohup_a_replica_goes_on(folder: Path, hang_up: signal.Signals) -> None:
    signal.signal(hang_up, signal.SIG_IGN)
    with running("serve", "app:service", folder=folder) as replica:
        started(replica)
        replica.signal(hang_up)
        assert toolwire("call", "add", "a=1", "b=2", folder=folder).out == "3\n"


def test_a_tool_that_blocks_does_not_keep_the_process(folder: Path) -> None:
    with running("serve", "app:service", "--grace", "0.1", folder=folder) as replica:
        started(replica)
        toolwire("submit", "block", "seconds=60", folder=folder)
        replica.wait_for("blocking")
        replica.signal(signal.SIGTERM)
        assert replica.ended() == exits.OK
        assert "nobody waits for it any more" in replica.text


def test_a_second_signal_ends_at_once(folder: Path) -> None:
    with running("serve", "app:service", "--grace", "60", folder=folder) as replica:
        started(replica)
        toolwire("submit", "block", "seconds=60", folder=folder)
        replica.wait_for("blocking")
        replica.signal(signal.SIGTERM)
        replica.wait_for("a second signal ends this at once")
        replica.signal(signal.SIGTERM)
        assert replica.ended() == exits.INTERRUPTED


def test_a_start_that_waits_for_the_broker_can_be_stopped(folder: Path) -> None:
    with running("serve", "app:service", "--broker", "amqp://127.0.0.1:1/", folder=folder) as replica:
        replica.wait_for("127.0.0.1:1")
        replica.signal(signal.SIGTERM)
        assert replica.ended() == exits.OK
        assert "Traceback" not in replica.text


def test_what_is_not_configured_is_told(folder: Path) -> None:
    nothing = toolwire("serve", "nothing:service", folder=folder)
    assert (nothing.code, nothing.out) == (exits.CONFIGURATION, "")
    assert "there is no module 'nothing'" in nothing.err
    stranger = toolwire("serve", "toolwire.services.demo:service", folder=folder)
    assert stranger.code == exits.CONFIGURATION
    assert "lists no server 'mcp-server-001'" in stranger.err
    assert "Traceback" not in nothing.err + stranger.err


def test_dev_prepares_everything_that_a_first_call_needs(
    vhost_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOOLWIRE_HOME")
    with running("dev", "--broker", vhost_url, folder=tmp_path) as dev:
        dev.wait_for("Ctrl-C ends it.")
        assert "    toolwire call batch_sum numbers='[1, 2, 3]'" in dev.text
        assert toolwire("call", "batch_sum", "numbers=[1,2,3]", folder=tmp_path).json()["total"] == 6
        dev.signal(signal.SIGINT)
        assert dev.ended() == exits.OK
    gone = toolwire("call", "batch_sum", "numbers=[1]", folder=tmp_path)
    assert gone.code == exits.CONFIGURATION
    assert "no broker is named" in gone.err
    assert "Is `toolwire dev` running?" in gone.err


def test_a_second_dev_in_the_same_folder_leaves_the_first_alone(
    vhost_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOOLWIRE_HOME")
    settings = tmp_path / ".toolwire" / "toolwire.toml"
    with running("dev", "--broker", vhost_url, folder=tmp_path) as dev:
        dev.wait_for("Ctrl-C ends it.")
        before = settings.read_bytes()
        for words in ([], ["--broker", vhost_url]):
            second = toolwire("dev", *words, folder=tmp_path)
            assert second.code == exits.CONFIGURATION
            assert second.err == (
                "error: `toolwire dev` is already running in this folder; serve another service beside it "
                "with `toolwire serve MODULE:ATTR`\n"
            )
        assert settings.read_bytes() == before
        assert toolwire("call", "batch_sum", "numbers=[1,2,3]", folder=tmp_path).json()["total"] == 6


def node_lives(folder: Path) -> bool:
    """Whether the private RabbitMQ of that folder runs: its processes name the folder."""
    ps = ["ps", "-A", "-ww", "-o", "command="]
    told = subprocess.run(ps, capture_output=True, text=True, check=True)
    return str(folder / ".toolwire" / "broker") in told.stdout


@pytest.mark.skipif(PrivateNode.installed() is None, reason="no rabbitmq-server is installed here")
@pytest.mark.parametrize(
    ("when", "code"),
    [("starting a private RabbitMQ", exits.INTERRUPTED), ("Ctrl-C ends it.", exits.OK)],
    ids=["while it starts", "while it serves"],
)
async def test_a_closed_terminal_leaves_no_rabbitmq_behind(
    when: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hang_up: signal.Signals
) -> None:
    monkeypatch.delenv("TOOLWIRE_HOME")
    with running("dev", folder=tmp_path) as dev:
        dev.wait_for(when)
        await wait_until(lambda: node_lives(tmp_path), 15, "the node's process is there")
        dev.signal(hang_up)
        dev.signal(hang_up)  # the kernel's and the shell's
        assert dev.ended() == code, dev.text
    assert not node_lives(tmp_path)
    settings = read_settings(Settings, home=tmp_path / ".toolwire")
    assert settings.broker_url == ()


BACKGROUND = '''
import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from toolwire.services import Service, ToolContext

@asynccontextmanager
async def open_background() -> AsyncGenerator[asyncio.Event]:
    asked = asyncio.Event()

    async def break_when_asked() -> None:
        await asked.wait()
        raise RuntimeError("the background broke")

    async with asyncio.TaskGroup() as group:
        group.create_task(break_when_asked())
        yield asked

service = Service("server-1", lifespan=open_background)

@service.tool(context=True)
async def break_it(ctx: ToolContext[asyncio.Event]) -> None:
    """Break what runs beside the tools."""
    ctx.state.set()
'''


def test_a_replica_ends_when_what_its_lifespan_runs_beside_it_breaks(folder: Path) -> None:
    """A group of tasks cancels the task that opened it: that one has to be there for as long as it serves."""
    (folder / "app.py").write_text(BACKGROUND)
    with running("serve", "app:service", folder=folder) as replica:
        started(replica)
        toolwire("call", "break_it", folder=folder)
        assert replica.ended() == exits.BROKEN
        assert "the background broke" in replica.text
