"""Back ends without an order feed: when an order was last asked about, and versions that are points in time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncbridge.ledger.types import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TO_ASK = "state = 'acknowledged' AND (backend_status IS NULL OR backend_status NOT IN ('despatched', 'cancelled'))"
_WITHDRAWN = "state = 'withdrawn'"
_VERSIONS = (("fulfilment_orders", "backend_version"), ("despatches", "version"))


def upgrade() -> None:
    op.add_column("fulfilment_orders", sa.Column("asked_at", UtcDateTime(), nullable=True))
    op.create_index(
        "ix_fulfilment_orders_to_ask",
        "fulfilment_orders",
        ["account", "asked_at"],
        postgresql_where=sa.text(_TO_ASK),
        sqlite_where=sa.text(_TO_ASK),
    )
    op.create_index(
        "ix_fulfilment_orders_withdrawn",
        "fulfilment_orders",
        ["account", "updated_at"],
        postgresql_where=sa.text(_WITHDRAWN),
        sqlite_where=sa.text(_WITHDRAWN),
    )
    # A version that is a point in time in milliseconds needs 64 bits, which every integer of SQLite has.
    if op.get_bind().dialect.name == "postgresql":
        for table, column in _VERSIONS:
            op.alter_column(table, column, type_=sa.BigInteger())


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, column in _VERSIONS:
            op.alter_column(table, column, type_=sa.Integer())
    op.drop_index("ix_fulfilment_orders_withdrawn", table_name="fulfilment_orders")
    op.drop_index("ix_fulfilment_orders_to_ask", table_name="fulfilment_orders")
    op.drop_column("fulfilment_orders", "asked_at")
