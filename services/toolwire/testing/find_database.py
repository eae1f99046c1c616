"""Which kind of PostgreSQL this machine can offer: `python -m toolwire.testing.find_database` prints it.

The one that TOOLWIRE_TEST_POSTGRES_URL names comes first; then a container, because it is a current version
and leaves nothing behind; then what is installed, as a private server.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import get_args
from urllib.parse import urlsplit

import psycopg

from toolwire.testing.databases import Kind, may_create_databases
from toolwire.testing.postgres_cluster import installed_postgres

ORDER: tuple[Kind, ...] = ("container", "cluster")
NO_DATABASE = 3  # the exit code of every "this machine lacks something, and here is what to type"
URL = "TOOLWIRE_TEST_POSTGRES_URL"


class NoDatabase(Exception):
    """No PostgreSQL can be had on this machine; the message lists what was looked for."""


def find_postgres(environment: Mapping[str, str]) -> Kind:
    """Return the first kind that can be had, and pull the container's image where that is missing.

    What somebody asked for ends the search: TOOLWIRE_TEST_POSTGRES names a kind, TOOLWIRE_TEST_POSTGRES_URL a
    server. Raises NoDatabase.
    """
    missing: list[str] = []
    for kind in _asked_for(environment):
        reason = _why_not(kind, environment)
        if reason is None:
            return kind
        missing.append(reason)
    raise NoDatabase("no PostgreSQL to be had: " + "; ".join(missing))


def _asked_for(environment: Mapping[str, str]) -> Sequence[Kind]:
    name = environment.get("TOOLWIRE_TEST_POSTGRES")
    if not name:
        return ["url"] if environment.get(URL) else ORDER
    kinds: tuple[Kind, ...] = get_args(Kind)
    if name not in kinds:
        raise NoDatabase(f"TOOLWIRE_TEST_POSTGRES is {name!r}; it may be one of {', '.join(kinds)}")
    return [kind for kind in kinds if kind == name]


def _why_not(kind: Kind, environment: Mapping[str, str]) -> str | None:
    match kind:
        case "url":
            return _why_not_there(environment.get(URL, ""))
        case "container":
            return _why_no_container()
        case "cluster":
            return None if installed_postgres() else "no PostgreSQL server is installed"


def _why_not_there(url: str) -> str | None:
    if not url:
        return f"{URL} is not set"
    try:
        allowed = may_create_databases(url)
    except psycopg.Error as error:
        # Without the URL, whose password has no place in a log.
        said = str(error).strip().splitlines()[-1]
        return f"no PostgreSQL at {urlsplit(url).hostname} lets us in, which {URL} names ({said})"
    return None if allowed else f"the user that {URL} names may not create databases (ALTER ROLE … CREATEDB)"


def _why_no_container() -> str | None:
    try:
        from toolwire.testing.containers import POSTGRES_IMAGE, ContainerUnavailable, prepare_image
    except ImportError as error:
        return f"containers need {error.name}: pip install 'toolwire[testing]'"
    try:
        prepare_image(POSTGRES_IMAGE)
    except ContainerUnavailable as error:
        return str(error)
    return None


def main() -> int:
    """Print the kind of PostgreSQL for the tests, or say what is missing and return NO_DATABASE."""
    try:
        print(find_postgres(os.environ))
    except NoDatabase as error:
        print(f"toolwire: {error}", file=sys.stderr)
        return NO_DATABASE
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
