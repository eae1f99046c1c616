"""A client that runs knows the keys that its registry lists now."""

from pathlib import Path

import pytest

from tests.waiting import wait_until_told
from toolwire.client import AnswerNotVerified, Client
from toolwire.client import pins as module
from toolwire.client.home import Home
from toolwire.client.pins import Pins
from toolwire.contracts.builtin import ServerIdentity
from toolwire.services import Service
from toolwire.services.homes.provision import add_client, add_server, create_home, revoke, rotate_server
from toolwire.testing.bench import Bench
from toolwire.testing.memory import MemoryBroker

PATIENCE_S = 10.0
CLIENT, SERVER = "client-1", "server-1"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = create_home(tmp_path / "home")
    add_server(home, SERVER)
    add_client(home, CLIENT)
    return home


@pytest.fixture
def pins(home: Home) -> Pins:
    return Pins(home, CLIENT, home.server_keys(CLIENT))


async def test_a_new_key_is_accepted_and_a_revoked_one_is_not(home: Home, pins: Pins) -> None:
    held = pins.keys
    new = rotate_server(home, SERVER)
    revoke(home, f"{SERVER}.1")
    assert await pins.look()
    assert {key.kid: key.revoked for key in held} == {f"{SERVER}.1": True, new: False}


async def test_a_file_that_has_not_changed_is_not_read_again(home: Home, pins: Pins) -> None:
    assert [await pins.look() for _ in range(3)] == [True, False, False]
    rotate_server(home, SERVER)
    assert [await pins.look() for _ in range(3)] == [True, False, False]


async def test_a_registry_that_is_wrong_changes_nothing_and_is_told_once(
    home: Home, pins: Pins, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await pins.look()
    good = home.registry_file.read_text()
    home.registry_file.write_text("{")
    assert not await pins.look()
    home.registry_file.write_text(good)
    assert not await pins.look(), "what failed is not tried again at once"
    assert [key.kid for key in pins.keys] == [f"{SERVER}.1"]
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.0)
    home.registry_file.write_text("{")
    pins = Pins(home, CLIENT, pins.keys)
    assert [await pins.look() for _ in range(2)] == [False, False]
    assert len(caplog.records) == 2
    home.registry_file.write_text(good)
    assert await pins.look()


@pytest.mark.promise("P7")
async def test_a_client_that_runs_believes_a_new_key_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.05)
    bench = Bench(Service(SERVER), tmp_path / "home", MemoryBroker())
    async with bench.client() as client:
        async with bench.running():
            before = await client.server_identity()
        rotate_server(bench.home, SERVER)
        async with bench.running():
            await wait_until_told(lambda: _is_answered(client, before), PATIENCE_S, "the new key is believed")


async def _is_answered(client: Client, before: ServerIdentity) -> bool:
    try:
        told = await client.options(timeout=0.5).server_identity()
    except AnswerNotVerified:
        return False
    return told.fingerprint != before.fingerprint
