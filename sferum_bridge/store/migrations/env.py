"""Run by Alembic on every move, on the connection `store.migrate` gives, in its transaction."""

from __future__ import annotations

from alembic import context

from sferum_bridge.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter most things in place: Alembic copies the table instead.
    render_as_batch=True,
    # `migrate` begins the transaction itself, so SQLite's DDL is transactional here as well.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
