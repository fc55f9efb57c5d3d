"""Stock time: when a reservation was first known, when a sale was confirmed, and which rows a snapshot lacked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncbridge.ledger.types import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("fulfilment_lines", sa.Column("reserved_at", UtcDateTime(), nullable=True))
    op.create_index(
        "ix_fulfilment_lines_reserved_at",
        "fulfilment_lines",
        ["reserved_at"],
        unique=False,
        postgresql_where=sa.text("reserved_at IS NOT NULL"),
        sqlite_where=sa.text("reserved_at IS NOT NULL"),
    )
    op.add_column("sold_units", sa.Column("confirmed_at", UtcDateTime(), nullable=True))
    for name in ("sent_at", "seen_at", "missing_at"):
        op.add_column("stock_levels", sa.Column(name, UtcDateTime(), nullable=True))
    op.add_column(
        "stock_comparisons", sa.Column("unreadable", sa.Integer(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("stock_comparisons", "unreadable")
    for name in ("missing_at", "seen_at", "sent_at"):
        op.drop_column("stock_levels", name)
    op.drop_column("sold_units", "confirmed_at")
    op.drop_index(
        "ix_fulfilment_lines_reserved_at",
        table_name="fulfilment_lines",
        postgresql_where=sa.text("reserved_at IS NOT NULL"),
        sqlite_where=sa.text("reserved_at IS NOT NULL"),
    )
    op.drop_column("fulfilment_lines", "reserved_at")
