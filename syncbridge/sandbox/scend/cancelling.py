"""Cancelling: at once, on request, too late, by the warehouse (contract 2.11, assumed)."""

from __future__ import annotations

from syncbridge.sandbox.scend.errors import ApiError
from syncbridge.sandbox.scend.lifecycle import (
    backorder_everything,
    change,
    free_reservation,
    identity,
    require_status,
)
from syncbridge.sandbox.scend.world import Order


def _resolve(
    order: Order, *, state: str, initiator: str, reason: str | None, requested_at: str | None
) -> None:
    order.document["cancellation"] |= {
        "state": state,
        "initiator": initiator,
        "reasonCode": reason,
        "requestedAt": requested_at,
        "resolvedAt": order.account.world.now_text(),
    }


def _cancel_now(order: Order) -> None:
    """Move to `CANCELLED`: the reservation is freed and every unit that was not sent is cancelled."""
    free_reservation(order)
    for line in order.lines:
        line["quantityCancelled"] = line["quantityOrdered"] - line["quantityDespatched"]
    order.document["hold"] = order.document["quarantine"] = None
    change(order, "CANCELLED")
    order.account.world.journal.fact(
        "order_cancelled", **identity(order), initiator=order.document["cancellation"]["initiator"]
    )
    order.account.stock.settle()


def cancel_by_client(order: Order, reason: str) -> int:
    """Do what a client's cancel call does now; return the HTTP status.

    200 cancelled (or already was), 202 requested (or already was). Raises ApiError 409 `PAST_CUTOFF`.
    """
    document, world = order.document, order.account.world
    allowed, status = document["cancellation"]["allowed"], order.status
    if status == "CANCELLED":
        return 200
    now = world.now_text()
    if allowed == "IMMEDIATE":
        _resolve(order, state="ACCEPTED", initiator="CLIENT", reason=reason, requested_at=now)
        _cancel_now(order)
        return 200
    if allowed == "ON_REQUEST":
        if document["cancellation"]["state"] != "REQUESTED":
            document["cancellation"] |= {
                "state": "REQUESTED",
                "initiator": "CLIENT",
                "reasonCode": reason,
                "requestedAt": now,
                "resolvedAt": None,
            }
            world.journal.fact("cancel_requested", **identity(order))
            change(order, notify=True)
        return 202
    raise ApiError(
        409,
        "PAST_CUTOFF",
        f"The order is already {status.lower().replace('_', ' ')}.",
        context={"status": status, "cutoffStatus": document["cancellation"]["cutoffStatus"]},
    )


def accept_request(order: Order) -> None:
    """Accept a pending request where the order now allows it; nothing happens without one."""
    cancellation = order.document["cancellation"]
    if cancellation["state"] == "REQUESTED":
        cancellation |= {"state": "ACCEPTED", "resolvedAt": order.account.world.now_text()}
        _cancel_now(order)


def decline_request(order: Order) -> None:
    """Decline a pending request; work goes on."""
    cancellation = order.document["cancellation"]
    if cancellation["state"] == "REQUESTED":
        cancellation |= {"state": "DECLINED", "resolvedAt": order.account.world.now_text()}
        order.account.world.journal.fact("cancel_declined", **identity(order))
        change(order, notify=True)


def cancel_by_warehouse(order: Order) -> None:
    """Cancel a whole unsent order from the floor; a picked one is put back first.

    Raises Impossible once it is packed.
    """
    require_status(
        order, "RECEIVED", "QUARANTINED", "ON_HOLD", "BACKORDERED", "ALLOCATED", "PICKING", "PICKED"
    )
    if order.status == "PICKED":
        backorder_everything(order)
        change(order, "BACKORDERED")
    _resolve(order, state="ACCEPTED", initiator="WAREHOUSE", reason="WAREHOUSE", requested_at=None)
    _cancel_now(order)


def note_short_close(order: Order) -> None:
    """Record that the warehouse gave up units, unless a client's request is pending."""
    if order.document["cancellation"]["state"] != "REQUESTED":
        _resolve(order, state="ACCEPTED", initiator="WAREHOUSE", reason="SHORT_CLOSED", requested_at=None)
