"""The doctor as a whole: settings, what it prints, its exit code, and that no failure hides another."""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.command_line import PATIENCE_S
from tests.unit.cli.doctor_given import bad, only
from toolwire.broker.look import BrokerLook
from toolwire.cli import exits
from toolwire.cli.commands import app
from toolwire.cli.doctor.bounds import in_thread, in_time, safely
from toolwire.cli.doctor.diagnosis import diagnose, judge_unreached
from toolwire.cli.doctor.finding import Area, Desk, Finding, Level, worst
from toolwire.cli.doctor.report import document, lines
from toolwire.cli.doctor.sources import judge_sources, read_sources
from toolwire.cli.doctor.visit import read_areas
from toolwire.cli.running import exit_code_of
from toolwire.contracts.errors import UsageError

URL = "amqp://somebody:very-secret@127.0.0.1:1/tools"
DESK = Desk(Area.QUEUES, "queue q")
FOUND = [DESK.ok("fine", "all is well"), DESK.warning("full", "it fills", "empty it"), DESK.note("by", "so")]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder without settings of anybody."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- settings ---


def test_each_setting_says_where_it_is_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = folder / ".toolwire"
    home.mkdir()
    (home / "toolwire.toml").write_text('server = "server-1"\nclient = "from-home"\n')
    (folder / "toolwire.toml").write_text('client = "from-here"\n')
    monkeypatch.setenv("TOOLWIRE_BROKER_URL", URL)
    came_from = read_sources({"store": "sqlite:///x", "server": None}).came_from
    assert {name: came_from[name] for name in ("store", "broker_url", "client", "server", "timeout")} == {
        "store": "the command line",
        "broker_url": "TOOLWIRE_BROKER_URL",
        "client": str(folder / "toolwire.toml"),
        "server": str(home / "toolwire.toml"),
        "timeout": "the default",
    }


def test_what_is_misspelt_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLWIRE_BROKER", URL)
    monkeypatch.setenv("TOOLWIRE_TEST_BROKER", "node")
    (folder / "toolwire.toml").write_text('sever = "server-1"\n')
    found = [finding for finding in judge_sources(read_sources({})) if finding.check == "unknown_setting"]
    assert [(finding.what.split()[0], finding.where) for finding in found] == [
        ("TOOLWIRE_BROKER", "the environment"),
        ("sever", str(folder / "toolwire.toml")),
    ]
    assert "broker_url" in found[0].remedy


def test_what_is_not_named_is_told() -> None:
    found = bad(judge_sources(read_sources({})))
    assert found == [(Level.NOTE, "no_client"), (Level.NOTE, "no_server")]


@pytest.mark.parametrize("area", ["queues", "permissions", "service", "clock", "broker"])
async def test_whoever_asks_for_what_is_on_a_broker_is_told_that_there_is_none(area: str) -> None:
    found = await diagnose({}, management=None, areas=read_areas(area))
    assert "TOOLWIRE_BROKER_URL" in only(found, "no_broker").remedy
    assert {finding.area for finding in found} == {Area.BROKER, Area(area)}
    found = await diagnose({"broker_url": URL}, management=None, areas=read_areas(area))
    assert (Level.ERROR, "no_tcp") in bad(found)
    assert {finding.area for finding in found} == {Area.BROKER, Area(area)}


def test_a_broker_that_hangs_is_told() -> None:
    assert bad(judge_unreached(BrokerLook(())))[0] == (Level.ERROR, "broker_hangs")


async def test_settings_that_cannot_be_read_are_the_only_finding() -> None:
    found = await diagnose({"broker_url": "http://x"}, management=None, areas=[Area.STORE])
    assert bad(found) == [(Level.ERROR, "settings")]
    assert "TOOLWIRE_BROKER_URL" in only(found, "settings").what


async def test_no_piece_of_a_password_is_told() -> None:
    given = {
        "store": "postgresql://u:s3%40cret@host.invalid/base",
        "broker_url": "amqp://u:s3@cret@127.0.0.1:1/",
    }
    told = str(await diagnose(given, management=None, areas=read_areas("home,store,broker")))
    assert "amqp://127.0.0.1:1/" in told
    assert "postgresql://host.invalid/base" in told
    assert "cret" not in told


@pytest.mark.parametrize(
    "url",
    ["http://admin:s3cret#1@127.0.0.1:15672", "http://admin:s3cret@[bad", "ftp://u:s3cret@x", "http://"],
)
def test_a_management_url_that_cannot_be_meant_is_not_repeated(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(app, ["doctor", "--management", url]) == exits.USAGE
    told = capsys.readouterr()
    assert "--management is a URL" in told.err
    assert "s3cret" not in told.out + told.err


# --- the report ---


def test_the_report_for_people() -> None:
    assert list(lines(FOUND)) == [
        (None, "queues"),
        (Level.OK, "queue q: all is well"),
        (Level.NOTE, "queue q: so"),
        (Level.WARNING, "queue q: it fills"),
        (None, "           -> empty it"),
        (None, "1 warning, 1 note, 1 ok"),
    ]


def test_what_is_worst_stands_next_to_the_prompt() -> None:
    home = Desk(Area.HOME, "client c")
    found = [home.error("no_key", "it has none", "make one"), *FOUND, home.ok("fine", "it is there")]
    assert [text for _, text in lines(found)] == [
        "queues",
        "queue q: all is well",
        "queue q: so",
        "home",
        "client c: it is there",
        "queues",
        "queue q: it fills",
        "           -> empty it",
        "home",
        "client c: it has none",
        "           -> make one",
        "1 error, 1 warning, 1 note, 2 ok",
    ]


def test_the_report_for_programs() -> None:
    told = json.loads(json.dumps(document(FOUND)))
    assert told["worst"] == "warning"
    assert told["counts"] == {"ok": 1, "note": 1, "warning": 1, "error": 0}
    assert told["findings"][1] == {
        "level": "warning",
        "area": "queues",
        "check": "full",
        "what": "it fills",
        "where": "queue q",
        "remedy": "empty it",
    }


def test_the_worst_decides() -> None:
    assert worst([]) is Level.OK
    assert worst(FOUND) is Level.WARNING
    assert worst([*FOUND, DESK.error("x", "y", "z")]) is Level.ERROR


# --- the command ---


def test_a_machine_without_anything_gets_every_area_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(app, ["doctor", "--json"]) == exits.FAILED
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert err == ""
    assert {"no_broker", "no_home"} <= {finding["check"] for finding in told["findings"]}
    assert all(finding["remedy"] for finding in told["findings"] if finding["level"] in {"error", "warning"})


@pytest.mark.parametrize("json_flag", [["--json"], []])
def test_no_password_is_printed(json_flag: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    management = "http://other:very-secret@127.0.0.1:1"
    words = ["doctor", "--broker", URL, "--management", management, "--server", "server-1", *json_flag]
    assert exit_code_of(app, words) == exits.FAILED
    out, err = capsys.readouterr()
    assert "very-secret" not in out + err
    assert "nobody listens on port 1" in out


def test_what_is_asked_alone_is_looked_at_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(app, ["doctor", "--only", "store", "--json"]) == exits.OK
    assert {finding["area"] for finding in json.loads(capsys.readouterr().out)["findings"]} == {"store"}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--only", "brokers"], "--only knows no brokers: name some of home, broker"),
        (["--only", ","], "--only knows no empty list"),
        (["--management", "127.0.0.1:15672"], "--management is a URL"),
    ],
)
def test_options_that_cannot_be_meant(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(app, ["doctor", *words]) == exits.USAGE
    assert complaint in capsys.readouterr().err


def test_areas_are_read_from_a_list() -> None:
    assert read_areas(None) == frozenset(Area)
    assert read_areas("broker, queues") == {Area.BROKER, Area.QUEUES}
    assert read_areas("keys") == {Area.HOME}, "keys are in the home"
    with pytest.raises(UsageError):
        read_areas("")


# --- no failure hides another ---


def test_a_check_that_breaks_is_a_finding() -> None:
    def broken() -> Iterator[Finding]:
        yield DESK.ok("fine", "all is well")
        raise KeyError("a mistake")

    assert "KeyError: 'a mistake'" in only(safely(Area.QUEUES, broken), "check_broke").what
    assert safely(Area.QUEUES, lambda: FOUND) == FOUND


async def test_what_takes_too_long_is_not_waited_for() -> None:
    answer = Event()
    assert await in_time(in_thread(answer.wait), late=None, limit=0.01) is None
    answer.set()
    assert await in_time(in_thread(answer.wait), late=None, limit=PATIENCE_S) is True


async def test_what_a_thread_raises_is_raised_here() -> None:
    def broken() -> None:
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        await in_thread(broken)
