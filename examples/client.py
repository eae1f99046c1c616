"""A client: a call, a call that fails, a job with its progress.

To run it:

    toolwire dev examples.service:service
    python -m examples.client                             in a second terminal
"""

import asyncio

from examples.service import look_up, pack
from toolwire.client import Client, Done, Progressed, ToolFailed


async def main() -> None:
    async with Client() as client:
        price = await client.call(look_up, item="stapler")
        print(f"a stapler costs {price.unit_price}")

        try:
            await client.call(look_up, item="staplr")
        except ToolFailed as error:
            print(f"{error.reason}: did you mean {error.data}?")

        job = await client.submit(pack, item="stapler", count=3)
        async for event in job.events():
            match event:
                case Progressed():
                    print(f"{event.progress.fraction:.0%} {event.progress.message}")
                case Done():
                    print("packed")
                case _:
                    pass
        parcel = await job.result()
        print(f"the parcel has {parcel.count} of {parcel.item}")


if __name__ == "__main__":
    asyncio.run(main())
