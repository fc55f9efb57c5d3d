"""The ledger's tables. What each row stands for is said beside it; who may change what is in the query modules."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from syncbridge.ledger.types import Json, RowId, UtcDateTime

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

# One row per SCAYLE order, under SCAYLE's own id. `document` is personal data and erasable.
orders = Table(
    "orders",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("shop", String(16), nullable=False, default=""),
    Column("country", String(16), nullable=False, default=""),
    Column("reference_keys", Json, nullable=False),
    Column("currency", String(3), nullable=False, default=""),
    Column("total_minor", BigInteger),
    Column("shop_status", String(64), nullable=False, default=""),
    Column("source", String(16), nullable=False),
    Column("document", Text),
    Column("confirmed_at", UtcDateTime),
    Column("read_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("updated_at", UtcDateTime, nullable=False),
)

# A back end without a feed of its orders is asked about these again and again: it may still do something with them.
IS_UNFINISHED_THERE = (
    "state = 'acknowledged' AND (backend_status IS NULL OR backend_status NOT IN ('despatched', 'cancelled'))"
)
IS_WITHDRAWN = "state = 'withdrawn'"
# Orders that were asked about one by one and are finished, until they are looked at once more.
IS_TO_LOOK_AT_AGAIN = (
    "state = 'acknowledged' AND backend_status IN ('despatched', 'cancelled') AND asked_at <= updated_at"
)
IS_OPEN_RETURN = "state IN ('waiting', 'expected', 'arrived')"
IS_UNDONE_RECEIPT = "state IN ('waiting', 'held') OR decision = 'ask'"
# Of these a back end may still have units to reserve, whether it has shown them or not.
IS_STILL_HELD = (
    "state <> 'withdrawn' AND (backend_status IS NULL OR backend_status NOT IN ('despatched', 'cancelled'))"
)

# One row per order × merchant × warehouse × delegation: what one back end was asked to send. `asked_at` is when the
# back end was last asked about it, where it does not tell by itself; `cancel_wanted` says that a row of
# `cancellations` concerns it.
fulfilment_orders = Table(
    "fulfilment_orders",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False),
    Column("merchant", String(64), nullable=False),
    Column("warehouse", String(64), nullable=False),
    Column("delegation", Integer, nullable=False),
    Column("reference", String(64), nullable=False, unique=True),
    Column("account", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("inbox_id", BigInteger),
    Column("backend_id", String(64)),
    Column("backend_status", String(32)),
    Column("backend_raw_status", String(64)),
    Column("backend_version", BigInteger),
    Column("asked_at", UtcDateTime),
    Column("total_minor", BigInteger),
    Column("cancel_wanted", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("acknowledged_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("order_id", "merchant", "warehouse", "delegation"),
    Index("ix_fulfilment_orders_unfinished", "created_at", postgresql_where=text("state IN ('pending', 'sent')"),
          sqlite_where=text("state IN ('pending', 'sent')")),
    Index("ix_fulfilment_orders_backend", "account", "backend_status"),
    Index("ix_fulfilment_orders_to_ask", "account", "asked_at", postgresql_where=text(IS_UNFINISHED_THERE),
          sqlite_where=text(IS_UNFINISHED_THERE)),
    Index("ix_fulfilment_orders_withdrawn", "account", "updated_at", postgresql_where=text(IS_WITHDRAWN),
          sqlite_where=text(IS_WITHDRAWN)),
    Index("ix_fulfilment_orders_to_look_at_again", "account", "updated_at", postgresql_where=text(IS_TO_LOOK_AT_AGAIN),
          sqlite_where=text(IS_TO_LOOK_AT_AGAIN)),
    Index("ix_fulfilment_orders_still_held", "account", postgresql_where=text(IS_STILL_HELD),
          sqlite_where=text(IS_STILL_HELD)),
)

# One row per name that an order ever had in the shop: a cancellation call knows it by nothing else.
order_references = Table(
    "order_references",
    metadata,
    Column("reference_key", String(200), primary_key=True),
    Column("order_id", BigInteger, primary_key=True),
)

# One row per cancellation asked for or learnt; `scope` is what repeats meet. Without an order id it is a tombstone:
# asked before the order was met. `outcomes` has one entry per fulfilment order with the units it concerns; `units`
# is null where every unit in the scope is meant. `announce_return` is set when the goods leave all the same.
cancellations = Table(
    "cancellations",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("scope", String(400), nullable=False, unique=True),
    Column("source", String(16), nullable=False),
    Column("reference_key", String(200), nullable=False, index=True),
    Column("order_id", BigInteger, index=True),
    Column("merchant", String(64), nullable=False),
    Column("warehouses", Json, nullable=False),
    Column("units", Json),
    Column("reason", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    Column("outcomes", Json, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("asked", Integer, nullable=False),
    Column("answer", String(64), nullable=False),
    Column("answered_at", UtcDateTime),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("last_asked_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
    Column("announce_return", Boolean, nullable=False),
    Column("return_units", Json, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_cancellations_open", "last_asked_at",
          postgresql_where=text("state IN ('asked', 'requested', 'manual')"),
          sqlite_where=text("state IN ('asked', 'requested', 'manual')")),
    Index("ix_cancellations_announce_return", "id", postgresql_where=text("announce_return"),
          sqlite_where=text("announce_return")),
)

# One row per line sent, so that despatches and returns find the units behind a line number. `cancelled` is how
# many of its units the back end said it will not send. `reserved_at` is when a read of ours last showed more of the
# line allocated or despatched than before: by then at the latest, those units had left the back end's free stock.
fulfilment_lines = Table(
    "fulfilment_lines",
    metadata,
    Column("fulfilment_order_id", BigInteger, ForeignKey("fulfilment_orders.id"), primary_key=True),
    Column("line_number", Integer, primary_key=True),
    Column("sku", String(64), nullable=False),
    Column("shop_sku", String(200), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price_minor", BigInteger),
    Column("allocated", Integer, nullable=False, server_default="0"),
    Column("despatched", Integer, nullable=False, server_default="0"),
    Column("cancelled", Integer, nullable=False, default=0),
    Column("reserved_at", UtcDateTime),
    Index("ix_fulfilment_lines_reserved_at", "reserved_at", postgresql_where=text("reserved_at IS NOT NULL"),
          sqlite_where=text("reserved_at IS NOT NULL")),
)

# One row per SCAYLE order item, which is one unit. `parcel_id` is set while a despatch holds the unit;
# `closed_by` is the one terminal write (shipment or cancellation) that SCAYLE may ever get for it.
order_units = Table(
    "order_units",
    metadata,
    Column("order_item_id", BigInteger, primary_key=True, autoincrement=False),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False, index=True),
    Column("fulfilment_order_id", BigInteger, ForeignKey("fulfilment_orders.id"), nullable=False, index=True),
    Column("line_number", Integer),
    Column("sku", String(200), nullable=False),
    Column("price_minor", BigInteger),
    Column("tax_minor", BigInteger),
    Column("tax_rate", Numeric(7, 5)),
    Column("state", String(16), nullable=False),
    Column("parcel_id", BigInteger, ForeignKey("parcels.id"), index=True),
    Column("closed_by", BigInteger, ForeignKey("transmissions.id"), index=True),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("updated_at", UtcDateTime, nullable=False),
)

# One row per intended write to a vendor. `due_at` is null when nothing is to be done: finished, or parked with
# an open exception. `uncertain` says that an earlier attempt may have taken effect.
transmissions = Table(
    "transmissions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("target", String(64), nullable=False),
    Column("key", String(128), nullable=False),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False, index=True),
    Column("fulfilment_order_id", BigInteger, ForeignKey("fulfilment_orders.id"), index=True),
    Column("state", String(16), nullable=False),
    Column("body", Text),
    Column("body_version", Integer, nullable=False, default=1),
    Column("uncertain", Boolean, nullable=False, default=False),
    Column("due_at", UtcDateTime),
    Column("lease", String(36)),
    Column("lease_until", UtcDateTime),
    Column("failures", Integer, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("last_sent_at", UtcDateTime),
    Column("reason", String(200), nullable=False, default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("target", "kind", "key"),
    Index("ix_transmissions_due", "target", "kind", "due_at", postgresql_where=text("due_at IS NOT NULL"),
          sqlite_where=text("due_at IS NOT NULL")),
)

# One row per call made for a transmission, written before the request leaves.
attempts = Table(
    "attempts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("transmission_id", BigInteger, ForeignKey("transmissions.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("outcome", String(32)),
    Column("status", Integer),
    Column("code", String(64)),
    Column("vendor_request_id", String(128)),
    Column("excerpt", Text),
)

# One row per despatch of a back end, at its newest version.
despatches = Table(
    "despatches",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account", String(64), nullable=False),
    Column("despatch_id", String(64), nullable=False),
    Column("number", String(64), nullable=False),
    Column("reference", String(64), nullable=False),
    Column("fulfilment_order_id", BigInteger, ForeignKey("fulfilment_orders.id"), index=True),
    Column("version", BigInteger, nullable=False),
    Column("carrier", String(64), nullable=False),
    Column("despatched_at", UtcDateTime, nullable=False),
    Column("voided_at", UtcDateTime),
    Column("parcels", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("account", "despatch_id"),
    Index("ix_despatches_unmatched", "created_at", postgresql_where=text("fulfilment_order_id IS NULL"),
          sqlite_where=text("fulfilment_order_id IS NULL")),
)

# One row per parcel that SCAYLE is told of: parcels of one despatch under one tracking number are one row.
parcels = Table(
    "parcels",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("despatch_row", BigInteger, ForeignKey("despatches.id"), nullable=False, index=True),
    Column("parcel_ids", Json, nullable=False),
    Column("tracking_number", String(128), nullable=False),
    Column("shipment_key", String(128), unique=True),
    Column("return_ident_code", String(64), nullable=False, unique=True),
    Column("transmission_id", BigInteger, ForeignKey("transmissions.id"), index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

# One row per SKU that a back end knows.
catalogue_items = Table(
    "catalogue_items",
    metadata,
    Column("account", String(64), primary_key=True),
    Column("sku", String(200), primary_key=True),
    Column("active", Boolean, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)

# One row per SKU × merchant × warehouse: what the back end says, what the shop was told, what it answered.
# `sending` is an intended write whose outcome is not known yet; `published` is what the shop is known to hold.
# `sent_at` is set while a worker waits for that outcome. `seen_at` is when any row of it last came, changed or not;
# `missing_at` is set while the last complete snapshot had no row of it.
stock_levels = Table(
    "stock_levels",
    metadata,
    Column("account", String(64), primary_key=True),
    Column("warehouse_code", String(64), primary_key=True),
    Column("sku", String(200), primary_key=True),
    Column("merchant", String(64), nullable=False),
    Column("warehouse", String(64), nullable=False),
    Column("shop_sku", String(200), nullable=False),
    Column("observed", String(32), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("changed_at", UtcDateTime),
    Column("observed_at", UtcDateTime, nullable=False),
    Column("available", Integer),
    Column("in_flight", Integer),
    Column("buffer", Integer),
    Column("sending", Integer),
    Column("published", Integer),
    Column("stamp", UtcDateTime),
    Column("published_at", UtcDateTime),
    Column("ignored", Integer, nullable=False, server_default="0"),
    Column("reason", String(200), nullable=False, server_default=""),
    Column("not_before", UtcDateTime),
    Column("sent_at", UtcDateTime),
    Column("seen_at", UtcDateTime),
    Column("missing_at", UtcDateTime),
    Index("ix_stock_levels_shop_sku", "shop_sku"),
)

# One row per unit that the shop has confirmed and that was not taken in yet: it is sold all the same.
sold_units = Table(
    "sold_units",
    metadata,
    Column("order_item_id", BigInteger, primary_key=True, autoincrement=False),
    Column("order_id", BigInteger, nullable=False),
    Column("merchant", String(64), nullable=False),
    Column("warehouse", String(64), nullable=False),
    Column("sku", String(200), nullable=False),
    Column("seen_at", UtcDateTime, nullable=False, index=True),
    Column("confirmed_at", UtcDateTime),
)

# One row per full compare with the shop's own numbers: the drift and its trend.
stock_comparisons = Table(
    "stock_comparisons",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account", String(64), nullable=False, index=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=False),
    Column("skus", Integer, nullable=False),
    Column("skus_off", Integer, nullable=False),
    Column("units_off", BigInteger, nullable=False),
    Column("edited", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    Column("unreadable", Integer, nullable=False, server_default="0"),
)

# One row per feed. It moves only after what it covers is stored.
cursors = Table(
    "cursors",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("value", Text),
    Column("read_to", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
)

# One row per message received; `raw` is personal data and erasable. A repeat only counts up.
inbox = Table(
    "inbox",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("source", String(128), nullable=False),
    Column("message_id", String(128), nullable=False),
    Column("topic", String(64), nullable=False),
    Column("order_id", BigInteger, index=True),
    Column("raw", LargeBinary),
    Column("size_bytes", BigInteger, nullable=False),
    Column("outcome", String(200), nullable=False),
    Column("seen", Integer, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    UniqueConstraint("source", "message_id"),
)

# One row per trouble. At most one that is not resolved per subject and kind.
exceptions = Table(
    "exceptions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("order_id", BigInteger, index=True),
    Column("owner", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("cause", String(200), nullable=False),
    Column("evidence", Json, nullable=False),
    Column("occurrences", Integer, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("resolved_at", UtcDateTime),
    Column("resolution", Text),
    Index("uq_exceptions_open", "kind", "subject", unique=True, postgresql_where=text("state <> 'resolved'"),
          sqlite_where=text("state <> 'resolved'")),
    Index("ix_exceptions_open_owner", "owner", "opened_at", postgresql_where=text("state <> 'resolved'"),
          sqlite_where=text("state <> 'resolved'")),
)

# One row per fact about an order, append-only: its time machine.
history = Table(
    "history",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("order_id", BigInteger, nullable=False, index=True),
    Column("system", String(32), nullable=False),
    Column("event", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("detail", Json, nullable=False),
    Column("happened_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
)

# One row per operator action.
audit = Table(
    "audit",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("actor", String(100), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("before", Json, nullable=False),
    Column("after", Json, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# One row per periodic job and its time slot, so that two schedulers run it once.
schedule_slots = Table(
    "schedule_slots",
    metadata,
    Column("job", String(64), primary_key=True),
    Column("slot", BigInteger, primary_key=True),
    Column("claimed_at", UtcDateTime, nullable=False, index=True),
)

# One row per return: our authorisation (`rma_number` is ours and stored before it is sent), or what a back end received
# without one. `units` are the order item ids that are to come; `given_rma` and `reference` are what the back end calls it.
returns = Table(
    "returns",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("rma_number", String(50), nullable=False, unique=True),
    Column("source", String(32), nullable=False),
    Column("account", String(64), nullable=False),
    Column("order_id", BigInteger, ForeignKey("orders.id"), index=True),
    Column("fulfilment_order_id", BigInteger, ForeignKey("fulfilment_orders.id"), index=True),
    Column("units", Json, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("linked_by", String(16), nullable=False),
    Column("linked_parcel", BigInteger),
    Column("given_rma", String(64), nullable=False),
    Column("reference", String(64), nullable=False),
    Column("codes", Json),
    Column("backend_id", String(64)),
    Column("backend_status", String(32)),
    Column("backend_version", BigInteger),
    Column("created_by", String(100), nullable=False),
    Column("expected_at", UtcDateTime),
    Column("first_received_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("account", "backend_id"),
    Index("ix_returns_codes", "created_at", postgresql_where=text("codes IS NOT NULL"),
          sqlite_where=text("codes IS NOT NULL")),
    Index("ix_returns_open", "state", "created_at", postgresql_where=text("state IN ('waiting', 'expected')"),
          sqlite_where=text("state IN ('waiting', 'expected')")),
    Index("ix_returns_unfinished", "state", postgresql_where=text(IS_OPEN_RETURN), sqlite_where=text(IS_OPEN_RETURN)),
)

# One row per receipt line of a back end: goods that came back, once. `units` are those that they turned out to be.
receipts = Table(
    "receipts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("return_id", BigInteger, ForeignKey("returns.id"), nullable=False, index=True),
    Column("account", String(64), nullable=False),
    Column("receipt_line_id", String(100), nullable=False),
    Column("order_line_number", Integer),
    Column("sku", String(200), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("condition", String(32), nullable=False),
    Column("disposition", String(32), nullable=False),
    Column("raw_condition", String(64), nullable=False),
    Column("raw_disposition", String(64), nullable=False),
    Column("units", Json, nullable=False),
    Column("state", String(16), nullable=False),
    Column("decision", String(32), nullable=False),
    Column("decided_by", String(100), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("account", "receipt_line_id"),
    Index("ix_receipts_waiting", "created_at", postgresql_where=text("state = 'waiting'"),
          sqlite_where=text("state = 'waiting'")),
    Index("ix_receipts_undone", "received_at", postgresql_where=text(IS_UNDONE_RECEIPT),
          sqlite_where=text(IS_UNDONE_RECEIPT)),
)

# One row per unit that came back or that the shop shows as returned: its one return in the shop, ever, and its refund.
returned_units = Table(
    "returned_units",
    metadata,
    Column("order_item_id", BigInteger, ForeignKey("order_units.order_item_id"), primary_key=True, autoincrement=False),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False, index=True),
    Column("receipt_id", BigInteger, ForeignKey("receipts.id"), index=True),
    Column("decision", String(32), nullable=False),
    Column("transmission_id", BigInteger, ForeignKey("transmissions.id"), index=True),
    Column("paid_minor", BigInteger),
    Column("received_at", UtcDateTime),
    Column("shown_at", UtcDateTime),
    Column("refunded_at", UtcDateTime),
    Column("refunded_by", String(16), nullable=False),
    Column("checked_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_returned_units_open", "created_at",
          postgresql_where=text("refunded_at IS NULL OR received_at IS NULL"),
          sqlite_where=text("refunded_at IS NULL OR received_at IS NULL")),
)

# One row per refund that the shop told of. `units` is empty where it did not say whose.
refunds = Table(
    "refunds",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("message_id", String(200), nullable=False, unique=True),
    Column("order_id", BigInteger, nullable=False, index=True),
    Column("units", Json, nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", String(3), nullable=False),
    Column("happened_at", UtcDateTime, nullable=False),
    Column("checked_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_refunds_unchecked", "created_at", postgresql_where=text("checked_at IS NULL"),
          sqlite_where=text("checked_at IS NULL")),
)
