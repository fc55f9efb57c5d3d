"""Cancellations, and every name that an order ever had in the shop."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncbridge.ledger.types import Json, RowId, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_OPEN = sa.text("state IN ('asked', 'requested', 'manual')")
_RETURN = sa.text("announce_return")


def upgrade() -> None:
    op.add_column(
        "fulfilment_orders",
        sa.Column("cancel_wanted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_table(
        "order_references",
        sa.Column("reference_key", sa.String(length=200), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("reference_key", "order_id", name=op.f("pk_order_references")),
    )
    each = (
        "jsonb_array_elements_text(orders.reference_keys) AS each(value)"
        if op.get_bind().dialect.name == "postgresql"
        else "json_each(orders.reference_keys) AS each"
    )
    op.execute(
        "INSERT INTO order_references (reference_key, order_id) "  # noqa: S608 - constants only
        f"SELECT DISTINCT each.value, orders.id FROM orders, {each} WHERE length(each.value) BETWEEN 1 AND 200"
    )
    op.create_table(
        "cancellations",
        sa.Column("id", RowId, nullable=False),
        sa.Column("scope", sa.String(length=400), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("reference_key", sa.String(length=200), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("warehouses", Json, nullable=False),
        sa.Column("units", Json, nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("outcomes", Json, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("answer", sa.String(length=64), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("last_asked_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("announce_return", sa.Boolean(), nullable=False),
        sa.Column("return_units", Json, nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cancellations")),
        sa.UniqueConstraint("scope", name=op.f("uq_cancellations_scope")),
    )
    op.create_index(op.f("ix_cancellations_reference_key"), "cancellations", ["reference_key"], unique=False)
    op.create_index(op.f("ix_cancellations_order_id"), "cancellations", ["order_id"], unique=False)
    op.create_index(
        "ix_cancellations_open",
        "cancellations",
        ["last_asked_at"],
        unique=False,
        postgresql_where=_OPEN,
        sqlite_where=_OPEN,
    )
    op.create_index(
        "ix_cancellations_announce_return",
        "cancellations",
        ["id"],
        unique=False,
        postgresql_where=_RETURN,
        sqlite_where=_RETURN,
    )


def downgrade() -> None:
    op.drop_table("cancellations")
    op.drop_table("order_references")
    op.drop_column("fulfilment_orders", "cancel_wanted")
