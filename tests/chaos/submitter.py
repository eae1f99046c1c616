"""A client program that submits a backlog: `python -m tests.chaos.submitter COUNT IN_FLIGHT`.

Ten times it says how far it is, and keeps what `submit_many` gave until it ends.
"""

import asyncio
import sys
from collections.abc import Generator

from tests.chaos.ground import CLIENT, tell
from tests.chaos.replica import SERVER, work
from toolwire.client import Client, Job, Submission, submission

REPORTS = 10
TIMEOUT_S = 60.0


def items(count: int) -> Generator[Submission[int]]:
    """What to submit. It is made when it is wanted, which tells how far the submitting is."""
    for number in range(count):
        if number and number % (count // REPORTS) == 0:
            tell(str(number))
        yield submission(work, number=number)


async def main(count: int, in_flight: int) -> None:
    """Submit, and say how many were accepted. Raises the first error of an item."""
    async with Client(CLIENT, server=SERVER, timeout=TIMEOUT_S) as client:
        outcomes = await client.submit_many(items(count), in_flight=in_flight)
    for outcome in outcomes:
        if not isinstance(outcome, Job):
            raise outcome
    tell(f"accepted {len(outcomes)}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
