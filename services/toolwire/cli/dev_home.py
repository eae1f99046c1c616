"""What `toolwire dev` puts into TOOLWIRE_HOME: keys, a registry, and settings for the other commands."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager

import tomlkit
from tomlkit.items import Item

from toolwire.client.home import Home
from toolwire.contracts.errors import ConfigurationError
from toolwire.services.homes.provision import add_client, add_server, create_home

CLIENT_ID = "client-001"
OURS = "where `toolwire dev` runs at the moment"
"""The comment that tells a broker URL of ours from one that a person wrote."""
LOCK_FILE = "dev.lock"


@contextmanager
def alone_in(home: Home) -> Generator[None]:
    """Only one `toolwire dev` is in this block. `ConfigurationError` where another one is in it.

    Settings are touched in here alone: those that are there belong to the one that runs.
    """
    home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home.path / LOCK_FILE).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                "`toolwire dev` is already running in this folder; serve another service beside it with "
                "`toolwire serve MODULE:ATTR`"
            ) from None
        yield


def prepare_home(home: Home, server_id: str) -> str:
    """Make what is missing: a client with an Ed25519 key and a secret, a server. The id of the secret."""
    create_home(home.path)
    add_client(home, CLIENT_ID)
    secret = add_client(home, CLIENT_ID, hmac_for=server_id)
    add_server(home, server_id)
    return secret


def write_settings(home: Home, server_id: str, broker_url: str) -> None:
    """Name the client, the server and the broker; a broker that a person wrote there stays."""
    document = _read(home)
    document["client"] = CLIENT_ID
    document["server"] = server_id
    if "broker_url" not in document:
        document["broker_url"] = tomlkit.item(broker_url).comment(OURS)
    _write(home, document)


def forget_broker(home: Home) -> None:
    """Take our broker's URL out again: it is gone, or it was left by a run that was killed."""
    if home.settings_file.exists():
        document = _read(home)
        _forget_ours(document)
        _write(home, document)


def _forget_ours(document: tomlkit.TOMLDocument) -> None:
    if "broker_url" not in document:
        return
    found = document["broker_url"]
    if isinstance(found, Item) and OURS in found.trivia.comment:
        del document["broker_url"]


def _read(home: Home) -> tomlkit.TOMLDocument:
    file = home.settings_file
    return tomlkit.parse(file.read_text(encoding="utf-8")) if file.exists() else tomlkit.document()


def _write(home: Home, document: tomlkit.TOMLDocument) -> None:
    home.settings_file.touch(mode=0o600)  # the URL holds a password
    home.settings_file.write_text(tomlkit.dumps(document), encoding="utf-8")
