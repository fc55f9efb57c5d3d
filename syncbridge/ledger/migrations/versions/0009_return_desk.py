"""What is open about returns is found at a cost that follows what is open, not the history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OPEN = sa.text("state IN ('waiting', 'expected', 'arrived')")
_UNDONE = sa.text("state IN ('waiting', 'held') OR decision = 'ask'")


def upgrade() -> None:
    op.create_index(
        "ix_returns_unfinished", "returns", ["state"], unique=False, postgresql_where=_OPEN, sqlite_where=_OPEN
    )
    op.create_index(
        "ix_receipts_undone", "receipts", ["received_at"], unique=False, postgresql_where=_UNDONE, sqlite_where=_UNDONE
    )


def downgrade() -> None:
    op.drop_index("ix_receipts_undone", table_name="receipts")
    op.drop_index("ix_returns_unfinished", table_name="returns")
