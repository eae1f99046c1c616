"""`--reload`: what is changed is served, what is broken is told, and nothing outlives its end."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.command_line import PATIENCE_S, Running, running, toolwire
from toolwire.broker.node import PrivateNode
from toolwire.cli import exits
from toolwire.cli.dev_home import prepare_home, write_settings
from toolwire.client.home import Home

APP = """
import os
from toolwire.services import Service

service = Service("server-1")
print("process", os.getpid(), flush=True)

@service.tool(read_only=True)
async def version() -> str:
    return "{version}"
"""
LOOK_EVERY_S = 0.05


@pytest.fixture
def folder(vhost_url: str, tmp_path: Path) -> Path:
    """A working folder with a service of the user's own."""
    home = Home(os.environ["TOOLWIRE_HOME"])
    prepare_home(home, "server-1")
    write_settings(home, "server-1", vhost_url)
    write(tmp_path, "one")
    return tmp_path


def write(folder: Path, version: str) -> None:
    (folder / "app.py").write_text(APP.format(version=version))


def processes(command: Running) -> list[int]:
    """Every process that has served, the newest last."""
    return [int(line.split()[1]) for line in command.text.splitlines() if line.startswith("process ")]


def are_gone(pids: list[int]) -> bool:
    """Whether they all have ended; what nobody has waited for yet has ended, too."""
    return not any(is_running(pid) for pid in pids)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pids: list[int]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not are_gone(pids):
        assert time.monotonic() < until, f"{pids} are still there"
        time.sleep(LOOK_EVERY_S)


def test_changed_code_is_served_and_broken_code_is_told(folder: Path) -> None:
    with running("serve", "app:service", "--reload", folder=folder) as command:
        command.wait_for("is ready")
        assert toolwire("call", "version", folder=folder).out == '"one"\n'

        write(folder, "two")
        command.wait_for("app.py changed: the service starts again")
        command.wait_for("is ready", times=2)
        command.wait_for("has stopped")
        assert toolwire("call", "version", folder=folder).out == '"two"\n'

        (folder / "app.py").write_text("def broken(:\n")
        command.wait_for("waiting for a change of its code")
        assert "app cannot be imported: " in command.text
        assert "SyntaxError" in command.text
        assert "Traceback" not in command.text

        write(folder, "three")
        command.wait_for("is ready", times=3)
        assert toolwire("call", "version", folder=folder).out == '"three"\n'

        command.signal(signal.SIGINT)
        assert command.ended() == exits.OK
        assert are_gone(processes(command))
        assert command.text.count("has stopped") == 3


def test_the_service_ends_with_the_process_that_watches_its_code(folder: Path) -> None:
    with running("serve", "app:service", "--reload", folder=folder) as command:
        command.wait_for("is ready")
        command.process.kill()
        command.process.wait()
        wait_until_gone(processes(command))
        assert "has stopped" in command.text


def test_a_second_signal_ends_at_once(folder: Path) -> None:
    app = folder / "app.py"
    app.write_text(
        app.read_text()
        + """
import time

@service.tool()
def block(seconds: int) -> None:
    print("blocking", flush=True)
    time.sleep(seconds)
"""
    )
    with running("serve", "app:service", "--reload", "--grace", "60", folder=folder) as command:
        command.wait_for("is ready")
        with running("call", "block", "seconds=60", folder=folder):
            command.wait_for("blocking")
            command.signal(signal.SIGTERM)
            command.wait_for("stopping; a second signal")
            command.signal(signal.SIGTERM)
            assert command.ended() == exits.INTERRUPTED
            wait_until_gone(processes(command))


def test_the_private_broker_outlives_a_reload(tmp_path: Path) -> None:
    assert PrivateNode.installed()
    write(tmp_path, "one")
    with running("dev", "app:service", "--reload", folder=tmp_path) as command:
        command.wait_for("Ctrl-C ends it")
        write(tmp_path, "two")
        command.wait_for("is ready", times=2)
        command.wait_for("has stopped")
        assert toolwire("call", "version", folder=tmp_path).out == '"two"\n'
        assert command.text.count("starting a private RabbitMQ") == 1
        assert command.text.count("Try in a second terminal") == 1
        command.signal(signal.SIGINT)
        assert command.ended() == exits.OK
        assert are_gone(processes(command))
