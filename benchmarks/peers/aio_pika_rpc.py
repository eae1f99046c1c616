"""aio-pika's `patterns.JsonRPC` and `patterns.RPC`, as its documentation sets them up."""

import asyncio

from aio_pika import connect_robust
from aio_pika.abc import AbstractRobustConnection
from aio_pika.patterns import RPC, JsonRPC
from measuring import arguments, batch_sum, measure, options, until_told


async def answer(*, numbers: list[float], ballast: str = "") -> dict[str, float]:
    return batch_sum(numbers)


async def create(connection: AbstractRobustConnection, pattern: str) -> RPC:
    kind = JsonRPC if pattern == "json" else RPC
    # Exclusive, because RabbitMQ 4.3 refuses a transient queue that is not.
    return await kind.create(await connection.channel(), exclusive=True)


async def serve(url: str, pattern: str) -> None:
    async with await connect_robust(url) as connection:
        rpc = await create(connection, pattern)
        await rpc.register("batch_sum", answer, auto_delete=True, durable=True)
        await until_told()


async def load(url: str, pattern: str, in_flight: int, seconds: float, size: int) -> None:
    async with await connect_robust(url) as connection:
        rpc = await create(connection, pattern)
        given = arguments(size)
        await measure(lambda: rpc.call("batch_sum", given), in_flight, seconds)


if __name__ == "__main__":
    chosen = options("pattern")
    if chosen.role == "serve":
        asyncio.run(serve(chosen.url, chosen.pattern))
    else:
        asyncio.run(load(chosen.url, chosen.pattern, chosen.in_flight, chosen.seconds, chosen.bytes))
