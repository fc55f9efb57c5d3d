"""Return match: goods that came back become concrete units, and the units' one return in SCAYLE, or a person's question.

Before anything is matched SCAYLE's own order is read: a unit that somebody refunded there already takes the goods first.
What cannot be matched moves no money; what only time can tell is tried again at every run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

import structlog

from syncbridge.domain.errors import Busy, NeedsPerson, NotFound, VendorError
from syncbridge.domain.returns import (
    Arrival,
    Hindrance,
    Match,
    ReceiptState,
    SentUnit,
    match,
)
from syncbridge.flows import refund_watch
from syncbridge.flows.context import Context
from syncbridge.flows.feed import defect
from syncbridge.flows.return_settle import judge_again, settle, units_of
from syncbridge.ledger import coming_back, history, order_locks, receipts, return_links, returns
from syncbridge.ledger.engine import Connection, DatabaseAway
from syncbridge.ledger.receipts import Receipt
from syncbridge.ledger.returns import Return

log = structlog.get_logger(__name__)

_BATCH = 200
# Links that say which order the goods are of, but not beyond doubt which line.
_GUESSES = ("reference", "tracking")


def run(context: Context) -> int:
    """Match the receipt lines that wait; return how many found all their units."""
    with context.ledger.reading() as connection:
        waiting = receipts.waiting(connection, _BATCH)
    shop = _ShopOrders(context)
    matched = 0
    for receipt in waiting:
        try:
            matched += _one(context, shop, receipt)
        except DatabaseAway:
            raise
        except Exception as error:  # noqa: BLE001  # one bad item never stops the batch
            with context.ledger.work() as work:
                receipts.touch(work.connection, receipt.id, context.now())
                defect(work.connection, receipt.subject, f"returns:{receipt.account}", error, context.now())
                work.commit()
    return matched


class _ShopOrders:
    """SCAYLE's orders, each read once a run; none of them while SCAYLE does not answer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._read: set[int] = set()
        self._away = False

    def seen(self, order_id: int) -> bool:
        """Note what SCAYLE shows of an order's returns; false where it could not be asked, so that no refund may go.

        Raises NotFound or NeedsPerson where it does not show the order at all.
        """
        if not self._context.configuration.scayle.order_reading or order_id in self._read:
            return True
        if self._away:
            return False
        try:
            refund_watch.look(self._context, order_id)
        except (NotFound, NeedsPerson):
            raise
        except (VendorError, Busy) as error:
            log.info("return_match_waits", order=order_id, error=type(error).__name__)
            self._away = isinstance(error, Busy) or error.evidence.status is None
            return False
        self._read.add(order_id)
        return True


def linked(context: Context, connection: Connection, one: Return, codes: Collection[str], at: datetime) -> Return:
    """Find the order of goods that came without an announcement by codes that came with them; unchanged where none does."""
    found = return_links.find_link(
        connection, one.account, codes, by_guess=context.configuration.returns.unannounced == "match"
    )
    if found is None:
        return one
    return_links.link(connection, one.id, found.part_id, found.order_id, found.how, found.parcel, at)
    history.record(
        connection,
        found.order_id,
        one.account,
        "return_without_announcement",
        at=at,
        subject=one.rma_number,
        backend_id=one.backend_id,
        found_by=found.how,
    )
    return returns.by_id(connection, one.id)


def _known(context: Context, return_id: int) -> Return:
    """Return a return, with its order where that has become known since its goods came."""
    with context.ledger.reading() as connection:
        one = returns.by_id(connection, return_id)
    if one.fulfilment_order_id is not None or not one.codes:
        return one
    with context.ledger.work() as work:
        one = linked(context, work.connection, one, one.codes, context.now())
        work.commit()
    return one


def _one(context: Context, shop: _ShopOrders, receipt: Receipt) -> bool:
    one = _known(context, receipt.return_id)
    with context.ledger.reading() as connection:
        units = units_of(connection, one)
    shown = True
    if one.order_id is not None and any(unit.returnable for unit in units):
        try:
            if not shop.seen(one.order_id):
                return False
        except (NotFound, NeedsPerson) as error:
            log.warning("return_not_shown", order=one.order_id, error=type(error).__name__)
            shown = False
    with context.ledger.work() as work:
        connection = work.connection
        if one.order_id is not None:
            order_locks.lock_order(connection, one.order_id)
        again = receipts.by_id(connection, receipt.id)
        if again is None or again.state is not ReceiptState.WAITING:
            return False
        at = context.now()
        if again.units and not again.left:
            settled = judge_again(context, connection, one, again, at)
        else:
            found = _match(context, connection, one, again) if shown else Match((), again.left, Hindrance.NO_RETURN_KEY)
            settled = settle(context, connection, one, again, found, at)
        work.commit()
    return settled


def _match(context: Context, connection: Connection, one: Return, receipt: Receipt) -> Match:
    if one.given_rma:
        return Match((), receipt.left, Hindrance.UNKNOWN_RMA)
    units = units_of(connection, one)
    if not units:
        by_guess = context.configuration.returns.unannounced == "match"
        held = bool(one.reference) and not by_guess
        return Match((), receipt.left, Hindrance.UNANNOUNCED if held else Hindrance.UNKNOWN_ORDER)
    if receipt.order_line_number is None and context.backend_named(one.account).capabilities.receipt_lines:
        return Match((), receipt.left, Hindrance.NO_LINE)
    arrival = Arrival(receipt.order_line_number, receipt.sku, receipt.left)
    if one.announced:
        most = _allowed(connection, one, receipt, units)
        return match(arrival, units, most=most, named=frozenset(one.units))
    assert one.fulfilment_order_id is not None
    if one.linked_parcel is not None:
        inside = coming_back.sent_units(connection, one.fulfilment_order_id, one.linked_parcel)
        found = match(arrival, inside)
        if not found.surplus:
            return found
    return match(arrival, units, single_line=one.linked_by in _GUESSES)


def _allowed(connection: Connection, one: Return, receipt: Receipt, units: Sequence[SentUnit]) -> int:
    """Return how many units of this line (or SKU) the authorisation still allows."""
    same = {
        unit.order_item_id
        for unit in units
        if (unit.line_number == receipt.order_line_number if receipt.order_line_number is not None else unit.sku == receipt.sku)
    }
    came = Counter(unit for other in receipts.of_return(connection, one.id) for unit in other.units)
    return len(same & set(one.units)) - len(same & came.keys())
