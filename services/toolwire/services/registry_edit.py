"""registry.toml, changed by one process at a time, with the comments and the order that it has."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager

import tomlkit
from pydantic import ValidationError
from tomlkit.items import Table

from toolwire.client.home import Home
from toolwire.contracts.errors import ConfigurationError
from toolwire.contracts.names import ID_PATTERN, is_id
from toolwire.contracts.registry import Registry

LOCK_FILE = "registry.lock"
_GREETING = "Who may ask, who answers, and the public keys of both. Whoever is not listed does not exist."


@contextmanager
def editing(home: Home) -> Generator[tomlkit.TOMLDocument]:
    """The registry, to be changed in the block; who else wants to change it waits.

    It is written when the block ends well, and replaced in one step: a reader sees the old one or the new
    one. `ConfigurationError` where it is missing or wrong, or would be wrong then.
    """
    with alone(home):
        home.registry()  # says what is wrong with the file, and where
        document = tomlkit.parse(home.registry_file.read_text(encoding="utf-8"))
        yield document
        write_registry(home, document)


@contextmanager
def alone(home: Home) -> Generator[None]:
    """Only one process is in this block for that home; others wait at its beginning."""
    if not home.path.is_dir():
        home.registry()  # says that there is none, and what makes one
    with (home.path / LOCK_FILE).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def new_registry() -> tomlkit.TOMLDocument:
    """A registry that lists nobody."""
    empty = tomlkit.document()
    empty.add(tomlkit.comment(_GREETING))
    return empty


def write_registry(home: Home, document: tomlkit.TOMLDocument) -> None:
    """Replace the file, by whoever is `alone`. `ConfigurationError` where nobody could read it again."""
    try:
        Registry.model_validate(document.unwrap())
    except ValidationError as error:
        complaint = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in complaint["loc"])
        raise ConfigurationError(
            f"{home.registry_file} stays as it is: {where}: {complaint['msg']}"
        ) from error
    draft = home.registry_file.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(tomlkit.dumps(document), encoding="utf-8")
    draft.replace(home.registry_file)


def entry(document: tomlkit.TOMLDocument, kind: str, name: str) -> Table:
    """The entry of a client or a server, made where there is none; `kind` is `clients` or `servers`."""
    group = document.setdefault(kind, tomlkit.table(is_super_table=True))
    found: Table = group.setdefault(checked(name), tomlkit.table())
    return found


def checked(name: str) -> str:
    """The id, if it is one. `ConfigurationError`."""
    if not is_id(name):
        raise ConfigurationError(f"the id {name!r} must match {ID_PATTERN}")
    return name
