"""A replica reads its registry again when it changes: who is new is served, who is revoked is not."""

import asyncio
import logging
import time

from toolwire.client.clock import now_ms
from toolwire.client.home import SKEW_MS, Home, Stamp
from toolwire.contracts.errors import ConfigurationError
from toolwire.contracts.keys import Ed25519Signer
from toolwire.services.homes.identity import Acquaintance, Identity, read_acquaintance

log = logging.getLogger("toolwire.services")

LOOK_EVERY_S = 2.0
READ_AT_LEAST_EVERY_S = 60.0
"""Keys come of age without a change of the file."""


class RegistryWatch:
    """Keeps `known` as the registry in `home` says. A registry that is wrong changes nothing."""

    def __init__(self, home: Home, known: Identity) -> None:
        self._home = home
        self._known = known
        # Whatever happened to the file since `known` was read from it, the first look reads it again.
        self._seen: Stamp | None = None
        self._read_at = 0.0
        self._complaint = ""

    async def work(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Read the registry again if it has changed, or after some time; one that is wrong at every look."""
        stamp = self._home.registry_stamp()
        if stamp == self._seen and time.monotonic() < self._read_at + READ_AT_LEAST_EVERY_S:
            return
        try:
            # In a thread: thousands of clients take their time to be read.
            newer, newest = await asyncio.to_thread(self._read)
        except ConfigurationError as error:
            self._complain(f"what this replica knows stays as it is: {error}")
            return
        self._seen, self._read_at = stamp, time.monotonic()
        self._follow(newer, newest)

    def _read(self) -> tuple[Acquaintance, Ed25519Signer | None]:
        return read_acquaintance(self._home, self._known.server_id), self._newest()

    def _follow(self, newer: Acquaintance, newest: Ed25519Signer | None) -> None:
        known = self._known
        before = (known.clients.copy(), known.signer.kid)
        known.follow(newer, newest, now_ms() + round(READ_AT_LEAST_EVERY_S * 1000) + SKEW_MS)
        if before != (known.clients, known.signer.kid):
            log.info(
                "the registry has changed: %d clients, signing with %s", len(known.clients), known.signer.kid
            )

    def _newest(self) -> Ed25519Signer | None:
        """What the server would sign with now, if it began."""
        try:
            signer = self._home.server_signer(self._known.server_id)
        except ConfigurationError as error:
            self._complain(f"this replica goes on to sign with {self._known.signer.kid}: {error}")
            return None
        self._complaint = ""
        return signer

    def _complain(self, complaint: str) -> None:
        """Once for each change of what is wrong."""
        if complaint != self._complaint:
            log.error("%s", complaint)
        self._complaint = complaint
