"""Despatch pull: what left the warehouse becomes one intended SCAYLE shipment per parcel.

Despatches come in any order, repeated and in newer versions; the version decides. Units are taken lowest order
item id first, and each unit gets at most one terminal write to SCAYLE, whatever the warehouse does afterwards.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from syncbridge.domain.backend import BackendDespatch, Parcel, ParcelLine
from syncbridge.domain.despatching import OpenLine, WrongGoods, allocate
from syncbridge.domain.states import SendState
from syncbridge.flows.context import SHOP, Context
from syncbridge.flows.feed import defect, follow, row_by_row
from syncbridge.flows.status_pull import give_up, resurfaced
from syncbridge.ledger import despatches, history, orders, transmissions
from syncbridge.ledger.despatches import Told
from syncbridge.ledger.engine import Connection, attempt
from syncbridge.ledger.exceptions import close_exceptions, is_open, open_exception
from syncbridge.ledger.orders import Part
from syncbridge.ports import FulfilmentBackend

# A despatch may be heard before its order is known here (a restored ledger, a foreign system): so long it waits.
UNMATCHED_AFTER = timedelta(minutes=10)
_REMATCH_BATCH = 200


def run(context: Context) -> dict[str, int]:
    """Read every back end's despatch feed, then match again what had no order; return rows read per account."""
    read: dict[str, int] = {}
    for backend in context.backends.values():
        read[backend.account] = _pull(context, backend)
    read["matched late"] = _rematch(context)
    context.doorbell.ring("shipment_push")
    return read


def _pull(context: Context, backend: FulfilmentBackend) -> int:
    def store(connection: Connection, rows: tuple[BackendDespatch, ...], at: datetime) -> None:
        row_by_row(
            connection,
            name,
            rows,
            lambda despatch: note(context, connection, backend.account, despatch, at),
            lambda despatch: despatch.despatch_id,
            at,
        )

    name = f"despatches:{backend.account}"
    return follow(context, "despatch_pull", name, backend.despatches_changed, store)


def note(context: Context, connection: Connection, account: str, despatch: BackendDespatch, at: datetime) -> None:
    """Store a despatch and make, change or withdraw what SCAYLE is to be told of it."""
    row = despatches.store(connection, account, despatch, at)
    if row is None:
        return
    part = orders.part_by_reference(connection, account, despatch.reference)
    if part is None:
        return
    _take_on(context, connection, row, part, account, despatch, at)


def _take_on(
    context: Context,
    connection: Connection,
    row: int,
    part: Part,
    account: str,
    despatch: BackendDespatch,
    at: datetime,
) -> bool:
    """Apply a stored despatch to its order; say whether it found its place.

    What cannot be applied stays stored and unbound, and the next run tries again.
    """

    def apply() -> None:
        if _bound(connection, row, part, despatch, at):
            _apply(context, connection, row, part, account, despatch, at)
            applied.append(True)

    applied: list[bool] = []
    error = attempt(connection, apply)
    if error is not None:
        defect(connection, f"despatch:{despatch.despatch_id}", f"despatches:{account}", error, at)
        return False
    return bool(applied)


def _bound(connection: Connection, row: int, part: Part, despatch: BackendDespatch, at: datetime) -> bool:
    """Bind a despatch to its fulfilment order and say whether its goods may be allocated.

    It proves an order that was sent. For one that by our ledger never was, it waits until the push has compared.
    """
    subject = f"fulfilment:{part.reference}"
    if part.state is SendState.WITHDRAWN:
        despatches.bind(connection, row, part.id)
        resurfaced(connection, part, at, despatch=despatch.despatch_id)
        return False
    if part.state is not SendState.ACKNOWLEDGED and is_open(connection, "order_conflict", subject):
        return False
    if part.state is SendState.PENDING:
        transmissions.compare_soon(connection, part.id, at=at)
        return False
    if part.state is SendState.SENT:
        transmissions.adopt(connection, part.id, at=at, reason="its despatch proves it")
        close_exceptions(
            connection,
            subject,
            "order_stuck",
            "order_refused",
            "defect",
            at=at,
            resolution="its despatch proves it",
        )
    despatches.bind(connection, row, part.id)
    return True


def _apply(
    context: Context,
    connection: Connection,
    row: int,
    part: Part,
    account: str,
    despatch: BackendDespatch,
    at: datetime,
) -> None:
    history.record(
        connection,
        part.order_id,
        account,
        "despatch_voided" if despatch.voided_at else "despatched",
        at=at,
        happened_at=despatch.voided_at or despatch.despatched_at,
        subject=despatch.despatch_id,
        version=despatch.version,
        parcels=len(despatch.parcels),
        tracking=[parcel.tracking_number for parcel in despatch.parcels],
    )
    known = despatches.told(connection, row)
    if despatch.voided_at is not None:
        _void(connection, part, account, despatch, known, at)
        return
    told = _take_back_unsent(connection, known, at)
    done = {parcel_id for one in told for parcel_id in one.parcel_ids}
    _late_tracking(connection, part, despatch, told, at)
    fresh = tuple(parcel for parcel in despatch.parcels if parcel.parcel_id not in done)
    lines = despatches.open_lines(connection, part.id)
    consignments, wrong = allocate(fresh, lines)
    wait = _tracking_wait(context)
    for consignment in consignments:
        parcel = despatches.add_parcel(connection, row, consignment, at)
        waits = not consignment.tracking_number
        write = transmissions.add(
            connection,
            kind="shipment",
            target=SHOP,
            key=f"{account}:{despatch.despatch_id}:v{despatch.version}:{consignment.parcel_ids[0]}"[:128],
            order_id=part.order_id,
            fulfilment_order_id=part.id,
            at=at,
            due_at=max(at, despatch.despatched_at + wait) if waits else at,
        )
        despatches.set_transmission(connection, parcel, write)
    _wrong_goods(connection, part, despatch, wrong, lines, at)


def _take_back_unsent(connection: Connection, known: list[Told], at: datetime) -> list[Told]:
    """Withdraw what never left, so that a newer version regroups it; return what was told or may have been."""
    told: list[Told] = []
    for one in known:
        if one.transmission_id is not None and transmissions.withdraw_unsent(
            connection, one.transmission_id, at=at, reason="a newer version of the despatch replaces it"
        ):
            _close_shipment_troubles(connection, one, at)
            despatches.free_units(connection, one.id, one.transmission_id, at)
            despatches.drop_parcel(connection, one.id)
        else:
            told.append(one)
    return told


def _close_shipment_troubles(connection: Connection, one: Told, at: datetime) -> None:
    close_exceptions(
        connection,
        f"shipment:{one.key}",
        "carrier_unmapped",
        "shipment_refused",
        "order_stuck",
        "defect",
        at=at,
        resolution="a newer version of the despatch replaces this shipment",
    )


def _void(
    connection: Connection,
    part: Part,
    account: str,
    despatch: BackendDespatch,
    known: list[Told],
    at: datetime,
) -> None:
    told: list[Told] = []
    for one in known:
        if one.transmission_id is not None and transmissions.withdraw_unsent(
            connection, one.transmission_id, at=at, reason="the despatch was voided before SCAYLE was told"
        ):
            _close_shipment_troubles(connection, one, at)
            despatches.free_units(connection, one.id, one.transmission_id, at)
        else:
            told.append(one)
    # The warehouse may have given these units up before we heard that they never left.
    give_up(connection, part, account, f"{part.reference}:{despatch.despatch_id}:v{despatch.version}", at=at)
    if told:
        units = [unit for one in told for unit in despatches.units_in(connection, one.id)]
        open_exception(
            connection,
            "despatch_voided_after_told",
            f"despatch:{despatch.despatch_id}",
            at=at,
            cause="despatch voided after SCAYLE was told",
            evidence={"reference": part.reference, "despatch": despatch.despatch_id, "units": units},
            order_id=part.order_id,
        )


def _late_tracking(
    connection: Connection, part: Part, despatch: BackendDespatch, told: list[Told], at: datetime
) -> None:
    """A number that comes after the shipment went out without one is customer service's, not a second shipment."""
    numbers = {parcel.parcel_id: parcel.tracking_number for parcel in despatch.parcels}
    late = {
        parcel_id: numbers[parcel_id]
        for one in told
        for parcel_id in one.parcel_ids
        if numbers.get(parcel_id) not in ("", None, one.tracking_number)
    }
    if late:
        open_exception(
            connection,
            "tracking_late",
            f"despatch:{despatch.despatch_id}",
            at=at,
            cause="tracking number came after the shipment",
            evidence={"reference": part.reference, "tracking": late},
            order_id=part.order_id,
        )


def _wrong_goods(
    connection: Connection,
    part: Part,
    despatch: BackendDespatch,
    wrong: tuple[WrongGoods, ...],
    lines: dict[int, OpenLine],
    at: datetime,
) -> None:
    """Tell a person about goods that do not fit: sent again after SCAYLE closed the units, or simply wrong."""
    if not wrong:
        return
    closed = orders.lines_with_closed_units(connection, part.id)
    again = [one for one in wrong if one.line_number in lines and one.line_number in closed]
    foreign = [one for one in wrong if one not in again]
    tracking = {parcel.parcel_id: parcel.tracking_number for parcel in despatch.parcels}
    for kind, some, cause in (
        ("despatched_again", again, "units left although they were closed before"),
        ("despatch_wrong_goods", foreign, "goods that the order does not have"),
    ):
        if some:
            open_exception(
                connection,
                kind,
                f"despatch:{despatch.despatch_id}",
                at=at,
                cause=cause,
                evidence={
                    "reference": part.reference,
                    "despatch": despatch.despatch_id,
                    "goods": [
                        {
                            "parcel": one.parcel_id,
                            "tracking": tracking.get(one.parcel_id, ""),
                            "line": one.line_number,
                            "sku": one.sku,
                            "quantity": one.surplus,
                            "problem": one.problem,
                        }
                        for one in some
                    ],
                },
                order_id=part.order_id,
            )


def _rematch(context: Context) -> int:
    """Try despatches without an order again; those that stay alone too long are a person's."""
    matched = 0
    with context.ledger.reading() as connection:
        waiting = despatches.matchable(connection, _REMATCH_BATCH)
    for row in waiting:
        at = context.now()
        with context.ledger.work() as work:
            part = orders.part_by_reference(work.connection, row.account, row.reference)
            if part is not None and _take_on(
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


def _tracking_wait(context: Context) -> timedelta:
    scend = context.configuration.scend
    return timedelta(seconds=scend.tracking_wait_seconds if scend is not None else 1800)
