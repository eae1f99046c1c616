"""Who asks Toolwire: `python -m benchmarks.toolwire_load load --url … --folder … --workload calls …`."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping

from benchmarks import (
    toolwire_backlog,
    toolwire_calls,
    toolwire_fan_out,
    toolwire_idle,
    toolwire_jobs,
    toolwire_many,
    toolwire_mixed,
    toolwire_soak,
)
from benchmarks.toolwire_options import Given, loop_maker, read

LOADS: Mapping[str, Callable[[Given], Coroutine[None, None, None]]] = {
    "sequential": toolwire_calls.call,
    "calls": toolwire_calls.call,
    "arguments": toolwire_calls.call,
    "submissions": toolwire_jobs.submit,
    "job-life": toolwire_jobs.live,
    "fan-out": toolwire_fan_out.watch,
    "clients": toolwire_many.call,
    "idle": toolwire_idle.look,
    "backlog": toolwire_backlog.stand,
    "mixed": toolwire_mixed.mix,
    "soak": toolwire_soak.endure,
}


def main() -> None:
    """Ask for as long as was said, and tell how that went."""
    given = read()
    with asyncio.Runner(loop_factory=loop_maker(given.loop)) as runner:
        runner.run(LOADS[given.workload](given))


if __name__ == "__main__":
    main()
