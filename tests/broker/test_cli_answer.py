"""`toolwire answer`, as somebody types it who has never seen the job's code."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Generator

import pytest

from tests.command_line import Ended, toolwire_here
from tests.stage import CLIENTS, PATIENCE_S, Stage
from toolwire.cli import exits
from toolwire.client.sync_loop import LoopThread

LOOK_EVERY_S = 0.05


@pytest.fixture
def who(stage: Stage) -> Generator[tuple[str, ...]]:
    """The options that name the client and the server, of which a replica runs in a thread of its own."""
    thread = LoopThread(stage.replica())
    thread.open()
    yield ("--client", CLIENTS[0], "--server", "server-1", "--broker", stage.url)
    thread.close()


def asking(job: str, who: tuple[str, ...]) -> Ended:
    """The page of the job, once it asks something."""
    until = time.monotonic() + PATIENCE_S
    while "input_required:" not in (shown := toolwire_here("jobs", "show", job, *who)).out:
        assert time.monotonic() < until, shown
        time.sleep(LOOK_EVERY_S)
    return shown


def test_a_job_that_asks_is_found_and_answered(who: tuple[str, ...]) -> None:
    job = toolwire_here("submit", "release", "version=spring", *who).out.strip()
    shown = asking(job, who).out
    assert "question   Approval: Release spring?\n" in shown
    listed = toolwire_here("jobs", "list", "--status", "input_required", *who).out
    assert "asks Approval: Release spring?" in listed

    wrong = toolwire_here("answer", job, "approved=perhaps", *who)
    assert wrong.code == exits.FAILED
    assert "/answer/approved: Input should be a valid boolean" in wrong.err

    command = re.search(r"^ +answer it: +toolwire (answer .*)$", shown, re.MULTILINE)
    assert command is not None, shown
    answered = toolwire_here(*shlex.split(command[1]), "--broker", who[-1])
    assert (answered.code, answered.err) == (exits.OK, "")
    assert f"toolwire watch {job}" in answered.out
    assert toolwire_here("watch", job, *who).out.splitlines()[-4:-1] == [
        "{",
        '  "approved": true,',
        '  "note": ""',
    ]

    late = toolwire_here("answer", job, "approved=true", "--question", "Approval", "--json", *who)
    assert (late.code, late.json()["error"]["code"]) == (exits.FAILED, "not_asked")
    history = toolwire_here("jobs", "show", job, *who).out
    assert re.search(r"input_required  attempt 1, on server-1-", history)
    assert re.search(r"answered +attempt 1, on server-1-", history)


def test_programs_answer_with_json(who: tuple[str, ...]) -> None:
    job = toolwire_here("submit", "sign", 'papers=["lease"]', *who).out.strip()
    asking(job, who)
    told = toolwire_here("answer", job, '{"approved": false}', "--question", "lease", "--json", *who)
    assert (told.code, told.json()["job_id"], told.json()["question"]) == (exits.OK, job, None)
    watched = toolwire_here("watch", job, "--json", *who).out.splitlines()
    assert '"result":[false]' in watched[-1]
