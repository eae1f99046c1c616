"""`keys`: who is known here, and under which keys. Secrets never leave their files."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from toolwire.cli import exits
from toolwire.cli.key_list import Role, Shown, key_of, keys_of, state_of
from toolwire.cli.output import print_json, print_line, print_note
from toolwire.cli.table import print_table
from toolwire.client.clock import now_ms
from toolwire.client.home import Home
from toolwire.client.settings import Settings, read_settings
from toolwire.contracts.errors import UsageError
from toolwire.contracts.registry import Registry, Side
from toolwire.services.homes.introductions import Introduced, introduce, introduction
from toolwire.services.homes.provision import (
    add_client,
    add_server,
    change_allowed,
    create_home,
    revoke,
    rotate_client,
    rotate_server,
)

LATEST_S = 10 * 366 * 24 * 3600
"""How far off a new key's time may lie."""

TAKEN_OVER = (
    "Replicas and clients that run with this home accept it within seconds. A client signs with a new key of "
    "its own when it starts; a server does, or when its old one is revoked."
)

REVOKED = "Replicas and clients that run with this home refuse it within seconds."


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one home."""

    home: Path | None = None
    json: bool = False

    def place(self) -> Home:
        """The home that the settings name."""
        return Home(read_settings(Settings, home=self.home).home)

    def new_client(
        self, client_id: str, allow: Sequence[str], hmac_for: str | None, watch: Sequence[str] = ()
    ) -> int:
        """List a client with a key; what is there already stays."""
        home = create_home(self.place().path)
        kid = add_client(home, client_id, allow=allow, hmac_for=hmac_for, watch=watch)
        self._tell(home, kid)
        if not self.json and not home.registry().clients[client_id].allow:
            print_note(
                f"it may use no tool by this registry yet: toolwire keys allow {client_id} TOOL …, or '*'"
            )
        return exits.OK

    def new_server(self, server_id: str) -> int:
        """List a server with a key; what is there already stays."""
        home = create_home(self.place().path)
        self._tell(home, add_server(home, server_id))
        return exits.OK

    def rotate(self, role: Role, name: str, hmac_for: str | None, after: float) -> int:
        """Put a new key beside the old ones."""
        home = self.place()
        if not 0 <= after <= LATEST_S:
            raise UsageError("--after is a number of seconds, at most ten years")
        from_ms = now_ms() + round(after * 1000) if after else None
        if role == "client":
            kid = rotate_client(home, name, hmac_for=hmac_for, from_ms=from_ms)
        elif hmac_for is None:
            kid = rotate_server(home, name, from_ms=from_ms)
        else:
            raise UsageError("a shared secret belongs to a client: keys rotate client ID --hmac-for SERVER")
        self._tell(home, kid)
        if not self.json:
            print_note(
                "the old keys are accepted until they are revoked. On other machines make the new one known "
                f"first: toolwire keys export {role} {name}. {TAKEN_OVER}"
            )
        return exits.OK

    def revoke(self, kid: str) -> int:
        """Accept a key no more."""
        home = self.place()
        changed = revoke(home, kid)
        shown = key_of(home, kid)
        if self.json:
            print_json({**asdict(shown), "changed": changed})
            return exits.OK
        print_line(f"{kid} is revoked" if changed else f"{kid} was revoked already")
        print_note(f"{REVOKED} Tell other machines: toolwire keys export {shown.role} {shown.id}")
        if changed and shown.role == "server" and not _good(home, shown):
            print_note(
                f"{kid} was the last key of server {shown.id} that is good here: nobody believes it any "
                f"more. toolwire keys rotate server {shown.id} makes a new one, where it runs"
            )
        if shown.private:
            print_note("its private half is no longer needed: delete its file in " + str(home.key_folder))
        return exits.OK

    def allow(self, client_id: str, patterns: Sequence[str], *, remove: bool) -> int:
        """Let a client use more tools or, with `remove`, fewer."""
        home = self.place()
        change_allowed(home, client_id, add=() if remove else patterns, remove=patterns if remove else ())
        allowed = home.registry().clients[client_id].allow
        if self.json:
            print_json({"client_id": client_id, "allow": list(allowed)})
        else:
            print_line(f"{client_id} may use {', '.join(allowed) or 'no tool'}")
        return exits.OK

    def list(self) -> int:
        """Show every key."""
        home = self.place()
        keys = list(keys_of(home))
        if self.json:
            allow = {name: list(client.allow) for name, client in home.registry().clients.items()}
            print_json({"home": str(home.path), "keys": [asdict(key) for key in keys], "allow": allow})
            return exits.OK
        rows = [
            (key.role, key.id, key.kid, key.algorithm, key.fingerprint or f"with {key.peer}", state_of(key))
            for key in keys
        ]
        print_table(("ROLE", "ID", "KEY", "ALGORITHM", "FINGERPRINT", "STATE"), rows)
        return exits.OK

    def export(self, role: Role, name: str) -> int:
        """Print what makes somebody known on another machine."""
        home = self.place()
        piece = introduction(home, _side(role), name)
        keys = [key for key in keys_of(home) if (key.role, key.id, key.algorithm) == (role, name, "Ed25519")]
        if self.json:
            print_json({"toml": piece, "keys": [asdict(key) for key in keys]})
            return exits.OK
        print(piece, end="", flush=True)
        for key in keys:
            print_note(f"{key.kid} {key.fingerprint}: read it to whoever imports it")
        return exits.OK

    def take_in(self, source: str, allow: Sequence[str]) -> int:
        """Add what another machine exported."""
        home = self.place()
        taken = introduce(home, _text(source), allow=allow)
        if self.json:
            print_json({"keys": [{**asdict(key), "kind": key.kind[:-1]} for key in taken]})
            return exits.OK
        for key in taken:
            print_line(f"{_news(key, home.registry())}: {key.kid} {key.fingerprint}")
        print_note(
            "compare the fingerprints with those of the other machine, by another way than the file came: "
            f"toolwire keys list there. {TAKEN_OVER}"
        )
        return exits.OK

    def _tell(self, home: Home, kid: str) -> None:
        shown = key_of(home, kid)
        if self.json:
            print_json(asdict(shown))
            return
        print_line(kid)
        print_note(
            f"{shown.role} {shown.id}: {shown.fingerprint or 'a secret shared with ' + str(shown.peer)}"
        )


def _side(role: Role) -> Side:
    return "clients" if role == "client" else "servers"


def _good(home: Home, revoked: Shown) -> bool:
    """Whether the owner of a revoked key has another: to sign with, if it signs here."""
    others = (key for key in keys_of(home) if (key.role, key.id) == (revoked.role, revoked.id))
    return any(key.signs or not (revoked.private or key.revoked) for key in others)


def _news(key: Introduced, registry: Registry) -> str:
    """What became of an imported key. One that is added may do at once what its owner may."""
    owner = f"{key.kind[:-1]} {key.owner}"
    if key.news == "added" and key.joins:
        allowed = registry.clients[key.owner].allow if key.kind == "clients" else None
        may = "" if allowed is None else f", which may use {', '.join(allowed) or 'no tool'}"
        return f"added to the known {owner}{may}"
    return (
        f"known, its other dates not taken over, {owner}"
        if key.news == "dates differ"
        else f"{key.news} {owner}"
    )


def _text(source: str) -> str:
    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{source} cannot be read: {error}") from error
