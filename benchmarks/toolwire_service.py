"""A replica as `toolwire serve` runs it: `python -m benchmarks.toolwire_service serve --url … --folder …`."""

import os
from typing import Any

from benchmarks.peers.measuring import say
from benchmarks.toolwire_home import home_in, make_home
from benchmarks.toolwire_options import read
from benchmarks.toolwire_replicas import note_replica
from benchmarks.toolwire_tools import service
from toolwire.cli.logs import Level, log_to_stderr
from toolwire.cli.stopping import end_now, run_until_signal
from toolwire.client.settings import read_settings
from toolwire.services import ServiceSettings


def main() -> int:
    """Serve until SIGTERM, with the settings that a replica has where nobody says anything."""
    given = read()
    make_home(given.folder, given.key)
    note_replica(given.folder, os.getpid())
    log_to_stderr(Level.INFO)
    said: dict[str, Any] = {"broker_url": given.url, "home": home_in(given.folder), "store": given.store}
    settings = read_settings(ServiceSettings, **said)
    return run_until_signal(service.running(settings), on_ready=lambda: say(ready=True), at_once=end_now)


if __name__ == "__main__":
    raise SystemExit(main())
