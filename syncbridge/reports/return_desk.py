"""What customer service has on its desk: how many returns are open, which goods wait for a decision, what may be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, exists, func, or_, select, text

from syncbridge.domain.exception_kinds import KINDS
from syncbridge.domain.returns import OPEN_RETURNS, Decision, ReceiptState
from syncbridge.domain.states import ExceptionState
from syncbridge.ledger import coming_back, returns
from syncbridge.ledger.tables import (
    IS_OPEN_RETURN,
    IS_UNDONE_RECEIPT,
    exceptions,
    fulfilment_orders,
    receipts,
)
from syncbridge.ledger.tables import returns as returns_table

LONGEST_SUBJECT = 128
"""As `receipts.receipt_subject` cuts what exceptions about a receipt are filed under."""
_ABOUT_RETURNS = (*sorted(kind for kind in KINDS if kind.startswith("return_")), "defect")


@dataclass(frozen=True)
class WaitingReceipt:
    """Goods that came and wait for a person. `order_id` is None where nothing says which order they are of."""

    receipt: int
    rma_number: str
    order_id: int | None
    account: str
    sku: str
    quantity: int
    left: int
    condition: str
    received_at: datetime


@dataclass(frozen=True)
class Candidate:
    """A unit that goods without one may be: with the customer under a shipment that SCAYLE shows. `sku` is the back end's."""

    order_item_id: int
    reference: str
    line_number: int | None
    sku: str
    expected_by: tuple[str, ...]


def open_counts(connection: Connection) -> Mapping[str, int]:
    """Count the open returns by state, every open state included."""
    states = [state.value for state in OPEN_RETURNS]
    rows = connection.execute(
        select(returns_table.c.state, func.count()).where(text(IS_OPEN_RETURN)).group_by(returns_table.c.state)
    ).all()
    found = {str(row[0]): int(row[1]) for row in rows}
    return {state: found.get(state, 0) for state in states}


def waiting_receipts(connection: Connection, limit: int) -> tuple[list[WaitingReceipt], bool]:
    """Return the goods that wait for a person, the oldest first, and whether there are more."""
    subject = func.substr("receipt:" + receipts.c.account + ":" + receipts.c.receipt_line_id, 1, LONGEST_SUBJECT)
    told = exists().where(
        exceptions.c.kind.in_(_ABOUT_RETURNS),
        exceptions.c.subject == subject,
        exceptions.c.state != ExceptionState.RESOLVED.value,
    )
    undone = select(receipts.c.id).where(text(IS_UNDONE_RECEIPT))
    rows = connection.execute(
        select(receipts, returns_table.c.rma_number, returns_table.c.order_id)
        .join(returns_table, returns_table.c.id == receipts.c.return_id)
        .where(
            receipts.c.id.in_(undone),
            or_(
                receipts.c.state == ReceiptState.HELD.value,
                receipts.c.decision == Decision.ASK.value,
                # Time may still cure these; once an exception was opened, nobody counts on that.
                and_(receipts.c.state == ReceiptState.WAITING.value, told),
            ),
        )
        .order_by(receipts.c.received_at, receipts.c.id)
        .limit(limit + 1)
    ).all()
    return [
        WaitingReceipt(
            receipt=row.id,
            rma_number=row.rma_number,
            order_id=row.order_id,
            account=row.account,
            sku=row.sku,
            quantity=row.quantity,
            left=row.quantity - len(row.units),
            condition=row.condition,
            received_at=row.received_at,
        )
        for row in rows[:limit]
    ], len(rows) > limit


def candidates(connection: Connection, order_id: int) -> list[Candidate]:
    """Return the units of an order that goods without a unit may be, in the sequence of its deliveries and lines."""
    parts = connection.execute(
        select(fulfilment_orders.c.id, fulfilment_orders.c.reference)
        .where(fulfilment_orders.c.order_id == order_id)
        .order_by(fulfilment_orders.c.id)
    ).all()
    return [
        Candidate(unit.order_item_id, part.reference, unit.line_number, unit.sku, unit.expected_by)
        for part in parts
        for unit in sorted(
            coming_back.sent_units(connection, part.id), key=lambda unit: (unit.line_number or 0, unit.order_item_id)
        )
        if unit.returnable
    ]


def expected_under(connection: Connection, order_id: int) -> Mapping[int, tuple[str, ...]]:
    """Return the RMA numbers under which units of an order are expected already."""
    return returns.expected_units(connection, order_id)
