"""`python -m toolwire.cli.demo [--broker url|node|container]`: exit code 0 if everything was as promised.

1: something was not; 3: there is no broker; 130: interrupted.
"""

import argparse
import asyncio
import logging
import signal
import sys
import time
from types import FrameType
from typing import get_args

from toolwire.cli import exits
from toolwire.cli.demo.stage import Kind, broker, stage
from toolwire.cli.demo.story import tell
from toolwire.cli.demo.telling import NotAsPromised, step
from toolwire.cli.explain import explain
from toolwire.cli.logs import hear_amqp
from toolwire.cli.output import print_error, replace_unprintable
from toolwire.cli.stopping import ending_signals, hear_one_hangup


def main() -> int:
    """Run the demo."""
    parser = argparse.ArgumentParser(prog="python -m toolwire.cli.demo", description="Toolwire at work.")
    parser.add_argument("--broker", choices=get_args(Kind), help="which broker; what can be had otherwise")
    kind: Kind | None = parser.parse_args().broker
    logging.getLogger("toolwire").addHandler(logging.NullHandler())
    hear_amqp()
    replace_unprintable()
    for number in ending_signals():
        # As Ctrl-C, so that the replicas and the broker end with the demo.
        signal.signal(number, _as_interrupt)
    try:
        return _demo(kind)
    except KeyboardInterrupt:
        print("\ninterrupted; replicas and broker are gone", file=sys.stderr)
        return exits.INTERRUPTED
    except NotAsPromised as error:
        print(f"\nFAILED, this does not hold: {error}", file=sys.stderr)
        return exits.FAILED
    except (*exits.EXPECTED, TimeoutError) as error:
        print_error(explain(error), as_json=False)
        return exits.exit_code(error) if isinstance(error, exits.EXPECTED) else exits.FAILED


def _as_interrupt(number: int, _frame: FrameType | None) -> None:
    hear_one_hangup(number)
    signal.raise_signal(signal.SIGINT)


def _demo(kind: Kind | None) -> int:
    started = time.monotonic()
    step("The stage: a broker, keys, and two replicas of the demo service.")
    with broker(kind) as url:
        asyncio.run(_on(url))
    print(f"\nAll of it was as promised, in {time.monotonic() - started:.0f} seconds.")
    return exits.OK


async def _on(url: str) -> None:
    async with stage(url) as ready:
        await tell(ready)


if __name__ == "__main__":
    sys.exit(main())
