"""Stock counts what is sold at a cost that follows what is open and what is new, not the history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STILL_HELD = sa.text(
    "state <> 'withdrawn' AND (backend_status IS NULL OR backend_status NOT IN ('despatched', 'cancelled'))"
)


def upgrade() -> None:
    op.create_index(op.f("ix_order_units_created_at"), "order_units", ["created_at"], unique=False)
    op.create_index(
        "ix_fulfilment_orders_still_held",
        "fulfilment_orders",
        ["account"],
        unique=False,
        postgresql_where=_STILL_HELD,
        sqlite_where=_STILL_HELD,
    )


def downgrade() -> None:
    op.drop_index("ix_fulfilment_orders_still_held", table_name="fulfilment_orders")
    op.drop_index(op.f("ix_order_units_created_at"), table_name="order_units")
