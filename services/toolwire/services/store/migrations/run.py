"""Runs the steps."""

import threading
from contextlib import AbstractContextManager, nullcontext

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

VERSIONS = "tw_alembic"
"""Where Alembic notes how far it is. It exists while it works: the store itself says what its tables are."""
_ALEMBIC = threading.Lock()
"""Alembic's `op` and `context` are the process's, in which several stores may be opened at once."""


def migrate(connection: Connection, location: str, start: int | None, target: int) -> None:
    """Bring the tables from the step `start` to the step `target`. `location`: where Alembic finds the steps.

    The caller's transaction keeps other replicas from doing the same.
    """
    config = Config(attributes={"connection": connection, "version_table": VERSIONS})
    config.set_main_option("script_location", location.replace("%", "%%"))
    with _ALEMBIC, _at_leisure(connection):
        if start is not None:
            command.stamp(config, str(start))
        command.upgrade(config, str(target))
        connection.exec_driver_sql(f"DROP TABLE {VERSIONS}")


def _at_leisure(connection: Connection) -> AbstractContextManager[None]:
    if connection.dialect.name != "postgresql":
        return nullcontext()
    # Not at the top: it needs psycopg.
    from toolwire.services.store.postgresql import at_leisure

    return at_leisure(connection)
