"""A replica's worth of load in a process of its own: `python -m tests.unit.store.hammer URL NAME SECONDS`.

Prints the request id of each job that was confirmed as done, and ends with an error at the first exception.
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import time

from tests.unit.store.given import DONE, LONG, SERVER, changed, request
from toolwire.services.store import open_store
from toolwire.services.store.port import Store

CALLERS = 32


async def lead_jobs(store: Store, name: str, until: float) -> None:
    """Accept, take and finish jobs, one after the other."""
    for number in range(sys.maxsize):
        if time.monotonic() > until:
            return
        new = request(kind="job", client=name, request_id=f"{name}-{number}", tool=name)
        await store.accept(new, holder=name, lease_ms=LONG)
        token = f"{name}-{number}"
        taken = await store.take([name], token=token, holder=name, lease_ms=LONG, kinds=["job"])
        ended = changed(
            await store.finish(token, DONE, progress=None, tell=False, holder=name, lease_ms=LONG)
        )
        await store.sent([message.number for message in (*changed(taken).messages, *ended.messages)])
        print(*dataclasses.astuple(ended.record.key), flush=True)  # noqa: T201  # the parent reads it


async def main(url: str, name: str, seconds: float) -> None:
    async with open_store(url, SERVER) as store:
        until = time.monotonic() + seconds
        await asyncio.gather(*(lead_jobs(store, f"{name}-{caller}", until) for caller in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
