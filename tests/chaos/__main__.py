"""Everything at full scale: `python -m tests.chaos [PART …] [--jobs 100000]`; minutes, and an idle machine.

Each part starts its own RabbitMQ and PostgreSQL, tells its figures, and fails where a promise is broken.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable

from tests.chaos import backlog, full_load, latency, store_away
from tests.chaos.ground import Ground, ground, tell

Part = Callable[[Ground], Awaitable[None]]


def main() -> int:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000, help="how long the backlog is")
    parser.add_argument("parts", nargs="*", metavar="PART", help="latency, full-load, store-away or backlog")
    given = parser.parse_args()
    parts: dict[str, Part] = {
        "latency": latency.run,
        "full-load": full_load.run,
        "store-away": store_away.run,
        "backlog": lambda there: backlog.run(there, given.jobs),
    }
    if unknown := set(given.parts) - parts.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    failed = [name for name in given.parts or parts if not asyncio.run(holds(name, parts[name]))]
    if failed:
        tell(f"FAILED: {', '.join(failed)}")
    return 1 if failed else 0


async def holds(name: str, part: Part) -> bool:
    """Run one part on a ground of its own. Whether all that it asserts is so."""
    tell(f"--- {name} ---")
    async with ground() as there:
        try:
            await part(there)
        except AssertionError as error:
            tell(f"{name}: {error}")
            return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
