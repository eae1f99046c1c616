"""Fire and forget: submit a job and exit at once; another process hears of its end.

To run it:

    toolwire dev examples.service:service
    python -m examples.fire_and_forget.submit             in a second terminal
    python -m examples.fire_and_forget.pick_up            in a third one: before, at once, or days later
"""

import asyncio

from examples.service import pack
from toolwire.client import FINAL_EVENTS, Client


async def main() -> None:
    async with Client() as client:
        # From now on events wait for `pick_up`, also if it was never started before.
        await client.watch("parcels", tools=[pack], events=FINAL_EVENTS).subscribe()
        job = await client.submit(pack, item="pencil", count=3)
        print(f"submitted job {job.id}")


if __name__ == "__main__":
    asyncio.run(main())
