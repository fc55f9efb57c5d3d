"""What a back end says about its orders: status, quarantine, units given up. One function notes it, whoever heard it."""

from __future__ import annotations

from datetime import datetime

from syncbridge.domain.backend import BackendOrder, FulfilmentStatus
from syncbridge.domain.money import Money
from syncbridge.domain.states import SendState, UnitState
from syncbridge.flows.context import SHOP, Context
from syncbridge.flows.feed import follow, row_by_row
from syncbridge.ledger import history, orders, transmissions
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, is_open, open_exception
from syncbridge.ledger.orders import Part
from syncbridge.ports import FulfilmentBackend


def run(context: Context) -> dict[str, int]:
    """Read the order feed of every back end; return how many rows were read per account."""
    read: dict[str, int] = {}
    for backend in context.backends.values():
        read[backend.account] = pull(context, backend)
    context.doorbell.ring("cancellation_push")
    return read


def pull(context: Context, backend: FulfilmentBackend) -> int:
    """Read one back end's order feed to its end; return how many rows were read."""

    def store(connection: Connection, rows: tuple[BackendOrder, ...], at: datetime) -> None:
        row_by_row(
            connection,
            name,
            rows,
            lambda order: note(context, connection, backend.account, order, at),
            lambda order: order.backend_id,
            at,
        )

    name = f"orders:{backend.account}"
    return follow(context, "status_pull", name, backend.orders_changed, store)


def note(
    context: Context, connection: Connection, account: str, order: BackendOrder, at: datetime, *, created: bool = False
) -> bool:
    """Note a back end's order in the ledger; false when it is older than what we have, or not ours.

    `created` says that we made it just now, so that no exception about it can be open from before.
    """
    row = orders.part_by_reference(connection, account, order.reference)
    if row is None:
        return False
    if not _adopt(context, connection, row, order, at):
        return False
    if not orders.note_backend_order(connection, row.id, order, at):
        return False
    history.record(
        connection,
        row.order_id,
        account,
        "status",
        at=at,
        happened_at=order.updated_at,
        subject=order.reference,
        status=order.raw_status,
        version=order.version,
        backend_id=order.backend_id,
    )
    over = _attention(connection, row, order, at) + _total(connection, row, order, at)
    if over and not created:
        close_exceptions(
            connection,
            f"fulfilment:{order.reference}",
            *over,
            at=at,
            resolution=f"the back end shows it as {order.raw_status}",
        )
    cancelled = {line.line_number: line.cancelled for line in order.lines if line.cancelled}
    if not cancelled:
        return True
    orders.note_cancelled(connection, row.id, cancelled)
    give_up(
        connection,
        row,
        account,
        f"{order.reference}:v{order.version}",
        at=at,
        happened_at=order.updated_at,
        initiator=order.initiator,
        status=order.raw_status,
    )
    return True


def _adopt(context: Context, connection: Connection, row: Part, order: BackendOrder, at: datetime) -> bool:
    """Take the feed as proof of what was sent; say whether the row may be updated from it.

    An order that is not what was sent proves nothing: the push looks it up, compares it in full and parks it.
    """
    subject = f"fulfilment:{row.reference}"
    if row.state is SendState.SENT:
        body = transmissions.frozen_body(connection, row.id)
        if is_open(connection, "order_conflict", subject):
            return False
        if body is not None and context.backend_named(row.account).differences(body, order):
            return False
        transmissions.adopt(connection, row.id, at=at, reason="the back end's feed shows it")
        close_exceptions(
            connection, subject, "order_stuck", "order_refused", "defect", at=at,
            resolution="the back end's feed shows it",
        )
        return True
    if row.state is SendState.PENDING:
        # By our ledger nothing was sent (a restored ledger, a foreign hand): the push compares before it adopts.
        if not is_open(connection, "order_conflict", subject):
            transmissions.compare_soon(connection, row.id, at=at)
        return False
    if row.state is SendState.WITHDRAWN:
        if order.status is FulfilmentStatus.CANCELLED:
            close_exceptions(
                connection, subject, "reference_resurfaced", at=at, resolution="the back end shows it as cancelled"
            )
        else:
            resurfaced(connection, row, at, backend_id=order.backend_id, status=order.raw_status)
        return False
    return True


def resurfaced(connection: Connection, row: Part, at: datetime, **evidence: str) -> None:
    """Tell a person that the back end acts on a reference that the ledger holds withdrawn."""
    open_exception(
        connection,
        "reference_resurfaced",
        f"fulfilment:{row.reference}",
        at=at,
        cause="withdrawn reference in the back end",
        evidence={"reference": row.reference, **evidence},
        order_id=row.order_id,
    )


def _attention(connection: Connection, row: Part, order: BackendOrder, at: datetime) -> tuple[str, ...]:
    """Open what the status says needs a person; return the kinds of exceptions that it ends."""
    subject = f"fulfilment:{order.reference}"
    if order.status is FulfilmentStatus.NEEDS_ATTENTION:
        codes = sorted({fault.code for fault in order.attention}) or [order.raw_status]
        open_exception(
            connection,
            "order_quarantined",
            subject,
            at=at,
            cause=f"{order.raw_status}: {', '.join(codes)}",
            evidence={
                "reference": order.reference,
                "backend_id": order.backend_id,
                "faults": [fault.as_dict() for fault in order.attention],
            },
            order_id=row.order_id,
        )
        return ()
    if order.status is FulfilmentStatus.UNKNOWN:
        open_exception(
            connection,
            "defect",
            subject,
            at=at,
            cause=f"unknown status {order.raw_status}",
            evidence={"reference": order.reference, "status": order.raw_status},
            order_id=row.order_id,
        )
        return ("order_quarantined",)
    return ("order_quarantined", "defect")


def _total(connection: Connection, row: Part, order: BackendOrder, at: datetime) -> tuple[str, ...]:
    """Compare the back end's total with what was sent: the penny gate; return the kinds of exceptions that it ends."""
    if row.total_minor is None or order.total_minor is None:
        return ()
    if order.total_minor == row.total_minor:
        return ("total_mismatch",)
    open_exception(
        connection,
        "total_mismatch",
        f"fulfilment:{order.reference}",
        at=at,
        cause="back end total differs",
        evidence={
            "reference": order.reference,
            "shop_total": str(Money(row.total_minor, order.currency)),
            "backend_total": str(Money(order.total_minor, order.currency)),
        },
        order_id=row.order_id,
    )
    return ()


def give_up(
    connection: Connection,
    row: Part,
    account: str,
    key: str,
    *,
    at: datetime,
    happened_at: datetime | None = None,
    initiator: str = "",
    status: str = "",
) -> None:
    """Close the units that the warehouse will not send: exactly as many per line as it said, highest ids first.

    Despatches take the lowest ids, so the order in which a despatch and a short close are heard changes nothing.
    Called again when a voided despatch gives units back, because what was given up may have been heard before.
    """
    given_up: list[int] = []
    for number, cancelled in orders.cancelled_by_line(connection, row.id).items():
        units = orders.units_of_line(connection, row.id, number)
        gone = sum(state in (UnitState.UNFULFILLABLE, UnitState.CANCELLED) for _unit, state in units)
        still_open = [unit for unit, state in units if state is UnitState.OPEN]
        given_up += still_open[: max(0, cancelled - gone)]
    if not given_up:
        return
    write = transmissions.add(
        connection,
        kind="cancellation",
        target=SHOP,
        key=key[:128],
        order_id=row.order_id,
        fulfilment_order_id=row.id,
        at=at,
        due_at=at,
    )
    why = orders.give_up_units(connection, given_up, write, at)
    history.record(
        connection,
        row.order_id,
        account,
        "units_given_up",
        at=at,
        happened_at=happened_at,
        subject=row.reference,
        units=sorted(given_up),
        why=why,
    )
    open_exception(
        connection,
        "order_cancelled_by_warehouse",
        f"fulfilment:{row.reference}",
        at=at,
        cause=f"given up by {(initiator or 'the warehouse').lower()}",
        evidence={"reference": row.reference, "units": sorted(given_up), "status": status},
        order_id=row.order_id,
    )
