"""Settings: arguments > TOOLWIRE_* > ./toolwire.toml > toolwire.toml in TOOLWIRE_HOME > defaults.

This module is imported only when settings are read: pydantic-settings takes longer to import than all of the
client.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from toolwire.client.urls import UNREADABLE, is_whole
from toolwire.contracts.errors import ConfigurationError
from toolwire.contracts.names import Id

FILE_NAME = "toolwire.toml"
DEFAULT_HOME = Path(".toolwire")
DEFAULT_TIMEOUT_S = 30.0

S = TypeVar("S", bound="Settings")


def _one_or_many(value: object) -> object:
    """Brokers stand in one text, separated by commas, or in a list."""
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


def _amqp(url: str) -> str:
    # The URL holds a password, so that the complaint must not repeat it.
    if not url.startswith(("amqp://", "amqps://")):
        raise ValueError("a broker URL begins with amqp:// or amqps://")
    if not is_whole(url):
        raise ValueError(UNREADABLE)
    return url


BrokerUrls = Annotated[
    tuple[Annotated[str, AfterValidator(_amqp)], ...], NoDecode, BeforeValidator(_one_or_many)
]


class Settings(BaseSettings):
    """What client and service share. Each field is also `TOOLWIRE_<NAME>` and a key of toolwire.toml.

    One toolwire.toml serves every program of a folder, so that what another one reads from it is ignored.
    """

    model_config = SettingsConfigDict(
        env_prefix="TOOLWIRE_", extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    broker_url: BrokerUrls = ()
    """Where RabbitMQ listens; several are the nodes of one cluster."""
    home: Path = DEFAULT_HOME
    """The folder with the registry and the keys."""
    server: Id | None = None
    """The server that a client asks, and that a service is, where nothing else is said."""
    client: Id | None = None
    """Who a client is."""
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = DEFAULT_TIMEOUT_S
    """Seconds that a client waits for an answer."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings' signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The order of the sources. Where the last one lies, the others have to tell.

        A program that gives everything reads no file, and none can be in its way.
        """
        if settings_cls.model_fields.keys() <= init_settings().keys():
            return (init_settings,)
        here = _file(settings_cls, Path(FILE_NAME))
        named = (source().get("home") for source in (init_settings, env_settings, here))
        home = Path(next(filter(None, named), DEFAULT_HOME)).expanduser()
        return init_settings, env_settings, here, _file(settings_cls, home / FILE_NAME)

    def broker_urls(self) -> Sequence[str]:
        """The brokers to try. `ConfigurationError` where none was named: a guess would hide the mistake."""
        if not self.broker_url:
            raise ConfigurationError(
                "no broker is named: pass broker=, set TOOLWIRE_BROKER_URL, or write broker_url into "
                f'./{FILE_NAME} or {self.home / FILE_NAME}, such as "amqp://guest:guest@127.0.0.1:5672/". '
                "Is `toolwire dev` running?"
            )
        return self.broker_url


def read_settings(model: type[S], **given: Any) -> S:
    """The settings, where `given` goes before everything else; None stands for "not given".

    Raises `ConfigurationError` that names the setting or the file.
    """
    try:
        return model(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        complaint = error.errors(include_input=False, include_url=False)[0]
        name = str(complaint["loc"][0]) if complaint["loc"] else "settings"
        raise ConfigurationError(
            f"the setting {name!r} is wrong: {_in_our_words(complaint['msg'])}. It comes from an argument, "
            f"from TOOLWIRE_{name.upper()} or from a {FILE_NAME}."
        ) from error


def _file(model: type[BaseSettings], path: Path) -> TomlConfigSettingsSource:
    try:
        return TomlConfigSettingsSource(model, path)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def _in_our_words(complaint: str) -> str:
    """pydantic's complaint, for people who write TOML."""
    return complaint.removeprefix("Value error, ").replace("a valid tuple", "a list")
