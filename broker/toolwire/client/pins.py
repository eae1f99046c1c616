"""The keys that a client accepts answers and events under: those that its registry lists at the moment."""

import asyncio
import logging
import time

from toolwire.client.home import Home, Stamp
from toolwire.contracts.errors import ConfigurationError
from toolwire.contracts.keys import Keyring

log = logging.getLogger("toolwire.client")

LOOK_EVERY_S = 2.0


class Pins:
    """Keeps `keys` as the registry in `home` says, for everybody who holds them.

    It is read when its file has changed and never for what a message says, so that nobody who sends rubbish
    makes work. One that is wrong changes nothing.
    """

    def __init__(self, home: Home, client_id: str, keys: Keyring) -> None:
        self.keys = keys
        self._home = home
        self._client_id = client_id
        # Whatever happened to the file since `keys` were read from it, the first look reads it again.
        self._seen: Stamp | None = None
        self._not_before = 0.0
        self._complaint = ""

    async def work(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> bool:
        """Read the registry again if its file has changed; whether it was read."""
        stamp = self._home.registry_stamp()
        if stamp == self._seen or time.monotonic() < self._not_before:
            return False
        try:
            newer = await asyncio.to_thread(self._home.server_keys, self._client_id)
        except ConfigurationError as error:
            self._not_before = time.monotonic() + LOOK_EVERY_S
            self._complain(str(error))
            return False
        self.keys.follow(newer)
        self._seen, self._complaint = stamp, ""
        return True

    def _complain(self, complaint: str) -> None:
        """Once for each change of what is wrong."""
        if complaint != self._complaint:
            log.warning("the keys that this client accepts stay as they are: %s", complaint)
        self._complaint = complaint
