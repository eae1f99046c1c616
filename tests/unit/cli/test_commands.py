"""The command line itself: help, usage, what it imports."""

import json
import logging
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from toolwire.cli import exits
from toolwire.cli.commands import app
from toolwire.cli.loading import load_service
from toolwire.cli.logs import Level, OneLine, log_to_stderr
from toolwire.cli.running import exit_code_of
from toolwire.contracts.errors import ConfigurationError

COMMANDS = [
    *("dev", "serve", "call", "submit", "poll", "watch", "answer", "cancel", "doctor"),
    *("jobs list", "jobs show", "jobs output", "tools list", "tools describe"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_the_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(app, [*command.split(), "--help"]) == exits.OK
    assert "Exit codes: 0 it went well" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["call"], ["call", "x", "--nope"], ["nope"], ["serve"], ["call", "x", "y"]]
)
def test_wrong_usage_is_told_and_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(app, words) == exits.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert "Traceback" not in err


def test_programs_get_wrong_usage_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(app, ["call", "--json"]) == exits.USAGE
    out, err = capsys.readouterr()
    assert json.loads(out) == {"error": {"type": "UsageError", "message": "Missing argument 'TOOL'."}}
    assert err == ""


def test_no_word_at_all_shows_the_help_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(app, []) == exits.USAGE
    out, err = capsys.readouterr()
    assert "Usage: toolwire" in out
    assert err == ""


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(app, ["--version"]) == exits.OK
    assert capsys.readouterr() == (f"toolwire {version('toolwire')}\n", "")


def test_without_the_extra_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['typer'] = None; from toolwire.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (exits.CONFIGURATION, "")
    assert done.stderr == "error: the command needs more: pip install 'toolwire[cli]'\n"


def test_a_module_of_our_own_that_is_missing_is_a_mistake_of_ours() -> None:
    code = (
        "import sys; sys.modules['toolwire.cli.commands'] = None; from toolwire.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr


def test_missing_settings_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / ".toolwire").mkdir()
    assert exit_code_of(app, ["call", "add"]) == exits.CONFIGURATION
    assert "TOOLWIRE_CLIENT" in capsys.readouterr().err


def test_a_folder_without_a_home_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert exit_code_of(app, ["submit", "add"]) == exits.CONFIGURATION
    assert (
        f"there is no home at {tmp_path / '.toolwire'}: `toolwire dev` makes one" in capsys.readouterr().err
    )


def test_a_call_after_the_end_of_dev_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from toolwire.cli.dev_home import forget_broker, prepare_home, write_settings
    from toolwire.client.home import Home

    home = Home(tmp_path / ".toolwire")
    prepare_home(home, "server-1")
    write_settings(home, "server-1", "amqp://127.0.0.1:1/")
    forget_broker(home)
    assert exit_code_of(app, ["call", "add"]) == exits.CONFIGURATION
    said = capsys.readouterr().err
    assert said.startswith("error: no broker is named: ")
    assert said.endswith(" Is `toolwire dev` running?\n")


@pytest.mark.parametrize(("level", "heard"), [(Level.INFO, False), (Level.DEBUG, True)])
def test_the_amqp_libraries_are_heard_when_debugging_alone(level: Level, heard: bool) -> None:
    log_to_stderr(level)
    for name in ("aiormq.connection", "aio_pika.robust_connection"):
        assert logging.getLogger(name).isEnabledFor(logging.ERROR) is heard


@pytest.mark.parametrize("job_id", ["not an id", "x" * 65])
def test_what_is_no_job_id_is_said(job_id: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from toolwire.cli.dev_home import prepare_home, write_settings
    from toolwire.client.home import Home

    home = Home(tmp_path / ".toolwire")
    prepare_home(home, "server-1")
    write_settings(home, "server-1", "amqp://127.0.0.1:1/")
    assert exit_code_of(app, ["poll", job_id, "--home", str(home.path)]) == exits.USAGE
    assert "is no job id" in capsys.readouterr().err


def test_a_call_waits_for_no_import_that_it_does_not_need() -> None:
    unneeded = "{'sqlalchemy', 'toolwire.services', 'rich.console', 'pytest'}"
    code = f"import sys, toolwire.cli.commands, toolwire.cli.asking; assert not {unneeded} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("app", "'app' names no service: write MODULE:ATTR"),
        (":service", "':service' names no service"),
        ("no_such_module:service", "there is no module 'no_such_module'"),
        ("no_such.module:service", "there is no module 'no_such.module'"),
        ("toolwire.services.demo:nothing", "there is no 'nothing' in 'toolwire.services.demo'"),
        ("toolwire.services.demo:SERVER_ID", "is no Service but of type 'str'"),
    ],
)
def test_a_target_that_leads_nowhere_is_said(target: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_service(target)
    assert complaint in str(raised.value)


def test_a_record_is_one_line_and_a_traceback_begins_none() -> None:
    record = logging.LogRecord("toolwire.x", logging.WARNING, "", 0, "one\ntwo", None, None)
    record.created = 0.25
    assert OneLine().format(record) == "1970-01-01T00:00:00.250+00:00 WARNING toolwire.x: one\n    two"
