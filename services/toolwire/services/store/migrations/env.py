"""Alembic's environment: the connection, and with it the transaction, is that of whoever opens the store."""

from alembic import context

from toolwire.services.store.schema import metadata

given = context.config.attributes
context.configure(
    connection=given["connection"], version_table=given["version_table"], target_metadata=metadata
)
context.run_migrations()
