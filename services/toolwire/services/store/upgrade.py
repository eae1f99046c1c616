"""Brings a store's tables up to this release, when a replica opens it.

A fresh store gets this release's tables at once. Where an older release has made them, Alembic carries out
the steps from there (`toolwire.services.store.migrations`), all in one transaction; it is imported only for
that.

A store says which is the oldest release that may go on working beside its tables. So a replica that meets
those of a newer release either works on, or is told to be upgraded first.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Connection, Index, delete, insert, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.schema import CreateIndex, CreateTable

from toolwire.contracts.errors import ConfigurationError
from toolwire.services.store.losses import is_contended, is_forbidden, is_lost, reason_of
from toolwire.services.store.schema import OLDEST_BESIDE, SCHEMA_NUMBER, metadata, records, stamp

log = logging.getLogger("toolwire.services")

# A database may have several schemas, with a store in each.
_MY_TURN = "SELECT pg_advisory_xact_lock(hashtext('toolwire'), hashtext(current_schema()))"


@dataclass(frozen=True, slots=True)
class Release:
    """What one release knows of tables."""

    number: int = SCHEMA_NUMBER
    """Of its own tables."""
    oldest: int = OLDEST_BESIDE
    """Of the oldest release that may work beside them."""
    migrations: str = "toolwire.services.store:migrations"
    """Where Alembic finds the steps that lead there: its `script_location`."""


THIS_RELEASE = Release()


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a store says of its tables."""

    number: int
    oldest: int


def prepare(connection: Connection, release: Release = THIS_RELEASE) -> None:
    """Create the tables in a fresh store, and change what an older release left.

    Raises `ConfigurationError` where a newer release has made tables that this one does not understand, where
    they are somebody else's, and where the database's user may not do what is needed.
    """
    try:
        there = _stamp(connection)
        if there is None or there.number < release.number:
            _change(connection, release)
        elif there.number > release.number:
            _work_beside(there, release)
    except ProgrammingError as error:
        if not is_forbidden(error):
            raise
        raise ConfigurationError(
            f"the store's user may not do what is needed: {reason_of(error)}. It creates, reads and writes "
            "tables named tw_…: let it own the schema that they are in."
        ) from error


def _change(connection: Connection, release: Release) -> None:
    _wait_for_turn(connection)
    there = _stamp(connection)
    if there is None:
        for statement in _all_tables(connection.dialect.name):
            connection.exec_driver_sql(statement)
    elif there.number < release.number:
        _migrate(connection, there, release)
    else:
        return
    connection.execute(delete(stamp))
    connection.execute(insert(stamp).values(number=release.number, oldest=release.oldest))


def _migrate(connection: Connection, there: Stamp, release: Release) -> None:
    # Not at the top: Alembic takes longer to import than a store to open.
    from toolwire.services.store.migrations.run import migrate

    try:
        migrate(connection, release.migrations, there.number, release.number)
    except DBAPIError as error:
        if is_contended(error) or is_lost(error):
            raise
        raise ConfigurationError(
            f"the store's tables cannot be brought from {there.number} to {release.number}, and are as they "
            f"were: {reason_of(error)}. Go on with the release before, and report this."
        ) from error
    log.info("the store's tables were brought from %d to %d", there.number, release.number)


def _wait_for_turn(connection: Connection) -> None:
    """Replicas that start at the same moment change the tables one after the other."""
    if connection.dialect.name == "postgresql":  # the transactions of SQLite take turns anyway
        connection.exec_driver_sql(_MY_TURN)


@cache
def _all_tables(dialect: str) -> Sequence[str]:
    """The statements of `metadata.create_all`, spelled once: tests open hundreds of fresh stores."""
    spelling = {"sqlite": sqlite.dialect, "postgresql": postgresql.dialect}[dialect]()
    tables = metadata.sorted_tables
    indexes = [CreateIndex(index) for table in tables for index in sorted(table.indexes, key=_how_special)]
    creations: list[CreateTable | CreateIndex] = [*map(CreateTable, tables), *indexes]
    return [str(creation.compile(dialect=spelling)) for creation in creations]


def _how_special(index: Index) -> tuple[bool, bool, str]:
    """PostgreSQL takes the newest of the indexes that seem equal to it, as they do in a table that it has not
    analysed yet: so those that lead to the fewest rows come last.
    """
    return index.unique, index.dialect_options["postgresql"]["where"] is not None, str(index.name)


def _work_beside(newer: Stamp, release: Release) -> None:
    if newer.oldest > release.number:
        raise ConfigurationError(
            f"the store was changed by a newer release (its schema is {newer.number}, for releases from "
            f"{newer.oldest} on; this one is of {release.number}). Upgrade this replica, or give it another "
            "store."
        )
    log.info("the store's tables are of a newer release, beside which this one may work")


def _stamp(connection: Connection) -> Stamp | None:
    """What the store says; None where it is fresh."""
    look = inspect(connection)
    # In this order: a replica that starts beside this one may commit both tables between the two looks.
    has_records = look.has_table(records.name)
    if not look.has_table(stamp.name):
        if has_records:
            raise _foreign(f"it has {records.name}, but no {stamp.name}")
        return None
    # Not by column: what an unreleased version has left may lack one.
    row = connection.execute(select(text("*")).select_from(stamp)).mappings().one_or_none()
    if row is None or not {"number", "oldest"} <= row.keys():
        raise _foreign(f"its {stamp.name} does not say what they are")
    return Stamp(row["number"], row["oldest"])


def _foreign(why: str) -> ConfigurationError:
    return ConfigurationError(f"the store's tables were made by no release ({why}). Give another database.")
