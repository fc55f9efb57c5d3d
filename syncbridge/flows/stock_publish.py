"""Publishing stock: single writes, judged one by one. How many go at once in bulk is `stock_bulk`'s business."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import structlog

from syncbridge.domain.errors import (
    Busy,
    Misconfigured,
    NeedsPerson,
    NotFound,
    OutcomeUnknown,
    RetryLater,
    VendorError,
)
from syncbridge.domain.stock import ShopStock, StockWrite
from syncbridge.flows.context import Context
from syncbridge.flows.stock_calls import answers
from syncbridge.flows.stock_clock import CLOCKS_APART
from syncbridge.flows.stock_terms import Change, Summary
from syncbridge.ledger import stock_writes
from syncbridge.ledger.exceptions import close_exceptions, open_exception, open_subjects
from syncbridge.ledger.stock import Level
from syncbridge.ports.quota import Lane

log = structlog.get_logger(__name__)

FAILURES_IN_A_ROW = 3
"""After so many writes in a row without an answer the shop counts as away. Chosen: one bad SKU must not stop the others."""
UNKNOWN_SKU_PAUSE = timedelta(hours=1)
"""How long a SKU that the shop does not have is left alone. Chosen."""
REFUSED_PAUSE = timedelta(minutes=5)
"""How long a number is left alone of which the shop has units on sale, but refuses another. Chosen: it may be a conflict of the
moment (409 is documented, its causes are not), and whatever must come off sale cannot wait for an hour."""
TOLD = ("stock_ignored", "stock_refused")
"""What is told of a number that the shop does not take, and is over once it does."""
AT_ONCE = 200
"""So many intents are stored in one transaction. Chosen: a killed run leaves few writes for others to wait for."""


def one_by_one(context: Context, changes: Sequence[Change], summary: Summary, *, again: bool = False) -> bool:
    """Write in order; false when the shop is away or the quota is used up, so that the rest has to wait.

    `again`: these very writes were sent in bulk, and what became of them is not known. They are absolute and stamped,
    so sending them again with the same stamp is harmless, and this time the answer tells.
    """
    for first in range(0, len(changes), AT_ONCE):
        some = changes[first : first + AT_ONCE]
        intended = list(some) if again else intend(context, some)
        left = _write(context, intended, summary)
        if left:
            summary.waiting += left + len(changes) - first - len(some)
            return False
    return True


def _write(context: Context, changes: Sequence[Change], summary: Summary) -> int:
    """Write what is intended; return how many were left because the shop is away."""
    failures = 0
    written = answers(lambda one: context.shop.write_stock(write_of(one)), changes)
    for done, (change, answer) in enumerate(written, start=1):
        if isinstance(answer, ShopStock):
            failures = 0
            judge(context, change, answer, summary)
        elif isinstance(answer, NotFound | NeedsPerson):
            failures = 0
            refused(context, change, answer)
            summary.unknown += 1
        elif isinstance(answer, RetryLater | OutcomeUnknown | Misconfigured | Busy):
            settle(context, change, None, f"not told: {type(answer).__name__}", ignored=change.level.ignored)
            log.warning("stock_write_later", sku=change.level.shop_sku, error=type(answer).__name__)
            summary.waiting += 1
            failures += 1
            if isinstance(answer, Misconfigured | Busy) or failures >= FAILURES_IN_A_ROW:
                for left in changes[done:]:
                    # Some of these may have left already: an unproven write is sent again by the next run.
                    settle(context, left, None, "not told: the shop is away", ignored=left.level.ignored)
                return len(changes) - done
        else:
            raise answer
    return 0


def intend(context: Context, changes: Sequence[Change]) -> list[Change]:
    """Store that these are about to be sent; return those of which nobody has sent a newer number meanwhile."""
    at = context.now()
    with context.ledger.work(durable=False) as work:
        done = {
            one.level.key
            for one in _by_key(changes)
            if stock_writes.intend(work.connection, one.level, one.terms, one.stamp, at)
        }
        work.commit()
    return [one for one in changes if one.level.key in done]


def _by_key(changes: Sequence[Change]) -> list[Change]:
    """Return changes in the order in which their rows are taken, so that no two workers wait for each other."""
    return sorted(changes, key=lambda one: one.level.key)


def write_of(change: Change) -> StockWrite:
    """Return a change as the shop is told it."""
    level = change.level
    return StockWrite(level.shop_sku, level.warehouse, level.merchant, change.terms.sellable, change.stamp)


def settle(context: Context, change: Change, published: int | None, reason: str = "", *, ignored: int = 0) -> None:
    """Note what came of a write; without a proven quantity the next run sends again."""
    settle_all(context, [change], published, reason, ignored=ignored)


def settle_all(
    context: Context, changes: Sequence[Change], published: int | None, reason: str = "", *, ignored: int | None = None
) -> None:
    """Note the same outcome of several writes in one transaction; `ignored` is kept as it was where it is None."""
    at = context.now()
    with context.ledger.work(durable=False) as work:
        for change in _by_key(changes):
            stock_writes.settle(
                work.connection,
                change.level,
                sent=change.stamp,
                published=published,
                stamp=change.stamp,
                at=at,
                ignored=change.level.ignored if ignored is None else ignored,
                reason=reason,
            )
        work.commit()


def accepted(context: Context, changes: Sequence[Change], summary: Summary) -> None:
    """Note that the shop took these numbers, and close what was told about them."""
    at = context.now()
    with context.ledger.work(durable=False) as work:
        for change in _by_key(changes):
            stock_writes.settle(
                work.connection,
                change.level,
                sent=change.stamp,
                published=change.terms.sellable,
                stamp=change.stamp,
                at=at,
            )
        subjects = [change.level.subject for change in changes]
        told = {one for kind in TOLD for one in open_subjects(work.connection, kind, subjects)}
        for subject in sorted(told):
            close_exceptions(work.connection, subject, *TOLD, at=at, resolution="the shop took the number")
        work.commit()
    summary.published += len(changes)


def judge(context: Context, change: Change, answer: ShopStock, summary: Summary) -> None:
    """Compare the answer with what was sent: a stale write is ignored with a success code.

    An answer with our stamp is ours, whatever smaller number it shows: some tenants deduct blocked units from it. One
    without a stamp has to show our number, now or when it is read again. One that says nothing at all is good enough
    for an increase only.
    """
    unproven = answer.changed_at is None and answer.quantity != change.terms.sellable
    if unproven and (answer.quantity is not None or may_lower(change)):
        answer = _read_again(context, change, answer)
    if is_ours(answer, change.terms.sellable, change.stamp):
        accepted(context, [change], summary)
    else:
        ignored(context, change, answer, summary)


def may_lower(change: Change) -> bool:
    """Say whether a write may take units off sale: then its effect has to be seen, as an increase costs a sale at most."""
    before = change.level.published
    return before is None or change.terms.sellable < before


def is_ours(held: ShopStock, wanted: int, stamp: object) -> bool:
    """Say whether what the shop holds can be our write of `wanted` with that stamp."""
    if held.changed_at is None:
        return held.quantity in (None, wanted)
    return held.changed_at == stamp and (held.quantity is None or held.quantity <= wanted)


def ignored(context: Context, change: Change, answer: ShopStock, summary: Summary) -> bool:
    """Note a write that the shop did not apply; the next run sends again with a newer stamp than the shop's own.

    False where another run of ours wrote since: then that is what the shop holds.
    """
    times = change.level.ignored + 1
    at = context.now()
    with context.ledger.work(durable=False) as work:
        newest = stock_writes.settle(
            work.connection,
            change.level,
            sent=change.stamp,
            published=answer.quantity,
            stamp=max(change.stamp, answer.changed_at or change.stamp),
            at=at,
            ignored=times,
            reason="the shop ignored it for a newer one",
        )
        work.commit()
    if not newest:
        return False
    summary.ignored += 1
    log.info("stock_write_ignored", sku=change.level.shop_sku, times=times)
    # A stamp ahead of the shop's clock makes every write of ours wait for it: nobody would ever count to three.
    ahead = answer.changed_at is not None and answer.changed_at > at + CLOCKS_APART
    if ahead or times >= context.configuration.stock.ignored_limit:
        evidence = {
            "sku": change.level.shop_sku,
            "sent": change.terms.sellable,
            "stamp": change.stamp.isoformat(),
            "shop_holds": answer.quantity,
            "shop_stamp": answer.changed_at.isoformat() if answer.changed_at else "",
            "times": times,
        }
        tell(context, "stock_ignored", change.level.subject, "the shop ignores stock writes", evidence)
    return True


def _read_again(context: Context, change: Change, answer: ShopStock) -> ShopStock:
    """Read the shop's own figure where an answer leaves its stamp out, before calling a write ignored."""
    try:
        held = context.shop.read_stock(change.level.shop_sku, Lane.STOCK)
    except (VendorError, Busy):
        return answer
    return held_of(held, change.level) or answer


def held_of(found: Sequence[ShopStock], level: Level) -> ShopStock | None:
    """Pick the shop's figure for a level; a shop that does not name warehouse or merchant has only one."""
    return next(
        (
            one
            for one in found
            if one.warehouse in ("", level.warehouse) and one.merchant in ("", level.merchant)
        ),
        None,
    )


def refused(context: Context, change: Change, error: VendorError) -> None:
    """One exception per SKU, and the rest goes on; it is tried again after a pause."""
    level = change.level
    at = context.now()
    unknown = isinstance(error, NotFound)
    with context.ledger.work(durable=False) as work:
        stock_writes.settle(
            work.connection,
            level,
            sent=change.stamp,
            published=None,
            stamp=change.stamp,
            at=at,
            reason="refused",
            not_before=at + (REFUSED_PAUSE if level.published and not unknown else UNKNOWN_SKU_PAUSE),
        )
        work.commit()
    tell(
        context,
        "stock_refused",
        level.subject,
        "SKU unknown to the shop" if unknown else f"the shop refuses stock: {error.evidence.code or error.evidence.status}",
        {"sku": level.shop_sku, "warehouse": level.warehouse, "answer": str(error.evidence)},
    )


def tell(context: Context, kind: str, subject: str, cause: str, evidence: dict[str, object]) -> None:
    """Open an exception in a transaction of its own."""
    with context.ledger.work() as work:
        open_exception(work.connection, kind, subject, at=context.now(), cause=cause, evidence=evidence)
        work.commit()
