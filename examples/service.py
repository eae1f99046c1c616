"""A service: two tools that answer at once, and a job that takes its time.

To run it:

    toolwire dev examples.service:service                 a private broker, keys, and this service
    toolwire call look_up item=stapler                    in a second terminal
    toolwire submit --wait pack item=pencil count=20
"""

import asyncio
from difflib import get_close_matches
from typing import Annotated

from pydantic import BaseModel, Field

from toolwire.services import JobContext, Service, ToolError

PRICES = {"pencil": 0.5, "ruler": 2.0, "stapler": 12.5}

Count = Annotated[int, Field(ge=1, le=100)]

service = Service("stationery")


class Price(BaseModel):
    """What one of an item costs."""

    unit_price: float


class Total(BaseModel):
    """What all of them cost."""

    total: float


class Parcel(BaseModel):
    """What is in the parcel."""

    item: str
    count: int


@service.tool(read_only=True)
async def look_up(item: str) -> Price:
    """Look up what one of an item costs."""
    if item not in PRICES:
        close = get_close_matches(item, PRICES, 1)
        raise ToolError("unknown_item", f"There is no {item}", {"item": close[0]} if close else None)
    return Price(unit_price=PRICES[item])


@service.tool(read_only=True)
async def add_up(unit_price: float, count: Count) -> Total:
    """Add up what several cost."""
    return Total(total=unit_price * count)


@service.job(max_attempts=3)
async def pack(ctx: JobContext[None], item: str, count: Count) -> Parcel:
    """Pack them one by one; begun again elsewhere if this replica is lost."""
    for packed in range(count):
        await ctx.progress(packed / count, f"{packed} of {count} packed")
        await asyncio.sleep(0.1)
    return Parcel(item=item, count=count)
