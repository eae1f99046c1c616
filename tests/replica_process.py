"""A replica of `tests.served` in a process of its own: `python -m tests.replica_process`, told by TOOLWIRE_*.

It says its name when it is ready, and drains on SIGTERM.
"""

import asyncio
import logging
import signal

from tests.served import service


async def main() -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with service.running() as replica:
        print(replica.name, flush=True)  # noqa: T201 - the test waits for this line
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(name)s %(message)s")
    asyncio.run(main())
