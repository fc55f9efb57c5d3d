"""The ledger of the first flows: orders, outward writes, despatches, exceptions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncbridge.ledger.types import Json, RowId, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", RowId, nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", Json, nullable=False),
        sa.Column("after", Json, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "catalogue_items",
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("sku", sa.String(length=200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("account", "sku", name=op.f("pk_catalogue_items")),
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("read_to", UtcDateTime(), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
    )
    op.create_table(
        "exceptions",
        sa.Column("id", RowId, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("cause", sa.String(length=200), nullable=False),
        sa.Column("evidence", Json, nullable=False),
        sa.Column("occurrences", sa.Integer(), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exceptions")),
    )
    op.create_index(
        "ix_exceptions_open_owner",
        "exceptions",
        ["owner", "opened_at"],
        unique=False,
        postgresql_where=sa.text("state <> 'resolved'"),
        sqlite_where=sa.text("state <> 'resolved'"),
    )
    op.create_index(op.f("ix_exceptions_order_id"), "exceptions", ["order_id"], unique=False)
    op.create_index(
        "uq_exceptions_open",
        "exceptions",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("state <> 'resolved'"),
        sqlite_where=sa.text("state <> 'resolved'"),
    )
    op.create_table(
        "history",
        sa.Column("id", RowId, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("system", sa.String(length=32), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.Column("happened_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history")),
    )
    op.create_index(op.f("ix_history_order_id"), "history", ["order_id"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("id", RowId, nullable=False),
        sa.Column("source", sa.String(length=128), nullable=False),
        sa.Column("message_id", sa.String(length=128), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=200), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("source", "message_id", name=op.f("uq_inbox_source_message_id")),
    )
    op.create_index(op.f("ix_inbox_order_id"), "inbox", ["order_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("shop", sa.String(length=16), nullable=False),
        sa.Column("country", sa.String(length=16), nullable=False),
        sa.Column("reference_keys", Json, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=True),
        sa.Column("shop_status", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("read_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
    )
    op.create_index(op.f("ix_orders_created_at"), "orders", ["created_at"], unique=False)
    op.create_table(
        "schedule_slots",
        sa.Column("job", sa.String(length=64), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("job", "slot", name=op.f("pk_schedule_slots")),
    )
    op.create_index(op.f("ix_schedule_slots_claimed_at"), "schedule_slots", ["claimed_at"], unique=False)
    op.create_table(
        "fulfilment_orders",
        sa.Column("id", RowId, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("warehouse", sa.String(length=64), nullable=False),
        sa.Column("delegation", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("inbox_id", sa.BigInteger(), nullable=True),
        sa.Column("backend_id", sa.String(length=64), nullable=True),
        sa.Column("backend_status", sa.String(length=32), nullable=True),
        sa.Column("backend_raw_status", sa.String(length=64), nullable=True),
        sa.Column("backend_version", sa.Integer(), nullable=True),
        sa.Column("total_minor", sa.BigInteger(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_fulfilment_orders_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fulfilment_orders")),
        sa.UniqueConstraint(
            "order_id",
            "merchant",
            "warehouse",
            "delegation",
            name=op.f("uq_fulfilment_orders_order_id_merchant_warehouse_delegation"),
        ),
        sa.UniqueConstraint("reference", name=op.f("uq_fulfilment_orders_reference")),
    )
    op.create_index(
        "ix_fulfilment_orders_backend", "fulfilment_orders", ["account", "backend_status"], unique=False
    )
    op.create_index(
        "ix_fulfilment_orders_unfinished",
        "fulfilment_orders",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('pending', 'sent')"),
        sqlite_where=sa.text("state IN ('pending', 'sent')"),
    )
    op.create_table(
        "despatches",
        sa.Column("id", RowId, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("despatch_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("fulfilment_order_id", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("carrier", sa.String(length=64), nullable=False),
        sa.Column("despatched_at", UtcDateTime(), nullable=False),
        sa.Column("voided_at", UtcDateTime(), nullable=True),
        sa.Column("parcels", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fulfilment_order_id"], ["fulfilment_orders.id"], name=op.f("fk_despatches_fulfilment_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_despatches")),
        sa.UniqueConstraint("account", "despatch_id", name=op.f("uq_despatches_account_despatch_id")),
    )
    op.create_index(
        op.f("ix_despatches_fulfilment_order_id"), "despatches", ["fulfilment_order_id"], unique=False
    )
    op.create_index(
        "ix_despatches_unmatched",
        "despatches",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("fulfilment_order_id IS NULL"),
        sqlite_where=sa.text("fulfilment_order_id IS NULL"),
    )
    op.create_table(
        "fulfilment_lines",
        sa.Column("fulfilment_order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("shop_sku", sa.String(length=200), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("cancelled", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fulfilment_order_id"],
            ["fulfilment_orders.id"],
            name=op.f("fk_fulfilment_lines_fulfilment_order_id"),
        ),
        sa.PrimaryKeyConstraint("fulfilment_order_id", "line_number", name=op.f("pk_fulfilment_lines")),
    )
    op.create_table(
        "transmissions",
        sa.Column("id", RowId, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("fulfilment_order_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("body_version", sa.Integer(), nullable=False),
        sa.Column("uncertain", sa.Boolean(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("lease", sa.String(length=36), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_sent_at", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fulfilment_order_id"],
            ["fulfilment_orders.id"],
            name=op.f("fk_transmissions_fulfilment_order_id"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_transmissions_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transmissions")),
        sa.UniqueConstraint("target", "kind", "key", name=op.f("uq_transmissions_target_kind_key")),
    )
    op.create_index(
        "ix_transmissions_due",
        "transmissions",
        ["target", "kind", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_transmissions_fulfilment_order_id"), "transmissions", ["fulfilment_order_id"], unique=False
    )
    op.create_index(op.f("ix_transmissions_order_id"), "transmissions", ["order_id"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", RowId, nullable=False),
        sa.Column("transmission_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("vendor_request_id", sa.String(length=128), nullable=True),
        sa.Column("excerpt", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["transmission_id"], ["transmissions.id"], name=op.f("fk_attempts_transmission_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index(op.f("ix_attempts_transmission_id"), "attempts", ["transmission_id"], unique=False)
    op.create_table(
        "parcels",
        sa.Column("id", RowId, nullable=False),
        sa.Column("despatch_row", sa.BigInteger(), nullable=False),
        sa.Column("parcel_ids", Json, nullable=False),
        sa.Column("tracking_number", sa.String(length=128), nullable=False),
        sa.Column("shipment_key", sa.String(length=128), nullable=True),
        sa.Column("return_ident_code", sa.String(length=64), nullable=False),
        sa.Column("transmission_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["despatch_row"], ["despatches.id"], name=op.f("fk_parcels_despatch_row")),
        sa.ForeignKeyConstraint(
            ["transmission_id"], ["transmissions.id"], name=op.f("fk_parcels_transmission_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcels")),
        sa.UniqueConstraint("return_ident_code", name=op.f("uq_parcels_return_ident_code")),
        sa.UniqueConstraint("shipment_key", name=op.f("uq_parcels_shipment_key")),
    )
    op.create_index(op.f("ix_parcels_despatch_row"), "parcels", ["despatch_row"], unique=False)
    op.create_index(op.f("ix_parcels_transmission_id"), "parcels", ["transmission_id"], unique=False)
    op.create_table(
        "order_units",
        sa.Column("order_item_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("fulfilment_order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=True),
        sa.Column("sku", sa.String(length=200), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("tax_minor", sa.BigInteger(), nullable=True),
        sa.Column("tax_rate", sa.Numeric(precision=7, scale=5), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("parcel_id", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["closed_by"], ["transmissions.id"], name=op.f("fk_order_units_closed_by")),
        sa.ForeignKeyConstraint(
            ["fulfilment_order_id"], ["fulfilment_orders.id"], name=op.f("fk_order_units_fulfilment_order_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_units_order_id")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcels.id"], name=op.f("fk_order_units_parcel_id")),
        sa.PrimaryKeyConstraint("order_item_id", name=op.f("pk_order_units")),
    )
    op.create_index(op.f("ix_order_units_closed_by"), "order_units", ["closed_by"], unique=False)
    op.create_index(
        op.f("ix_order_units_fulfilment_order_id"), "order_units", ["fulfilment_order_id"], unique=False
    )
    op.create_index(op.f("ix_order_units_order_id"), "order_units", ["order_id"], unique=False)
    op.create_index(op.f("ix_order_units_parcel_id"), "order_units", ["parcel_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_order_units_parcel_id"), table_name="order_units")
    op.drop_index(op.f("ix_order_units_order_id"), table_name="order_units")
    op.drop_index(op.f("ix_order_units_fulfilment_order_id"), table_name="order_units")
    op.drop_index(op.f("ix_order_units_closed_by"), table_name="order_units")
    op.drop_table("order_units")
    op.drop_index(op.f("ix_parcels_transmission_id"), table_name="parcels")
    op.drop_index(op.f("ix_parcels_despatch_row"), table_name="parcels")
    op.drop_table("parcels")
    op.drop_index(op.f("ix_attempts_transmission_id"), table_name="attempts")
    op.drop_table("attempts")
    op.drop_index(op.f("ix_transmissions_order_id"), table_name="transmissions")
    op.drop_index(op.f("ix_transmissions_fulfilment_order_id"), table_name="transmissions")
    op.drop_index(
        "ix_transmissions_due",
        table_name="transmissions",
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.drop_table("transmissions")
    op.drop_table("fulfilment_lines")
    op.drop_index(
        "ix_despatches_unmatched",
        table_name="despatches",
        postgresql_where=sa.text("fulfilment_order_id IS NULL"),
        sqlite_where=sa.text("fulfilment_order_id IS NULL"),
    )
    op.drop_index(op.f("ix_despatches_fulfilment_order_id"), table_name="despatches")
    op.drop_table("despatches")
    op.drop_index(
        "ix_fulfilment_orders_unfinished",
        table_name="fulfilment_orders",
        postgresql_where=sa.text("state IN ('pending', 'sent')"),
        sqlite_where=sa.text("state IN ('pending', 'sent')"),
    )
    op.drop_index("ix_fulfilment_orders_backend", table_name="fulfilment_orders")
    op.drop_table("fulfilment_orders")
    op.drop_index(op.f("ix_schedule_slots_claimed_at"), table_name="schedule_slots")
    op.drop_table("schedule_slots")
    op.drop_index(op.f("ix_orders_created_at"), table_name="orders")
    op.drop_table("orders")
    op.drop_index(op.f("ix_inbox_order_id"), table_name="inbox")
    op.drop_table("inbox")
    op.drop_index(op.f("ix_history_order_id"), table_name="history")
    op.drop_table("history")
    op.drop_index(
        "uq_exceptions_open",
        table_name="exceptions",
        postgresql_where=sa.text("state <> 'resolved'"),
        sqlite_where=sa.text("state <> 'resolved'"),
    )
    op.drop_index(op.f("ix_exceptions_order_id"), table_name="exceptions")
    op.drop_index(
        "ix_exceptions_open_owner",
        table_name="exceptions",
        postgresql_where=sa.text("state <> 'resolved'"),
        sqlite_where=sa.text("state <> 'resolved'"),
    )
    op.drop_table("exceptions")
    op.drop_table("cursors")
    op.drop_table("catalogue_items")
    op.drop_table("audit")
