"""Calls written straight on aiormq, the library below aio-pika: what an asyncio program can do at most."""

import asyncio
import json
import uuid
from typing import Any

import aiormq
from aiormq.abc import DeliveredMessage
from measuring import arguments, batch_sum, measure, options, until_told

QUEUE = "echo"


async def serve(url: str) -> None:
    connection = await aiormq.connect(url)
    channel = await connection.channel()
    await channel.basic_qos(prefetch_count=256)
    await channel.queue_declare(QUEUE, durable=True)

    async def answer(message: DeliveredMessage) -> None:
        asked = message.header.properties
        body = json.dumps(batch_sum(json.loads(message.body)["numbers"])).encode()
        properties = aiormq.spec.Basic.Properties(correlation_id=asked.correlation_id)
        await channel.basic_publish(body, routing_key=asked.reply_to or "", properties=properties)
        await channel.basic_ack(message.delivery_tag or 0)

    await channel.basic_consume(QUEUE, answer)
    await until_told()


async def load(url: str, in_flight: int, seconds: float, size: int) -> None:
    connection = await aiormq.connect(url)
    channel = await connection.channel()
    replies = str((await channel.queue_declare(exclusive=True)).queue)
    waiting: dict[str, asyncio.Future[Any]] = {}

    async def answered(message: DeliveredMessage) -> None:
        waiting.pop(str(message.header.properties.correlation_id)).set_result(json.loads(message.body))

    async def call() -> Any:
        correlation_id = uuid.uuid4().hex
        future = waiting[correlation_id] = asyncio.get_running_loop().create_future()
        properties = aiormq.spec.Basic.Properties(correlation_id=correlation_id, reply_to=replies)
        await channel.basic_publish(json.dumps(given).encode(), routing_key=QUEUE, properties=properties)
        return await future

    await channel.basic_consume(replies, answered, no_ack=True)
    given = arguments(size)
    await measure(call, in_flight, seconds)
    await connection.close()


if __name__ == "__main__":
    chosen = options()
    if chosen.role == "serve":
        asyncio.run(serve(chosen.url))
    else:
        asyncio.run(load(chosen.url, chosen.in_flight, chosen.seconds, chosen.bytes))
