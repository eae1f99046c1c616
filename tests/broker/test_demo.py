"""The demo is what a newcomer sees first: it must hold what it says, and leave nothing behind."""

import asyncio
import re
import secrets
import signal
import sys
from pathlib import Path

import pytest

from tests.command_line import Running, running
from toolwire.cli import exits
from toolwire.cli.demo.replicas import wait_until
from toolwire.cli.demo.stage import stage
from toolwire.cli.demo.story import forged_message
from toolwire.cli.demo.wire import Wire
from toolwire.contracts.keys import Ed25519Signer

DEMO = (sys.executable, "-m", "toolwire.cli.demo")
MOST_SECONDS = 30


def replica_pids(demo: Running) -> list[int]:
    return [int(pid) for pid in re.findall(r"replica [AB] \(pid (\d+)\)", demo.text)]


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.promise("P1", "P4", "P6", "P7", "P8")
def test_the_demo_holds_what_it_says(vhost_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLWIRE_BROKER_URL", vhost_url)
    with running("--broker", "url", folder=tmp_path, command=DEMO) as demo:
        assert demo.ended() == exits.OK, demo.text
    assert len(re.findall(r"^\d+\. ", demo.text, re.MULTILINE)) == 8
    assert "✓ the other replica finished it, as attempt 2" in demo.text
    assert "✓ the final poll tells exactly what the final event told" in demo.text
    took = re.search(r"as promised, in (\d+) seconds", demo.text)
    assert took is not None
    assert int(took[1]) < MOST_SECONDS
    assert not any(is_alive(pid) for pid in replica_pids(demo))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_takes_its_replicas_along(
    vhost_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setenv("TOOLWIRE_BROKER_URL", vhost_url)
    with running("--broker", "url", folder=tmp_path, command=DEMO) as demo:
        demo.wait_for("7. A long task")
        demo.signal(number)
        assert demo.ended() == exits.INTERRUPTED, demo.text
    assert len(replica_pids(demo)) == 2
    assert not any(is_alive(pid) for pid in replica_pids(demo))
    assert "Traceback" not in demo.text


async def test_what_an_interrupted_demo_left_in_the_queue_is_not_counted(vhost_url: str) -> None:
    async with stage(vhost_url) as interrupted:
        await asyncio.gather(*(replica.kill() for replica in interrupted.replicas))
        stranger = Ed25519Signer(interrupted.ed25519_key, secrets.token_bytes(32))
        async with Wire(interrupted) as wire:
            await wire.send("batch_sum", wire.request("batch_sum", {"numbers": [1]}, stranger))
    async with stage(vhost_url) as again:
        await wait_until(lambda: again.log_lines("refused without an answer"), "what was left is refused")
        await forged_message(again)
