"""Goods that came back: receipt lines, each once, and the units that they turned out to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from syncbridge.domain.backend import Condition, Disposition, ReceiptLine
from syncbridge.domain.returns import Decision, ReceiptState, is_undecided
from syncbridge.domain.states import UnitState, require_unit
from syncbridge.ledger.id_slices import slices
from syncbridge.ledger.statements import insert_row, update_where
from syncbridge.ledger.tables import (
    fulfilment_orders,
    order_units,
    receipts,
    returned_units,
    returns,
)


@dataclass(frozen=True)
class Receipt:
    """A receipt line. `units` are those found so far; `decision` is empty until somebody or the table decided."""

    id: int
    return_id: int
    account: str
    receipt_line_id: str
    order_line_number: int | None
    sku: str
    quantity: int
    condition: Condition
    disposition: Disposition
    units: tuple[int, ...]
    state: ReceiptState
    decision: str
    received_at: datetime
    created_at: datetime

    @property
    def left(self) -> int:
        """How many of its units are not found yet."""
        return self.quantity - len(self.units)

    @property
    def is_undecided(self) -> bool:
        """Whether a person may decide about it."""
        return is_undecided(self.state, self.decision)

    @property
    def subject(self) -> str:
        """What exceptions about it are filed under."""
        return receipt_subject(self.account, self.receipt_line_id)


def receipt_subject(account: str, receipt_line_id: str) -> str:
    """Return what exceptions about a receipt line are filed under."""
    return f"receipt:{account}:{receipt_line_id}"[:128]


_COLUMNS = tuple(receipts.c[name] for name in Receipt.__dataclass_fields__)


def _receipt(row: Any) -> Receipt:
    values = dict(row._mapping)
    values |= {
        "condition": Condition(values["condition"]),
        "disposition": Disposition(values["disposition"]),
        "state": ReceiptState(values["state"]),
        "units": tuple(values["units"]),
    }
    return Receipt(**values)


def store(connection: Connection, account: str, return_id: int, line: ReceiptLine, at: datetime) -> bool:
    """Insert a receipt line; false where the back end told of it before."""
    row = {
        "return_id": return_id,
        "account": account,
        "receipt_line_id": line.receipt_line_id,
        "order_line_number": line.order_line_number,
        "sku": line.sku,
        "quantity": line.quantity,
        "condition": line.condition.value,
        "disposition": line.disposition.value,
        "raw_condition": line.raw_condition[:64],
        "raw_disposition": line.raw_disposition[:64],
        "units": [],
        "state": ReceiptState.WAITING.value,
        "decision": "",
        "decided_by": "",
        "received_at": line.received_at,
        "created_at": at,
        "updated_at": at,
    }
    return insert_row(connection, receipts, row, unless=("account", "receipt_line_id")) is not None


def amend(connection: Connection, receipt: Receipt, line: ReceiptLine, at: datetime) -> bool:
    """Note what a receipt line says now, to be looked at anew; false when somebody moved it on since we saw it."""
    values = {
        "order_line_number": line.order_line_number,
        "sku": line.sku,
        "quantity": line.quantity,
        "condition": line.condition.value,
        "disposition": line.disposition.value,
        "raw_condition": line.raw_condition[:64],
        "raw_disposition": line.raw_disposition[:64],
        "state": ReceiptState.WAITING.value,
        "updated_at": at,
    }
    seen = {"id": receipt.id, "state": receipt.state.value, "decision": receipt.decision}
    return update_where(connection, receipts, seen, values) == 1


def waiting(connection: Connection, limit: int) -> list[Receipt]:
    """Return the receipt lines that belong to no unit yet and that time may still cure, longest untried first."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(receipts.c.state == ReceiptState.WAITING.value)
        .order_by(receipts.c.updated_at, receipts.c.id)
        .limit(limit)
    ).all()
    return [_receipt(row) for row in rows]


def touch(connection: Connection, receipt_id: int, at: datetime) -> None:
    """Note that a receipt line was tried, so that the others have their turn."""
    update_where(connection, receipts, {"id": receipt_id}, {"updated_at": at})


def by_id(connection: Connection, receipt_id: int) -> Receipt | None:
    row = connection.execute(select(*_COLUMNS).where(receipts.c.id == receipt_id)).first()
    return None if row is None else _receipt(row)


def of_return(connection: Connection, return_id: int) -> list[Receipt]:
    rows = connection.execute(
        select(*_COLUMNS).where(receipts.c.return_id == return_id).order_by(receipts.c.id)
    ).all()
    return [_receipt(row) for row in rows]


def settle(
    connection: Connection,
    receipt: Receipt,
    new: ReceiptState,
    at: datetime,
    *,
    units: Sequence[int] = (),
    decision: str | None = None,
    decided_by: str = "",
) -> bool:
    """Move a receipt line on from what we saw; `units` are added. False when somebody else was quicker."""
    values: dict[str, Any] = {"state": new.value, "units": sorted((*receipt.units, *units)), "updated_at": at}
    if decision is not None:
        values |= {"decision": decision, "decided_by": decided_by[:100]}
    return update_where(connection, receipts, {"id": receipt.id, "state": receipt.state.value}, values) == 1


def note_strayed(
    connection: Connection, receipt: Receipt, order_id: int, units: Sequence[int], at: datetime
) -> None:
    """Note that goods came back for which no money is due; the units stay what they were: cancelled."""
    for unit in units:
        insert_row(
            connection,
            returned_units,
            {
                "order_item_id": unit,
                "order_id": order_id,
                "receipt_id": receipt.id,
                "decision": Decision.NOTHING_DUE.value,
                "received_at": receipt.received_at,
                "refunded_by": "",
                "created_at": at,
                "updated_at": at,
            },
            returning="order_item_id",
        )


@dataclass(frozen=True)
class TakenBack:
    """A unit whose goods came back. `shown` says that SCAYLE has it as returned already: nothing is to be sent."""

    order_item_id: int
    shown: bool


def take_back(
    connection: Connection, receipt: Receipt, order_id: int, units: Sequence[int], decision: Decision, at: datetime
) -> list[TakenBack]:
    """Mark units as returned by this receipt. Raises ValueError where one of them cannot be: nobody returns a unit twice."""
    require_unit(UnitState.DESPATCHED, UnitState.RETURNED)
    moved = 0
    for some in slices(units):
        moved += connection.execute(
            update(order_units)
            .where(order_units.c.order_item_id.in_(some), order_units.c.state == UnitState.DESPATCHED.value)
            .values(state=UnitState.RETURNED.value, updated_at=at)
        ).rowcount
    if moved != len(units):
        raise ValueError(f"a unit of receipt {receipt.receipt_line_id} is not out with the customer")
    taken: list[TakenBack] = []
    for unit in units:
        fresh = insert_row(
            connection,
            returned_units,
            {
                "order_item_id": unit,
                "order_id": order_id,
                "receipt_id": receipt.id,
                "decision": decision.value,
                "received_at": receipt.received_at,
                "refunded_by": "",
                "created_at": at,
                "updated_at": at,
            },
            returning="order_item_id",
            unless=("order_item_id",),
        )
        if fresh is not None:
            taken.append(TakenBack(unit, shown=False))
            continue
        # SCAYLE refunded it before its goods came: they are here now.
        joined = connection.execute(
            update(returned_units)
            .where(returned_units.c.order_item_id == unit, returned_units.c.receipt_id.is_(None))
            .values(receipt_id=receipt.id, decision=decision.value, received_at=receipt.received_at, updated_at=at)
        )
        if joined.rowcount != 1:
            raise ValueError(f"unit {unit} came back before")
        taken.append(TakenBack(unit, shown=True))
    return taken


def redecide(connection: Connection, units: Sequence[int], decision: Decision, at: datetime) -> list[int]:
    """Decide what a person was asked; return the units that are to be returned in SCAYLE now."""
    rows = connection.execute(
        update(returned_units)
        .where(
            returned_units.c.order_item_id.in_(units),
            returned_units.c.decision.in_((Decision.ASK.value, Decision.REFUSED.value)),
            returned_units.c.transmission_id.is_(None),
        )
        .values(decision=decision.value, updated_at=at)
        .returning(returned_units.c.order_item_id, returned_units.c.shown_at)
    ).all()
    return sorted(row.order_item_id for row in rows if row.shown_at is None)


def claim_write(connection: Connection, units: Sequence[int], transmission_id: int, at: datetime) -> bool:
    """Reserve the one return that SCAYLE ever gets for these units; false when one of them has it already."""
    claimed = 0
    for some in slices(units):
        claimed += connection.execute(
            update(returned_units)
            .where(returned_units.c.order_item_id.in_(some), returned_units.c.transmission_id.is_(None))
            .values(transmission_id=transmission_id, updated_at=at)
        ).rowcount
    return claimed == len(units)


@dataclass(frozen=True)
class UnitToReturn:
    """A unit as SCAYLE is to be told of its return."""

    order_item_id: int
    merchant: str
    received_at: datetime
    reason: str
    condition: str


def writes_of(connection: Connection, units: Sequence[int]) -> list[int]:
    """Return the transmissions by which the shop is told of these units' return."""
    found: set[int] = set()
    for some in slices(sorted(units)):
        found |= set(
            connection.execute(
                select(returned_units.c.transmission_id).where(
                    returned_units.c.order_item_id.in_(some), returned_units.c.transmission_id.is_not(None)
                )
            ).scalars()
        )
    return sorted(found)


def to_return(connection: Connection, transmission_id: int) -> list[UnitToReturn]:
    """Return the units that a return's transmission stands for, lowest order item id first."""
    rows = connection.execute(
        select(
            returned_units.c.order_item_id,
            fulfilment_orders.c.merchant,
            returned_units.c.received_at,
            returns.c.reason,
            receipts.c.condition,
        )
        .join(order_units, order_units.c.order_item_id == returned_units.c.order_item_id)
        .join(fulfilment_orders, fulfilment_orders.c.id == order_units.c.fulfilment_order_id)
        .join(receipts, receipts.c.id == returned_units.c.receipt_id)
        .join(returns, returns.c.id == receipts.c.return_id)
        .where(returned_units.c.transmission_id == transmission_id)
        .order_by(returned_units.c.order_item_id)
    ).all()
    return [UnitToReturn(**row._mapping) for row in rows]
