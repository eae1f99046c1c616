"""Taskiq with taskiq-aio-pika; its results are kept in Redis, because RabbitMQ keeps none for it."""

import argparse
import asyncio
from typing import Any

from measuring import arguments, batch_sum, measure, options, say
from taskiq import AsyncTaskiqDecoratedTask
from taskiq.api import run_receiver_task
from taskiq_aio_pika import AioPikaBroker
from taskiq_redis import RedisAsyncResultBackend

PREFETCH = 256
LOOK_EVERY_S = 0.005  # its own 0.2 s would be all that is measured


def tasks(chosen: argparse.Namespace) -> AsyncTaskiqDecoratedTask[..., Any]:
    broker = AioPikaBroker(chosen.url, qos=PREFETCH)
    if chosen.redis:
        broker = broker.with_result_backend(RedisAsyncResultBackend(chosen.redis, result_ex_time=60))

    @broker.task("batch_sum")
    async def task(numbers: list[float], ballast: str = "") -> dict[str, float]:
        return batch_sum(numbers)

    return task


async def serve(chosen: argparse.Namespace) -> None:
    broker = tasks(chosen).broker
    broker.is_worker_process = True
    await broker.startup()
    receiver = asyncio.create_task(run_receiver_task(broker))
    say(ready=True)
    await receiver


async def load(chosen: argparse.Namespace) -> None:
    task = tasks(chosen)
    given = arguments(chosen.bytes)

    async def call() -> Any:
        kicked = await task.kiq(**given)
        return (await kicked.wait_result(check_interval=LOOK_EVERY_S, timeout=30)).return_value

    async def submit() -> Any:
        await task.kiq(**given)
        return batch_sum(given["numbers"])

    await task.broker.startup()
    work = submit if chosen.workload == "submissions" else call
    await measure(work, chosen.in_flight, chosen.seconds)
    await task.broker.shutdown()


if __name__ == "__main__":
    given = options("redis")
    asyncio.run((serve if given.role == "serve" else load)(given))
