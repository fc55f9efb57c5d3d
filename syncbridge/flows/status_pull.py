"""What a back end says about its orders: status, quarantine, units given up. One function notes it, whoever heard it."""

from __future__ import annotations

from datetime import datetime

from syncbridge.domain.backend import NOT_SHOWN, BackendOrder, FulfilmentStatus
from syncbridge.domain.money import Money
from syncbridge.domain.states import SendState, UnitState
from syncbridge.flows import cancelling
from syncbridge.flows.asking import BUDGET_SECONDS, ask
from syncbridge.flows.cancel_outcome import NOT_CANCELLED
from syncbridge.flows.context import SHOP, Context
from syncbridge.flows.duplicates import note_copies
from syncbridge.flows.each_backend import each_backend
from syncbridge.flows.feed import follow, row_by_row
from syncbridge.ledger import (
    backend_readings,
    cancellations,
    due_times,
    history,
    intents,
    order_locks,
    order_parts,
    ordered_units,
    transmission_reads,
    transmissions,
)
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, is_open, open_exception
from syncbridge.ledger.order_parts import Part
from syncbridge.ports.backend import FulfilmentBackend

# Its own runs are minutes apart and nobody waits for them; still well within the life of the feed's lock.
ASKING_SECONDS = 15.0


def run(context: Context) -> dict[str, int]:
    """Learn what every back end says of its orders; return how many were read per account.

    A back end that is away is raised once all the others were read.
    """
    read = each_backend(context, lambda backend: pull(context, backend, asking_seconds=ASKING_SECONDS))
    context.doorbell.ring("cancellation_push")
    return read.counts()


def pull(context: Context, backend: FulfilmentBackend, *, asking_seconds: float = BUDGET_SECONDS) -> int:
    """Read one back end's order feed to its end, or ask where it has none; return how many orders were read.

    Asking takes no longer than `asking_seconds`, a call apart.
    """

    def store(connection: Connection, rows: tuple[BackendOrder, ...], at: datetime) -> None:
        order_locks.lock_orders_of(connection, backend.account, [order.reference for order in rows])
        row_by_row(
            connection,
            name,
            rows,
            lambda order: note(context, connection, backend.account, order, at),
            lambda order: order.backend_id,
            at,
        )

    name = f"orders:{backend.account}"
    if not backend.capabilities.order_feed:
        return ask(context, backend, "status_pull", name, store, asking_seconds)
    return follow(context, "status_pull", name, backend.orders_changed, store, backend.timing.feed_overlap)


def note(
    context: Context, connection: Connection, account: str, order: BackendOrder, at: datetime, *, created: bool = False
) -> bool:
    """Note a back end's order in the ledger; false when it is older than what we have, or not ours.

    `created` says that we made it just now, so that no exception about it can be open from before.
    """
    row = order_parts.part_by_reference(connection, account, order.reference)
    if row is None:
        return False
    note_copies(context, connection, row, order, at, created=created)
    if not _adopt(context, connection, row, order, at):
        return False
    if row.state is SendState.ACKNOWLEDGED and not order.version and order.raw_status != NOT_SHOWN:
        _compare_first_showing(context, connection, row, order, at)
    if not backend_readings.note_backend_order(connection, row.id, order, at):
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
    if row.cancel_wanted:
        # Before anything counts as given up by the warehouse: what was asked for is no surprise.
        cancelling.hear(context, connection, row, order, at)
    cancelled = {line.line_number: line.cancelled for line in order.lines if line.cancelled}
    asked_again = not context.backend_named(row.account).capabilities.order_feed
    if not cancelled or (order.status is FulfilmentStatus.UNKNOWN and asked_again):
        # A status that nobody knows closes no unit: once a person has translated it, the next answer does. A feed would not
        # bring the order again, and what it says of lines is clear whatever the status is called.
        return True
    backend_readings.note_cancelled(connection, row.id, cancelled)
    give_up(
        connection,
        row,
        account,
        # A back end that counts no versions only ever gives up more.
        f"{order.reference}:v{order.version}" if order.version else f"{order.reference}:g{sum(cancelled.values())}",
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
        body = transmission_reads.frozen_body(connection, row.id)
        if is_open(connection, "order_conflict", subject):
            return False
        if body is not None and context.backend_named(row.account).differences(body, order):
            # Nobody may be looking it up any more: the push compares, and tells a person.
            due_times.look_soon(connection, row.id, "order", at=at)
            return False
        transmissions.adopt(connection, row.id, at=at, reason="the back end's feed shows it")
        close_exceptions(
            connection, subject, "order_stuck", "order_refused", "order_import_timeout", "defect", at=at,
            resolution="the back end's feed shows it",
        )
        return True
    if row.state is SendState.PENDING:
        # By our ledger nothing was sent (a restored ledger, a foreign hand): the push compares before it adopts.
        if not is_open(connection, "order_conflict", subject):
            due_times.compare_soon(connection, row.id, at=at)
        return False
    if row.state is SendState.WITHDRAWN:
        if order.status is FulfilmentStatus.CANCELLED:
            close_exceptions(
                connection, subject, "reference_resurfaced", at=at, resolution="the back end shows it as cancelled"
            )
        else:
            resurfaced(connection, row, at, backend_id=order.backend_id, status=order.raw_status)
            cancelling.stop_resurfaced(context, connection, row, at)
        return False
    return True


def _compare_first_showing(context: Context, connection: Connection, row: Part, order: BackendOrder, at: datetime) -> None:
    """Compare an order that was acknowledged unseen with what was sent, when it is first shown and until they agree."""
    subject = f"fulfilment:{row.reference}"
    told = is_open(connection, "order_conflict", subject)
    if not told and backend_readings.raw_status_of(connection, row.id) != NOT_SHOWN:
        return
    body = transmission_reads.frozen_body(connection, row.id)
    differing = () if body is None else context.backend_named(row.account).differences(body, order)
    if differing and not told:
        open_exception(
            connection,
            "order_conflict",
            subject,
            at=at,
            cause=f"{row.account}: record differs",
            evidence={"reference": row.reference, "differing_fields": list(differing)},
            order_id=row.order_id,
        )
    elif told and not differing:
        close_exceptions(connection, subject, "order_conflict", at=at, resolution="the back end shows what was sent")


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
    for number, cancelled in backend_readings.cancelled_by_line(connection, row.id).items():
        units = ordered_units.units_of_line(connection, row.id, number)
        gone = sum(state in (UnitState.UNFULFILLABLE, UnitState.CANCELLED) for _unit, state in units)
        still_open = [unit for unit, state in units if state is UnitState.OPEN]
        given_up += still_open[: max(0, cancelled - gone)]
    if not given_up:
        return
    write = intents.add(
        connection,
        kind="cancellation",
        target=SHOP,
        key=key[:128],
        order_id=row.order_id,
        fulfilment_order_id=row.id,
        at=at,
        due_at=at,
    )
    why = ordered_units.give_up_units(connection, given_up, write, at)
    cancellations.note_given_up(
        connection, key, row.order_id, row.merchant, row.warehouse, row.id, given_up, initiator or "the warehouse", at
    )
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
    subject = f"fulfilment:{row.reference}"
    mine = [one for one in ordered_units.units_of_order(connection, row.order_id) if one.fulfilment_order_id == row.id]
    if all(one.state in (UnitState.UNFULFILLABLE, UnitState.CANCELLED) for one in mine):
        # What was refused a cancellation is kept from leaving after all: nobody has to be told that it is sent.
        close_exceptions(
            connection, subject, *NOT_CANCELLED, at=at, resolution="the warehouse cancelled it after all"
        )
    open_exception(
        connection,
        "order_cancelled_by_warehouse",
        subject,
        at=at,
        cause=f"given up by the {(initiator or 'warehouse').lower()}",
        evidence={"reference": row.reference, "units": sorted(given_up), "status": status},
        order_id=row.order_id,
    )
