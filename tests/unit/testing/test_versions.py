"""`make test-versions`: which pairs are run, what is said of each, and nothing is green by being left out."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.versions import PAIRS, Pair, Result, chosen, judged, main, result_of, run, table
from toolwire.testing.find_broker import NoBroker, find_version

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
PAIR = Pair("4.0", "3.12")
BROKER = "broker: RabbitMQ 4.0.5, in a container"
PASSED = "===== 4263 passed, 2 skipped in 346.03s (0:05:46) ====="
FAILED = "==== 1 failed, 4262 passed in 346.03s (0:05:46) ===="


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with nothing on PATH, and no Docker engine."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")


def test_every_python_that_is_promised_has_its_pair() -> None:
    classifiers = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["classifiers"]
    promised = [each.rpartition(" ")[2] for each in classifiers if ":: Python :: 3." in each]
    assert [pair.python for pair in PAIRS] == promised
    assert [pair.rabbitmq for pair in PAIRS] == ["3.10", "4.0", "4.3"]


@pytest.mark.parametrize(
    ("arguments", "pairs", "options"),
    [
        ([], PAIRS, []),
        (["-k", "sealing"], PAIRS, ["-k", "sealing"]),
        (["4.0"], [PAIR], []),
        (["3.12", "-x"], [PAIR], ["-x"]),
        (["3.99"], [], ["3.99"]),
    ],
)
def test_a_first_argument_that_is_a_version_chooses_its_pair(
    arguments: list[str], pairs: list[Pair], options: list[str]
) -> None:
    assert chosen(arguments) == (list(pairs), options)


def test_a_version_that_is_not_tested_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["3.9"]) == 2
    assert "3.9 is tested; there are 3.10 (with Python 3.11), 4.0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("python", "code", "lines", "told", "ok"),
    [
        ("3.12.1", 0, [BROKER, PASSED], "4263 passed, 2 skipped", True),
        ("3.12.1", 1, [BROKER, FAILED], "1 failed, 4262 passed", False),
        ("3.12.1", 0, [PASSED], "4263 passed, 2 skipped", True),
        ("3.12.1", 5, ["no tests ran in 0.02s"], "no tests ran", False),
        ("3.12.1", 4, ["usage: pytest"], "pytest ended with exit code 4", False),
        ("3.12.1", 0, [BROKER.replace("4.0.5", "4.3.6"), PASSED], "another RabbitMQ: 4263", False),
        ("3.13.0", 0, [BROKER, PASSED], "another Python: 4263", False),
    ],
)
def test_a_pair_is_judged_by_what_its_tests_said(
    python: str, code: int, lines: list[str], told: str, ok: bool
) -> None:
    result = judged(PAIR, python, code, lines, seconds=347)
    assert result.told.startswith(told)
    assert (result.code == 0) is ok
    assert result.seen.endswith(f"Python {python}")


def test_the_table_says_what_was_seen_and_what_was_not() -> None:
    done = Result(PAIR, "RabbitMQ 4.0.5, in a container; Python 3.12.1", "4263 passed", 346.6, 0)
    rows = table([done, Result(Pair("4.3", "3.13"), told="no Python 3.13")]).splitlines()
    asked, seen, judged, told, took = re.split(r"  +", rows[0])
    assert (asked, seen) == ("RabbitMQ 4.0, Python 3.12", "RabbitMQ 4.0.5, in a container; Python 3.12.1")
    assert (judged, told, took) == ("ok", "4263 passed", "347 s")
    assert re.split(r"  +", rows[1]) == ["RabbitMQ 4.3, Python 3.13", "-", "FAILED", "no Python 3.13", "0 s"]


def test_what_a_run_says_is_shown_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    script = "import os; print(os.environ['TOOLWIRE_TEST_BROKER']); print('two'); raise SystemExit(1)"
    asked = {"TOOLWIRE_TEST_BROKER": "node"}
    assert run([sys.executable, "-c", script], asked) == (1, ["node", "two"])
    assert capsys.readouterr().out == "node\ntwo\n"


def test_a_python_that_is_missing_fails_and_is_named(bare: None, capsys: pytest.CaptureFixture[str]) -> None:
    result = result_of(Pair("4.0", "3.99"), [])
    assert (result.told, result.code) == ("no Python 3.99 to be had. Type one of these, and try again:", 3)
    assert "uv python install 3.99" in capsys.readouterr().out


def test_a_broker_that_is_missing_is_named(bare: None) -> None:
    with pytest.raises(
        NoBroker, match=r"no RabbitMQ 0\.9 to be had: installed is .*no Docker engine"
    ) as missing:
        find_version("0.9")
    assert "docker pull rabbitmq:0.9-management" in str(missing.value)
