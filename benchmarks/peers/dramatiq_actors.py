"""Dramatiq with RabbitMQ; its results are kept in Redis, because RabbitMQ is none of its result backends."""

import argparse
import signal
import threading
from typing import Any

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.results import Results
from dramatiq.results.backends.redis import RedisBackend
from measuring import arguments, batch_sum, measure_in_threads, options, say
from redis import ConnectionPool, Redis

MOST_CALLERS = 512
THREADS = 8  # what its command line starts in each process


def actor(chosen: argparse.Namespace) -> Any:
    broker = RabbitmqBroker(url=chosen.url, confirm_delivery=True)  # off unless it is asked for
    if chosen.redis:
        # One connection for each caller; the pool's own limit is lower.
        pool = ConnectionPool.from_url(chosen.redis, max_connections=MOST_CALLERS)
        broker.add_middleware(Results(backend=RedisBackend(client=Redis(connection_pool=pool))))
    dramatiq.set_broker(broker)

    with_results = {"store_results": True} if chosen.redis else {}

    @dramatiq.actor(actor_name="batch_sum", **with_results)
    def task(numbers: list[float], ballast: str = "") -> dict[str, float]:
        return batch_sum(numbers)

    return task


def serve(chosen: argparse.Namespace) -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    worker = dramatiq.Worker(actor(chosen).broker, worker_threads=THREADS)
    worker.start()
    say(ready=True)
    ended.wait()
    worker.stop(timeout=5000)


def load(chosen: argparse.Namespace) -> None:
    task = actor(chosen)
    given = arguments(chosen.bytes)

    def call() -> Any:
        return task.send(**given).get_result(block=True, timeout=30_000)

    def submit() -> Any:
        task.send(**given)
        return batch_sum(given["numbers"])

    measure_in_threads(submit if chosen.workload == "submissions" else call, chosen.in_flight, chosen.seconds)


if __name__ == "__main__":
    given = options("redis")
    (serve if given.role == "serve" else load)(given)
