"""Every flow by its name: the function that its task runs, the options it takes, and what a dry run says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from syncbridge.cli import stock_view
from syncbridge.cli.output import instant, plain, say, table
from syncbridge.flows import (
    cancel_ask,
    cancel_learn,
    cancellation_push,
    catalogue_pull,
    despatch_pull,
    escalate,
    housekeep,
    order_poll,
    order_push,
    reread,
    return_announce,
    return_check,
    return_pull,
    return_push,
    shipment_push,
    status_pull,
    stock_reconcile,
    stock_sync,
    sweep,
)
from syncbridge.flows.context import Context
from syncbridge.ledger import due_times, feeds, lateness, refunds, returns
from syncbridge.ledger.unfinished import UnfinishedWrite, unfinished_writes
from syncbridge.reports import backlog


@dataclass(frozen=True)
class Preview:
    """What a run would do: a sentence, and the rows it is about."""

    sentence: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[object, ...], ...] = ()

    def print(self) -> None:
        say(self.sentence)
        if self.rows:
            table(tuple(column.replace("_", " ").upper() for column in self.columns), self.rows)

    def as_dict(self) -> dict[str, Any]:
        return {
            "sentence": self.sentence,
            "rows": [dict(zip(self.columns, map(plain, row), strict=True)) for row in self.rows],
        }


@dataclass(frozen=True)
class RunnableFlow:
    """A flow as the command line runs it."""

    title: str
    run: Callable[..., Any]
    preview: Callable[..., Preview]
    options: tuple[str, ...] = field(default=())


def _writes(kind: str) -> Callable[..., Preview]:
    def preview(context: Context, order_id: int | None = None) -> Preview:
        now = context.now()
        with context.ledger.reading() as connection:
            found = unfinished_writes(connection, order_id=order_id, kind=kind)
        due = sum(_standing(write, now) == "due" for write in found)
        return Preview(
            f"{due} of {len(found)} unfinished {kind} writes {'is' if due == 1 else 'are'} due and would be taken."
            if found
            else f"No {kind} write is unfinished{'' if order_id is None else f' for order {order_id}'}.",
            ("order", "reference", "target", "state", "standing", "due_at", "last"),
            tuple(
                (
                    write.order_id,
                    write.key,
                    write.target,
                    write.state.value,
                    _standing(write, now),
                    instant(write.due_at) if write.due_at else None,
                    write.reason,
                )
                for write in found
            ),
        )

    return preview


def _standing(write: UnfinishedWrite, now: datetime) -> str:
    if write.due_at is None:
        return "parked"
    if write.lease_until is not None and write.lease_until >= now:
        return "held"
    return "due" if write.due_at <= now else "later"


def _feed(name: str) -> Callable[[Context], Preview]:
    def preview(context: Context) -> Preview:
        rows: list[tuple[object, ...]] = []
        with context.ledger.reading() as connection:
            for backend in context.backends.values():
                position = feeds.position(connection, f"{name}:{backend.account}")
                read_to = instant(position.read_to) if position.read_to else "never"
                rows.append((backend.account, read_to, "its cursor" if position.value else "the beginning"))
        return Preview(f"The {name} feed would be read to its end:", ("account", "read_to", "starting_at"), tuple(rows))

    return preview


def _poll(context: Context, since: datetime | None = None) -> Preview:
    if not context.configuration.scayle.order_reading:
        return Preview("Nothing: reading orders is switched off (scayle.order_reading).")
    with context.ledger.reading() as connection:
        known = feeds.position(connection, order_poll.NAME).read_to
    if since is not None:
        return Preview(f"Orders changed since {instant(since)} would be read; the cursor would stay where it is.")
    settings = context.configuration.scayle
    overlap = timedelta(seconds=settings.poll_overlap_seconds + settings.poll_grace_seconds)
    start = (known or context.now() - order_poll.FIRST_LOOK_BACK) - overlap
    return Preview(
        f"Orders changed since {instant(start)} would be read "
        f"(last complete read: {instant(known) if known else 'none'}, with an overlap of {overlap})."
    )


def _stock(context: Context) -> Preview:
    due = [line for line in stock_view.lines(context, context.now(), None)[0] if line.due]
    return Preview(
        f"{len(due):,} numbers would be written, from what the ledger knows; a run reads the back ends first."
        if due
        else "Nothing would be written, from what the ledger knows; a run reads the back ends first.",
        ("sku", "place", "available", "in_flight", "buffer", "sellable", "in_shop", "why"),
        tuple(
            (
                line.sku,
                f"{line.merchant}/{line.warehouse}",
                line.available,
                line.in_flight,
                line.buffer,
                line.sellable,
                line.published,
                line.why,
            )
            for line in due
        ),
    )


def _open_ends(context: Context) -> Preview:
    settings, now = context.configuration.returns, context.now()
    with context.ledger.reading() as connection:
        overdue = returns.overdue(connection, now - timedelta(days=settings.overdue_days), "return_overdue", 500)
        unpaid = refunds.not_refunded(connection, now - timedelta(days=settings.refund_days), "refund_overdue", 500)
        missing = refunds.not_received(connection, now - timedelta(days=settings.goods_days), "refund_without_goods", 500)
    rows = [("return_overdue", one.order_id, one.rma_number) for one in overdue]
    rows += [("refund_overdue", end.order_id, f"unit {end.order_item_id}") for end in unpaid]
    rows += [("refund_without_goods", end.order_id, f"unit {end.order_item_id}") for end in missing]
    return Preview(
        "An exception would be open for each of these:" if rows else "No open end of a return is too old.",
        ("kind", "order", "what"),
        tuple(rows),
    )


def _sweep(context: Context) -> Preview:
    with context.ledger.reading() as connection:
        due = due_times.targets_due(connection, at=context.now())
    if not due:
        return Preview("Nothing is due: no doorbell would be rung.")
    return Preview("Doorbells would be rung for:", ("target", "kind", "due"), tuple(sorted(due)))


def _reread(context: Context) -> Preview:
    rows: list[tuple[object, ...]] = []
    for backend in context.backends.values():
        span = backend.timing.reread
        rows.append((backend.account, "nothing" if span is None else instant(context.now() - span)))
    return Preview(
        "Despatches and returns since then would be read again, or since the last such run if that is longer ago, and all stock:", ("account", "since"), tuple(rows)
    )


def _escalate(context: Context) -> Preview:
    now = context.now()
    with context.ledger.reading() as connection:
        stuck = lateness.late_writes(connection, now, escalate.STUCK_AFTER)
        closing = lateness.open_since(
            connection, now - 2 * escalate.FORCE_CLOSE, now - escalate.FORCE_CLOSE_WARNING
        )
    rows = [("order_stuck", write.order_id, write.key) for write in stuck]
    rows += [("force_close_near", part.order_id, part.reference) for part in closing]
    return Preview(
        "An exception would be open for each of these:" if rows else "Nothing takes too long.",
        ("kind", "order", "reference"),
        tuple(rows),
    )


def _housekeep(context: Context) -> Preview:
    with context.ledger.reading() as connection:
        slots = backlog.slots_before(connection, context.now() - housekeep.SLOTS_KEPT)
    return Preview(f"{slots:,} old time slots would be deleted.")


def _push_orders(context: Context, order_id: int | None = None) -> Any:
    return order_push.run(context, order_id=order_id)


def _ask_to_cancel(context: Context, order_id: int | None = None) -> Any:
    return cancel_ask.run(context, order_id=order_id)


def _learn(context: Context, order_id: int | None = None) -> Preview:
    if order_id is None:
        return Preview("Nothing: it looks at one order, given with --order.")
    return Preview(f"Order {order_id} would be read from SCAYLE, and units that are cancelled there cancelled here.")


FLOWS: dict[str, RunnableFlow] = {
    "order_push": RunnableFlow("Send orders to the back ends.", _push_orders, _writes("order"), ("order",)),
    "order_poll": RunnableFlow(
        "Take in confirmed orders whose delegation never came.", order_poll.run, _poll, ("since",)
    ),
    "status_pull": RunnableFlow("Read what the back ends say of their orders.", status_pull.run, _feed("orders")),
    "despatch_pull": RunnableFlow("Read what left the warehouses.", despatch_pull.run, _feed("despatches")),
    "shipment_push": RunnableFlow(
        "Tell SCAYLE of parcels.", shipment_push.run, _writes("shipment"), ("order",)
    ),
    "cancellation_push": RunnableFlow(
        "Close in SCAYLE what a warehouse gave up.", cancellation_push.run, _writes("cancellation"), ("order",)
    ),
    "return_pull": RunnableFlow("Read what the warehouses received back.", return_pull.run, _feed("returns")),
    "return_announce": RunnableFlow(
        "Announce returns whose goods have left.", return_announce.run, _writes("return_announce"), ("order",)
    ),
    "return_push": RunnableFlow(
        "Tell SCAYLE of units that came back.", return_push.run, _writes("return"), ("order",)
    ),
    "return_check": RunnableFlow("Look at the open ends of returns.", return_check.run, _open_ends),
    "cancel_ask": RunnableFlow(
        "Ask back ends to cancel what they hold.", _ask_to_cancel, _writes("order_cancel"), ("order",)
    ),
    "cancel_learn": RunnableFlow(
        "Look at an order for units that SCAYLE cancelled.", cancel_learn.run, _learn, ("order",)
    ),
    "stock_sync": RunnableFlow("Publish what can be shipped.", stock_sync.run, _stock),
    "stock_reconcile": RunnableFlow(
        "Compare every number with SCAYLE's own.", stock_reconcile.run, _feed("stock")
    ),
    "catalogue_pull": RunnableFlow("Read which SKUs the back ends know.", catalogue_pull.run, _feed("catalogue")),
    "sweep": RunnableFlow("Ring for whatever is due.", sweep.run, _sweep),
    "reread": RunnableFlow("Read again what the feeds may have left out.", reread.run, _reread),
    "escalate": RunnableFlow("Open exceptions for what takes too long.", escalate.run, _escalate),
    "housekeep": RunnableFlow("Delete what nobody needs any more.", housekeep.run, _housekeep),
}
