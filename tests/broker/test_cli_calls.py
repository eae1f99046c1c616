"""`toolwire call, submit, poll, watch` against a replica that `toolwire serve` runs.

What takes a signal, stdin or a pipe is a process of its own; the other commands run in this one.
"""

import re
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command_line import PATIENCE_S, TOOLWIRE, Ended, Running, running, toolwire, toolwire_here
from toolwire.cli import exits
from toolwire.cli.dev_home import CLIENT_ID, prepare_home, write_settings
from toolwire.client.home import Home
from toolwire.services.demo import SERVER_ID
from toolwire.testing.brokers import Broker

DEMO = "toolwire.services.demo:service"


@contextmanager
def served(folder: Path, url: str) -> Generator[Running]:
    """A replica of the demo service, whose home is in that folder."""
    home = Home(folder / ".toolwire")
    prepare_home(home, SERVER_ID)
    write_settings(home, SERVER_ID, url)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TOOLWIRE_HOME", str(home.path))
        with running("serve", DEMO, folder=folder) as replica:
            replica.wait_for("is ready")
            yield replica


@pytest.fixture(scope="module")
def shared(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A folder whose replica serves all tests."""
    folder = tmp_path_factory.mktemp("served")
    with broker.virtual_host() as url, served(folder, url):
        yield folder


@pytest.fixture
def folder(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of the commands."""
    monkeypatch.setenv("TOOLWIRE_HOME", str(shared / ".toolwire"))
    return shared


def job_id(submitted: Ended) -> str:
    assert submitted.code == exits.OK, submitted
    return submitted.out.strip()


def test_calls_for_people_and_for_programs(folder: Path) -> None:
    told = toolwire("call", "batch_sum", "numbers=[1,2,3]", folder=folder)
    assert (told.code, told.err) == (exits.OK, "")
    assert told.json() == {"count": 3, "total": 6.0}
    assert told.out.startswith('{\n  "count": 3')
    told = toolwire("call", "batch_sum", "--args", "-", "--json", folder=folder, stdin='{"numbers": [4]}')
    assert (told.code, told.out, told.err) == (exits.OK, '{"count":1,"total":4.0}\n', "")
    told = toolwire("call", "server_identity", "--key", f"{CLIENT_ID}.2", "--json", folder=folder)
    assert told.json()["fingerprint"] == f"{CLIENT_ID}.2"


@pytest.mark.usefixtures("folder")
def test_a_coded_error_names_the_field() -> None:
    told = toolwire_here("call", "batch_sum", 'numbers=[1,"two"]')
    assert (told.code, told.out) == (exits.FAILED, "")
    assert told.err.startswith("error: invalid_args: the arguments do not fit 'batch_sum'\n  /numbers/1: ")
    told = toolwire_here("call", "batch_sum", 'numbers=[1,"two"]', "--json")
    assert (told.code, told.err) == (exits.FAILED, "")
    assert told.json()["error"]["code"] == "invalid_args"
    assert [field["path"] for field in told.json()["error"]["fields"]] == ["/numbers/1"]


@pytest.mark.usefixtures("folder")
def test_a_job_is_submitted_polled_and_watched() -> None:
    job = job_id(toolwire_here("submit", "start_long_task", "seconds=2", 'payload={"a":1}'))
    polled = toolwire_here("poll", job, "--json")
    assert polled.code == exits.OK
    assert polled.json()["job_id"] == job
    watched = toolwire_here("watch", job, "--json")
    events = watched.json_lines()
    assert watched.code == exits.OK
    assert (events[0]["event"], events[-1]["event"]) == ("current", "done")
    assert events[-1]["snapshot"]["result"]["payload"] == {"a": 1}
    assert events[-1]["snapshot"] == toolwire_here("poll", job, "--json").json()
    told = toolwire_here("watch", job)
    assert told.out.splitlines()[:3] == ["now done 50% 1 of 2 seconds", "done", "{"]


@pytest.mark.usefixtures("folder")
def test_submit_follows_a_job_when_asked() -> None:
    told = toolwire_here("submit", "start_long_task", "seconds=1", "--wait")
    assert told.code == exits.OK
    assert told.json()["payload"] == {}
    assert told.err.splitlines()[-1] == "done"
    told = toolwire_here("submit", "start_long_task", "seconds=1", "--wait", "--json")
    assert told.json()["status"] == "done"


def test_a_reader_that_has_enough_is_no_error(folder: Path) -> None:
    job = job_id(toolwire_here("submit", "start_long_task", "seconds=2"))
    with subprocess.Popen(
        [*TOOLWIRE, "watch", job, "--json"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        assert watching.stdout.readline().startswith(b'{"event":"current"')
        watching.stdout.close()
        assert watching.wait(PATIENCE_S) == exits.OK
        assert watching.stderr.read() == b""


@pytest.mark.usefixtures("folder")
def test_the_same_request_id_finds_the_same_job() -> None:
    words = ("submit", "start_long_task", "--request-id", "order-17", "--json")
    one, same, other = (toolwire_here(*words, f"seconds={number}") for number in (1, 1, 2))
    assert one.json()["request_id"] == "order-17"
    assert same.json() == one.json()
    assert other.json()["error"]["code"] == "request_id_conflict"


@pytest.mark.usefixtures("folder")
def test_what_takes_too_long_ends_with_5() -> None:
    told = toolwire_here("call", "start_long_task", "seconds=20", "--timeout", "1", "--json")
    assert (told.code, told.err) == (exits.TOO_LATE, "")
    job = job_id(toolwire_here("submit", "start_long_task", "seconds=20"))
    told = toolwire_here("watch", job, "--timeout", "1")
    assert told.code == exits.TOO_LATE
    assert f"job {job} was not over in time" in told.err
    assert toolwire_here("cancel", job).code == exits.OK


def test_an_interrupted_watch_ends_with_130_and_without_a_traceback(folder: Path) -> None:
    job = job_id(toolwire_here("submit", "start_long_task", "seconds=20"))
    with running("watch", job, folder=folder) as watching:
        watching.wait_for("now ")
        watching.signal(signal.SIGINT)
        assert watching.ended() == exits.INTERRUPTED
        assert "Traceback" not in watching.text
    assert toolwire_here("cancel", job).code == exits.OK


def test_each_way_not_to_be_delivered_is_told(vhost_url: str, tmp_path: Path) -> None:
    with served(tmp_path, vhost_url) as replica:
        _ask_in_vain(replica)


def _ask_in_vain(replica: Running) -> None:
    nobody = toolwire_here("call", "batch_sum", "--server", "nobody")
    assert nobody.code == exits.UNDELIVERED
    assert "no server 'nobody' on this broker" in nobody.err
    unknown = toolwire_here("poll", "no-such-job", "--json")
    assert (unknown.code, unknown.json()["error"]["code"]) == (exits.FAILED, "job_not_found")
    away = toolwire_here("call", "batch_sum", "--broker", "amqp://127.0.0.1:1/", "--timeout", "1")
    assert away.code == exits.UNDELIVERED
    replica.signal(signal.SIGTERM)
    assert replica.ended() == exits.OK
    alone = toolwire_here("call", "batch_sum", "numbers=[1]", "--json")
    assert (alone.code, alone.json()["error"]["type"]) == (exits.UNDELIVERED, "NoReplica")


@pytest.mark.parametrize("words", [("call",), ("submit", "--wait")], ids=" ".join)
def test_who_stops_waiting_is_told_that_the_job_goes_on(folder: Path, words: tuple[str, ...]) -> None:
    with running(*words, "start_long_task", "seconds=20", "--client", CLIENT_ID, folder=folder) as waiting:
        waiting.wait_for("progress")
        waiting.signal(signal.SIGINT)
        assert waiting.ended() == exits.INTERRUPTED
    (job,) = re.findall(r"job (\S+) goes on", waiting.text)
    assert f"toolwire watch {job} --client {CLIENT_ID}\n" in waiting.text
    assert f"toolwire cancel {job} --client {CLIENT_ID}\n" in waiting.text
    assert "Traceback" not in waiting.text
    assert toolwire_here("cancel", job).code == exits.OK
