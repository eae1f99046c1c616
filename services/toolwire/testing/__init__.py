"""For users' tests: `in_memory` runs a service without a broker, `Faults` makes its messages go wrong.

    from toolwire.testing import in_memory

    async def test_add() -> None:
        async with in_memory(service) as client:
            assert await client.call(add, a=1, b=2) == 3

`toolwire.testing.plugin` has the pytest fixtures for tests on a real RabbitMQ. Everything is imported when it
is first used: the plugin is loaded into every run of pytest, also of those who do not use it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolwire.testing.bench import Bench, in_memory
    from toolwire.testing.faults import Faults
    from toolwire.testing.memory import MemoryBroker
else:
    # Not for type checkers: to them any name would be there then.

    def __getattr__(name: str) -> Any:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


__all__ = ["Bench", "Faults", "MemoryBroker", "in_memory"]

_PLACES = {"Bench": "bench", "Faults": "faults", "MemoryBroker": "memory", "in_memory": "bench"}
