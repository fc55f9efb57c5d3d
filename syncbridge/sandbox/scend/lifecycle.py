"""The order lifecycle: the table of transitions, and the one function that changes an order (contract 2.9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syncbridge.sandbox.clock import format_instant
from syncbridge.sandbox.scend.feeds import to_json
from syncbridge.sandbox.scend.stock import Impossible
from syncbridge.sandbox.scend.world import Account, Order

TRANSITIONS: dict[str, frozenset[str]] = {
    "RECEIVED": frozenset({"QUARANTINED", "ON_HOLD", "ALLOCATED", "BACKORDERED", "CANCELLED"}),
    "QUARANTINED": frozenset({"RECEIVED", "CANCELLED"}),
    "ON_HOLD": frozenset({"RECEIVED", "CANCELLED"}),
    "BACKORDERED": frozenset({"ALLOCATED", "ON_HOLD", "CANCELLED"}),
    "ALLOCATED": frozenset({"PICKING", "BACKORDERED", "ON_HOLD", "CANCELLED"}),
    "PICKING": frozenset({"PICKED", "BACKORDERED", "CANCELLED"}),
    "PICKED": frozenset({"PACKED", "BACKORDERED"}),
    "PACKED": frozenset({"PARTIALLY_DESPATCHED", "DESPATCHED"}),
    "PARTIALLY_DESPATCHED": frozenset({"DESPATCHED", "PACKED"}),
    "DESPATCHED": frozenset({"PACKED", "PARTIALLY_DESPATCHED"}),
    "CANCELLED": frozenset(),
}
STATUSES = frozenset(TRANSITIONS)
IMMEDIATE = frozenset({"RECEIVED", "QUARANTINED", "ON_HOLD", "BACKORDERED", "ALLOCATED"})
HISTORY_LENGTH = 20


def is_legal(before: str, after: str) -> bool:
    """Say whether the table has this transition."""
    return after in TRANSITIONS[before]


def require_status(order: Order, *allowed: str) -> None:
    """Raise Impossible unless the order is in one of these statuses."""
    if order.status not in allowed:
        raise Impossible(f"order {order.key} is {order.status}; this needs {' or '.join(allowed)}")


def cancel_permission(status: str, cutoff: str) -> str:
    """Tell what a cancel call would do now: `IMMEDIATE`, `ON_REQUEST` or `NO`."""
    if status in IMMEDIATE:
        return "IMMEDIATE"
    return "ON_REQUEST" if status == "PICKING" and cutoff == "PICKED" else "NO"


def refresh_permission(order: Order) -> None:
    """Bring `cancellation.allowed` in line with the status and the account's cut-off."""
    cancellation = order.document["cancellation"]
    cancellation["cutoffStatus"] = order.account.world.settings.cutoff_status
    cancellation["allowed"] = cancel_permission(order.status, cancellation["cutoffStatus"])
    order.forget_raw()


def change(order: Order, status: str | None = None, *, notify: bool = False) -> None:
    """Commit one change of an order: version, history, feed, event and fact.

    Without `status` only the version rises; `notify` then still announces it (a change of
    `cancellation.state`). Raises Impossible, with nothing committed, for a transition outside the table. A
    pending cancel request is declined here when the order reaches `PICKED`.
    """
    document = order.document
    previous = order.status
    moved = status is not None and status != previous
    if moved and status is not None:
        if not is_legal(previous, status):
            raise Impossible(f"order {order.key}: {previous} -> {status} is not a legal transition")
        document["status"] = status
        cancellation = document["cancellation"]
        if status == "PICKED" and cancellation["state"] == "REQUESTED":
            cancellation |= {"state": "DECLINED", "resolvedAt": order.account.world.now_text()}
    document["version"] += 1
    refresh_permission(order)
    now = order.account.orders.touch(order)
    world = order.account.world
    if moved:
        add_history(order, format_instant(now))
        world.journal.fact("order_status", **identity(order), **{"from": previous, "to": order.status})
    if moved or notify:
        announce_status(order, previous)
    if moved:
        world.order_changed(order)


def add_history(order: Order, at: str) -> None:
    """Append the present status to the history, which keeps the latest twenty."""
    history = order.document["statusHistory"]
    history.append({"status": order.status, "at": at, "version": order.document["version"]})
    del history[:-HISTORY_LENGTH]
    order.forget_raw()


def announce_status(order: Order, previous: str) -> None:
    """Send `order.status_changed` with the whole order as it is now."""
    account: Account = order.account
    if account.subscriptions.by_id:
        data = order.raw()[:-1] + b',"previousStatus":' + to_json(previous) + b"}"
        account.world.announce(account, "order.status_changed", data)


def identity(order: Order) -> dict[str, Any]:
    """Name an order in a fact."""
    return {
        "account": order.account.code,
        "orderId": order.key,
        "clientReference": order.document["clientReference"],
    }


def set_hold(order: Order, code: str, message: str) -> None:
    """Put an order on hold; reserved units go back, as held orders reserve nothing."""
    if not is_legal(order.status, "ON_HOLD"):
        raise Impossible(f"an order that is {order.status} cannot be put on hold")
    free_reservation(order)
    order.document["hold"] = {"code": code, "message": message, "since": order.account.world.now_text()}
    change(order, "ON_HOLD")
    order.account.stock.settle()


def end_hold(order: Order) -> None:
    """Release a hold to `RECEIVED`; the same automatic hold does not come again."""
    require_status(order, "ON_HOLD")
    order.waived.add(order.document["hold"]["code"])
    order.document["hold"] = None
    change(order, "RECEIVED")


def set_quarantine(order: Order, reasons: Sequence[dict[str, Any]]) -> None:
    """Move a received order into quarantine with all its reasons."""
    require_status(order, "RECEIVED")
    order.document["quarantine"] = {"since": order.account.world.now_text(), "reasons": list(reasons)}
    change(order, "QUARANTINED")


def end_quarantine(order: Order) -> None:
    """Move a quarantined order to `RECEIVED`."""
    require_status(order, "QUARANTINED")
    order.document["quarantine"] = None
    change(order, "RECEIVED")


def free_reservation(order: Order) -> None:
    """Give every reserved unit of an order back (picked ones after put-back); lines hold none afterwards.

    The caller settles the stock after it has committed its change of the order.
    """
    stock = order.account.stock
    for line in order.lines:
        allocated = line["quantityAllocated"]
        if allocated:
            row = stock.ensure(line["sku"], order.document["warehouseCode"])
            picked = order.picked.pop(line["lineNumber"], 0)
            stock.move(row, reserved=-allocated, picked=-picked)
        line["quantityAllocated"] = line["quantityBackordered"] = 0
    order.picked.clear()


def backorder_everything(order: Order) -> None:
    """Take the whole reservation of an order away: its units become backordered, picked ones are put back.

    The caller commits the change of the order and settles the stock.
    """
    stock = order.account.stock
    for line in order.lines:
        units = line["quantityAllocated"]
        picked = order.picked.pop(line["lineNumber"], 0)
        if units:
            row = stock.ensure(line["sku"], order.document["warehouseCode"])
            stock.move(row, reserved=-units, picked=-picked)
        line["quantityAllocated"] = 0
        line["quantityBackordered"] += units
