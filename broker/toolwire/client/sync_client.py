"""The client for callers without an event loop: scripts, and frameworks that are not async."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from toolwire.client.client import Client
from toolwire.client.sync_calls import SyncCalls
from toolwire.client.sync_loop import LoopThread
from toolwire.client.sync_watching import SyncWatching
from toolwire.contracts.tools import Contract

if TYPE_CHECKING:
    from toolwire.broker.transport import Transport


class SyncClient(SyncCalls):
    """A `Client` whose methods wait, with the same signatures.

        with SyncClient("client-001", server="mcp-server-001") as client:
            total = client.call(batch_sum, numbers=[1, 2, 3])

    Several threads may share one. It keeps its connections in a thread of its own, so that they live on
    while nobody calls. Ctrl-C ends a wait at once. It is not for use where an event loop runs, nor across a
    fork: both raise `UsageError`.
    """

    def __init__(
        self,
        client_id: str | None = None,
        *,
        server: str | None = None,
        broker: str | Sequence[str] | None = None,
        home: Path | str | None = None,
        instance: str | None = None,
        key: str | None = None,
        timeout: float | None = None,
        transport: "Transport | None" = None,
    ) -> None:
        self._client = Client(
            client_id,
            server=server,
            broker=broker,
            home=home,
            instance=instance,
            key=key,
            timeout=timeout,
            transport=transport,
        )
        self.client_id = self._client.client_id
        self.instance = self._client.instance
        super().__init__(LoopThread(self._client), self._client)

    def __enter__(self) -> Self:
        self._thread.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.close()

    def watch(
        self,
        name: str,
        *,
        server: str | None = None,
        tools: Collection[str | Contract[..., Any]] = (),
        events: Collection[str] = (),
        clients: Collection[str] = (),
    ) -> SyncWatching:
        """The events of jobs, whoever submitted them: `with client.watch(…) as events:`, then `for`."""
        watching = self._client.watch(name, server=server, tools=tools, events=events, clients=clients)
        return SyncWatching(self._thread, watching)

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many received messages and lines were no answers to this client, by reason."""
        return self._client.dropped
