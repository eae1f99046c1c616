"""Shell completion: a script for each shell, words of the command line, and silence where nobody answers."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.command_line import TOOLWIRE, completed, toolwire
from toolwire.cli import exits


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TOOLWIRE_COMPLETE", f"source_{shell}")
    script = toolwire(folder=tmp_path)
    assert (script.code, script.err) == (exits.OK, "")
    assert f"_TOOLWIRE_COMPLETE=complete_{shell}" in script.out


def test_the_script_for_this_shell_is_shown(tmp_path: Path) -> None:
    command = [*TOOLWIRE, "--show-completion"]
    done = subprocess.run(
        ["/bin/bash", "-c", '"$@"; exit $?', "bash", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == exits.OK
    assert "_TOOLWIRE_COMPLETE=complete_bash" in done.stdout


def test_commands_and_options_are_completed(tmp_path: Path) -> None:
    assert completed("canc", folder=tmp_path) == ["cancel"]
    assert completed("jobs", "sh", folder=tmp_path) == ["show"]
    assert completed("jobs", "list", "--sil", folder=tmp_path) == ["--silent"]


def test_without_an_answer_nothing_is_completed_and_nothing_said(tmp_path: Path) -> None:
    from toolwire.cli.dev_home import prepare_home, write_settings
    from toolwire.client.home import Home

    assert completed("call", "gr", folder=tmp_path) == [], "there is no home"
    home = Home(os.environ["TOOLWIRE_HOME"])
    prepare_home(home, "server-1")
    write_settings(home, "server-1", "amqp://127.0.0.1:1/")
    assert completed("call", "gr", folder=tmp_path) == [], "there is no broker"
