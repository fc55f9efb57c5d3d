"""Return check: open ends of returns, by age; and whether SCAYLE shows the refunds that it owes.

Three things must not stay open for long: announced and never arrived, received and not refunded, refunded and never received.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from syncbridge.domain.errors import Busy, Misconfigured, NotFound, OutcomeUnknown, RetryLater
from syncbridge.domain.returns import ReturnState
from syncbridge.flows import refund_watch, return_expect, return_settle
from syncbridge.flows.context import Context
from syncbridge.flows.feed import defect
from syncbridge.ledger import receipts, refunds, returns
from syncbridge.ledger.engine import Connection, DatabaseAway
from syncbridge.ledger.exceptions import close_exceptions, is_open, open_exception, open_subjects
from syncbridge.ledger.refunds import OpenEnd

log = structlog.get_logger(__name__)

# How many orders one run reads from SCAYLE, and how soon the same one is read again. Chosen: a fortieth of its read quota.
ORDERS_READ = 25
LOOK_AGAIN = timedelta(minutes=15)
_BATCH = 500


def run(context: Context) -> dict[str, int]:
    """Ask SCAYLE about refunds that are not shown yet, then open the exceptions that only time decides; return counts."""
    return {
        "orders_read": _look(context),
        "return_overdue": _overdue(context),
        "refund_overdue": _not_refunded(context),
        "refund_without_goods": _not_received(context),
        "asked_again": _undecided(context),
    }


def _look(context: Context) -> int:
    if not context.configuration.scayle.order_reading:
        return 0
    with context.ledger.reading() as connection:
        wanted = refunds.unchecked_orders(connection, ORDERS_READ)
        wanted += refunds.to_look_at(connection, context.now() - LOOK_AGAIN, ORDERS_READ)
        chosen = {f"return_check:order:{order_id}": order_id for order_id in list(dict.fromkeys(wanted))[:ORDERS_READ]}
        troubled = open_subjects(connection, "defect", list(chosen))
    read = 0
    for subject, order_id in chosen.items():
        trouble: Exception | None = None
        try:
            refund_watch.look(context, order_id)
            read += 1
        except (RetryLater, OutcomeUnknown, Misconfigured, Busy) as error:
            log.info("return_check_waits", order=order_id, error=type(error).__name__)
            break
        except DatabaseAway:
            raise
        except Exception as error:  # noqa: BLE001  # one bad item never stops the batch
            trouble = error
        if trouble is not None or subject in troubled:
            _looked(context, order_id, subject, trouble)
    return read


def _looked(context: Context, order_id: int, subject: str, trouble: Exception | None) -> None:
    """Keep an order that could not be looked at from holding up the others: tell of it, unless SCAYLE just has it no more."""
    at = context.now()
    with context.ledger.work() as work:
        refunds.looked(work.connection, order_id, at)
        if isinstance(trouble, NotFound):
            refunds.checked(work.connection, order_id, at)
        elif trouble is not None:
            defect(work.connection, subject, "return_check", trouble, at)
        if trouble is None or isinstance(trouble, NotFound):
            close_exceptions(work.connection, subject, "defect", at=at, resolution="it could be looked at")
        work.commit()


def _overdue(context: Context) -> int:
    days = context.configuration.returns.overdue_days
    at = context.now()
    with context.ledger.reading() as connection:
        late = returns.overdue(connection, at - timedelta(days=days), "return_overdue", _BATCH)
    for one in late:
        with context.ledger.work() as work:
            open_exception(
                work.connection,
                "return_overdue",
                f"return:{one.rma_number}",
                at=at,
                cause=f"not all arrived in {days} days" if one.state is ReturnState.ARRIVED else f"nothing arrived in {days} days",
                evidence={
                    "rma": one.rma_number,
                    "source": one.source.value,
                    "units": list(one.units),
                    "missing": return_expect.missing(work.connection, one),
                },
                order_id=one.order_id,
            )
            work.commit()
    return len(late)


def _not_refunded(context: Context) -> int:
    days = context.configuration.returns.refund_days
    with context.ledger.reading() as connection:
        ends = refunds.not_refunded(connection, context.now() - timedelta(days=days), "refund_overdue", _BATCH)
    return _open(context, "refund_overdue", f"no refund in {days} days", ends)


def _not_received(context: Context) -> int:
    days = context.configuration.returns.goods_days
    with context.ledger.reading() as connection:
        ends = refunds.not_received(
            connection, context.now() - timedelta(days=days), "refund_without_goods", _BATCH
        )
    return _open(context, "refund_without_goods", f"no goods in {days} days", ends)


def _open(context: Context, kind: str, cause: str, ends: list[OpenEnd]) -> int:
    for end in ends:
        with context.ledger.work() as work:
            open_exception(
                work.connection,
                kind,
                f"unit:{end.order_item_id}",
                at=context.now(),
                cause=cause,
                evidence={
                    "unit": end.order_item_id,
                    "sku": end.sku,
                    "since": end.since.isoformat(),
                    "decision": end.decision,
                },
                order_id=end.order_id,
            )
            work.commit()
    return len(ends)


def _undecided(context: Context) -> int:
    """A question that was closed without an answer is asked again: the money is still where it was."""
    with context.ledger.reading() as connection:
        waiting = refunds.undecided(connection, "return_decision", _BATCH)
    for receipt_id in waiting:
        with context.ledger.work() as work:
            _ask_again(context, work.connection, receipt_id)
            work.commit()
    return len(waiting)


def _ask_again(context: Context, connection: Connection, receipt_id: int) -> None:
    receipt = receipts.by_id(connection, receipt_id)
    assert receipt is not None
    if not is_open(connection, "return_decision", receipt.subject):
        return_settle.ask(
            connection, returns.by_id(connection, receipt.return_id), receipt, receipt.units, context.now()
        )
