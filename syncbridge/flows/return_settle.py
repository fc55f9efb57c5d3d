"""What becomes of goods that were matched, or that were not: units taken back, refunds intended, people asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from syncbridge.domain.returns import (
    PASSING,
    REFUNDING,
    Decision,
    Hindrance,
    Match,
    ReceiptState,
    ReturnState,
    SentUnit,
    decide,
)
from syncbridge.domain.states import UnitState
from syncbridge.flows import return_elsewhere
from syncbridge.flows.context import SHOP, Context
from syncbridge.ledger import (
    coming_back,
    due_times,
    history,
    intents,
    receipts,
    returns,
    transmission_reads,
)
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, is_open, open_exception
from syncbridge.ledger.receipts import Receipt
from syncbridge.ledger.returns import Return

KIND_OF = {
    Hindrance.UNKNOWN_RMA: "return_unknown_rma",
    Hindrance.UNKNOWN_ORDER: "return_unknown_order",
    Hindrance.WRONG_SKU: "return_wrong_goods",
    Hindrance.OVER: "return_over",
    Hindrance.RETURNED_ALREADY: "return_repeated",
    Hindrance.NOT_DESPATCHED: "return_not_despatched",
    Hindrance.NO_RETURN_KEY: "return_key_missing",
    Hindrance.AMBIGUOUS: "return_held",
    Hindrance.NO_LINE: "return_held",
    Hindrance.UNANNOUNCED: "return_held",
}
_CAUSE_OF = {
    Hindrance.UNKNOWN_RMA: "an RMA number that is none of ours",
    Hindrance.UNKNOWN_ORDER: "nothing says which order it is of",
    Hindrance.WRONG_SKU: "a SKU that the order does not have",
    Hindrance.OVER: "more than was announced or sent",
    Hindrance.RETURNED_ALREADY: "all such units of the order came back before",
    Hindrance.NOT_DESPATCHED: "by all we know it never left",
    Hindrance.NO_RETURN_KEY: "SCAYLE does not show its shipment",
    Hindrance.AMBIGUOUS: "several lines of the order have this SKU",
    Hindrance.NO_LINE: "the back end does not say which line of the order it is",
    Hindrance.UNANNOUNCED: "not announced, and the configuration holds such goods",
}


_UNDER_WAY = (ReturnState.EXPECTED, ReturnState.ARRIVED)


def settle(
    context: Context,
    connection: Connection,
    one: Return,
    receipt: Receipt,
    found: Match,
    at: datetime,
    *,
    decision: Decision | None = None,
    decided_by: str = "table",
) -> bool:
    """Take the matched units back, and have them refunded, or asked about; true where nothing of the receipt is left over.

    `decision` is a person's; without it the table of the configuration decides. Runs inside the caller's transaction.
    """
    settled = decision or decide(context.configuration.returns.decisions, receipt.condition, receipt.disposition)
    paid = [unit for unit in found.unit_ids if unit not in found.strayed_ids]
    if paid:
        _take_back(connection, one, receipt, paid, settled, at)
    if found.strayed_ids:
        _take_in(connection, one, receipt, found.strayed_ids, at)
        settled = settled if paid else Decision.NOTHING_DUE
    left_over = found.surplus > 0
    if not left_over:
        new = ReceiptState.MATCHED
        close_exceptions(
            connection, receipt.subject, *dict.fromkeys(KIND_OF.values()), "defect", at=at, resolution="its units are found"
        )
    else:
        passing = found.hindrance in PASSING
        new = ReceiptState.WAITING if passing else ReceiptState.HELD
        patience = timedelta(minutes=context.configuration.returns.wait_minutes)
        if found.hindrance is not None and (not passing or at - receipt.created_at >= patience):
            _tell(connection, one, receipt, found, at)
    if not receipts.settle(
        connection,
        receipt,
        new,
        at,
        units=found.unit_ids,
        decision=settled.value if found.unit_ids else None,
        decided_by=decided_by,
    ):
        raise ValueError(f"receipt {receipt.receipt_line_id} was settled by somebody else")
    return not left_over


def _take_back(
    connection: Connection, one: Return, receipt: Receipt, units: Sequence[int], decision: Decision, at: datetime
) -> None:
    order_id, part_id = one.order_id, one.fulfilment_order_id
    assert order_id is not None
    assert part_id is not None
    taken = receipts.take_back(connection, receipt, order_id, units, decision, at)
    history.record(
        connection,
        order_id,
        receipt.account,
        "units_returned",
        at=at,
        happened_at=receipt.received_at,
        subject=receipt.receipt_line_id,
        rma=one.rma_number,
        units=list(units),
        decision=decision.value,
    )
    _close_fulfilled(connection, one, at)
    for unit in taken:
        if unit.shown:
            close_exceptions(
                connection,
                f"unit:{unit.order_item_id}",
                "refund_without_goods",
                at=at,
                resolution="its goods have come back",
            )
    to_tell = [unit.order_item_id for unit in taken if not unit.shown]
    if to_tell and decision in REFUNDING:
        intend(connection, order_id, part_id, to_tell, at)
    elif to_tell and decision is Decision.ASK:
        ask(connection, one, receipt, to_tell, at)


def _close_fulfilled(connection: Connection, one: Return, at: datetime) -> None:
    """Expect nothing more under other numbers whose units came back under this one, or without any."""
    assert one.order_id is not None
    for other in returns.of_order(connection, one.order_id):
        if other.id == one.id or not other.announced or other.state not in _UNDER_WAY:
            continue
        if all(row.state is UnitState.RETURNED for row in coming_back.lines_of_units(connection, other.units)):
            returns.change(connection, other, ReturnState.CLOSED, at)
            # An announcement that was refused is wanted no more.
            announcement = transmission_reads.id_of(connection, other.account, "return_announce", other.rma_number)
            if announcement is not None:
                due_times.look_at_parked(connection, [announcement], at=at)
            close_exceptions(
                connection,
                f"return:{other.rma_number}",
                "return_overdue",
                "return_short",
                "return_by_hand",
                at=at,
                resolution=f"its units came back as {one.rma_number}",
            )


def _take_in(
    connection: Connection, one: Return, receipt: Receipt, units: Sequence[int], at: datetime
) -> None:
    """Note goods of units that were cancelled and left all the same: they are back, and nobody is owed anything."""
    assert one.order_id is not None
    receipts.note_strayed(connection, receipt, one.order_id, units, at)
    history.record(
        connection,
        one.order_id,
        receipt.account,
        "units_returned",
        at=at,
        happened_at=receipt.received_at,
        subject=receipt.receipt_line_id,
        rma=one.rma_number,
        units=list(units),
        decision=Decision.NOTHING_DUE.value,
    )


def intend(connection: Connection, order_id: int, part_id: int, units: Sequence[int], at: datetime) -> None:
    """Record that SCAYLE is to be told of returned units: their one return, ever. Raises ValueError for a second one."""
    write = intents.add(
        connection,
        kind="return",
        target=SHOP,
        key=str(min(units)),
        order_id=order_id,
        fulfilment_order_id=part_id,
        at=at,
        due_at=at,
    )
    if not receipts.claim_write(connection, units, write, at):
        raise ValueError(f"a unit of {sorted(units)} already has its return")


def ask(connection: Connection, one: Return, receipt: Receipt, units: Sequence[int], at: datetime) -> None:
    """Ask a person what becomes of the money of returned units."""
    open_exception(
        connection,
        "return_decision",
        receipt.subject,
        at=at,
        cause=f"goods are {receipt.condition}, {receipt.disposition}",
        evidence=_evidence(one, receipt) | {"units": sorted(units)},
        order_id=one.order_id,
    )


def judge_again(context: Context, connection: Connection, one: Return, receipt: Receipt, at: datetime) -> bool:
    """Decide anew by the table about units whose money a person was asked about: their receipt says something else now."""
    assert one.order_id is not None
    assert one.fulfilment_order_id is not None
    if receipt.decision != Decision.ASK:
        # A person was quicker, and is kept as the one who decided.
        return receipts.settle(connection, receipt, ReceiptState.MATCHED, at)
    decision = decide(context.configuration.returns.decisions, receipt.condition, receipt.disposition)
    if decision is Decision.ASK and is_open(connection, "return_decision", receipt.subject):
        # Closed already, it was answered in the shop's panel: the new words ask for nothing then.
        ask(connection, one, receipt, receipt.units, at)
    elif decision is not Decision.ASK:
        to_tell = receipts.redecide(connection, receipt.units, decision, at)
        if to_tell:
            intend(connection, one.order_id, one.fulfilment_order_id, to_tell, at)
        resolution = f"the warehouse says {receipt.condition}, {receipt.disposition} now"
        close_exceptions(connection, receipt.subject, "return_decision", at=at, resolution=resolution)
    return receipts.settle(connection, receipt, ReceiptState.MATCHED, at, decision=decision.value, decided_by="table")


def _tell(connection: Connection, one: Return, receipt: Receipt, found: Match, at: datetime) -> None:
    assert found.hindrance is not None
    kind = KIND_OF[found.hindrance]
    if is_open(connection, kind, receipt.subject):
        return
    others = [other for other in dict.fromkeys(KIND_OF.values()) if other != kind]
    close_exceptions(connection, receipt.subject, *others, at=at, resolution=f"it is {kind} now")
    order_id = return_elsewhere.order_of(connection, one)
    open_exception(
        connection,
        kind,
        receipt.subject,
        at=at,
        cause=_CAUSE_OF[found.hindrance],
        evidence=_evidence(one, receipt)
        | {
            "matched_units": list(found.unit_ids),
            "not_matched": found.surplus,
            "order_has": [
                f"{unit.order_item_id}: line {unit.line_number}, {unit.sku}, {unit.state}"
                for unit in units_of(connection, one)[:50]
            ],
            "elsewhere": return_elsewhere.units(connection, one, receipt, order_id),
        },
        order_id=order_id,
    )


def _evidence(one: Return, receipt: Receipt) -> dict[str, object]:
    return {
        "receipt": receipt.id,
        "receipt_line": receipt.receipt_line_id,
        "rma": one.given_rma or (one.rma_number if one.announced else ""),
        "return": one.rma_number,
        "backend_return": one.backend_id,
        "reference": one.reference,
        "line": receipt.order_line_number,
        "sku": receipt.sku,
        "quantity": receipt.quantity,
        "condition": receipt.condition.value,
        "disposition": receipt.disposition.value,
    }


def units_of(connection: Connection, one: Return) -> list[SentUnit]:
    """Return the units of the fulfilment order that a return is of; none while that is not known."""
    return [] if one.fulfilment_order_id is None else coming_back.sent_units(connection, one.fulfilment_order_id)
