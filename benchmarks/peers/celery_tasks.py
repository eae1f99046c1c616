"""Celery with results over RabbitMQ (`rpc://`): `delay` and `get`."""

import argparse
from typing import Any

from celery import Celery
from celery.signals import worker_ready
from measuring import arguments, batch_sum, measure_in_threads, options, say

PREFETCH = 64


def application(url: str) -> Celery:
    app = Celery("bench", broker=url, backend="rpc://")
    app.conf.update(
        broker_transport_options={"confirm_publish": True},  # off unless it is asked for
        task_acks_late=True,
        worker_prefetch_multiplier=PREFETCH,
        worker_redirect_stdouts=False,
        task_serializer="json",
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
    )

    @app.task(name="batch_sum")
    def task(numbers: list[float], ballast: str = "") -> dict[str, float]:
        return batch_sum(numbers)

    return app


def serve(chosen: argparse.Namespace) -> None:
    app = application(chosen.url)
    worker_ready.connect(lambda **_: say(ready=True), weak=False)
    app.worker_main(["worker", "--loglevel", "ERROR", "--pool", "solo"])


def load(chosen: argparse.Namespace) -> None:
    app = application(chosen.url)
    task = app.tasks["batch_sum"]
    given = arguments(chosen.bytes)

    def call() -> Any:
        return task.delay(**given).get(timeout=30)

    measure_in_threads(call, chosen.in_flight, chosen.seconds)


if __name__ == "__main__":
    given = options()
    (serve if given.role == "serve" else load)(given)
