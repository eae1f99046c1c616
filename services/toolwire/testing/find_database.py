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
from toolwire.testing.finding import NotToBeHad, first_of, named_in, why_no_container
from toolwire.testing.postgres_cluster import installed_postgres

ORDER: tuple[Kind, ...] = ("container", "cluster")
NO_DATABASE = 3  # the exit code of every "this machine lacks something, and here is what to type"
URL = "TOOLWIRE_TEST_POSTGRES_URL"


class NoDatabase(NotToBeHad):
    """No PostgreSQL can be had on this machine; the message lists what was looked for."""


def find_postgres(environment: Mapping[str, str]) -> Kind:
    """Return the first kind that can be had, and pull the container's image where that is missing.

    What somebody asked for ends the search: TOOLWIRE_TEST_POSTGRES names a kind, TOOLWIRE_TEST_POSTGRES_URL a
    server. Raises NoDatabase.
    """
    usual: Sequence[Kind] = ["url"] if environment.get(URL) else ORDER
    try:
        kinds = named_in(environment, "TOOLWIRE_TEST_POSTGRES", get_args(Kind)) or usual
        return first_of("PostgreSQL", kinds, lambda kind: _why_not(kind, environment))
    except NotToBeHad as error:
        raise NoDatabase(str(error)) from None


def _why_not(kind: Kind, environment: Mapping[str, str]) -> str | None:
    match kind:
        case "url":
            return _why_not_there(environment.get(URL, ""))
        case "container":
            return why_no_container(_image)
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


def _image() -> str:
    from toolwire.testing.containers import POSTGRES_IMAGE

    return POSTGRES_IMAGE


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
