"""What left the warehouse becomes one intended SCAYLE shipment per parcel.

Despatches come in any order, repeated and in newer versions; the version decides. Units are taken lowest order
item id first, and each unit gets at most one terminal write to SCAYLE, whatever the warehouse does afterwards.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from syncbridge.domain.backend import BackendDespatch
from syncbridge.domain.despatching import added_since, allocate, not_heard_of
from syncbridge.domain.states import SendState
from syncbridge.flows import cancel_outcome
from syncbridge.flows.context import SHOP, Context
from syncbridge.flows.despatch_troubles import late_tracking, wrong_goods
from syncbridge.flows.feed import defect
from syncbridge.flows.status_pull import give_up, resurfaced
from syncbridge.ledger import (
    despatch_parcels,
    despatches,
    due_times,
    history,
    intents,
    order_parts,
    ordered_units,
    part_lines,
    transmissions,
)
from syncbridge.ledger.despatch_parcels import Told
from syncbridge.ledger.engine import Connection, attempt
from syncbridge.ledger.exceptions import close_exceptions, is_open, open_exception
from syncbridge.ledger.order_parts import Part


def note(context: Context, connection: Connection, account: str, despatch: BackendDespatch, at: datetime) -> None:
    """Store a despatch and make, change or withdraw what SCAYLE is to be told of it."""
    row = despatches.store(connection, account, despatch, at)
    if row is None:
        return
    part = order_parts.part_by_reference(connection, account, despatch.reference)
    if part is None:
        return
    take_on(context, connection, row, part, account, despatch, at)


def take_on(
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
        tracking = ", ".join(parcel.tracking_number for parcel in despatch.parcels if parcel.tracking_number)
        resurfaced(connection, part, at, despatch=despatch.despatch_id, tracking=tracking)
        units = [one.order_item_id for one in ordered_units.units_of_order(connection, part.order_id)
                 if one.fulfilment_order_id == part.id]
        cancel_outcome.left_all_the_same(connection, part, units, at)
        return False
    if part.state is not SendState.ACKNOWLEDGED and is_open(connection, "order_conflict", subject):
        return False
    if part.state is SendState.PENDING:
        due_times.compare_soon(connection, part.id, at=at)
        return False
    if part.state is SendState.SENT:
        transmissions.adopt(connection, part.id, at=at, reason="its despatch proves it")
        close_exceptions(
            connection,
            subject,
            "order_stuck",
            "order_refused",
            "order_import_timeout",
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
    known = despatch_parcels.told(connection, row)
    if despatch.voided_at is not None:
        _void(connection, part, account, despatch, known, at)
        return
    told = _take_back_unsent(connection, known, at)
    heard = [(one.parcel_ids, despatch_parcels.units_by_line(connection, one.id)) for one in told]
    heard_of: Counter[int] = Counter()
    for _names, units in heard:
        heard_of.update(units)
    names = {parcel_id for one in told for parcel_id in one.parcel_ids}
    fresh, renamed = not_heard_of(despatch.parcels, heard_of, names)
    late_tracking(connection, part, despatch, told, renamed, at)
    lines = part_lines.open_lines(connection, part.id)
    added = added_since(despatch.parcels, heard, {number: len(line.open_units) for number, line in lines.items()})
    consignments, wrong = allocate((*fresh, *added), lines)
    wait = context.backend_named(account).timing.tracking_wait
    for consignment in consignments:
        parcel = despatch_parcels.add_parcel(connection, row, consignment, at)
        waits = not consignment.tracking_number
        write = intents.add(
            connection,
            kind="shipment",
            target=SHOP,
            key=f"{account}:{despatch.despatch_id}:v{despatch.version}:{consignment.parcel_ids[0]}"[:128],
            order_id=part.order_id,
            fulfilment_order_id=part.id,
            at=at,
            due_at=max(at, despatch.despatched_at + wait) if waits else at,
        )
        despatch_parcels.set_transmission(connection, parcel, write)
    wrong_goods(connection, part, despatch, wrong, lines, at)


def _take_back_unsent(connection: Connection, known: list[Told], at: datetime) -> list[Told]:
    """Withdraw what never left, so that a newer version regroups it; return what was told or may have been."""
    told: list[Told] = []
    for one in known:
        if one.transmission_id is not None and transmissions.withdraw_unsent(
            connection, one.transmission_id, at=at, reason="a newer version of the despatch replaces it"
        ):
            _close_shipment_troubles(connection, one, at)
            despatch_parcels.free_units(connection, one.id, one.transmission_id, at)
            despatch_parcels.drop_parcel(connection, one.id)
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
            despatch_parcels.free_units(connection, one.id, one.transmission_id, at)
        else:
            told.append(one)
    # The warehouse may have given these units up before we heard that they never left.
    give_up(connection, part, account, f"{part.reference}:{despatch.despatch_id}:v{despatch.version}", at=at)
    if told:
        units = [unit for one in told for unit in despatch_parcels.units_in(connection, one.id)]
        open_exception(
            connection,
            "despatch_voided_after_told",
            f"despatch:{despatch.despatch_id}",
            at=at,
            cause="despatch voided after SCAYLE was told",
            evidence={"reference": part.reference, "despatch": despatch.despatch_id, "units": units},
            order_id=part.order_id,
        )
