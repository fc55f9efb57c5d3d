"""Return pull: what the warehouses received back is stored, each receipt line once, and then finds its units.

Returns come repeated, reordered and in newer versions; the version decides about the return, the receipt line's own id about
the goods. What is decided about them is `return_match`'s.
"""

from __future__ import annotations

from datetime import datetime

from syncbridge.domain.backend import BackendReturn, ReturnStatus
from syncbridge.domain.returns import ReturnReason, ReturnSource, ReturnState, codes_in
from syncbridge.flows import return_amend, return_expect, return_match
from syncbridge.flows.context import Context
from syncbridge.flows.each_backend import each_backend
from syncbridge.flows.feed import Store, follow, read_again, row_by_row
from syncbridge.ledger import history, receipts, return_links, returns
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, open_exception
from syncbridge.ledger.returns import Return
from syncbridge.ports.backend import Capability, FulfilmentBackend


def run(context: Context) -> dict[str, int]:
    """Read every back end's feed of returns, then match what came; return rows read per account, and receipts matched.

    Where returns are announced by hand, what comes back is read all the same.
    """
    read = each_backend(context, lambda backend: _pull(context, backend))
    read.done["matched"] = return_match.run(context)
    context.doorbell.ring("return_announce")
    context.doorbell.ring("return_push")
    return read.counts()


def _pull(context: Context, backend: FulfilmentBackend) -> int:
    if backend.capabilities.returns is Capability.OFF:
        return 0
    name, store = _storing(context, backend)
    return follow(context, "return_pull", name, backend.returns_changed, store, backend.timing.feed_overlap)


def pull_again(context: Context, backend: FulfilmentBackend, since: datetime) -> int:
    """Read the returns since an instant once more; return how many rows were read."""
    if backend.capabilities.returns is Capability.OFF:
        return 0
    name, store = _storing(context, backend)
    return read_again(context, name, backend.returns_changed, store, since)


def _storing(context: Context, backend: FulfilmentBackend) -> tuple[str, Store[BackendReturn]]:
    """Return the feed's name, and how a page of it is stored."""

    def store(connection: Connection, rows: tuple[BackendReturn, ...], at: datetime) -> None:
        row_by_row(
            connection,
            name,
            rows,
            lambda seen: note(context, connection, backend.account, seen, at),
            lambda seen: seen.return_id,
            at,
        )

    name = f"returns:{backend.account}"
    return name, store


def note(context: Context, connection: Connection, account: str, seen: BackendReturn, at: datetime) -> None:
    """Note a back end's return and store its receipt lines that are new. Raises ValueError for goods of no quantity."""
    one = _ours(connection, account, seen)
    if one is None:
        if not seen.receipts:
            return  # announced by somebody else, and nothing has come
        one = returns.add(
            connection,
            account=account,
            source=ReturnSource.UNANNOUNCED,
            order_id=None,
            fulfilment_order_id=None,
            units=(),
            reason=ReturnReason.OTHER,
            state=ReturnState.ARRIVED,
            created_by="",
            at=at,
            given_rma=seen.rma_number,
            reference=seen.reference,
            backend_id=seen.return_id,
        )
    newer = returns.note(connection, one, seen, at)
    if newer and one.announced and one.backend_id is None:
        subject = f"return:{one.rma_number}"
        close_exceptions(connection, subject, "return_by_hand", at=at, resolution="the warehouse shows it")
    one = _linked(context, connection, one, seen, at)
    came = [line for line in seen.receipts if line.quantity]
    if any(line.quantity < 0 for line in came):
        raise ValueError(f"return {seen.return_id} has a receipt of less than nothing")
    fresh = [line for line in came if receipts.store(connection, account, one.id, line, at)]
    for line in fresh:
        if one.order_id is not None:
            history.record(
                connection,
                one.order_id,
                account,
                "goods_came_back",
                at=at,
                happened_at=line.received_at,
                subject=line.receipt_line_id,
                rma=one.rma_number,
                sku=line.sku,
                quantity=line.quantity,
                condition=line.condition.value,
                disposition=line.disposition.value,
            )
    if newer and len(fresh) < len(seen.receipts):
        return_amend.note(connection, one, [line for line in seen.receipts if line not in fresh], at)
    if fresh:
        returns.arrived(connection, one.id, min(line.received_at for line in fresh), at)
    if one.announced and (newer or fresh):
        _judge(connection, one, seen, at)


def _ours(connection: Connection, account: str, seen: BackendReturn) -> Return | None:
    """Find what we hold of it: by our RMA number, else as a return of theirs that we met before."""
    if seen.rma_number:
        found = returns.find_by_rma(connection, seen.rma_number)
        if found is not None and found.account == account and found.announced:
            return found
    return returns.find_by_backend_id(connection, account, seen.return_id)


def _linked(context: Context, connection: Connection, one: Return, seen: BackendReturn, at: datetime) -> Return:
    """Find the order of goods without an announcement: our number or label among its texts, else what we may guess by."""
    if one.fulfilment_order_id is not None or one.given_rma or one.announced:
        return one
    codes = {*codes_in(seen.hints), *([seen.reference] if seen.reference else [])}
    linked = return_match.linked(context, connection, one, codes, at)
    if linked.fulfilment_order_id is None:
        # Its order, or its parcel, may only not be known yet.
        return_links.keep_codes(connection, one, codes, at)
    return linked


def _judge(connection: Connection, one: Return, seen: BackendReturn, at: datetime) -> None:
    """Say what is missing of an announced return that the warehouse has closed."""
    missing = return_expect.missing(connection, one)
    subject = f"return:{one.rma_number}"
    if not missing:
        close_exceptions(
            connection, subject, "return_short", "return_overdue", at=at, resolution="everything that was announced came"
        )
    elif seen.status is ReturnStatus.RECEIVED:
        close_exceptions(connection, subject, "return_overdue", at=at, resolution="the warehouse has closed the return")
        open_exception(
            connection,
            "return_short",
            subject,
            at=at,
            cause="less came than was announced",
            evidence={"rma": one.rma_number, "missing": missing, "units": list(one.units)},
            order_id=one.order_id,
        )
