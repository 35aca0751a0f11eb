"""Alembic's entry point: migrate over the connection that `memory.sqlite.database` hands in."""

from alembic import context

from memory.sqlite.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
)
with context.begin_transaction():
    context.run_migrations()
