"""What the doctor says of TOOLWIRE_HOME and of the keys in it."""

from pathlib import Path
from typing import Any

import pytest
import tomlkit

from tests.unit.cli.doctor_given import CLIENT, SERVER, bad, only
from toolwire.cli.doctor.finding import Finding, Level
from toolwire.cli.doctor.home import judge_home, look_at_home
from toolwire.cli.doctor.keys import DAY_MS, judge_client, judge_server, serves
from toolwire.client.clock import now_ms
from toolwire.client.home import Home
from toolwire.services.homes.provision import add_client, add_server, create_home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a client and a server."""
    home = create_home(tmp_path / "home")
    add_client(home, CLIENT)
    add_server(home, SERVER)
    return home


def key_of(home: Home, side: str, owner: str, **but: Any) -> None:
    """Change the first key of somebody in the registry."""
    registry = tomlkit.parse(home.registry_file.read_text())
    registry[side][owner]["keys"][0].update(but)
    home.registry_file.write_text(tomlkit.dumps(registry))


def judged(home: Home, client: str | None = CLIENT, server: str | None = SERVER) -> list[Finding]:
    seen = look_at_home(home)
    now = now_ms()
    return [
        *judge_home(seen),
        *judge_client(seen, client, server, now),
        *judge_server(seen, server, now),
    ]


def test_a_fresh_home_is_ok(home: Home) -> None:
    assert bad(judged(home)) == []
    assert bad(judged(home, client=None, server=None)) == []


def test_a_home_that_is_not_there(tmp_path: Path) -> None:
    assert "toolwire keys new" in only(judged(Home(tmp_path / "none")), "no_home").remedy


def test_who_may_look_into_it(home: Home) -> None:
    home.path.chmod(0o755)
    assert only(judged(home), "home_mode").remedy == f"chmod 700 {home.path}"


def test_a_registry_that_cannot_be_read(home: Home) -> None:
    home.registry_file.write_text("[clients")
    assert bad(judged(home)) == [(Level.ERROR, "registry")]
    home.registry_file.unlink()
    assert bad(judged(home)) == [(Level.ERROR, "registry")]


def test_a_key_file_that_others_can_read(home: Home) -> None:
    home.private_key_file(f"{CLIENT}.1").chmod(0o644)
    found = judged(home)
    assert "can be read by others: chmod 600" in only(found, "key_refused").what
    assert only(found, "key_refused").where == f"key {CLIENT}.1"
    assert (Level.ERROR, "no_usable_key") in bad(found)


def test_a_private_half_that_belongs_to_another_public_key(home: Home) -> None:
    other = home.private_key_file(f"{SERVER}.1").read_bytes()
    home.private_key_file(f"{CLIENT}.1").write_bytes(other)
    assert "is not the private half" in only(judged(home), "key_refused").what


def test_a_public_key_that_is_none(home: Home) -> None:
    key_of(home, "servers", SERVER, public="!!!")
    assert {check for _, check in bad(judged(home))} == {"key_refused", "not_pinned", "no_usable_key"}


def test_a_key_id_that_stands_for_two_keys(home: Home) -> None:
    key_of(home, "servers", SERVER, kid=f"{CLIENT}.1", public=_public(home))
    add_server(home, "server-2")
    key_of(home, "servers", "server-2", kid=f"{CLIENT}.1", public=_public(home))
    assert "is used twice" in only(judge_home(look_at_home(home)), "keys").what


def _public(home: Home) -> str:
    return str(home.registry().clients[CLIENT].keys[0].public)


def test_a_missing_private_file(home: Home) -> None:
    home.private_key_file(f"{CLIENT}.1").unlink()
    found = only(judged(home), "no_usable_key")
    assert f"{CLIENT}.1 has no private file here" in found.what
    assert f"toolwire keys rotate client {CLIENT}" in found.remedy


def test_a_revoked_key(home: Home) -> None:
    key_of(home, "clients", CLIENT, revoked=True)
    found = judged(home)
    assert bad(found) == [(Level.NOTE, "revoked_file"), (Level.ERROR, "no_usable_key")]
    assert f"{CLIENT}.1 is revoked" in only(found, "no_usable_key").what
    assert only(found, "revoked_file").remedy.startswith("rm ")


@pytest.mark.parametrize(
    ("dates", "level", "what"),
    [
        ({"not_after_ms": -3 * DAY_MS}, Level.ERROR, "ended 3 days ago"),
        ({"not_before_ms": 2 * DAY_MS + 60_000}, Level.ERROR, "begins in 2 days"),
        ({"not_after_ms": 5 * DAY_MS + 60_000}, Level.WARNING, "ends in 5 days"),
    ],
)
def test_dates(home: Home, dates: dict[str, int], level: Level, what: str) -> None:
    key_of(home, "clients", CLIENT, **{name: now_ms() + ms for name, ms in dates.items()})
    (finding,) = [finding for finding in judged(home) if finding.level is not Level.OK]
    assert finding.level is level
    assert what in finding.what
    assert f"toolwire keys rotate client {CLIENT}" in finding.remedy


def test_a_newer_key_makes_the_end_of_an_old_one_harmless(home: Home) -> None:
    key_of(home, "clients", CLIENT, not_after_ms=now_ms() - DAY_MS)
    add_client(home, CLIENT, hmac_for=SERVER)
    assert bad(judged(home)) == []


def test_a_client_that_nobody_knows(home: Home) -> None:
    found = only(judged(home, client="stranger"), "client_unlisted")
    assert f"listed: {CLIENT}" in found.what
    assert "toolwire keys new client stranger" in found.remedy


def test_a_client_that_may_do_nothing(home: Home) -> None:
    registry = tomlkit.parse(home.registry_file.read_text())
    registry["clients"][CLIENT]["allow"] = []
    home.registry_file.write_text(tomlkit.dumps(registry))
    assert f"toolwire keys allow {CLIENT}" in only(judged(home), "nothing_allowed").remedy


def test_a_server_that_is_not_pinned(home: Home) -> None:
    found = only(judged(home, server="server-9"), "not_pinned")
    assert "toolwire keys export server server-9" in found.remedy


def test_a_server_whose_pinned_keys_are_over(home: Home) -> None:
    key_of(home, "servers", SERVER, revoked=True)
    assert f"{SERVER}.1 is revoked" in only(judged(home), "pinned_out_of_date").what


def test_only_who_has_the_servers_private_key_serves(home: Home) -> None:
    assert serves(look_at_home(home), SERVER)
    home.private_key_file(f"{SERVER}.1").unlink()
    assert not serves(look_at_home(home), SERVER)
    assert bad(judged(home)) == []  # a client's machine


def test_a_file_that_no_key_names(home: Home) -> None:
    stray = home.private_key_file("old.7")
    stray.touch(0o600)
    assert only(judged(home), "stray_file").where == str(stray)
