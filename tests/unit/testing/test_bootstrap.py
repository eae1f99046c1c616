"""What bootstrap.py does with nothing but Python: it finds the Pythons that it is asked for, and installs."""

import os
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


APT = """#!/bin/sh
echo "$@" >>"$0.asked"
case "$*" in install*) PATH=/usr/bin:/bin; cp "{file}" "$0.seen" ;; esac
"""


def test_a_postgresql_is_installed_without_a_cluster_of_its_own(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = bare / "createcluster.d" / "toolwire.conf"
    monkeypatch.setattr(bootstrap, "NO_CLUSTER", file)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("DEBIAN_FRONTEND", "")  # which it sets, and which is put back
    apt = bare / "apt-get"
    apt.write_text(APT.format(file=file), encoding="utf-8")
    apt.chmod(0o700)
    assert bootstrap.install_postgresql() == "cluster"
    assert capsys.readouterr().out.startswith("toolwire: there is no PostgreSQL: installing Debian's package")
    assert (bare / "apt-get.asked").read_text(encoding="utf-8").splitlines()[-1].endswith(" postgresql")
    assert (bare / "apt-get.seen").read_text(encoding="utf-8") == "create_main_cluster = false\n"
    assert not file.exists()


def test_without_root_it_is_said_what_to_type(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (bare / "apt-get").touch(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert bootstrap.install_postgresql() == ""
    assert "    sudo apt-get install postgresql\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "asked", [{"TOOLWIRE_TEST_POSTGRES": "container"}, {"TOOLWIRE_TEST_POSTGRES_URL": "postgresql://there/"}]
)
def test_who_asked_for_another_postgresql_gets_none_installed(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: dict[str, str]
) -> None:
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    assert bootstrap.install_postgresql() == ""
    assert capsys.readouterr().out == ""
