"""A replica reads its registry again when it changes: who is new is served, who is revoked is not."""

import asyncio
import logging
import time

from toolwire.client.clock import now_ms
from toolwire.client.home import SKEW_MS, Home
from toolwire.contracts.errors import ConfigurationError
from toolwire.services.identity import Identity, read_identity

log = logging.getLogger("toolwire.services")

LOOK_EVERY_S = 2.0
READ_AT_LEAST_EVERY_S = 60.0
"""Keys come of age without a change of the file."""

Stamp = tuple[int, int, int] | None


class RegistryWatch:
    """Keeps `known` as the registry in `home` says. A registry that is wrong changes nothing."""

    def __init__(self, home: Home, known: Identity) -> None:
        self._home = home
        self._known = known
        # Whatever happened to the file since `known` was read from it, the first look reads it again.
        self._seen: Stamp = None
        self._read_at = 0.0

    async def work(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Read the registry again if it has changed, or after some time."""
        stamp = self._stamp()
        changed = stamp != self._seen
        if not changed and time.monotonic() < self._read_at + READ_AT_LEAST_EVERY_S:
            return
        self._seen, self._read_at = stamp, time.monotonic()
        try:
            # In a thread: thousands of clients take their time to be read.
            newer = await asyncio.to_thread(read_identity, self._home, self._known.server_id)
        except ConfigurationError as error:
            if changed:
                log.error("what this replica knows stays as it is: %s", error)  # noqa: TRY400 - the text says it all
            return
        before = (self._known.clients.copy(), self._known.signer.kid)
        self._known.follow(newer, now_ms() + round(READ_AT_LEAST_EVERY_S * 1000) + SKEW_MS)
        if before != (self._known.clients, self._known.signer.kid):
            known = self._known
            log.info(
                "the registry has changed: %d clients, signing with %s", len(known.clients), known.signer.kid
            )

    def _stamp(self) -> Stamp:
        try:
            status = self._home.registry_file.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
