"""A home is filled by several hands: nobody's entry is lost, and no key is used for two things."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from toolwire.client.clock import now_ms
from toolwire.client.home import Home
from toolwire.contracts.errors import ConfigurationError, KeyRefused
from toolwire.services.homes.provision import (
    add_client,
    add_server,
    change_allowed,
    create_home,
    revoke,
    rotate_client,
    rotate_server,
)
from toolwire.services.homes.registry_edit import new_registry, write_registry

CLIENT, SERVER = "client-1", "server-1"
HOUR_MS = 3600_000
PROCESSES, EACH = 4, 6


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = create_home(tmp_path / "home")
    add_client(home, CLIENT, allow=["add"])
    add_server(home, SERVER)
    return home


def test_processes_that_provision_together_lose_no_entry(tmp_path: Path) -> None:
    code = (
        "import sys; from toolwire.services.homes.provision import *\n"
        "path, mine = sys.argv[1:]\n"
        f"for number in range({EACH}):\n"
        "    add_client(create_home(path), f'client-{mine}-{number}')\n"
        "    add_client(create_home(path), 'shared', allow=[f'tool-{mine}-{number}'])\n"
    )
    path = tmp_path / "home"
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(path), str(mine)]) for mine in range(PROCESSES)
    ]
    assert [process.wait(50) for process in started] == [0] * PROCESSES
    clients = Home(path).registry().clients
    assert len(clients) == PROCESSES * EACH + 1
    assert len(clients["shared"].allow) == PROCESSES * EACH
    assert len(clients["shared"].keys) == 1
    assert len(list((path / "keys").iterdir())) == len(clients)


def test_a_rotated_key_stands_beside_the_old_one_and_signs(home: Home) -> None:
    assert rotate_client(home, CLIENT) == f"{CLIENT}.2"
    assert rotate_server(home, SERVER) == f"{SERVER}.2"
    assert home.client_signer(CLIENT).kid == f"{CLIENT}.2"
    assert home.server_signer(SERVER).kid == f"{SERVER}.2"
    assert {key.kid for key in home.client_keys(SERVER)} == {f"{CLIENT}.1", f"{CLIENT}.2"}
    assert home.registry().clients[CLIENT].allow == ("add",)
    assert add_client(home, CLIENT, allow=()) == f"{CLIENT}.2"


def test_who_lives_elsewhere_rotates_there(home: Home) -> None:
    """A key made here would be one that its owner does not have, under an id that its owner will take."""
    for kid in (f"{CLIENT}.1", f"{SERVER}.1"):
        home.private_key_file(kid).unlink()
    for rotate, party in ((rotate_client, CLIENT), (rotate_server, SERVER)):
        with pytest.raises(ConfigurationError, match=f"private keys of '{party}' are on another machine"):
            rotate(home, party)
    assert list(home.key_folder.iterdir()) == []


def test_a_secret_is_rotated_too(home: Home) -> None:
    old = add_client(home, CLIENT, hmac_for=SERVER)
    new = rotate_client(home, CLIENT, hmac_for=SERVER)
    assert new != old
    assert home.shared_key(new).secret != home.shared_key(old).secret
    assert stat.S_IMODE(home.secret_file(new).stat().st_mode) == 0o600


def test_a_key_signs_only_when_its_time_has_come_for_every_clock(home: Home) -> None:
    later = rotate_client(home, CLIENT, from_ms=now_ms() + HOUR_MS)
    assert home.client_signer(CLIENT).kid == f"{CLIENT}.1"
    with pytest.raises(KeyRefused, match=f"key '{later}' of client '{CLIENT}' is not good now"):
        home.client_signer(CLIENT, later)
    just_now = rotate_client(home, CLIENT, from_ms=now_ms())
    assert home.client_signer(CLIENT).kid == f"{CLIENT}.1"
    long_ago = rotate_client(home, CLIENT, from_ms=now_ms() - HOUR_MS)
    assert home.client_signer(CLIENT).kid == long_ago
    assert {later, just_now, long_ago} <= {key.kid for key in home.client_keys(SERVER)}


def test_a_revoked_key_stays_listed_and_its_id_is_not_used_again(home: Home) -> None:
    assert revoke(home, f"{CLIENT}.1")
    assert not revoke(home, f"{CLIENT}.1")
    assert revoke(home, f"{SERVER}.1")
    home.private_key_file(f"{CLIENT}.1").unlink()
    key = home.client_keys(SERVER).find(f"{CLIENT}.1")
    assert key is not None
    assert key.revoked
    assert add_client(home, CLIENT) == f"{CLIENT}.2"
    with pytest.raises(ConfigurationError, match="lists no key 'nobody\\.1'"):
        revoke(home, "nobody.1")


def test_what_a_client_may_use_is_changed_and_repeated(home: Home) -> None:
    for _ in range(2):
        change_allowed(home, CLIENT, add=["mul", "billing.*"])
    assert home.registry().clients[CLIENT].allow == ("add", "mul", "billing.*")
    for _ in range(2):
        change_allowed(home, CLIENT, remove=["add", "other"])
    assert home.registry().clients[CLIENT].allow == ("mul", "billing.*")


def test_what_nobody_could_read_again_is_not_written(home: Home) -> None:
    before = home.registry_file.read_bytes()
    with pytest.raises(ConfigurationError, match=r"stays as it is: clients\.client-1\.allow\.1: "):
        change_allowed(home, CLIENT, add=["not a tool"])
    assert home.registry_file.read_bytes() == before


def test_who_is_not_listed_has_nothing_to_change(home: Home) -> None:
    with pytest.raises(
        ConfigurationError, match=r"lists no client 'nobody': `toolwire keys new client nobody`"
    ):
        change_allowed(home, "nobody", add=["add"])
    with pytest.raises(ConfigurationError, match="lists no server 'nobody'"):
        rotate_server(home, "nobody")


def test_a_home_that_is_not_there_is_not_made_by_the_way(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="`toolwire dev` or `toolwire keys new` makes one"):
        revoke(Home(tmp_path / "nowhere"), "client-1.1")
    assert not (tmp_path / "nowhere").exists()


def test_comments_in_the_registry_stay(home: Home) -> None:
    text = home.registry_file.read_text()
    home.registry_file.write_text(text.replace("[clients.client-1]", "[clients.client-1]  # of the team"))
    rotate_client(home, CLIENT)
    assert "# of the team" in home.registry_file.read_text()
    assert not list(home.path.glob("*.draft"))


def test_keys_that_are_listed_as_tables_get_another_one(home: Home) -> None:
    (key,) = home.registry().clients[CLIENT].keys
    text = f'[[clients.{CLIENT}.keys]]\nkid = "{key.kid}"\nalgorithm = "Ed25519"\npublic = "{key.public}"\n'
    home.registry_file.write_text(text)
    new = rotate_client(home, CLIENT)
    assert revoke(home, key.kid)
    listed = home.registry().clients[CLIENT].keys
    assert [(key.kid, key.revoked) for key in listed] == [(key.kid, True), (new, False)]


def test_nobody_is_added_to_an_inline_table_and_no_key_is_made(home: Home) -> None:
    (key,) = home.registry().clients[CLIENT].keys
    listed = f'{{kid = "{key.kid}", algorithm = "Ed25519", public = "{key.public}"}}'
    home.registry_file.write_text(f"clients = {{{CLIENT} = {{keys = [{listed}]}}}}\n")
    before = sorted(home.key_folder.iterdir())
    with pytest.raises(ConfigurationError, match=r"`clients = \{…\}`.*\[clients\.client-2\]"):
        add_client(home, "client-2")
    assert sorted(home.key_folder.iterdir()) == before
    assert rotate_client(home, CLIENT) == f"{CLIENT}.2"


def test_the_registry_keeps_its_mode_and_stays_where_it_is(home: Home, tmp_path: Path) -> None:
    kept = home.registry_file.rename(tmp_path / "kept.toml")
    kept.chmod(0o640)
    home.registry_file.symlink_to(kept)
    rotate_client(home, CLIENT)
    assert home.registry_file.is_symlink()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    assert len(home.registry().clients[CLIENT].keys) == 2


def test_what_cannot_be_written_is_told_and_leaves_nothing_behind(home: Home, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        create_home(in_the_way / "home")
    lock = home.path / "registry.lock"
    lock.unlink()
    lock.mkdir()
    with pytest.raises(ConfigurationError, match=r"registry\.lock cannot be written"):
        rotate_client(home, CLIENT)
    home.registry_file.unlink()
    home.registry_file.mkdir()
    with pytest.raises(ConfigurationError, match=r"registry\.toml cannot be written"):
        write_registry(home, new_registry())
    assert not list(home.path.glob("*.draft"))
