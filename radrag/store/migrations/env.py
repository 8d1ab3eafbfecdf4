"""Alembic's entry: runs the migrations on the connection that radrag hands over, inside its transaction."""

from alembic import context

from radrag.store import tables
from radrag.store.migrations import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.CorpusRow.metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
