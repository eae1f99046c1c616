"""Public keys travel between machines; nothing else does, and no id comes to mean another key."""

from pathlib import Path

import pytest

from toolwire.client.home import Home
from toolwire.contracts.encoding import base64url
from toolwire.contracts.errors import ConfigurationError, KeyRefused
from toolwire.contracts.keys import fingerprint
from toolwire.services.homes.introductions import MAX_CHARACTERS, introduce, introduction
from toolwire.services.homes.provision import add_client, add_server, create_home, revoke, rotate_client

CLIENT, SERVER = "client-1", "server-1"


@pytest.fixture
def theirs(tmp_path: Path) -> Home:
    home = create_home(tmp_path / "theirs")
    add_client(home, CLIENT, allow=["*"])
    add_client(home, CLIENT, hmac_for=SERVER)
    return home


@pytest.fixture
def ours(tmp_path: Path) -> Home:
    home = create_home(tmp_path / "ours")
    add_server(home, SERVER)
    return home


def test_a_client_becomes_known_and_may_do_what_is_said_here(theirs: Home, ours: Home) -> None:
    (taken,) = introduce(ours, introduction(theirs, "clients", CLIENT), allow=["add"])
    assert (taken.kind, taken.owner, taken.kid, taken.news) == ("clients", CLIENT, f"{CLIENT}.1", "added")
    assert ours.registry().clients[CLIENT].allow == ("add",)
    key = ours.client_keys(SERVER).find(f"{CLIENT}.1")
    assert key is not None
    signer = theirs.client_signer(CLIENT)
    assert key.verifier.verify(b"message", signer.sign(b"message"))


def test_a_server_becomes_known(theirs: Home, ours: Home) -> None:
    piece = introduction(ours, "servers", SERVER)
    (taken,) = introduce(theirs, piece)
    assert taken.fingerprint == fingerprint(ours.server_signer(SERVER).public_bytes())
    assert theirs.server_keys(CLIENT).find(f"{SERVER}.1") is not None


def test_neither_secrets_nor_permissions_are_exported(theirs: Home) -> None:
    piece = introduction(theirs, "clients", CLIENT)
    assert "secret" not in piece
    assert "allow" not in piece
    assert f"{CLIENT}.2" not in piece


def test_to_repeat_it_changes_nothing_but_a_revocation_travels(theirs: Home, ours: Home) -> None:
    introduce(ours, introduction(theirs, "clients", CLIENT))
    rotate_client(theirs, CLIENT)
    revoke(theirs, f"{CLIENT}.1")
    piece = introduction(theirs, "clients", CLIENT)
    assert [key.news for key in introduce(ours, piece)] == ["revoked", "added"]
    assert [key.news for key in introduce(ours, piece)] == ["known", "known"]
    keys = ours.registry().clients[CLIENT].keys
    assert [(key.kid, key.revoked) for key in keys] == [(f"{CLIENT}.1", True), (f"{CLIENT}.3", False)]


def test_what_is_revoked_here_stays_so(theirs: Home, ours: Home) -> None:
    piece = introduction(theirs, "clients", CLIENT)
    introduce(ours, piece)
    revoke(ours, f"{CLIENT}.1")
    introduce(ours, piece)
    assert ours.registry().clients[CLIENT].keys[0].revoked


def test_two_keys_of_one_id_part_once_both_are_revoked(theirs: Home, ours: Home) -> None:
    """Two machines made a key each: what neither accepts any more is in nobody's way."""
    add_client(ours, CLIENT)
    for home in (ours, theirs):
        revoke(home, f"{CLIENT}.1")
    new = add_client(theirs, CLIENT)
    assert [key.news for key in introduce(ours, introduction(theirs, "clients", CLIENT))] == [
        "known",
        "added",
    ]
    assert ours.registry().clients[CLIENT].keys[-1].kid == new


@pytest.mark.promise("P3")
@pytest.mark.parametrize("owner", [CLIENT, "client-2"])
def test_an_id_never_comes_to_mean_another_key(theirs: Home, ours: Home, owner: str) -> None:
    add_client(ours, CLIENT)
    before = ours.registry_file.read_bytes()
    piece = introduction(theirs, "clients", CLIENT).replace(f"[clients.{CLIENT}]", f"[clients.{owner}]")
    with pytest.raises(ConfigurationError, match=r"the key id 'client-1\.1' stands for another key here"):
        introduce(ours, piece)
    assert ours.registry_file.read_bytes() == before


def piece_of(public: str, extra: str = "") -> str:
    return f'[clients.x]\nkeys = [{{kid = "x.1", algorithm = "Ed25519", public = "{public}"{extra}}}]\n'


GOOD = base64url(bytes(range(32)))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-----BEGIN PRIVATE KEY-----\nx\n", "this holds a private key"),
        (piece_of(GOOD, ', private = "x"'), "Extra inputs are not permitted"),
        (piece_of(GOOD, ', secret_file = "../../etc/passwd"'), "Extra inputs are not permitted"),
        (piece_of(GOOD).replace("Ed25519", "HS256"), "Input should be 'Ed25519'"),
        (piece_of(GOOD) + 'allow = ["*"]\n', r"clients\.x\.allow: Extra inputs"),
        (piece_of(GOOD).replace("clients.x", '"clients"."../x"'), "String should match pattern"),
        (piece_of(base64url(bytes([1, *[0] * 31]))), "of small order"),
        (piece_of(base64url(bytes(31))), "has 31 bytes"),
        (piece_of(GOOD + "="), "not base64url without padding"),
        ("clients = 7", "Input should be a valid dictionary"),
        ("{", "this is no TOML"),
        ("", "this introduces nobody"),
        ("#" * (MAX_CHARACTERS + 1), "this is no piece of a registry"),
    ],
)
def test_what_holds_more_or_less_than_public_keys_is_refused(ours: Home, text: str, complaint: str) -> None:
    before = ours.registry_file.read_bytes()
    with pytest.raises(ConfigurationError, match=complaint):
        introduce(ours, text, allow=["*"])
    assert ours.registry_file.read_bytes() == before


def test_who_is_not_listed_or_has_secrets_alone_is_not_exported(ours: Home) -> None:
    add_client(ours, "secretive", hmac_for=SERVER)
    for name in ("nobody", "secretive"):
        with pytest.raises(ConfigurationError, match=f"no client '{name}' with a public key"):
            introduction(ours, "clients", name)


def test_a_weak_key_is_a_key_refused(ours: Home) -> None:
    with pytest.raises(KeyRefused):
        introduce(ours, piece_of(base64url(bytes([1, *[0] * 31]))))


def dated(piece: str, dates: str) -> str:
    return piece.replace("}", f", {dates}}}")


def test_an_earlier_end_is_taken_over_and_no_other_date(theirs: Home, ours: Home) -> None:
    """Who signs may give up a key; that it is good for longer is decided where it is accepted."""
    piece = introduction(theirs, "clients", CLIENT)
    introduce(ours, piece)
    told: list[str] = []
    for dates in ("not_after_ms = 2000", "not_after_ms = 3000", "not_after_ms = 2000", "not_before_ms = 7"):
        told += [key.news for key in introduce(ours, dated(piece, dates))]
    assert told == ["shortened", "dates differ", "known", "dates differ"]
    (key,) = ours.registry().clients[CLIENT].keys
    assert (key.not_before_ms, key.not_after_ms) == (None, 2000)
    assert [key.news for key in introduce(ours, piece)] == ["dates differ"]


def test_a_new_key_of_somebody_known_is_told_as_that(theirs: Home, ours: Home) -> None:
    (first,) = introduce(ours, introduction(theirs, "clients", CLIENT))
    rotate_client(theirs, CLIENT)
    old, new = introduce(ours, introduction(theirs, "clients", CLIENT))
    assert [key.joins for key in (first, old, new)] == [False, True, True]
