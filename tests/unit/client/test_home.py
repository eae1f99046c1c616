"""A home says who signs and verifies with which key, and refuses keys that are not safe."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from toolwire.client.home import Home
from toolwire.contracts.errors import ConfigurationError, KeyRefused
from toolwire.contracts.keys import Keyring
from toolwire.services.homes.provision import add_client, add_server, create_home

SERVER = "server-1"
OTHER_SERVER = "server-2"
CLIENT = "client-1"
ED25519, SECRET = f"{CLIENT}.1", f"{CLIENT}.2"


def new_home(path: Path) -> Home:
    """A home with two servers, and a client that shares a secret with the first of them."""
    home = create_home(path)
    add_server(home, SERVER)
    add_server(home, OTHER_SERVER)
    add_client(home, CLIENT)
    add_client(home, CLIENT, hmac_for=SERVER)
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


def change(home: Home, old: str, new: str) -> None:
    """Edit the registry."""
    text = home.registry_file.read_text()
    assert old in text
    home.registry_file.write_text(text.replace(old, new))


def owner(keys: Keyring, kid: str) -> str | None:
    key = keys.find(kid)
    return None if key is None else key.owner


# --- who verifies with what ---


def test_a_client_pins_every_server_and_its_own_secrets(home: Home) -> None:
    add_client(home, "client-2", hmac_for=SERVER)
    keys = home.server_keys(CLIENT)
    assert owner(keys, f"{SERVER}.1") == SERVER
    assert owner(keys, f"{OTHER_SERVER}.1") == OTHER_SERVER
    assert owner(keys, SECRET) == SERVER
    assert owner(keys, ED25519) is owner(keys, "client-2.1") is None


@pytest.mark.promise("P3")
def test_a_server_knows_every_client_and_the_secrets_that_it_shares(home: Home) -> None:
    keys, others = home.client_keys(SERVER), home.client_keys(OTHER_SERVER)
    assert owner(keys, ED25519) == owner(keys, SECRET) == owner(others, ED25519) == CLIENT
    assert owner(others, SECRET) is None


def test_a_client_that_is_not_listed_pins_the_servers_all_the_same(home: Home) -> None:
    assert owner(home.server_keys("somebody"), f"{SERVER}.1") == SERVER


def test_validity_and_revocation_come_from_the_registry(home: Home) -> None:
    change(
        home,
        f'kid = "{ED25519}", ',
        f'kid = "{ED25519}", not_before_ms = 5, not_after_ms = 9, revoked = true, ',
    )
    key = home.client_keys(SERVER).find(ED25519)
    assert key is not None
    assert (key.not_before_ms, key.not_after_ms, key.revoked) == (5, 9, True)


def test_a_revoked_secret_is_not_even_read(home: Home) -> None:
    change(home, f'peer = "{SERVER}"', f'peer = "{SERVER}", revoked = true')
    home.secret_file(SECRET).unlink()
    assert owner(home.server_keys(CLIENT), SECRET) is owner(home.client_keys(SERVER), SECRET) is None


def test_a_secret_belongs_under_the_client(home: Home) -> None:
    change(home, f"[clients.{CLIENT}]", "[servers.server-3]")
    change(home, 'allow = ["*"]\n', "")
    with pytest.raises(ConfigurationError, match=r"\[servers\.server-3\]; list it under the client"):
        home.server_keys(CLIENT)


# --- who signs with what ---


def test_a_client_signs_with_ed25519_unless_it_names_a_secret(home: Home) -> None:
    assert home.client_signer(CLIENT).kid == ED25519
    assert home.client_signer(CLIENT, SECRET).kid == SECRET


def test_a_client_signs_with_its_newest_key_that_is_not_revoked_and_here(home: Home) -> None:
    change(home, f'kid = "{ED25519}", ', f'kid = "{ED25519}", revoked = true, ')
    assert home.client_signer(CLIENT, server_id=SERVER).kid == SECRET
    newer, newest = add_client(home, CLIENT), f"{CLIENT}.4"
    assert home.client_signer(CLIENT).kid == newer
    home.private_key_file(newer).unlink()
    assert add_client(home, CLIENT) == newest
    change(home, f'kid = "{newer}"', f'kid = "{newer}-gone"')
    assert home.client_signer(CLIENT).kid == newest


def test_a_secret_signs_for_its_own_server_only(home: Home) -> None:
    with pytest.raises(ConfigurationError, match=f"shared with server '{SERVER}' alone"):
        home.client_signer(CLIENT, SECRET, server_id=OTHER_SERVER)
    add_client(home, "client-2", hmac_for=SERVER)
    assert home.client_signer("client-2", server_id=SERVER).kid == "client-2.1"
    with pytest.raises(ConfigurationError, match=f"for server '{OTHER_SERVER}'"):
        home.client_signer("client-2", server_id=OTHER_SERVER)


def test_a_server_signs_with_ed25519(home: Home) -> None:
    assert home.server_signer(SERVER).kid == f"{SERVER}.1"
    home.private_key_file(f"{SERVER}.1").unlink()
    with pytest.raises(ConfigurationError, match="no usable Ed25519 private key"):
        home.server_signer(SERVER)


def test_a_shared_key_is_found_by_its_id(home: Home) -> None:
    assert home.shared_key(SECRET).kid == SECRET
    with pytest.raises(ConfigurationError, match="no HS256 key"):
        home.shared_key(ED25519)


def test_who_is_not_listed_does_not_sign(home: Home) -> None:
    with pytest.raises(ConfigurationError, match="no client 'somebody': `toolwire keys new client somebody`"):
        home.client_signer("somebody")
    with pytest.raises(
        ConfigurationError, match="no server 'something': `toolwire keys new server something`"
    ):
        home.server_signer("something")
    with pytest.raises(ConfigurationError, match=rf"'unknown' under \[clients\.{CLIENT}\]"):
        home.client_signer(CLIENT, "unknown")


def test_a_revoked_key_does_not_sign_even_when_it_is_named(home: Home) -> None:
    change(home, f'kid = "{ED25519}", ', f'kid = "{ED25519}", revoked = true, ')
    with pytest.raises(KeyRefused, match="revoked"):
        home.client_signer(CLIENT, ED25519)


# --- files that are wrong ---


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[clients", "cannot be read as TOML"),
        ("\xff", "cannot be read as TOML"),
        ("colour = 1", "colour: Extra inputs"),
        ("[clients.c1]\nkeys = []", r"clients\.c1\.keys"),
        ('[clients.c1]\nkeys = [{kid = "c1.1", algorithm = "RS256"}]', r"clients\.c1\.keys\.0\.algorithm"),
        ('[clients.c1]\nkeys = [{kid = "c1.1", algorithm = "Ed25519"}]', "an Ed25519 key has `public`"),
    ],
)
def test_a_registry_that_is_wrong_is_told_with_file_and_field(home: Home, text: str, complaint: str) -> None:
    home.registry_file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        home.server_keys(CLIENT)
    assert str(home.registry_file) in str(caught.value)


def test_a_home_without_a_registry_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"no registry at {tmp_path}"):
        Home(tmp_path).registry()


@pytest.mark.parametrize("public", ["?", "AAAA", "A" * 43])
def test_a_public_key_that_cannot_be_one_is_refused(home: Home, public: str) -> None:
    change(home, home.registry().servers[SERVER].keys[0].public or "", public)
    with pytest.raises(KeyRefused, match=f"{SERVER}.1"):
        home.server_keys(CLIENT)


def test_a_private_key_has_to_be_the_half_of_the_public_one(home: Home) -> None:
    home.private_key_file(ED25519).write_bytes(home.private_key_file(f"{SERVER}.1").read_bytes())
    with pytest.raises(KeyRefused, match="not the private half"):
        home.client_signer(CLIENT)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
@pytest.mark.parametrize("kid", [ED25519, SECRET])
def test_a_key_file_that_others_reach_is_refused_with_the_remedy(home: Home, kid: str, mode: int) -> None:
    file = home.private_key_file(kid) if kid == ED25519 else home.secret_file(kid)
    file.chmod(mode)
    with pytest.raises(KeyRefused, match=f"chmod 600 {file}"):
        home.client_signer(CLIENT, kid)


def test_a_key_file_of_another_user_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    us = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: us + 1)
    with pytest.raises(KeyRefused, match="belongs to user"):
        home.client_signer(CLIENT, ED25519)


def test_a_link_is_not_followed_to_a_key(home: Home, tmp_path: Path) -> None:
    file = home.private_key_file(ED25519)
    file.rename(tmp_path / "elsewhere.pem")
    file.symlink_to(tmp_path / "elsewhere.pem")
    with pytest.raises(KeyRefused, match="links are refused"):
        home.client_signer(CLIENT, ED25519)


def test_a_pipe_is_no_key_and_does_not_hang(home: Home) -> None:
    file = home.private_key_file(ED25519)
    file.unlink()
    os.mkfifo(file, 0o600)
    with pytest.raises(KeyRefused, match="not a plain file"):
        home.client_signer(CLIENT, ED25519)


def test_a_missing_key_file_is_told(home: Home) -> None:
    home.secret_file(SECRET).unlink()
    with pytest.raises(KeyRefused, match="there is no key file"):
        home.client_signer(CLIENT, SECRET)


def test_only_pem_of_an_ed25519_key_is_one(home: Home) -> None:
    file = home.private_key_file(ED25519)
    file.write_text("nonsense")
    with pytest.raises(KeyRefused, match="not an unencrypted private key in PEM"):
        home.client_signer(CLIENT, ED25519)
    other = ec.generate_private_key(ec.SECP256R1())
    file.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyRefused, match="of another kind"):
        home.client_signer(CLIENT, ED25519)


def test_a_secret_is_base64url_and_long_enough(home: Home) -> None:
    home.secret_file(SECRET).write_text("not base64!")
    with pytest.raises(KeyRefused, match="not base64url"):
        home.client_signer(CLIENT, SECRET)
    home.secret_file(SECRET).write_text("c2hvcnQ")
    with pytest.raises(KeyRefused, match="at least 32"):
        home.client_signer(CLIENT, SECRET)


# --- provisioning ---


def test_a_new_home_is_its_owners_alone_and_unseen_by_git(tmp_path: Path) -> None:
    home = create_home(tmp_path / "deep" / "home")
    add_server(home, SERVER)
    assert [path.stat().st_mode & 0o777 for path in (home.path, home.key_folder)] == [0o700, 0o700]
    assert (home.path / ".gitignore").read_text() == "*\n"
    assert home.private_key_file(f"{SERVER}.1").stat().st_mode & 0o777 == 0o600


def test_provisioning_again_changes_nothing(home: Home) -> None:
    home.registry_file.write_text(home.registry_file.read_text() + "\n# a remark of the operator's\n")
    before = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()}
    new_home(home.path)
    assert {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()} == before


def test_what_a_client_may_use_grows(home: Home) -> None:
    add_client(home, "client-2", allow=["billing.*"])
    add_client(home, "client-2", allow=["batch_sum", "billing.*"])
    assert home.registry().clients["client-2"].allow == ("billing.*", "batch_sum")


def test_a_key_id_is_never_used_again(home: Home) -> None:
    change(home, f'kid = "{ED25519}", ', f'kid = "{ED25519}", revoked = true, ')
    home.private_key_file(ED25519).unlink()
    assert add_client(home, CLIENT) == f"{CLIENT}.3"


def test_ids_are_checked_before_anything_is_written(home: Home) -> None:
    with pytest.raises(ConfigurationError, match="must match"):
        add_client(home, "../escape")
    with pytest.raises(ConfigurationError, match="must match"):
        add_client(home, "client-2", hmac_for="no spaces")
    assert "client-2" not in home.registry().clients
