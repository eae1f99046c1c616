"""TOOLWIRE_HOME: the registry, the private keys, and who signs and verifies with which.

    toolwire.toml        settings, read by `toolwire.client.settings`
    registry.toml        who is who: `toolwire.contracts.registry`
    registry.lock        held by whoever changes the registry
    keys/<kid>.pem       an Ed25519 private key, PKCS#8 PEM, mode 0600
    keys/<kid>.secret    an HMAC secret, base64url text, mode 0600
    store.sqlite3        the service's default store
    audit.jsonl          what an operator replayed or threw away: `toolwire.cli.aside.audit`

Nothing is cached: every answer is read from the files as they stand, so that a reload is only a second call.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from toolwire.client import keyfiles
from toolwire.client.clock import now_ms
from toolwire.contracts.encoding import from_base64url
from toolwire.contracts.errors import ConfigurationError, KeyRefused
from toolwire.contracts.fields import first_complaint
from toolwire.contracts.keys import Ed25519Signer, HmacKey, Key, Keyring, Signer, Verifier, ed25519_verifier
from toolwire.contracts.names import MAX_SAFE_INTEGER
from toolwire.contracts.registry import KeyEntry, Registry

Stamp = tuple[int, int, int]

SKEW_MS = 30_000
"""How far the clocks of two machines may differ."""


class Home:
    """One folder with everything that a client or a service of this machine needs to know."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser().absolute()

    def __repr__(self) -> str:
        return f"Home({str(self.path)!r})"

    # --- where things are ---

    @property
    def settings_file(self) -> Path:
        return self.path / "toolwire.toml"

    @property
    def registry_file(self) -> Path:
        return self.path / "registry.toml"

    @property
    def store_file(self) -> Path:
        return self.path / "store.sqlite3"

    @property
    def key_folder(self) -> Path:
        return self.path / "keys"

    def private_key_file(self, kid: str) -> Path:
        """Where the Ed25519 private key of that id belongs."""
        return self.key_folder / f"{kid}.pem"

    def secret_file(self, kid: str) -> Path:
        """Where the HMAC secret of that id belongs, unless the registry names another file."""
        return self.key_folder / f"{kid}.secret"

    def key_file(self, entry: KeyEntry) -> Path:
        """Where the private half of a key is, if it is here."""
        if entry.secret_file is not None:
            return self.path / entry.secret_file
        return self.private_key_file(entry.kid)

    # --- who is who ---

    def registry(self) -> Registry:
        """The registry as its file stands. `ConfigurationError` says what is wrong with it, and where."""
        try:
            return Registry.model_validate(tomllib.loads(self.registry_file.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise ConfigurationError(
                f"there is no registry at {self.registry_file}: `toolwire dev` or `toolwire keys new` makes "
                "one, or set TOOLWIRE_HOME to the folder that has it"
            ) from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigurationError(f"{self.registry_file} cannot be read as TOML: {error}") from error
        except ValidationError as error:
            raise ConfigurationError(
                f"{self.registry_file}: {first_complaint(error)}. Mend that entry."
            ) from error

    def registry_stamp(self) -> Stamp | None:
        """What differs when the registry's file has changed; None where it cannot be seen."""
        try:
            status = self.registry_file.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def server_keys(self, client_id: str) -> Keyring:
        """What a client verifies answers with: the keys of every pinned server, and its own secrets.

        A secret's owner is the server that shares it: under it, only that server answers.
        """
        registry = self.registry()
        keys = [
            self._public(entry, owner=server_id)
            for server_id, server in registry.servers.items()
            for entry in server.keys
            if self._is_public(entry, server_id)
        ]
        client = registry.clients.get(client_id)
        keys += [
            self._shared(entry, owner=entry.peer)
            for entry in (client.keys if client else ())
            if _is_live_secret(entry) and entry.peer is not None
        ]
        return Keyring(keys)

    def client_keys(self, server_id: str) -> Keyring:
        """What a server verifies requests with: every client's keys, and the secrets shared with itself."""
        return Keyring(self._client_keys(server_id))

    def client_keys_here(self, server_id: str) -> Keyring:
        """The same for somebody who only looks: without the secrets whose files are not here."""
        return Keyring(self._client_keys(server_id, only_here=True))

    def _client_keys(self, server_id: str, *, only_here: bool = False) -> Iterator[Key]:
        for client_id, client in self.registry().clients.items():
            for entry in client.keys:
                if entry.algorithm == "Ed25519":
                    yield self._public(entry, owner=client_id)
                elif not _is_live_secret(entry) or entry.peer != server_id:
                    continue
                elif not only_here or self.key_file(entry).exists():
                    yield self._shared(entry, owner=client_id)

    # --- who signs ---

    def client_signer(
        self, client_id: str, kid: str | None = None, *, server_id: str | None = None
    ) -> Signer:
        """What a client signs its requests with: the named key, or the newest of its own that it can use.

        Newest is the last one listed that is not revoked, within its dates, and whose private file is here;
        Ed25519 goes before HMAC. A secret is good for the one server that shares it: with `server_id` no
        other is given.
        """
        client = self.registry().clients.get(client_id)
        if client is None:
            raise ConfigurationError(
                f"{self.registry_file} lists no client {client_id!r}: `toolwire keys new client {client_id}` "
                "adds it"
            )
        if kid is not None:
            return self._named_signer(client_id, client.keys, kid, server_id)
        for algorithm in ("Ed25519", "HS256"):
            for entry in reversed(client.keys):
                if entry.algorithm == algorithm and _reaches(entry, server_id) and self._usable(entry):
                    return self._signer(entry)
        raise ConfigurationError(
            f"client {client_id!r} has no usable private key in {self.key_folder}"
            f"{f' for server {server_id!r}' if server_id else ''}: put one of its listed keys there, or make "
            f"a new one: `toolwire keys rotate client {client_id}`"
        )

    def server_signer(self, server_id: str) -> Ed25519Signer:
        """What a server signs with: its newest Ed25519 key, by the same rule."""
        server = self.registry().servers.get(server_id)
        if server is None:
            raise ConfigurationError(
                f"{self.registry_file} lists no server {server_id!r}: `toolwire keys new server {server_id}` "
                "adds it"
            )
        for entry in reversed(server.keys):
            if entry.algorithm == "Ed25519" and self._usable(entry):
                return self._private(entry)
        raise ConfigurationError(
            f"server {server_id!r} has no usable Ed25519 private key in {self.key_folder}: put one of its "
            f"listed keys there, or make a new one: `toolwire keys rotate server {server_id}`"
        )

    def shared_key(self, kid: str) -> HmacKey:
        """The secret of that id, which a server seals its answers to that one client with."""
        for client in self.registry().clients.values():
            for entry in client.keys:
                if entry.kid == kid and entry.algorithm == "HS256":
                    return self._secret(entry)
        raise ConfigurationError(f"{self.registry_file} lists no HS256 key {kid!r}")

    def _named_signer(
        self, client_id: str, entries: tuple[KeyEntry, ...], kid: str, server_id: str | None
    ) -> Signer:
        entry = next((entry for entry in entries if entry.kid == kid), None)
        if entry is None:
            raise ConfigurationError(f"{self.registry_file} lists no key {kid!r} under [clients.{client_id}]")
        if entry.revoked:
            raise KeyRefused(
                f"key {kid!r} of client {client_id!r} is revoked in {self.registry_file}; use another"
            )
        if not _in_date(entry):
            raise KeyRefused(
                f"key {kid!r} of client {client_id!r} is not good now, by the dates in {self.registry_file}; "
                "use another"
            )
        if not _reaches(entry, server_id):
            raise ConfigurationError(
                f"key {kid!r} is a secret shared with server {entry.peer!r} alone; requests to "
                f"{server_id!r} need another key"
            )
        return self._signer(entry)

    # --- one key each ---

    def _signer(self, entry: KeyEntry) -> Signer:
        return self._private(entry) if entry.algorithm == "Ed25519" else self._secret(entry)

    def _private(self, entry: KeyEntry) -> Ed25519Signer:
        signer = Ed25519Signer(entry.kid, keyfiles.read_private_key(self.key_file(entry)))
        if signer.public_bytes() != self._public_bytes(entry):
            raise KeyRefused(
                f"{self.key_file(entry)} is not the private half of the public key {entry.kid!r} in "
                f"{self.registry_file}: restore the right file, or list the key again under a new id"
            )
        return signer

    def _secret(self, entry: KeyEntry) -> HmacKey:
        return HmacKey(entry.kid, keyfiles.read_secret(self.key_file(entry)))

    def _public(self, entry: KeyEntry, owner: str) -> Key:
        return _key(entry, owner, ed25519_verifier(self._public_bytes(entry), entry.kid))

    def _shared(self, entry: KeyEntry, owner: str) -> Key:
        return _key(entry, owner, self._secret(entry))

    def _public_bytes(self, entry: KeyEntry) -> bytes:
        try:
            return from_base64url(entry.public or "")
        except ValueError as error:
            raise KeyRefused(
                f"{self.registry_file}: the public key {entry.kid!r} is not base64url without padding"
            ) from error

    def _is_public(self, entry: KeyEntry, server_id: str) -> bool:
        if entry.algorithm == "Ed25519":
            return True
        raise ConfigurationError(
            f"{self.registry_file}: the secret {entry.kid!r} stands under [servers.{server_id}]; list it "
            f"under the client that shares it, with peer = {server_id!r}"
        )

    def _usable(self, entry: KeyEntry) -> bool:
        return not entry.revoked and _in_date(entry) and self.key_file(entry).exists()


def _key(entry: KeyEntry, owner: str, verifier: Verifier) -> Key:
    return Key(
        kid=entry.kid,
        owner=owner,
        verifier=verifier,
        not_before_ms=entry.not_before_ms or 0,
        not_after_ms=MAX_SAFE_INTEGER if entry.not_after_ms is None else entry.not_after_ms,
        revoked=entry.revoked,
    )


def _in_date(entry: KeyEntry) -> bool:
    """Whether a key may sign now: within its dates, by more than what the verifier's clock may differ."""
    first = 0 if entry.not_before_ms is None else entry.not_before_ms + SKEW_MS
    last = MAX_SAFE_INTEGER if entry.not_after_ms is None else entry.not_after_ms - SKEW_MS
    return first <= now_ms() <= last


def _is_live_secret(entry: KeyEntry) -> bool:
    """A revoked secret is not even read: its file may be gone, and should be."""
    return entry.algorithm == "HS256" and not entry.revoked


def _reaches(entry: KeyEntry, server_id: str | None) -> bool:
    return entry.algorithm == "Ed25519" or server_id is None or entry.peer == server_id
