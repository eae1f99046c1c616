"""What bootstrap.py does before anything is installed: it finds the Pythons that it is asked for."""

import platform
import sys
from pathlib import Path

import bootstrap
import pytest

UV = """#!/bin/sh
case "$*" in
    "python install 3.99") touch "$0.fetched" ;;
    "python find 3.99") test -e "$0.fetched" && echo /opt/python3.99 ;;
    *) exit 2 ;;
esac
"""


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where nothing is on PATH but what is put into this folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_the_python_that_runs_is_found(bare: Path) -> None:
    series = "{}.{}".format(*sys.version_info)
    assert bootstrap.python_of(series) == sys.executable
    assert bootstrap.output_of(sys.executable, "--version") == f"Python {platform.python_version()}"


def test_a_python_on_the_path_is_asked_which_it_is(bare: Path) -> None:
    named = bare / "python3.12"  # its name may lie, as pyenv's shims do
    named.write_text("#!/bin/sh\necho 3.99\n", encoding="utf-8")
    named.chmod(0o700)
    assert bootstrap.python_of("3.99") == str(named)


def test_uv_fetches_what_is_nowhere_else(bare: Path) -> None:
    assert bootstrap.python_of("3.99") == ""
    uv = bare / "uv"
    uv.write_text(UV.replace("touch", "/usr/bin/touch"), encoding="utf-8")
    uv.chmod(0o700)
    assert bootstrap.python_of("3.99") == "/opt/python3.99"
    assert bootstrap.python_of("3.98") == ""


def test_an_environment_that_stands_elsewhere_or_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    venv = bootstrap.Venv(tmp_path, sys.executable)
    assert not venv.can_be_kept(), "nothing is there"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert venv.can_be_kept()
    for left_behind in (bootstrap.UNFINISHED, bootstrap.wanted().replace(" in ", " in /moved")):
        venv.stamp_file.write_text(left_behind, encoding="utf-8")
        assert not venv.can_be_kept()
    venv.stamp_file.write_text(bootstrap.wanted(), encoding="utf-8")
    assert venv.can_be_kept()
