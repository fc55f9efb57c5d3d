"""A finished order is looked at once more, and found at a cost that follows how many still are to be."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TO_LOOK_AT_AGAIN = sa.text(
    "state = 'acknowledged' AND backend_status IN ('despatched', 'cancelled') AND asked_at <= updated_at"
)


def upgrade() -> None:
    op.create_index(
        "ix_fulfilment_orders_to_look_at_again", "fulfilment_orders", ["account", "updated_at"], unique=False,
        postgresql_where=_TO_LOOK_AT_AGAIN, sqlite_where=_TO_LOOK_AT_AGAIN,
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_fulfilment_orders_to_look_at_again", table_name="fulfilment_orders")
