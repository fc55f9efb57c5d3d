"""Return decide: a person says what becomes of goods that the table leaves to them, or that belong to no unit by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from syncbridge.domain.returns import Decision, Match, ReceiptState
from syncbridge.flows import refund_watch, return_settle
from syncbridge.flows.context import Context
from syncbridge.ledger import (
    audit,
    coming_back,
    order_locks,
    order_parts,
    ordered_units,
    receipts,
    return_links,
    returns,
)
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions
from syncbridge.ledger.receipts import Receipt
from syncbridge.ledger.returns import Return


class NotDecidable(ValueError):
    """The decision cannot be carried out; the text says why."""


class RefusedBefore(NotDecidable):
    """Somebody refused it before; a refund can take that back."""


@dataclass(frozen=True)
class Decided:
    """What was decided: which units are refunded, which are not."""

    receipt_id: int
    refunded: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()


def run(
    context: Context,
    receipt_id: int,
    *,
    refund: bool,
    units: Sequence[int] = (),
    actor: str,
    reason: str,
    after_refusal: bool = False,
    dry_run: bool = False,
) -> Decided:
    """Decide about a receipt line; raises NotDecidable where nothing is open about it, or a unit cannot be meant.

    Units that were matched and only wait for the decision need no `units`. For goods that found no unit, `units` says which
    they are; each is checked as the table's own would be, and none is ever returned twice. A refusal closes the receipt.

    What was decided stays so, whoever decides next: of two people the second is told. Only a refusal can be taken back, by
    a refund that says with `after_refusal` that it knows of it.
    """
    if not reason.strip():
        raise NotDecidable("a decision has a reason")
    taking_back = refund and after_refusal
    with context.ledger.reading() as connection:
        one, receipt = _found(connection, receipt_id, taking_back)
        order_id = one.order_id if one.order_id is not None else _order_of(connection, units)
    if refund and order_id is not None and context.configuration.scayle.order_reading:
        refund_watch.look(context, order_id)
    with context.ledger.work() as work:
        connection = work.connection
        if order_id is not None:
            order_locks.lock_order(connection, order_id)
        one, receipt = _found(connection, receipt_id, taking_back)
        decided = (
            _refund(context, connection, one, receipt, units, actor)
            if refund
            else _refuse(context, connection, receipt, actor)
        )
        at = context.now()
        audit.record(
            connection,
            actor=actor,
            action="returns decide",
            subject=f"order:{order_id}" if order_id is not None else receipt.subject,
            reason=reason,
            before={"receipt": receipt.id, "state": receipt.state.value, "decision": receipt.decision},
            after={"refunded": list(decided.refunded), "refused": list(decided.refused)},
            at=at,
        )
        again = receipts.by_id(connection, receipt_id)
        settled = again is not None and again.state in (ReceiptState.MATCHED, ReceiptState.REFUSED)
        close_exceptions(
            connection,
            receipt.subject,
            "return_decision",
            *(dict.fromkeys(return_settle.KIND_OF.values()) if settled else ()),
            at=at,
            resolution=f"{'refund' if refund else 'no refund'}: {reason} ({actor})",
        )
        if not dry_run:
            work.commit()
    if not dry_run:
        context.doorbell.ring("return_push")
    return decided


def _found(connection: Connection, receipt_id: int, taking_back: bool) -> tuple[Return, Receipt]:
    receipt = receipts.by_id(connection, receipt_id)
    if receipt is None:
        raise NotDecidable(f"there is no receipt {receipt_id}")
    refused = receipt.decision == Decision.REFUSED
    if not receipt.is_undecided and not (taking_back and refused):
        told = RefusedBefore if refused else NotDecidable
        raise told(f"receipt {receipt_id} is decided already ({receipt.decision.replace('_', ' ')})")
    return returns.by_id(connection, receipt.return_id), receipt


def _order_of(connection: Connection, units: Sequence[int]) -> int | None:
    found = ordered_units.orders_of_units(connection, units)
    if len(set(found.values())) > 1:
        raise NotDecidable("the units are of several orders")
    return next(iter(found.values()), None)


def _refund(
    context: Context, connection: Connection, one: Return, receipt: Receipt, units: Sequence[int], actor: str
) -> Decided:
    at = context.now()
    if not units:
        waiting = receipts.redecide(connection, receipt.units, Decision.RESTOCK, at)
        if not waiting:
            raise NotDecidable("no unit of this receipt waits for a decision; name the units: --unit ID")
        assert one.order_id is not None
        assert one.fulfilment_order_id is not None
        return_settle.intend(connection, one.order_id, one.fulfilment_order_id, waiting, at)
        _keep(connection, receipt, receipt.state, Decision.RESTOCK, actor, at)
        return Decided(receipt.id, refunded=tuple(waiting))
    wanted = tuple(sorted(set(units)))
    if len(wanted) > receipt.left:
        raise NotDecidable(f"the receipt has {receipt.left} units that belong to nothing yet, not {len(wanted)}")
    one = _on_part_of(connection, one, wanted, at)
    assert one.fulfilment_order_id is not None
    free = {
        unit.order_item_id: unit for unit in coming_back.sent_units(connection, one.fulfilment_order_id)
    }
    wrong = [str(unit) for unit in wanted if unit not in free or not free[unit].returnable]
    if wrong:
        raise NotDecidable(f"not out with the customer under a shipment that SCAYLE shows: {', '.join(wrong)}")
    surplus = receipt.left - len(wanted)
    found = Match(wanted, surplus)
    return_settle.settle(
        context, connection, one, receipt, found, at, decision=Decision.RESTOCK, decided_by=actor
    )
    return Decided(receipt.id, refunded=wanted)


def _on_part_of(connection: Connection, one: Return, units: Sequence[int], at: datetime) -> Return:
    """Return the return with the fulfilment order that the units are of; units of several are several decisions."""
    parts = {row.part_id for row in coming_back.lines_of_units(connection, units)}
    if len(parts) != 1:
        raise NotDecidable("the units are not known, or of several deliveries of the order")
    (part_id,) = parts
    if one.fulfilment_order_id == part_id:
        return one
    part = order_parts.part_of(connection, part_id)
    if one.fulfilment_order_id is not None:
        if part.order_id != one.order_id:
            raise NotDecidable("the units are of another order than the return")
        # All of a split order came in one parcel, to one of its warehouses: the return stays where it was announced.
        return replace(one, fulfilment_order_id=part_id)
    return_links.link(connection, one.id, part.id, part.order_id, "person", None, at)
    return returns.by_id(connection, one.id)


def _refuse(context: Context, connection: Connection, receipt: Receipt, actor: str) -> Decided:
    at = context.now()
    refused = receipts.redecide(connection, receipt.units, Decision.REFUSED, at)
    nothing_open = receipt.state is ReceiptState.MATCHED and not refused
    if nothing_open:
        raise NotDecidable("its units are refunded already, or being refunded")
    new = ReceiptState.REFUSED if receipt.left else receipt.state
    _keep(connection, receipt, new, Decision.REFUSED, actor, at)
    return Decided(receipt.id, refused=tuple(refused))


def _keep(
    connection: Connection, receipt: Receipt, new: ReceiptState, decision: Decision, actor: str, at: datetime
) -> None:
    """Keep a decision, unless somebody else was quicker: goods of no order have no lock that would make one of both wait."""
    if not receipts.settle(connection, receipt, new, at, decision=decision.value, decided_by=actor):
        raise NotDecidable(f"somebody else decided about receipt {receipt.id} just now")
