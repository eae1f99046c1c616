"""Calls written straight on aio-pika, as in RabbitMQ's tutorial on RPC: queues and correlation ids."""

import asyncio
import json
import uuid
from typing import Any

from aio_pika import Message, connect_robust
from aio_pika.abc import AbstractIncomingMessage
from measuring import arguments, batch_sum, measure, options, until_told

QUEUE = "echo"


async def serve(url: str) -> None:
    async with await connect_robust(url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=256)
        queue = await channel.declare_queue(QUEUE, durable=True)
        exchange = channel.default_exchange

        async def answer(message: AbstractIncomingMessage) -> None:
            body = json.dumps(batch_sum(json.loads(message.body)["numbers"])).encode()
            await exchange.publish(
                Message(body, correlation_id=message.correlation_id), str(message.reply_to)
            )
            await message.ack()

        await queue.consume(answer)
        await until_told()


async def load(url: str, in_flight: int, seconds: float, size: int) -> None:
    async with await connect_robust(url) as connection:
        channel = await connection.channel()
        replies = await channel.declare_queue(exclusive=True)
        waiting: dict[str, asyncio.Future[Any]] = {}

        async def answered(message: AbstractIncomingMessage) -> None:
            waiting.pop(str(message.correlation_id)).set_result(json.loads(message.body))

        async def call() -> Any:
            correlation_id = uuid.uuid4().hex
            future = waiting[correlation_id] = asyncio.get_running_loop().create_future()
            body = json.dumps(given).encode()
            message = Message(body, correlation_id=correlation_id, reply_to=replies.name)
            await channel.default_exchange.publish(message, QUEUE)
            return await future

        await replies.consume(answered, no_ack=True)
        given = arguments(size)
        await measure(call, in_flight, seconds)


if __name__ == "__main__":
    chosen = options()
    if chosen.role == "serve":
        asyncio.run(serve(chosen.url))
    else:
        asyncio.run(load(chosen.url, chosen.in_flight, chosen.seconds, chosen.bytes))
