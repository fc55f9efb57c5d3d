"""Returns as people look at them: what is to come, what came, what became of the money. No personal data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, text

from syncbridge.domain.money import Money
from syncbridge.domain.returns import Decision, ReceiptState, ReturnSource, ReturnState
from syncbridge.domain.states import UnitState
from syncbridge.ledger.id_slices import slices
from syncbridge.ledger.tables import (
    IS_OPEN_RETURN,
    IS_UNDONE_RECEIPT,
    order_units,
    orders,
    receipts,
    returned_units,
    returns,
    transmissions,
)
from syncbridge.reports.exception_lists import ExceptionRow, open_about
from syncbridge.reports.order_lists import money


@dataclass(frozen=True)
class ReturnRow:
    """A return in one line. `expected` are the units announced, `came` the units in its receipts, `returned` those matched."""

    rma_number: str
    source: str
    state: str
    order_id: int | None
    account: str
    reason: str
    expected: int
    came: int
    matched: int
    open_receipts: int
    backend_id: str | None
    backend_status: str | None
    created_at: datetime
    first_received_at: datetime | None


@dataclass(frozen=True)
class ReceiptView:
    """A receipt line. Its number is what `returns decide` takes. `left` units of it belong to nothing yet."""

    receipt: int
    receipt_line: str
    received_at: datetime
    sku: str
    order_line: int | None
    quantity: int
    condition: str
    disposition: str
    state: str
    decision: str
    decided_by: str
    units: tuple[int, ...]
    left: int


@dataclass(frozen=True)
class ReturnedUnitView:
    """A unit and its way through the return. `return_write` says how far telling SCAYLE got."""

    order_item_id: int
    sku: str
    state: str
    decision: str | None
    return_write: str | None
    received_at: datetime | None
    shown_at: datetime | None
    refunded_at: datetime | None
    refunded_by: str | None
    paid: Money | None


@dataclass(frozen=True)
class ReturnDossier:
    """Everything about a return."""

    head: ReturnRow
    linked_by: str
    given_rma: str
    reference: str
    announcement: str | None
    receipts: tuple[ReceiptView, ...]
    units: tuple[ReturnedUnitView, ...]
    exceptions: tuple[ExceptionRow, ...]


@dataclass(frozen=True)
class ReturnableUnit:
    """A unit that can be announced."""

    order_item_id: int
    sku: str
    state: str
    price: Money | None


def list_returns(
    connection: Connection,
    *,
    state: ReturnState | None,
    source: ReturnSource | None,
    order_id: int | None,
    everything: bool,
    limit: int,
    before: str | None = None,
) -> tuple[list[ReturnRow], bool]:
    """Return returns, newest first (without `everything`: those with something open), and whether there are more.

    `before`: the RMA number of the last one seen; those that are older follow. An unknown number is followed by none.
    """
    query = select(returns)
    if before is not None:
        last = select(returns.c.id).where(returns.c.rma_number == before).scalar_subquery()
        query = query.where(returns.c.id < last)
    if state is not None:
        query = query.where(returns.c.state == state.value)
    if source is not None:
        query = query.where(returns.c.source == source.value)
    if order_id is not None:
        query = query.where(returns.c.order_id == order_id)
    if not everything and state is None:
        # By the indexes' own words: the cost follows what is open, not the history.
        unfinished = select(returns.c.id).where(text(IS_OPEN_RETURN))
        query = query.where(returns.c.id.in_(unfinished.union(select(receipts.c.return_id).where(text(IS_UNDONE_RECEIPT)))))
    rows = connection.execute(query.order_by(returns.c.id.desc()).limit(limit + 1)).all()
    shown = rows[:limit]
    came = _receipts(connection, [row.id for row in shown])
    return [_head(row, came.get(row.id, [])) for row in shown], len(rows) > limit


def _head(row: Any, came: list[ReceiptView]) -> ReturnRow:
    return ReturnRow(
        rma_number=row.rma_number,
        source=row.source,
        state=row.state,
        order_id=row.order_id,
        account=row.account,
        reason=row.reason,
        expected=len(row.units),
        came=sum(one.quantity for one in came),
        matched=sum(len(one.units) for one in came),
        open_receipts=sum(one.state in _UNDONE or one.decision == Decision.ASK for one in came),
        backend_id=row.backend_id,
        backend_status=row.backend_status,
        created_at=row.created_at,
        first_received_at=row.first_received_at,
    )


_UNDONE = (ReceiptState.WAITING.value, ReceiptState.HELD.value)


def _receipts(connection: Connection, return_ids: list[int]) -> dict[int, list[ReceiptView]]:
    found: dict[int, list[ReceiptView]] = {}
    for some in slices(return_ids):
        rows = connection.execute(
            select(receipts).where(receipts.c.return_id.in_(some)).order_by(receipts.c.id)
        ).all()
        for row in rows:
            found.setdefault(row.return_id, []).append(
                ReceiptView(
                    receipt=row.id,
                    receipt_line=row.receipt_line_id,
                    received_at=row.received_at,
                    sku=row.sku,
                    order_line=row.order_line_number,
                    quantity=row.quantity,
                    condition=row.condition,
                    disposition=row.disposition,
                    state=row.state,
                    decision=row.decision,
                    decided_by=row.decided_by,
                    units=tuple(row.units),
                    left=row.quantity - len(row.units),
                )
            )
    return found


def find_returns(connection: Connection, name: str) -> list[str]:
    """Return the RMA numbers behind a name: our number, or the back end's number or id."""
    return list(
        connection.execute(
            select(returns.c.rma_number)
            .where(or_(returns.c.rma_number == name.upper(), returns.c.given_rma == name, returns.c.backend_id == name))
            .order_by(returns.c.id)
        ).scalars()
    )


def dossier_of(connection: Connection, rma_number: str) -> ReturnDossier:
    """Return all about a return of ours."""
    row = connection.execute(select(returns).where(returns.c.rma_number == rma_number)).one()
    came = _receipts(connection, [row.id]).get(row.id, [])
    units = sorted({*row.units, *(unit for one in came for unit in one.units)})
    announcement = connection.execute(
        select(transmissions.c.state).where(
            transmissions.c.kind == "return_announce",
            transmissions.c.target == row.account,
            transmissions.c.key == row.rma_number,
        )
    ).scalar()
    subjects = {
        f"return:{rma_number}",
        f"return_announce:{rma_number}",
        *(f"receipt:{row.account}:{one.receipt_line}" for one in came),
        *(f"unit:{unit}" for unit in units),
    }
    return ReturnDossier(
        head=_head(row, came),
        linked_by=row.linked_by,
        given_rma=row.given_rma,
        reference=row.reference,
        announcement=announcement,
        receipts=tuple(came),
        units=tuple(_units(connection, units)),
        exceptions=tuple(open_about(connection, sorted(subjects))),
    )


def _units(connection: Connection, units: list[int]) -> list[ReturnedUnitView]:
    found: list[ReturnedUnitView] = []
    for some in slices(units):
        rows = connection.execute(
            select(
                order_units.c.order_item_id,
                order_units.c.sku,
                order_units.c.state,
                returned_units,
                transmissions.c.state.label("write_state"),
                orders.c.currency,
            )
            .join(orders, orders.c.id == order_units.c.order_id)
            .outerjoin(returned_units, returned_units.c.order_item_id == order_units.c.order_item_id)
            .outerjoin(transmissions, transmissions.c.id == returned_units.c.transmission_id)
            .where(order_units.c.order_item_id.in_(some))
            .order_by(order_units.c.order_item_id)
        ).all()
        found += [
            ReturnedUnitView(
                order_item_id=row[0],
                sku=row.sku,
                state=row.state,
                decision=row.decision,
                return_write=row.write_state,
                received_at=row.received_at,
                shown_at=row.shown_at,
                refunded_at=row.refunded_at,
                refunded_by=row.refunded_by,
                paid=money(row.paid_minor, row.currency),
            )
            for row in rows
        ]
    return found


def returnable_units(connection: Connection, order_id: int) -> list[ReturnableUnit]:
    """Return the units of an order that can be announced: those that are out, or on their way out."""
    rows = connection.execute(
        select(order_units.c.order_item_id, order_units.c.sku, order_units.c.state, order_units.c.price_minor, orders.c.currency)
        .join(orders, orders.c.id == order_units.c.order_id)
        .where(
            order_units.c.order_id == order_id,
            order_units.c.state.in_((UnitState.OPEN.value, UnitState.DESPATCHED.value)),
        )
        .order_by(order_units.c.order_item_id)
    ).all()
    return [
        ReturnableUnit(row.order_item_id, row.sku, row.state, money(row.price_minor, row.currency)) for row in rows
    ]
