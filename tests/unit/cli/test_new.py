"""`toolwire new`: what it writes, what it refuses, and that its project meets the strictest checks."""

import json
import subprocess
import sys
import tomllib
from importlib.metadata import Distribution, version
from pathlib import Path

import pytest

from toolwire.cli import exits, new
from toolwire.cli.commands import app
from toolwire.cli.running import exit_code_of

ROOT = Path(__file__).parents[3]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*words: str) -> int:
    return exit_code_of(app, ["new", *words])


def written(folder: Path) -> dict[str, str]:
    """The text of every file in the project."""
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_a_project_is_whole_and_says_what_to_do_next(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make("hello-tools") == exits.OK
    project = written(here / "hello-tools")
    assert {"app.py", "ask.py", "demo.py", "make.py", "README.md", "docker-compose.yml"} <= set(project)
    assert {".gitignore", "Makefile", "tests/test_app.py", "tests/test_on_rabbitmq.py"} <= set(project)
    assert 'service = Service("hello-tools")' in project["app.py"]
    assert not [name for name, text in project.items() if "@name@" in text or "@from@" in text]
    told = capsys.readouterr().out
    assert "cd hello-tools" in told
    assert "make demo" in told


def test_programs_are_told_the_files(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "there").mkdir()
    assert make("hello", "--folder", "there", "--json") == exits.OK
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == str(here / "there")
    assert told["files"] == sorted(written(here / "there"))


@pytest.mark.parametrize("name", ["", "1st", "-x", "x-", "a b", "a/b", "../a", "a.b", "é", "x" * 65])
def test_a_bad_name_is_refused(here: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert make("--", name) == exits.USAGE
    assert "cannot be the name of a project" in capsys.readouterr().err
    assert list(here.iterdir()) == []


def test_what_is_there_is_not_written_over(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "full").mkdir()
    (here / "full" / "app.py").write_text("mine")
    (here / "file").write_text("mine")
    assert (make("full"), make("file")) == (exits.USAGE, exits.USAGE)
    told = capsys.readouterr().err
    assert "full is not empty: nothing was written" in told
    assert "file is a file: nothing was written" in told
    assert written(here) == {"full/app.py": "mine", "file": "mine"}


@pytest.mark.parametrize(
    ("recorded", "from_"),
    [
        (None, f">={version('toolwire')}"),
        ({"url": "file:///src/toolwire", "dir_info": {"editable": True}}, " @ file:///src/toolwire"),
        ({"url": "file:///t.whl", "archive_info": {}}, " @ file:///t.whl"),
        (
            {"url": "https://forge/t.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            " @ git+https://forge/t.git@abc",
        ),
    ],
)
def test_the_project_depends_on_where_toolwire_came_from(
    recorded: dict[str, object] | None, from_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Installed(Distribution):
        """A distribution with that record of the installer, and nothing else."""

        def read_text(self, filename: str) -> str | None:
            assert filename == "direct_url.json"
            return None if recorded is None else json.dumps(recorded)

        def locate_file(self, path: object) -> Path:
            raise NotImplementedError

    def installed(_name: str) -> Installed:
        return Installed()

    monkeypatch.setattr(new, "distribution", installed)
    assert new.toolwire_from() == from_


def test_the_project_is_formatted_and_typed(here: Path) -> None:
    """By the tools' own defaults and mypy --strict, so that a newcomer's editor shows nothing red."""
    assert make("hello") == exits.OK
    project = here / "hello"
    assert tomllib.loads((project / "pyproject.toml").read_text())["project"]["name"] == "hello"
    for command in (
        ["ruff", "format", "--isolated", "--check", "."],
        ["ruff", "check", "--isolated", "--select", "B,E,F,I,RUF,SIM,UP", "."],
        ["mypy", "--strict", "--config-file=", f"--cache-dir={ROOT / '.mypy_cache'}", "."],
    ):
        tool = Path(sys.executable).with_name(command[0])
        done = subprocess.run(
            [tool, *command[1:]], cwd=project, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
