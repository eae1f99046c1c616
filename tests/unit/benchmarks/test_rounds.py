"""A run of programs that speak as contenders do, and of some that do not."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import processor_time
from benchmarks.contender import Contender
from benchmarks.ground import REDIS, Ground
from benchmarks.processes import Program, ProgramFailed
from benchmarks.rounds import Failed, Measured, Outcome, Plan, numbers_of, per_call, run
from benchmarks.workloads import Point
from toolwire.testing.brokers import Broker

URL = "amqp://nobody@127.0.0.1:1/"
CALLS, ALONE = Point("calls", 64), Point("sequential")
SERVER = "print('{\"ready\": true}', flush=True); import time; time.sleep(60)"
LOAD = """
import json, sys
print("some library says this")
given = dict(zip(sys.argv[2::2], sys.argv[3::2]))
print(json.dumps({"warm": True}), flush=True)
print(json.dumps({"done": 4, "seconds": 2, "cpu_s": 0.002, "url": given["--url"], "all": given}), flush=True)
"""
FAILING_LOAD = 'print(\'{"warm": true}\\n{"done": 0, "errors": 3, "first_error": "no route"}\')'
DYING = "raise SystemExit('no such option')"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def contender(name: str, server: str = SERVER, load: str = LOAD, *options: str) -> Contender:
    return Contender(name, python(server), python(load), "for a test", options=options)


@pytest.fixture
def ground() -> Iterator[Ground]:
    with Ground(Broker(URL, "url", None, None), []) as ground:
        yield ground


def outcomes(ground: Ground, *contenders: Contender, rounds: int = 1) -> list[Outcome]:
    told: list[Outcome] = []
    plan = Plan(contenders, [CALLS], rounds, seconds=0.5, once=[ALONE])
    assert run(plan, ground, told.append) == told
    return told


def test_all_are_measured_in_turn(ground: Ground) -> None:
    seen = outcomes(ground, contender("ours", SERVER, LOAD, "--key", "hmac"), contender("theirs"), rounds=2)
    assert [(each.round, each.contender, each.point) for each in seen] == [
        (1, "ours", CALLS), (1, "ours", ALONE), (1, "theirs", CALLS), (1, "theirs", ALONE),
        (2, "ours", CALLS), (2, "theirs", CALLS),
    ]  # fmt: skip
    first = seen[0]
    assert isinstance(first, Measured)
    assert (first.numbers["per_s"], first.numbers["load_us"]) == (2.0, 500.0)
    given = first.said["all"]
    assert (given["--key"], given["--in-flight"], given["--seconds"]) == ("hmac", "64", "0.5")
    assert given["--url"] == URL
    assert not Path(given["--folder"]).exists(), "it was for this measurement alone"


def test_who_fails_costs_itself(ground: Ground) -> None:
    reasons = {
        each.contender: each.reason if isinstance(each, Failed) else "none"
        for each in outcomes(
            ground,
            contender("has no server", server=DYING),
            replace(contender("cannot be started"), server=["/no/such/program"]),
            contender("has no load", load=DYING),
            contender("fails", load=FAILING_LOAD),
            contender("works"),
        )
    }
    assert reasons["has no server"] == "the server ended with exit code 1: no such option"
    assert reasons["cannot be started"].startswith("the server [Errno 2]")
    assert reasons["has no load"] == "the load ended with exit code 1: no such option"
    assert reasons["fails"] == "the load failed 3 times: no route"
    assert reasons["works"] == "none"


def test_a_program_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    with Program(python("import time; time.sleep(60)"), tmp_path / "log", cwd=tmp_path) as program:
        with pytest.raises(ProgramFailed, match="said nothing for 0 s: it wrote nothing"):
            program.event(within=0.1)
        session = program.session
    assert all(each.session != session for each in processor_time.processes())


def test_what_a_program_started_ends_with_it(tmp_path: Path) -> None:
    child = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    )
    with Program(python(child + SERVER), tmp_path / "log", cwd=tmp_path) as program:
        program.event(within=30)
        session = program.session
        assert sum(each.session == session for each in processor_time.processes()) == 2
    deadline = time.monotonic() + 10
    while any(each.session == session for each in processor_time.processes()):
        assert time.monotonic() < deadline, "a child outlived the program that started it"


def test_a_missing_server_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with_redis = replace(contender("theirs"), options=["--redis", REDIS])
    with Ground(Broker(URL, "url", None, None), [with_redis]) as ground:
        assert ground.lacking(with_redis) == "redis-server is not installed"
        assert ground.lacking(contender("ours")) == ""


def test_nothing_done_is_no_measurement() -> None:
    with pytest.raises(ProgramFailed, match="got nothing done"):
        numbers_of({"done": 0, "seconds": 2.0})
    assert numbers_of({"core_percent": 0.5, "left": [1], "ok": "yes"}) == {"core_percent": 0.5}


def test_processor_time_is_for_each_call() -> None:
    assert per_call({"done": 1000, "cpu_s": 0.5}, {"server": 0.25}) == {"server_us": 250.0, "load_us": 500.0}
    three = per_call({"done": 1000, "cpu_s": 0.5}, {"server": 0.25, "broker": 0.1})
    assert three == {"server_us": 250.0, "load_us": 500.0, "broker_us": 100.0, "all_us": 850.0}
    assert per_call({"core_percent": 0.5}, {"server": 0.25}) == {}


def test_processor_time_is_read_as_linux_writes_it() -> None:
    line = "17 (a (strange) name) S 3 17 5 0 -1 4194304 9 9 0 0 100 50 20 10 20 0 1 0 99 0 0"
    read = processor_time.read(line)
    assert (read.pid, read.name, read.parent, read.session) == (17, "a (strange) name", 3, 5)
    assert read.seconds == 180 / os.sysconf("SC_CLK_TCK")
