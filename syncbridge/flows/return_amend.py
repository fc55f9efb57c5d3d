"""Return amend: a warehouse that says something else of goods than before, for which nobody was paid yet, or was.

A receipt is booked once. What it says may still change: an inspection gives the condition, a clerk corrects a quantity. As long as
nothing came of it, what it says now counts; afterwards no money follows, and a person is told of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from syncbridge.domain.backend import ReceiptLine
from syncbridge.domain.returns import Decision, ReceiptState
from syncbridge.ledger import history, receipts
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, open_exception
from syncbridge.ledger.receipts import Receipt
from syncbridge.ledger.returns import Return

KIND = "return_amended"
_UNSETTLED = (ReceiptState.WAITING, ReceiptState.HELD)


def note(connection: Connection, one: Return, lines: Sequence[ReceiptLine], at: datetime) -> None:
    """Compare receipt lines that are stored with what a newer version of their return says of them."""
    stored = {receipt.receipt_line_id: receipt for receipt in receipts.of_return(connection, one.id)}
    for line in lines:
        known = stored.get(line.receipt_line_id)
        if known is not None:
            _compare(connection, one, known, line, at)


def _compare(connection: Connection, one: Return, known: Receipt, line: ReceiptLine, at: datetime) -> None:
    was, now = _goods(known), _goods(line)
    if was == now:
        close_exceptions(
            connection, known.subject, KIND, at=at, resolution="the warehouse says again what was booked"
        )
        return
    if _may_still_change(known, line) and receipts.amend(connection, known, line, at):
        if one.order_id is not None:
            history.record(
                connection, one.order_id, one.account, "receipt_amended", at=at, subject=line.receipt_line_id,
                was=_changed(was, now), now=_changed(now, was),
            )  # fmt: skip
        return
    open_exception(
        connection,
        KIND,
        known.subject,
        at=at,
        cause=f"{one.account}: a receipt says something else now",
        evidence={
            "rma": one.rma_number,
            "receipt": known.id,
            "receipt_line": line.receipt_line_id,
            "booked": was,
            "now": now,
            "units": list(known.units),
            "decision": known.decision,
        },
        order_id=one.order_id,
    )


def _may_still_change(known: Receipt, line: ReceiptLine) -> bool:
    """Say whether nothing came of a receipt yet: it found no unit, or only its condition matters and a person was asked."""
    if known.state in _UNSETTLED and not known.units:
        return True
    same_goods = (known.sku, known.quantity, known.order_line_number) == (line.sku, line.quantity, line.order_line_number)
    return same_goods and not known.left and known.decision == Decision.ASK


def _goods(one: Receipt | ReceiptLine) -> dict[str, object]:
    return {
        "sku": one.sku,
        "quantity": one.quantity,
        "line": one.order_line_number,
        "condition": one.condition.value,
        "disposition": one.disposition.value,
    }


def _changed(some: dict[str, object], other: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in some.items() if other[name] != value}
