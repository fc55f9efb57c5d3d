"""Stock: what the back ends have, what the shop was told, and what is sold but not taken in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncbridge.ledger.types import RowId, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sold_units",
        sa.Column("order_item_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("warehouse", sa.String(length=64), nullable=False),
        sa.Column("sku", sa.String(length=200), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("order_item_id", name=op.f("pk_sold_units")),
    )
    op.create_index(op.f("ix_sold_units_seen_at"), "sold_units", ["seen_at"], unique=False)
    op.create_table(
        "stock_comparisons",
        sa.Column("id", RowId, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=False),
        sa.Column("skus", sa.Integer(), nullable=False),
        sa.Column("skus_off", sa.Integer(), nullable=False),
        sa.Column("units_off", sa.BigInteger(), nullable=False),
        sa.Column("edited", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_comparisons")),
    )
    op.create_index(op.f("ix_stock_comparisons_account"), "stock_comparisons", ["account"], unique=False)
    op.create_table(
        "stock_levels",
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("warehouse_code", sa.String(length=64), nullable=False),
        sa.Column("sku", sa.String(length=200), nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("warehouse", sa.String(length=64), nullable=False),
        sa.Column("shop_sku", sa.String(length=200), nullable=False),
        sa.Column("observed", sa.String(length=32), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=True),
        sa.Column("observed_at", UtcDateTime(), nullable=False),
        sa.Column("available", sa.Integer(), nullable=True),
        sa.Column("in_flight", sa.Integer(), nullable=True),
        sa.Column("buffer", sa.Integer(), nullable=True),
        sa.Column("sending", sa.Integer(), nullable=True),
        sa.Column("published", sa.Integer(), nullable=True),
        sa.Column("stamp", UtcDateTime(), nullable=True),
        sa.Column("published_at", UtcDateTime(), nullable=True),
        sa.Column("ignored", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.String(length=200), server_default="", nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("account", "warehouse_code", "sku", name=op.f("pk_stock_levels")),
    )
    op.create_index("ix_stock_levels_shop_sku", "stock_levels", ["shop_sku"], unique=False)
    op.add_column(
        "fulfilment_lines", sa.Column("allocated", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column(
        "fulfilment_lines", sa.Column("despatched", sa.Integer(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("fulfilment_lines", "despatched")
    op.drop_column("fulfilment_lines", "allocated")
    op.drop_index("ix_stock_levels_shop_sku", table_name="stock_levels")
    op.drop_table("stock_levels")
    op.drop_index(op.f("ix_stock_comparisons_account"), table_name="stock_comparisons")
    op.drop_table("stock_comparisons")
    op.drop_index(op.f("ix_sold_units_seen_at"), table_name="sold_units")
    op.drop_table("sold_units")
