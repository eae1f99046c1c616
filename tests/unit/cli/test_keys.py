"""`toolwire keys`: what it prints, for people and for programs, and that no secret is in it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from toolwire.cli import exits
from toolwire.cli.commands import app
from toolwire.cli.running import exit_code_of
from toolwire.client.home import Home
from toolwire.contracts.keys import Ed25519Signer, fingerprint


class Keys:
    """`toolwire keys WORDS` in this process, with one home."""

    def __init__(self, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        code = exit_code_of(app, ["keys", *words, "--home", str(self.home.path)])
        out, err = self._capsys.readouterr()
        return code, out, err

    def json(self, *words: str) -> Any:
        """The document that it prints for programs."""
        code, out, err = self(*words, "--json")
        assert (code, err) == (exits.OK, "")
        return json.loads(out)


@pytest.fixture
def keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Keys:
    return Keys(Home(tmp_path / "home"), capsys)


def test_new_makes_a_home_and_says_what_is_missing(keys: Keys) -> None:
    code, out, err = keys("new", "client", "bob")
    assert (code, out) == (exits.OK, "bob.1\n")
    signer = keys.home.client_signer("bob")
    assert isinstance(signer, Ed25519Signer)
    assert fingerprint(signer.public_bytes()) in err
    assert "toolwire keys allow bob TOOL" in err
    assert keys.json("new", "client", "bob", "--allow", "add")["kid"] == "bob.1"
    assert keys.home.registry().clients["bob"].allow == ("add",)


def test_a_client_is_granted_whom_it_may_watch(keys: Keys) -> None:
    for watched in ("alice", "shop-*", "alice"):
        assert keys("new", "client", "bob", "--watch", watched)[0] == exits.OK
    assert keys.home.registry().clients["bob"].watch == ("alice", "shop-*")


def test_the_list_tells_which_key_signs_and_shows_no_secret(keys: Keys) -> None:
    for words in (
        ("new", "server", "s1"),
        ("new", "client", "bob"),
        ("new", "client", "bob", "--hmac-for", "s1"),
        ("new", "client", "eve", "--hmac-for", "s1"),
        ("rotate", "client", "bob"),
        ("rotate", "client", "bob", "--after", "3600"),
        ("revoke", "bob.1"),
    ):
        assert keys(*words)[0] == exits.OK
    keys.home.private_key_file("s1.1").unlink()
    told = keys.json("list")
    by_kid = {key["kid"]: key for key in told["keys"]}
    assert [kid for kid, key in by_kid.items() if key["signs"]] == ["bob.3", "eve.1"]
    assert [kid for kid, key in by_kid.items() if key["revoked"]] == ["bob.1"]
    assert [kid for kid, key in by_kid.items() if not key["private"]] == ["s1.1"]
    assert (by_kid["bob.2"]["fingerprint"], by_kid["bob.2"]["peer"]) == (None, "s1")
    assert by_kid["bob.4"]["valid_from"] is not None
    _, out, _ = keys("list")
    secrets = [file.read_text().strip() for file in keys.home.key_folder.glob("*.secret")]
    assert len(secrets) == 2
    assert not [secret for secret in secrets if secret in out or secret in json.dumps(told)]
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["ROLE", "ID", "KEY", "ALGORITHM", "FINGERPRINT", "STATE"]
    assert ["client", "bob", "bob.1", "Ed25519", by_kid["bob.1"]["fingerprint"], "revoked"] in rows


def test_a_key_travels_through_a_pipe(
    keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys("new", "client", "bob", "--allow", "*")
    _, piece, err = keys("export", "client", "bob")
    shown = keys.json("list")["keys"][0]["fingerprint"]
    assert shown in err
    there = Keys(Home(tmp_path / "there"), capsys)
    there("new", "server", "s1")
    monkeypatch.setattr("sys.stdin", io.StringIO(piece))
    code, out, err = there("import", "-", "--allow", "add")
    assert (code, out) == (exits.OK, f"added client bob: bob.1 {shown}\n")
    assert "compare the fingerprints" in err
    assert there.json("allow", "bob", "add", "--remove") == {"client_id": "bob", "allow": []}


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("new", "server", "s1", "--allow", "add"), exits.USAGE, "are for clients"),
        (("new", "server", "s1", "--watch", "bob"), exits.USAGE, "are for clients"),
        (("new", "client", "bob", "--watch", "a b"), exits.CONFIGURATION, "watch"),
        (("new", "client", "not an id"), exits.CONFIGURATION, "must match"),
        (("new", "nobody", "x"), exits.USAGE, "nobody"),
        (("rotate", "server", "s1", "--hmac-for", "s2"), exits.USAGE, "belongs to a client"),
        (("rotate", "client", "nobody"), exits.CONFIGURATION, "lists no client 'nobody'"),
        (("revoke", "nobody.1"), exits.CONFIGURATION, "lists no key 'nobody.1'"),
        (("allow", "nobody", "add"), exits.CONFIGURATION, "lists no client 'nobody'"),
        (("import", "/no/such/file"), exits.USAGE, "cannot be read"),
        (("export", "client", "nobody"), exits.CONFIGURATION, "lists no client 'nobody'"),
    ],
)
def test_what_cannot_be_is_said(keys: Keys, words: tuple[str, ...], code: int, complaint: str) -> None:
    assert keys("new", "server", "s1")[0] == exits.OK
    ended, out, err = keys(*words)
    assert (ended, out) == (code, "")
    assert complaint in err


def test_only_new_makes_a_home(keys: Keys) -> None:
    for words in (("list",), ("allow", "bob", "add"), ("rotate", "client", "bob"), ("revoke", "bob.1")):
        code, _, err = keys(*words)
        assert (code, "there is no registry at" in err) == (exits.CONFIGURATION, True)
    assert not keys.home.path.exists()


def test_a_second_key_of_a_known_client_says_what_it_may_use(
    keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys("new", "client", "bob")
    there = Keys(Home(tmp_path / "there"), capsys)
    there("new", "server", "s1")
    piece = tmp_path / "bob.toml"
    piece.write_text(keys("export", "client", "bob")[1])
    there("import", str(piece), "--allow", "add")
    keys("rotate", "client", "bob")
    piece.write_text(keys("export", "client", "bob")[1])
    code, out, _ = there("import", str(piece))
    assert code == exits.OK
    assert out.splitlines()[0].startswith("known client bob: bob.1 SHA256:")
    assert out.splitlines()[1].startswith("added to the known client bob, which may use add: bob.2 SHA256:")


@pytest.mark.parametrize("after", ["inf", "1e300", "1e9"])
def test_a_key_that_would_never_sign_is_not_made(keys: Keys, after: str) -> None:
    keys("new", "server", "s1")
    code, _, err = keys("rotate", "server", "s1", "--after", after)
    assert (code, "ten years" in err) == (exits.USAGE, True)
    assert [file.name for file in keys.home.key_folder.iterdir()] == ["s1.1.pem"]


def test_the_last_key_of_a_server_is_not_revoked_without_a_word(keys: Keys) -> None:
    keys("new", "server", "s1")
    keys("rotate", "server", "s1")
    assert "the last key" not in keys("revoke", "s1.1")[2]
    assert "s1.2 was the last key of server s1" in keys("revoke", "s1.2")[2]


def test_dates_after_the_year_9999_are_listed(keys: Keys) -> None:
    keys("new", "client", "bob")
    text = keys.home.registry_file.read_text()
    keys.home.registry_file.write_text(text.replace("}", ", not_after_ms = 9007199254740991}"))
    code, out, _ = keys("list")
    assert (code, "to 9007199254740991 ms" in out) == (exits.OK, True)
