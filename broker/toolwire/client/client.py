"""The client: settings and keys in, calls and jobs out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from toolwire.client.calls import Calls
from toolwire.client.options import Options
from toolwire.contracts.errors import ConfigurationError


class Client(Calls):
    """Asks Toolwire servers, as one client of the registry.

        async with Client("client-001", server="mcp-server-001") as client:
            total = await client.call(batch_sum, numbers=[1, 2, 3])

    What is not given comes from the settings: TOOLWIRE_*, toolwire.toml, TOOLWIRE_HOME. `broker` is a URL, or
    several of one cluster. `instance` names this process durably: answers and events wait for it while it is
    away; without one they are lost with the connection, and what waits for them asks again. `key` is the id
    of the key to sign with. `timeout` (seconds) holds where `options` says nothing else.

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
    ) -> None:
        # Imported here: aio-pika, cryptography and pydantic-settings take longer than all the rest.
        from toolwire.client.exchange import Exchange
        from toolwire.client.home import Home
        from toolwire.client.identity import read_identity
        from toolwire.client.settings import Settings, read_settings

        settings = read_settings(
            Settings, client=client_id, server=server, broker_url=broker, home=home, timeout=timeout
        )
        if settings.client is None:
            raise ConfigurationError(
                "who asks? Pass the client's id, set TOOLWIRE_CLIENT, or write client into toolwire.toml"
            )
        identity = read_identity(Home(settings.home), settings.client, instance, key)
        if settings.server is not None:
            identity.signer(settings.server)  # a key that cannot be used is told now, not with the first call
        self.client_id = identity.client_id
        self.instance = identity.instance
        exchange = Exchange(settings.broker_urls(), identity)
        super().__init__(exchange, Options(settings.timeout, settings.server))

    async def __aenter__(self) -> Self:
        await self._exchange.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exchange.__aexit__()

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many received messages and lines were no answers to this client, by reason."""
        return self._exchange.ledger.dropped
