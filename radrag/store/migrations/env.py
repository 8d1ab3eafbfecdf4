"""Alembic's entry: runs the migrations on the connection that radrag hands over, inside its transaction."""

from alembic import context

from radrag.store import tables, tables_jobs, tables_outbox, tables_people  # noqa: F401 - Base learns of each table
from radrag.store.base import Base
from radrag.store.migrations import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
