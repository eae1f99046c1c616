"""What users write: a service is a name, its tools, and what they share."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, overload

from toolwire.broker.transport import Transport
from toolwire.client.settings import read_settings
from toolwire.contracts.errors import DefinitionError
from toolwire.contracts.names import ID_PATTERN, is_id
from toolwire.services.declaring.router import Router
from toolwire.services.declaring.toolbox import A, Toolbox
from toolwire.services.replica import Replica
from toolwire.services.settings import ServiceSettings


class Service(Toolbox[A], Generic[A]):
    """A server's tools.

        service = Service("mcp-server-001")

        @service.tool(read_only=True)
        async def add(a: int, b: int) -> int:
            return a + b

    `lifespan` is an async context manager that yields what the tools share, as `ctx.state`; every replica
    opens its own. A replica serves the tools that are there when it starts.
    """

    @overload
    def __init__(self: "Service[None]", server_id: str) -> None: ...
    @overload
    def __init__(self, server_id: str, *, lifespan: Callable[[], AbstractAsyncContextManager[A]]) -> None: ...
    def __init__(
        self, server_id: str, *, lifespan: Callable[[], AbstractAsyncContextManager[Any]] | None = None
    ) -> None:
        if not is_id(server_id):
            raise DefinitionError(f"the server id {server_id!r} must match {ID_PATTERN}")
        super().__init__()
        self.server_id = server_id
        self.open_state: Callable[[], AbstractAsyncContextManager[Any]] = lifespan or _nothing
        self._routers: list[Router[Any]] = []

    def __str__(self) -> str:
        return self.server_id

    def include(self, router: Router[A] | Router[None]) -> None:
        """Serve the tools of a router, all or, where one of them cannot be, none.

        Several services may include the same router. Raises `DefinitionError` for a name that is taken, and
        for a router that is included already.
        """
        if router in self._routers:
            raise DefinitionError(f"{self} includes {router} already")
        before = dict(self._tools)
        try:
            for spec in router.tools.values():
                self._add(spec)
        except DefinitionError:
            self._tools = before
            raise
        self._routers.append(router)
        router.close(self.server_id)

    def running(
        self,
        settings: ServiceSettings | None = None,
        /,
        *,
        transport: Transport | None = None,
        **given: Any,
    ) -> Replica:
        """A replica of this service, to be entered: `async with service.running(home=…): …`.

        The keywords are those of `ServiceSettings` and go before the environment and the files; `transport`
        carries the messages instead of the RabbitMQ that they name.
        """
        return Replica(self, settings or read_settings(ServiceSettings, **given), transport)


@asynccontextmanager
async def _nothing() -> AsyncGenerator[None]:
    yield None
