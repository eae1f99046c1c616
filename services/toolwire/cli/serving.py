"""`serve`: one replica, from its start to its drained end."""

from typing import Any

from toolwire.cli.loading import load_service
from toolwire.cli.logs import Level, log_to_stderr
from toolwire.cli.stopping import end_now, run_until_signal
from toolwire.client.settings import read_settings
from toolwire.services import ServiceSettings


def serve(target: str, level: Level, **given: Any) -> int:
    """Serve until SIGTERM or SIGINT. `given` are fields of `ServiceSettings`; None: what the settings say."""
    log_to_stderr(level)
    settings = read_settings(ServiceSettings, **given)
    replica = load_service(target).running(settings)

    async def start() -> None:
        await replica.__aenter__()

    async def stop() -> None:
        await replica.__aexit__(None, None, None)

    return run_until_signal(start, stop, at_once=end_now)
