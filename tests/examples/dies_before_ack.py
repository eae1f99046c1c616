"""`python -m tests.examples.dies_before_ack MODULE`: run it, killed when it first acks an event.

The event is handled by then, and the broker does not know it: the worst moment.
"""

import os
import runpy
import signal
import sys

from toolwire.broker.delivery import Delivery
from toolwire.broker.topology import EVENTS

ack = Delivery.ack


async def die(delivery: Delivery) -> bool:
    """As if by `kill -9`, where an event is acked."""
    if delivery.exchange == EVENTS:
        os.kill(os.getpid(), signal.SIGKILL)
    return await ack(delivery)


if __name__ == "__main__":
    Delivery.ack = die  # type: ignore[method-assign, assignment]  # the crash is the test
    runpy.run_module(sys.argv[1], run_name="__main__")
