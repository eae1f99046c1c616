"""Supervised tasks."""

from __future__ import annotations

import asyncio

import pytest

from toolwire.services.running.tasks import Tasks


async def test_a_task_that_fails_is_logged_and_takes_no_other_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tasks, gate = Tasks(), asyncio.Event()

    async def fail() -> None:
        raise RuntimeError("what went wrong")

    tasks.start(gate.wait(), "waiting")
    tasks.start(fail(), "failing")
    assert not await tasks.wait(0.01)
    assert len(tasks) == 1
    assert "failing failed" in caplog.text
    assert "what went wrong" in caplog.text
    gate.set()
    assert await tasks.wait(5)


async def test_waiting_for_nothing_is_over_at_once() -> None:
    assert await Tasks().wait(0)


async def test_waiting_includes_what_the_tasks_start(caplog: pytest.LogCaptureFixture) -> None:
    tasks, ended = Tasks(), list[str]()

    async def child() -> None:
        await asyncio.sleep(0.01)
        ended.append("child")

    async def parent() -> None:
        tasks.start(child(), "child")

    tasks.start(parent(), "parent")
    assert await tasks.wait(5)
    assert ended == ["child"]


async def test_cancelling_waits_for_the_end() -> None:
    tasks, ended, started = Tasks(), list[str](), asyncio.Event()

    async def clean_up() -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            ended.append("cleaned")

    tasks.start(clean_up(), "clean_up")
    await started.wait()
    await tasks.cancel()
    assert ended == ["cleaned"]
    assert len(tasks) == 0


async def test_who_takes_no_notice_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("toolwire.services.running.tasks.ASK_AGAIN_S", 0.01)
    tasks, started = Tasks(), asyncio.Event()

    async def deaf() -> None:
        for _ in range(2):
            try:
                started.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue
        await asyncio.Event().wait()

    tasks.start(deaf(), "deaf")
    await started.wait()
    await tasks.cancel()
    assert "deaf does not end although it was cancelled" in caplog.text
