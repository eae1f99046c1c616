"""`serve`: one replica, from its start to its drained end."""

from typing import Any

from toolwire.cli.loading import load_service
from toolwire.cli.logs import Level, LogFormat, log_to_stderr
from toolwire.cli.reloading import keep_reloading
from toolwire.cli.stopping import end_now, run_until_signal
from toolwire.client.settings import read_settings
from toolwire.services import ServiceSettings


def serve(target: str, level: Level, log_format: LogFormat, **given: Any) -> int:
    """Serve until SIGTERM or SIGINT. `given` are fields of `ServiceSettings`; None: what the settings say."""
    log_to_stderr(level, log_format)
    settings = read_settings(ServiceSettings, **given)
    return run_until_signal(load_service(target).running(settings), at_once=end_now)


def serve_reloading(target: str, level: Level, log_format: LogFormat, **given: Any) -> int:
    """The same, and again whenever the code changes."""
    log_to_stderr(level, log_format)
    settings = read_settings(ServiceSettings, **given)
    logs = {"level": level, "log_format": log_format}
    return keep_reloading("serve", {"target": target, **given, **logs}, settings)
