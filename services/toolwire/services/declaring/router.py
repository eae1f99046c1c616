"""A module's tools, to be included in a service."""

from typing import Generic

from toolwire.contracts.errors import DefinitionError
from toolwire.contracts.names import TOOL_PATTERN, is_tool_name
from toolwire.services.declaring.toolbox import A, Toolbox
from toolwire.services.declaring.tools import ToolSpec


class Router(Toolbox[A], Generic[A]):
    """Tools that are declared apart from their service.

        router = Router(prefix="billing.")

        @router.tool(read_only=True)
        async def total(invoice: str) -> int: ...

        service.include(router)

    Names are complete here, prefix and all: the tool above is `billing.total` to every caller, also to one
    that imports only this module. So a service adds no prefix of its own, and routers do not nest. Tools that
    read `ctx.state` say of which type it is: `Router[App](prefix="billing.")`.
    """

    def __init__(self, *, prefix: str = "") -> None:
        if prefix and not is_tool_name(prefix):
            raise DefinitionError(f"the prefix {prefix!r} must match {TOOL_PATTERN}")
        super().__init__(prefix=prefix)
        self._included_in: str | None = None

    def __str__(self) -> str:
        return f"Router(prefix={self.prefix!r})"

    def close(self, server_id: str) -> None:
        """Take no more tools: that service has included this router."""
        self._included_in = server_id

    def _add(self, spec: ToolSpec) -> ToolSpec:
        if self._included_in is not None:
            raise DefinitionError(
                f"{self} is included in {self._included_in} already, which would not serve {spec.name!r}: "
                "include a router after its tools are declared"
            )
        return super()._add(spec)
