"""The client: settings and keys in, calls and jobs out."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from toolwire.client.calls import Calls
from toolwire.client.options import Options
from toolwire.contracts.errors import ConfigurationError
from toolwire.contracts.tools import Contract

if TYPE_CHECKING:
    from toolwire.broker.transport import Transport
    from toolwire.client.watching import Watching


class Client(Calls):
    """Asks Toolwire servers, as one client of the registry.

        async with Client("client-001", server="mcp-server-001") as client:
            total = await client.call(batch_sum, numbers=[1, 2, 3])

    What is not given comes from the settings: TOOLWIRE_*, toolwire.toml, TOOLWIRE_HOME. `broker` is a URL, or
    several of one cluster. `instance` names this process durably: answers and events wait for it while it is
    away; without one they are lost with the connection, and what waits for them asks again. `key` is the id
    of the key to sign with. `timeout` (seconds) holds where `options` says nothing else. `transport` carries
    the messages instead of the RabbitMQ at `broker`.

    Raises `ConfigurationError` at once where settings, registry or keys are missing or wrong. Whether a
    broker is there shows with the first call.
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
        # Imported here: aio-pika, PyNaCl and pydantic-settings take longer than all the rest.
        from toolwire.broker.transport import AmqpTransport
        from toolwire.client.exchange import Exchange
        from toolwire.client.home import Home
        from toolwire.client.identity import read_identity
        from toolwire.client.pins import Pins
        from toolwire.client.settings import Settings, read_settings

        settings = read_settings(
            Settings, client=client_id, server=server, broker_url=broker, home=home, timeout=timeout
        )
        place = Home(settings.home)
        if not place.path.exists():
            raise ConfigurationError(
                f"there is no home at {place.path}: `toolwire dev` makes one; or name the folder "
                "that is one with home=, --home or TOOLWIRE_HOME"
            )
        if settings.client is None:
            raise ConfigurationError(
                "who asks? Pass the client's id, set TOOLWIRE_CLIENT, or write client into toolwire.toml"
            )
        identity = read_identity(place, settings.client, instance, key)
        if settings.server is not None:
            identity.signer(settings.server)  # a key that cannot be used is told now, not with the first call
        self.client_id = identity.client_id
        self.instance = identity.instance
        self._identity = identity
        self._pins = Pins(place, identity.client_id, identity.pinned)
        self._transport = transport or AmqpTransport(settings.broker_urls())
        exchange = Exchange(self._transport, identity, self._pins)
        super().__init__(exchange, Options(settings.timeout, settings.server))

    async def __aenter__(self) -> Self:
        await self._exchange.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exchange.__aexit__()

    def watch(
        self,
        name: str,
        *,
        server: str | None = None,
        tools: Collection[str | Contract[..., Any]] = (),
        events: Collection[str] = (),
        clients: Collection[str] = (),
    ) -> "Watching":
        """The events of jobs: this client's own, and those of other clients that the registry grants it.

            async with client.watch("packing", tools=[order], events=["done"]) as orders:
                async for seen in orders:
                    once = client.options(request_id=request_id_for(seen.job_id, "pack"))
                    await once.submit(pack, seen.result(order))

        `server`, `tools`, `events` and `clients` narrow it down; without one, it is any: any pinned server,
        this client and any that `watch = ["client-002", "shop-*"]` in its entry of the registry names.

        `name` names a durable queue. Processes that watch under one name share its events, so that each goes
        to one of them; under another name all come again. Events are kept from the first watch, or
        `subscribe()`, on, and for seven days while nobody watches. Always use a name with the same filter.

        A watcher can rely on this: an event is verified, of a granted client, and given at least once. It may
        come twice, late or out of order. It may be lost where more than 100,000 wait, oldest first, or nobody
        watched for too long. It is lost where the registry does not list the key that signed it by the time
        it comes; the log tells. (The registry is read again when it changes.) Only a job's owner can poll,
        but every snapshot is whole: the one with the highest `seq` says all.

        The wall at the broker, besides these checks: a broker user for this client with `configure`, `write`
        and `read` on its queues `^tw\\.watch\\.client-001\\.`, `read` on tw.events, and the topic permission
        `read` on tw.events for the bindings that it may make, such as `^client-001\\.`. A binding that it may
        not make is taken as one that an administrator made; the log tells.

        Raises `UsageError` or, where the registry does not grant it, `ConfigurationError` at once.
        """
        from toolwire.client.watched import watched
        from toolwire.client.watching import Watching

        wanted = watched(self._identity, server=server, tools=tools, events=events, clients=clients)
        return Watching(
            name,
            wanted,
            transport=self._transport,
            identity=self._identity,
            pins=self._pins,
            ledger=self._exchange.ledger,
            timeout=self._options.timeout,
        )

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many messages and lines were no answers to this client, nor for its watches, by reason."""
        return self._exchange.ledger.dropped
