"""Replicas that die in a test, and the fresh ones that take their place."""

import asyncio
import functools
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Self

from toolwire.services import Replica, Service
from toolwire.services.declaring.tools import ToolSpec
from toolwire.testing.faults import Faults

log = logging.getLogger("toolwire.testing")


class Mortal(Service[Any]):
    """A service whose tools tell `faults` when they have done their work, which may be the replica's end."""

    def __init__(self, service: Service[Any], faults: Faults) -> None:
        super().__init__(service.server_id, lifespan=service.open_state)
        self._watched = {spec.name: _watched(spec, faults) for spec in service.tools.values()}

    @property
    def tools(self) -> Mapping[str, ToolSpec]:
        """The tools of the service, watched."""
        return self._watched


def _watched(spec: ToolSpec, faults: Faults) -> ToolSpec:
    function = spec.function
    loop = asyncio.get_running_loop()

    @functools.wraps(function)
    async def on_the_loop(*args: Any, **kwargs: Any) -> Any:
        result = await function(*args, **kwargs)
        await faults.worked()
        return result

    @functools.wraps(function)
    def in_a_thread(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        asyncio.run_coroutine_threadsafe(faults.worked(), loop).result()
        return result

    if spec.is_async:
        return replace(spec, function=on_the_loop)
    # Also what runs in a process elsewhere: nobody here would know when it has done its work there.
    return replace(spec, function=in_a_thread, run_in="thread")


class Restarted:
    """Keeps one replica running: when `faults` kill it, a fresh one starts.

    Where none can start, what it raised is logged, is raised by whatever kills again, and ends the block.
    """

    def __init__(self, make: Callable[[], Replica], faults: Faults) -> None:
        self._make = make
        self._faults = faults
        self._one_at_a_time = asyncio.Lock()
        self._restarts: list[asyncio.Task[None]] = []
        self._failure: Exception | None = None

    async def __aenter__(self) -> Self:
        self._faults.begin()
        self.replica = await self._make().__aenter__()
        self._faults.under(self._restart)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._faults.under(None)
        await asyncio.gather(*self._restarts, return_exceptions=True)
        if self._failure is not None:
            raise self._failure
        await self.replica.__aexit__(None, None, None)

    async def _restart(self) -> None:
        # A task of its own: what asks for the death is mostly a tool, which dies of it.
        restart = asyncio.create_task(self._replace(), name="restart")
        self._restarts.append(restart)
        await asyncio.shield(restart)

    async def _replace(self) -> None:
        async with self._one_at_a_time:
            if self._failure is not None:
                raise self._failure
            await self.replica.kill()
            try:
                self.replica = await self._make().__aenter__()
            except Exception as error:
                log.exception("no fresh replica could start after a crash")
                self._failure = error
                raise
