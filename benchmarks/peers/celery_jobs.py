"""Celery's job submissions: `delay`, with confirms and a result backend, while no worker is there to run any.

That is the best that can be had of it: durable classic queue, persistent messages, nobody else at work. The
results would go to PostgreSQL.
"""

import argparse
import signal
from typing import Any

from celery import Celery
from measuring import arguments, batch_sum, measure_in_threads, options, say

MOST_THREADS = 8
"""With more it gets slower."""


def application(url: str, database: str, connections: int) -> Celery:
    """One with a connection for every thread."""
    app = Celery(
        "bench", broker=url, backend=database.replace("postgresql://", "db+postgresql+psycopg://", 1)
    )
    app.conf.update(
        broker_transport_options={"confirm_publish": True},  # off unless it is asked for
        broker_pool_limit=connections,
        task_acks_late=True,
    )

    @app.task(name="batch_sum")
    def task(numbers: list[float]) -> dict[str, float]:
        return batch_sum(numbers)

    return app


def load(chosen: argparse.Namespace) -> None:
    """Submit from that many threads."""
    threads = min(chosen.in_flight, MOST_THREADS)
    task = application(chosen.url, chosen.database, threads).tasks["batch_sum"]
    given = arguments(0)

    def submit() -> Any:
        task.delay(**given)
        return batch_sum(given["numbers"])  # what the harness checks: there is no answer yet

    measure_in_threads(submit, threads, chosen.seconds)


def wait_for_the_end() -> None:
    """Stand where a worker would."""
    say(ready=True)
    signal.sigwait([signal.SIGTERM])


if __name__ == "__main__":
    given = options("database")
    if given.role == "serve":
        wait_for_the_end()
    else:
        load(given)
