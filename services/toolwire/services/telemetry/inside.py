"""What one replica shows of itself: who listens to its signals, and who may look in."""

import asyncio
import logging
from collections import Counter
from collections.abc import Container, Generator
from contextlib import contextmanager
from importlib.util import find_spec

from toolwire.services.telemetry.address import HttpAddress, http_address
from toolwire.services.telemetry.logs import LogLines
from toolwire.services.telemetry.look import Look
from toolwire.services.telemetry.pages import Pages
from toolwire.services.telemetry.server import HttpServer
from toolwire.services.telemetry.signals import Everybody, Signals
from toolwire.services.telemetry.tally import Tally

log = logging.getLogger("toolwire.services")


class Inside:
    """A replica's signals and, where it has an HTTP address, the pages made of them."""

    def __init__(self, server_id: str, replica: str) -> None:
        self.signals: Signals = Signals()
        """Whom to tell, while it is open."""
        self.http: HttpAddress | None = None
        """Where the pages are, while they are."""
        self._server_id = server_id
        self._replica = replica
        self._tally = Tally()
        self._pages: Pages | None = None
        self._look: Look | None = None

    @property
    def counts(self) -> Counter[str]:
        """What was refused, put aside, silently dropped or undeliverable, by reason."""
        return self._tally.counts

    @property
    def ready(self) -> bool:
        """Whether a request that arrives now would be handled. Not before the replica has started."""
        return self._look is not None and self._look.ready

    @contextmanager
    def opened(self, http: str | None, tools: Container[str]) -> Generator[None]:
        """Listen, and answer on `http` where it is given. `tools`: the names that metrics may be told by.

        Raises `ConfigurationError` where nothing can listen there.
        """
        lines = LogLines()
        self.signals = Everybody(self._tally, lines)
        try:
            if http is None:
                yield
            else:
                self._pages = pages = Pages(self._replica, asyncio.get_running_loop())
                self._expose(pages, lines, tools)
                with HttpServer(http_address(http), pages.answer) as server:
                    self.http = server.address
                    log.info("http: /healthz, /readyz and /metrics at http://%s", server.address)
                    yield
        finally:
            lines.end()

    def show(self, look: Look) -> None:
        """The replica has started: this is how it stands from now on."""
        self._look = look
        if self._pages is not None:
            self._pages.look = look

    def drain(self) -> None:
        """The replica is stopping: nothing should be sent to it any more."""
        if self._look is not None:
            self._look.draining = True

    def _expose(self, pages: Pages, lines: LogLines, tools: Container[str]) -> None:
        if find_spec("prometheus_client") is None:
            return
        # Only here: whoever shows no figures needs nothing for it, and waits for no import.
        from toolwire.services.telemetry.exposition import exposed

        figures = exposed(self._server_id, self._replica, tools, pages.standing)
        pages.exposition = figures.written
        self.signals = Everybody(self._tally, lines, figures.metrics)
