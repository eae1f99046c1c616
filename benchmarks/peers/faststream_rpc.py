"""FastStream's RPC: `broker.request` to a subscriber that returns its answer."""

import asyncio
import json
from typing import Any

from faststream.rabbit import RabbitBroker, RabbitQueue
from measuring import arguments, batch_sum, measure, options, until_told

QUEUE = RabbitQueue("batch_sum", durable=True)


async def serve(url: str) -> None:
    broker = RabbitBroker(url, logger=None)

    @broker.subscriber(QUEUE)
    async def answer(numbers: list[float], ballast: str = "") -> dict[str, float]:
        return batch_sum(numbers)

    async with broker:
        await broker.start()
        await until_told()


async def load(url: str, in_flight: int, seconds: float, size: int) -> None:
    given = arguments(size)
    async with RabbitBroker(url, logger=None) as broker:

        async def call() -> Any:
            answer = await broker.request(given, queue=QUEUE, timeout=30)
            return json.loads(answer.body)

        await measure(call, in_flight, seconds)


if __name__ == "__main__":
    chosen = options()
    if chosen.role == "serve":
        asyncio.run(serve(chosen.url))
    else:
        asyncio.run(load(chosen.url, chosen.in_flight, chosen.seconds, chosen.bytes))
