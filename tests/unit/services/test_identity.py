"""Who a service is and whom it knows, read from real files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from toolwire.client.home import Home
from toolwire.contracts.encoding import base64url
from toolwire.contracts.errors import ConfigurationError
from toolwire.services.homes.identity import read_identity
from toolwire.services.homes.provision import add_client, add_server, create_home

SERVER = "server-1"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = create_home(tmp_path / "home")
    add_server(home, SERVER)
    add_server(home, "server-2")
    add_client(home, "client-1", allow=["add"])
    return home


def test_a_server_has_its_own_keys_and_its_clients(home: Home) -> None:
    identity = read_identity(home, SERVER)
    assert identity.server_id == SERVER
    assert identity.signer.kid == "server-1.1"
    assert [key.kid for key in identity.own_keys] == ["server-1.1"]
    assert [key.kid for key in identity.client_keys] == ["client-1.1"]
    assert identity.clients["client-1"].allow == ("add",)
    assert identity.shared == {}


def test_it_knows_the_secrets_that_it_shares_and_no_others(home: Home) -> None:
    kid = add_client(home, "client-1", hmac_for=SERVER)
    add_client(home, "client-1", hmac_for="server-2")
    assert list(read_identity(home, SERVER).shared) == [kid]


def test_the_fingerprint_is_of_the_public_key_and_never_of_a_secret(home: Home) -> None:
    kid = add_client(home, "client-1", hmac_for=SERVER)
    identity = read_identity(home, SERVER)
    public = base64url(hashlib.sha256(identity.signer.public_bytes()).digest())
    assert identity.fingerprint("client-1.1") == f"SHA256:{public}"
    assert identity.fingerprint(kid) == kid


def test_a_server_that_is_not_listed_has_no_identity(home: Home) -> None:
    with pytest.raises(ConfigurationError, match="lists no server 'server-9'"):
        read_identity(home, "server-9")


def test_a_server_without_its_private_key_has_no_identity(home: Home) -> None:
    home.private_key_file("server-1.1").unlink()
    with pytest.raises(ConfigurationError, match="no usable Ed25519 private key"):
        read_identity(home, SERVER)
