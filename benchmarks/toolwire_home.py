"""The keys of a measured Toolwire: a home that its replicas and its clients share."""

from pathlib import Path
from typing import Literal

from benchmarks.toolwire_tools import SERVER
from toolwire.client.home import Home
from toolwire.services.homes.provision import add_client, add_server, create_home

Key = Literal["hmac", "ed25519"]


def home_in(folder: Path) -> Path:
    """Where the home is, in a folder of one contender and one round."""
    return folder / "home"


def client_id(key: Key) -> str:
    """The name of the client that signs with that kind of key."""
    return f"bench-{key}"


def make_home(folder: Path, key: Key) -> Home:
    """The home with the server's key and its client's; what is there already stays."""
    home = create_home(home_in(folder))
    add_server(home, SERVER)
    add_client(home, client_id(key), hmac_for=SERVER if key == "hmac" else None)
    return home
