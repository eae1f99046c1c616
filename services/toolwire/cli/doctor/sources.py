"""Which settings hold, and which argument, variable or file each came from."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolwire.cli.doctor.finding import Area, Desk, Finding
from toolwire.client.settings import FILE_NAME, read_settings
from toolwire.client.urls import without_password
from toolwire.contracts.errors import ConfigurationError
from toolwire.services.settings import ServiceSettings

PREFIX = "TOOLWIRE_"
NOT_SETTINGS = re.compile(r"TOOLWIRE_(TEST_|AMQP_PORT$|MANAGEMENT_PORT$)")
"""Variables of the tests' own, and of docker-compose.yml."""
SHOWN = ("home", "broker_url", "server", "client", "store")


@dataclass(frozen=True, slots=True)
class Sources:
    """The settings, if they can be read, and where they were looked for."""

    settings: ServiceSettings | None
    complaint: str
    """Why they cannot be read; empty where they can."""
    came_from: Mapping[str, str]
    unknown: Mapping[str, str]
    """Names that are no settings, and where they stand: most are misspelt."""


def read_sources(given: Mapping[str, Any]) -> Sources:
    """Read the settings as every command does; `given` are the command line's options."""
    try:
        settings, complaint = read_settings(ServiceSettings, **given), ""
    except ConfigurationError as error:
        settings, complaint = None, str(error)
    files = [Path(FILE_NAME)] if settings is None else [Path(FILE_NAME), settings.home / FILE_NAME]
    contents = [(str(file.absolute()), _read(file)) for file in files]
    came_from = {name: _origin(name, given, contents) for name in ServiceSettings.model_fields}
    return Sources(settings, complaint, came_from, dict(_unknown(contents)))


def judge_sources(sources: Sources) -> Iterator[Finding]:
    """What holds, where it is from, and what nobody reads."""
    desk = Desk(Area.HOME, "settings")
    if sources.settings is None:
        yield desk.error("settings", sources.complaint, "correct it there; nothing else can be looked at")
        return
    for name in SHOWN:
        value = getattr(sources.settings, name)
        yield desk.ok(f"setting_{name}", f"{name} = {_shown(value)}, from {sources.came_from[name]}")
    for name, where in sources.unknown.items():
        yield Desk(Area.HOME, where).warning(
            "unknown_setting",
            f"{name} is no setting: nobody reads it",
            f"correct it, or take it out; settings are: {', '.join(sorted(ServiceSettings.model_fields))}",
        )
    for name, role in (("client", "who asks"), ("server", "who is asked")):
        if getattr(sources.settings, name) is None:
            yield desk.note(
                f"no_{name}",
                f"no {name} is named: {role} is not known, and less can be looked at",
                f"--{name}, TOOLWIRE_{name.upper()}, or {name} in toolwire.toml",
            )


def _origin(name: str, given: Mapping[str, Any], contents: list[tuple[str, Mapping[str, Any]]]) -> str:
    if given.get(name) is not None:
        return "the command line"
    if os.environ.get(f"{PREFIX}{name.upper()}"):
        return f"{PREFIX}{name.upper()}"
    return next((where for where, content in contents if name in content), "the default")


def _unknown(contents: list[tuple[str, Mapping[str, Any]]]) -> Iterator[tuple[str, str]]:
    known = set(ServiceSettings.model_fields)
    ours = (name for name in sorted(os.environ) if name.startswith(PREFIX) and not NOT_SETTINGS.match(name))
    for name in ours:
        if name.removeprefix(PREFIX).lower() not in known:
            yield name, "the environment"
    for where, content in contents:
        for name in sorted(set(content) - known):
            yield name, where


def _read(file: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}


def _shown(value: object) -> str:
    """A setting without any password in it."""
    if isinstance(value, tuple):
        return ", ".join(without_password(str(url)) for url in value) or "not set"  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - broker URLs
    if value is None:
        return "not set"
    return without_password(str(value)) if "://" in str(value) else str(value)
