"""registry.toml, changed by one process at a time, with the comments and the order that it has."""

import fcntl
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import tomlkit
from pydantic import ValidationError
from tomlkit.items import InlineTable, Table

from toolwire.client.home import Home
from toolwire.contracts.errors import ConfigurationError
from toolwire.contracts.fields import first_complaint
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
    with writing(home.path / LOCK_FILE):
        lock = (home.path / LOCK_FILE).open("a")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def writing(path: Path) -> Generator[None]:
    """`ConfigurationError` where the system does not let the block make or change that file or folder."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror or error}. See who owns it and its folder, and "
            "whether the disk is full, or name another home: TOOLWIRE_HOME"
        ) from error


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
        raise ConfigurationError(f"{home.registry_file} stays as it is: {first_complaint(error)}") from error
    with writing(home.registry_file):
        _replace(home.registry_file.resolve(), tomlkit.dumps(document))


def _replace(file: Path, text: str) -> None:
    """In one step; the file keeps its mode."""
    draft = file.with_suffix(f".{os.getpid()}.draft")
    try:
        draft.write_text(text, encoding="utf-8")
        if file.exists():
            draft.chmod(stat.S_IMODE(file.stat().st_mode))
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def entry(document: tomlkit.TOMLDocument, kind: str, name: str) -> Table:
    """The entry of a client or a server, made where there is none; `kind` is `clients` or `servers`.

    `ConfigurationError` where it cannot be made.
    """
    group = document.setdefault(kind, tomlkit.table(is_super_table=True))
    if isinstance(group, InlineTable) and name not in group:
        raise ConfigurationError(
            f"nobody can be added to `{kind} = {{…}}` of the registry: write its entries as tables of their "
            f"own, such as [{kind}.{name}]"
        )
    found: Table = group.setdefault(checked(name), tomlkit.table())
    return found


def checked(name: str) -> str:
    """The id, if it is one. `ConfigurationError`."""
    if not is_id(name):
        raise ConfigurationError(f"the id {name!r} must match {ID_PATTERN}")
    return name
