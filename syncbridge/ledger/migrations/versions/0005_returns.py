"""Returns: authorisations, goods that came back, the units they were, and the refunds that the shop told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncbridge.ledger.types import Json, RowId, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refunds",
        sa.Column("id", RowId, nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("units", Json, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("happened_at", UtcDateTime(), nullable=False),
        sa.Column("checked_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("message_id", name=op.f("uq_refunds_message_id")),
    )
    op.create_index(op.f("ix_refunds_order_id"), "refunds", ["order_id"], unique=False)
    op.create_index(
        "ix_refunds_unchecked",
        "refunds",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("checked_at IS NULL"),
        sqlite_where=sa.text("checked_at IS NULL"),
    )
    op.create_table(
        "returns",
        sa.Column("id", RowId, nullable=False),
        sa.Column("rma_number", sa.String(length=50), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("fulfilment_order_id", sa.BigInteger(), nullable=True),
        sa.Column("units", Json, nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("linked_by", sa.String(length=16), nullable=False),
        sa.Column("linked_parcel", sa.BigInteger(), nullable=True),
        sa.Column("given_rma", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("backend_id", sa.String(length=64), nullable=True),
        sa.Column("backend_status", sa.String(length=32), nullable=True),
        sa.Column("backend_version", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.Column("expected_at", UtcDateTime(), nullable=True),
        sa.Column("first_received_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fulfilment_order_id"], ["fulfilment_orders.id"], name=op.f("fk_returns_fulfilment_order_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_returns_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_returns")),
        sa.UniqueConstraint("account", "backend_id", name=op.f("uq_returns_account_backend_id")),
        sa.UniqueConstraint("rma_number", name=op.f("uq_returns_rma_number")),
    )
    op.create_index(op.f("ix_returns_fulfilment_order_id"), "returns", ["fulfilment_order_id"], unique=False)
    op.create_index(
        "ix_returns_open",
        "returns",
        ["state", "created_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('waiting', 'expected')"),
        sqlite_where=sa.text("state IN ('waiting', 'expected')"),
    )
    op.create_index(op.f("ix_returns_order_id"), "returns", ["order_id"], unique=False)
    op.create_table(
        "receipts",
        sa.Column("id", RowId, nullable=False),
        sa.Column("return_id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("receipt_line_id", sa.String(length=100), nullable=False),
        sa.Column("order_line_number", sa.Integer(), nullable=True),
        sa.Column("sku", sa.String(length=200), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("condition", sa.String(length=32), nullable=False),
        sa.Column("disposition", sa.String(length=32), nullable=False),
        sa.Column("raw_condition", sa.String(length=64), nullable=False),
        sa.Column("raw_disposition", sa.String(length=64), nullable=False),
        sa.Column("units", Json, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("decision", sa.String(length=32), nullable=False),
        sa.Column("decided_by", sa.String(length=100), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["return_id"], ["returns.id"], name=op.f("fk_receipts_return_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("account", "receipt_line_id", name=op.f("uq_receipts_account_receipt_line_id")),
    )
    op.create_index(op.f("ix_receipts_return_id"), "receipts", ["return_id"], unique=False)
    op.create_index(
        "ix_receipts_waiting",
        "receipts",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "returned_units",
        sa.Column("order_item_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("receipt_id", sa.BigInteger(), nullable=True),
        sa.Column("decision", sa.String(length=32), nullable=False),
        sa.Column("transmission_id", sa.BigInteger(), nullable=True),
        sa.Column("paid_minor", sa.BigInteger(), nullable=True),
        sa.Column("received_at", UtcDateTime(), nullable=True),
        sa.Column("shown_at", UtcDateTime(), nullable=True),
        sa.Column("refunded_at", UtcDateTime(), nullable=True),
        sa.Column("refunded_by", sa.String(length=16), nullable=False),
        sa.Column("checked_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_returned_units_order_id")),
        sa.ForeignKeyConstraint(
            ["order_item_id"], ["order_units.order_item_id"], name=op.f("fk_returned_units_order_item_id")
        ),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipts.id"], name=op.f("fk_returned_units_receipt_id")),
        sa.ForeignKeyConstraint(
            ["transmission_id"], ["transmissions.id"], name=op.f("fk_returned_units_transmission_id")
        ),
        sa.PrimaryKeyConstraint("order_item_id", name=op.f("pk_returned_units")),
    )
    op.create_index(
        "ix_returned_units_open",
        "returned_units",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("refunded_at IS NULL OR received_at IS NULL"),
        sqlite_where=sa.text("refunded_at IS NULL OR received_at IS NULL"),
    )
    op.create_index(op.f("ix_returned_units_order_id"), "returned_units", ["order_id"], unique=False)
    op.create_index(op.f("ix_returned_units_receipt_id"), "returned_units", ["receipt_id"], unique=False)
    op.create_index(
        op.f("ix_returned_units_transmission_id"), "returned_units", ["transmission_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_returned_units_transmission_id"), table_name="returned_units")
    op.drop_index(op.f("ix_returned_units_receipt_id"), table_name="returned_units")
    op.drop_index(op.f("ix_returned_units_order_id"), table_name="returned_units")
    op.drop_index(
        "ix_returned_units_open",
        table_name="returned_units",
        postgresql_where=sa.text("refunded_at IS NULL OR received_at IS NULL"),
        sqlite_where=sa.text("refunded_at IS NULL OR received_at IS NULL"),
    )
    op.drop_table("returned_units")
    op.drop_index(
        "ix_receipts_waiting",
        table_name="receipts",
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.drop_index(op.f("ix_receipts_return_id"), table_name="receipts")
    op.drop_table("receipts")
    op.drop_index(op.f("ix_returns_order_id"), table_name="returns")
    op.drop_index(
        "ix_returns_open",
        table_name="returns",
        postgresql_where=sa.text("state IN ('waiting', 'expected')"),
        sqlite_where=sa.text("state IN ('waiting', 'expected')"),
    )
    op.drop_index(op.f("ix_returns_fulfilment_order_id"), table_name="returns")
    op.drop_table("returns")
    op.drop_index(
        "ix_refunds_unchecked",
        table_name="refunds",
        postgresql_where=sa.text("checked_at IS NULL"),
        sqlite_where=sa.text("checked_at IS NULL"),
    )
    op.drop_index(op.f("ix_refunds_order_id"), table_name="refunds")
    op.drop_table("refunds")
