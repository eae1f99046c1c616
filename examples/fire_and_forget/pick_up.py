"""The other half of `submit`: waits for the end of a job, whichever process submitted it, and whenever."""

import asyncio

from examples.service import pack
from toolwire.client import FINAL_EVENTS, Client, Done


async def main() -> None:
    async with Client() as client, client.watch("parcels", tools=[pack], events=FINAL_EVENTS) as parcels:
        async for seen in parcels:
            if isinstance(seen.event, Done):
                print(f"job {seen.job_id} packed {seen.result(pack)}")
            else:
                print(f"job {seen.job_id} ended as {seen.snapshot.status}")
            return  # which ends the watch: the event is handled, and does not come again


if __name__ == "__main__":
    asyncio.run(main())
