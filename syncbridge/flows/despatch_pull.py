"""Despatch pull: reads every back end's despatch feed, and matches again what had no order when it was heard."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from syncbridge.domain.backend import BackendDespatch, Parcel, ParcelLine
from syncbridge.flows.context import Context
from syncbridge.flows.despatch_apply import note, take_on
from syncbridge.flows.each_backend import each_backend
from syncbridge.flows.feed import Store, follow, read_again, row_by_row
from syncbridge.ledger import despatches, order_locks, order_parts
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, open_exception
from syncbridge.ports.backend import FulfilmentBackend

# A despatch may be heard before its order is known here (a restored ledger, a foreign system): so long it waits.
UNMATCHED_AFTER = timedelta(minutes=10)
_REMATCH_BATCH = 200


def run(context: Context) -> dict[str, int]:
    """Read every back end's despatch feed, then match again what had no order; return rows read per account."""
    read = each_backend(context, lambda backend: _pull(context, backend))
    read.done["matched late"] = _rematch(context)
    context.doorbell.ring("shipment_push")
    # Returns wait for their goods to leave: a parcel on its way may have to be refused against something.
    context.doorbell.ring("return_announce")
    return read.counts()


def _pull(context: Context, backend: FulfilmentBackend) -> int:
    name, store = _storing(context, backend)
    return follow(context, "despatch_pull", name, backend.despatches_changed, store, backend.timing.feed_overlap)


def pull_again(context: Context, backend: FulfilmentBackend, since: datetime | None) -> int:
    """Read what was despatched since an instant (None: all there is) once more; return how many rows were read."""
    name, store = _storing(context, backend)
    return read_again(context, name, backend.despatches_changed, store, since)


def _storing(context: Context, backend: FulfilmentBackend) -> tuple[str, Store[BackendDespatch]]:
    """Return the feed's name, and how a page of it is stored."""

    def store(connection: Connection, rows: tuple[BackendDespatch, ...], at: datetime) -> None:
        order_locks.lock_orders_of(connection, backend.account, [despatch.reference for despatch in rows])
        row_by_row(
            connection,
            feed_name(backend),
            rows,
            lambda despatch: note(context, connection, backend.account, despatch, at),
            lambda despatch: despatch.despatch_id,
            at,
        )

    return feed_name(backend), store


def feed_name(backend: FulfilmentBackend) -> str:
    """Return what a back end's despatch feed is called in the ledger."""
    return f"despatches:{backend.account}"


def _rematch(context: Context) -> int:
    """Try despatches without an order again; those that stay alone too long are a person's."""
    matched = 0
    with context.ledger.reading() as connection:
        waiting = despatches.matchable(connection, _REMATCH_BATCH)
    for row in waiting:
        at = context.now()
        with context.ledger.work() as work:
            order_locks.lock_orders_of(work.connection, row.account, [row.reference])
            part = order_parts.part_by_reference(work.connection, row.account, row.reference)
            if part is not None and take_on(
                context, work.connection, row.id, part, row.account, _despatch(row), at
            ):
                close_exceptions(
                    work.connection,
                    f"despatch:{row.despatch_id}",
                    "despatch_unmatched",
                    "defect",
                    at=at,
                    resolution="its order is known now",
                )
                matched += 1
            work.commit()
    _tell_of_unclaimed(context)
    return matched


def _tell_of_unclaimed(context: Context) -> None:
    at = context.now()
    with context.ledger.reading() as connection:
        alone = despatches.unclaimed(connection, at - UNMATCHED_AFTER, "despatch_unmatched", _REMATCH_BATCH)
    for row in alone:
        with context.ledger.work() as work:
            open_exception(
                work.connection,
                "despatch_unmatched",
                f"despatch:{row.despatch_id}",
                at=at,
                cause="despatch for an unknown reference",
                evidence={"reference": row.reference, "account": row.account, "despatch": row.despatch_id},
            )
            work.commit()


def _despatch(row: Any) -> BackendDespatch:
    """Rebuild a stored despatch."""
    return BackendDespatch(
        despatch_id=row.despatch_id,
        number=row.number,
        reference=row.reference,
        backend_order_id="",
        version=row.version,
        despatched_at=row.despatched_at,
        carrier=row.carrier,
        parcels=tuple(
            Parcel(
                parcel["parcel_id"],
                parcel["tracking_number"],
                tuple(ParcelLine(number, sku, quantity) for number, sku, quantity in parcel["lines"]),
            )
            for parcel in row.parcels
        ),
        voided_at=row.voided_at,
    )
