"""A replica knows what its registry says now, and goes on with what it knew where that cannot be read."""

import logging
from pathlib import Path

import pytest
import pytest_asyncio

from toolwire.client.home import Home
from toolwire.services.homes.identity import Identity, read_identity
from toolwire.services.homes.provision import (
    add_client,
    add_server,
    change_allowed,
    create_home,
    revoke,
    rotate_client,
    rotate_server,
)
from toolwire.services.upkeep.registry_watch import RegistryWatch

CLIENT, SERVER = "client-1", "server-1"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = create_home(tmp_path / "home")
    add_server(home, SERVER)
    add_client(home, CLIENT, allow=["add"])
    return home


@pytest.fixture
def known(home: Home) -> Identity:
    return read_identity(home, SERVER)


@pytest_asyncio.fixture
async def watch(home: Home, known: Identity) -> RegistryWatch:
    watch = RegistryWatch(home, known)
    await watch.look()
    return watch


async def test_whoever_holds_a_part_of_it_sees_the_change(
    home: Home, known: Identity, watch: RegistryWatch
) -> None:
    keys, clients, shared = known.client_keys, known.clients, known.shared
    rotate_client(home, CLIENT)
    revoke(home, f"{CLIENT}.1")
    change_allowed(home, CLIENT, add=["mul"])
    secret = add_client(home, "client-2", hmac_for=SERVER)
    await watch.look()
    assert {key.kid: key.revoked for key in keys} == {
        f"{CLIENT}.1": True,
        f"{CLIENT}.2": False,
        secret: False,
    }
    assert clients[CLIENT].allow == ("add", "mul")
    assert list(shared) == [secret]


async def test_it_signs_with_the_same_key_while_that_is_good(
    home: Home, known: Identity, watch: RegistryWatch
) -> None:
    """Clients that run do not know a new one yet."""
    rotate_server(home, SERVER)
    await watch.look()
    assert known.signer.kid == f"{SERVER}.1"
    assert {key.kid for key in known.own_keys} == {f"{SERVER}.1", f"{SERVER}.2"}
    revoke(home, f"{SERVER}.1")
    await watch.look()
    assert known.signer.kid == f"{SERVER}.2"
    assert known.signer.public_bytes() == home.server_signer(SERVER).public_bytes()


@pytest.mark.parametrize("text", ["{", "[clients.nobody]\n", ""])
async def test_a_registry_that_is_wrong_changes_nothing(
    home: Home, known: Identity, watch: RegistryWatch, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = home.registry_file.read_text()
    home.registry_file.write_text(text)
    for _ in range(3):
        await watch.look()
    assert list(known.clients) == [CLIENT]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "what this replica knows stays as it is: " in caplog.text
    home.registry_file.write_text(good)
    add_client(home, "client-2")
    await watch.look()
    assert list(known.clients) == [CLIENT, "client-2"]


def _no_key_left(home: Home, how: str) -> None:
    if how == "revoked":
        revoke(home, f"{SERVER}.1")
    else:
        home.private_key_file(f"{SERVER}.1").unlink()


@pytest.mark.parametrize("how", ["revoked", "gone"])
async def test_a_server_without_a_key_still_learns_whom_to_refuse(
    home: Home, known: Identity, watch: RegistryWatch, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    _no_key_left(home, how)
    revoke(home, f"{CLIENT}.1")
    for _ in range(3):
        await watch.look()
    key = known.client_keys.find(f"{CLIENT}.1")
    assert key is not None
    assert key.revoked
    assert known.signer.kid == f"{SERVER}.1"
    (told,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert "has no usable Ed25519 private key" in told.getMessage()
    add_server(home, SERVER)
    await watch.look()
    assert known.signer.kid == (f"{SERVER}.2" if how == "revoked" else f"{SERVER}.1")


async def test_what_could_not_be_read_for_once_is_read_at_the_next_look(
    home: Home, known: Identity, watch: RegistryWatch
) -> None:
    secret = home.secret_file(add_client(home, "client-2", hmac_for=SERVER))
    aside = secret.rename(secret.with_suffix(".aside"))
    await watch.look()
    assert list(known.clients) == [CLIENT]
    aside.rename(secret)
    await watch.look()
    assert list(known.clients) == [CLIENT, "client-2"]


async def test_a_registry_that_is_gone_changes_nothing(
    home: Home, known: Identity, watch: RegistryWatch
) -> None:
    home.registry_file.unlink()
    await watch.look()
    assert list(known.clients) == [CLIENT]
