"""Alembic's environment: the connection is handed in by `syncbridge.ledger.migrate`, which also commits."""

from __future__ import annotations

from alembic import context

from syncbridge.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
