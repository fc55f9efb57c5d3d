"""OrderWise's orders and despatches in canonical words (OrderWise contract 12, partly assumed). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.orderwise.client import Fetched
from connectors.orderwise.decimal_json import compact_json, read_json
from connectors.orderwise.local_time import milliseconds, past_instant_of
from connectors.orderwise.payloads import (
    DespatchRow,
    OrderRow,
    OrderStatus,
    StatusLine,
    texts,
    trimmed,
)
from connectors.wire import unknown_value
from syncbridge.config.orderwise import OrderWiseSettings, folded
from syncbridge.domain.backend import (
    NOT_SHOWN,
    BackendDespatch,
    BackendLine,
    BackendOrder,
    CancelState,
    FulfilmentStatus,
    Parcel,
    ParcelLine,
)
from syncbridge.domain.orders import Fault

LineNumbers = Callable[[int, int], int | None]
"""Says which line of an order (its id) an order line id is; None where nobody knows."""

_CANCELLABLE = (
    FulfilmentStatus.ACCEPTED, FulfilmentStatus.NEEDS_ATTENTION, FulfilmentStatus.CANCELLED, FulfilmentStatus.UNKNOWN,
)  # fmt: skip
"""Before picking, and again without effect once cancelled (contract 12.5). Of a status that nobody knows OrderWise itself
says whether it is too late: to refuse without asking would send what nobody wants any more."""

_OTHER_DOCUMENTS = (2, 4)
"""Types of what is no order: a quote, a credit (contract 4.1, from public client code). An order that its people paused,
scheduled or made a bulk order is still that order: taken for absent, it would be sent again."""

FOREIGN_LINE = 9_000
"""Lines without an item number are numbered from here on, so that they meet none of ours."""


def chosen(rows: Iterable[OrderRow], reference: str, settings: OrderWiseSettings) -> tuple[OrderRow | None, tuple[str, ...]]:
    """Return the order that stands for a reference, and the ids of other live ones under it.

    The lowest id that is not cancelled counts, else the lowest (contract 12.3). A credit or a quote under the same
    reference is no order, and what the database's comparison lets through beyond the reference is not ours.
    """
    ours, live = _under(rows, reference, settings)
    if not live:
        return (ours[0] if ours else None), ()
    return live[0], tuple(str(row.order_id) for row in live[1:])


def live_beside(order_id: int, rows: Iterable[OrderRow], reference: str, settings: OrderWiseSettings) -> tuple[str, ...]:
    """Return the ids of the live orders under a reference other than this one."""
    return tuple(str(row.order_id) for row in _under(rows, reference, settings)[1] if row.order_id != order_id)


def _under(
    rows: Iterable[OrderRow], reference: str, settings: OrderWiseSettings
) -> tuple[list[OrderRow], list[OrderRow]]:
    """Return every order under a reference, lowest id first, and those of them that are not cancelled."""
    ours = sorted(
        (
            row
            for row in rows
            if folded(row.customer_order_ref or "") == folded(reference)
            and (row.system_order_type == settings.system_order_type or row.system_order_type not in _OTHER_DOCUMENTS)
        ),
        key=lambda row: row.order_id,
    )
    live = [row for row in ours if status_of(row.order_status, None, settings) is not FulfilmentStatus.CANCELLED]
    return ours, live


def status_of(text: str | None, sub_status: str | None, settings: OrderWiseSettings) -> FulfilmentStatus:
    """Translate a status text. One that nobody knows is UNKNOWN, is said once, and changes no order's state."""
    status = settings.statuses.get(folded(text or ""))
    if status is None:
        unknown_value("orderwise.order.status", trimmed(text))
        return FulfilmentStatus.UNKNOWN
    if status is FulfilmentStatus.ACCEPTED and is_picking(sub_status, settings):
        return FulfilmentStatus.IN_FULFILMENT
    return status


def is_picking(sub_status: str | None, settings: OrderWiseSettings) -> bool:
    """Say whether a sub-status is at or past the cut-off for cancelling."""
    return folded(sub_status or "") in {folded(one) for one in settings.order_cutoff_sub_statuses}


def to_order(
    row_id: int, reference: str, reading: Fetched[OrderStatus], settings: OrderWiseSettings, copies: tuple[str, ...] = ()
) -> BackendOrder:
    """Map an order. OrderWise counts no versions: what the later reading says is what counts."""
    document = reading.value
    status = status_of(document.order_status, document.sub_status, settings)
    raw = trimmed(document.order_status)
    if is_picking(document.sub_status, settings):
        raw = f"{raw} ({trimmed(document.sub_status)})"
    return BackendOrder(
        backend_id=str(row_id),
        reference=reference,
        status=status,
        raw_status=raw,
        version=0,
        lines=tuple(
            _line(line, number, status) for number, line in zip(line_numbers(document.lines), document.lines, strict=True)
        ),
        attention=_attention(status),
        cancellation=CancelState.CANCELLED if status is FulfilmentStatus.CANCELLED else None,
        cancellable=status in _CANCELLABLE,
        copies=copies,
        document=_content(document),
    )


def taken_order(row_id: int, body: str) -> BackendOrder:
    """Return the order that OrderWise said it made of `body`, number and id included; it takes orders whole or not at all
    (contract 12.2), and reserves when it makes them (6.3). What it holds is compared once it is shown."""
    sent: dict[str, Any] = read_json(body.encode())
    return BackendOrder(
        backend_id=str(row_id),
        reference=sent["orderHeader"]["customerOrderRef"],
        status=FulfilmentStatus.ACCEPTED,
        raw_status=NOT_SHOWN,
        version=0,
        lines=tuple(
            BackendLine(line["itemNumber"], line["variantCode"], line["quantity"], allocated=line["quantity"])
            for line in sent["orderLines"]
        ),
    )


def unreadable_order(row_id: int, reference: str, copies: tuple[str, ...]) -> BackendOrder:
    """Return an order that OrderWise lists and does not show. It is there, so it must not be sent again; what it holds, and
    how far it is, only a person can find out."""
    return BackendOrder(
        backend_id=str(row_id),
        reference=reference,
        status=FulfilmentStatus.UNKNOWN,
        raw_status="listed, and not shown",
        version=0,
        lines=(),
        cancellable=False,
        copies=copies,
    )


def line_numbers(lines: Sequence[StatusLine]) -> list[int]:
    """Return our line numbers; a line that somebody added there without one gets a number that is not ours."""
    return [
        line.item_number if line.item_number is not None else FOREIGN_LINE + place
        for place, line in enumerate(lines)
    ]


def _line(line: StatusLine, number: int, status: FulfilmentStatus) -> BackendLine:
    required = units(line.quantity_required or Decimal(0), "orderwise.order.quantityRequired")
    sent = units(line.quantity_sent or Decimal(0), "orderwise.order.quantitySent")
    cancelled = units(line.quantity_cancelled or Decimal(0), "orderwise.order.quantityCancelled")
    if status is FulfilmentStatus.CANCELLED:
        # Whether a cancelled order counts its lines as cancelled is unknown; what was not sent never will be.
        cancelled = max(cancelled, required - sent)
    return BackendLine(
        line_number=number,
        sku=trimmed(line.variant_code),
        ordered=required,
        # OrderWise reserves when the order is made: free stock is physical stock less what orders hold (contract 6.3).
        allocated=max(0, required - sent - cancelled),
        despatched=sent,
        cancelled=cancelled,
    )


def _attention(status: FulfilmentStatus) -> tuple[Fault, ...]:
    if status is not FulfilmentStatus.NEEDS_ATTENTION:
        return ()
    way_out = "Ask in OrderWise why it is held; release it there, or cancel it."
    return (Fault("ON_HOLD", "order in OrderWise", "is held, and OrderWise gives no reason", way_out),)


def _content(document: OrderStatus) -> str:
    """Keep what is needed to compare an order's content with what we sent; no personal data is among it."""
    return compact_json(
        {
            "lines": [
                {"itemNumber": number, "variantCode": trimmed(line.variant_code), "quantity": line.quantity_required or Decimal(0)}
                for number, line in zip(line_numbers(document.lines), document.lines, strict=True)
            ]
        }
    )


def units(quantity: Decimal, field: str) -> int:
    """Return a quantity in whole units; a fraction of a unit cannot be ours and is left off, once said."""
    whole = int(quantity)
    if whole != quantity:
        unknown_value(field, "fraction-of-a-unit")
    return whole


def differences(body: str, found: BackendOrder) -> tuple[str, ...]:
    """Name the fields in which the order that OrderWise holds is not the one that `body` asks for.

    Compared are the lines: number, SKU (trimmed, without regard to case) and quantity. OrderWise's status call shows
    neither prices nor totals, and addresses are corrected there on purpose.
    """
    sent: dict[str, Any] = read_json(body.encode())
    ours = {line["itemNumber"]: line for line in sent["orderLines"]}
    theirs: dict[int, Mapping[str, Any]]
    if found.document:
        theirs = {line["itemNumber"]: line for line in read_json(found.document.encode())["lines"]}
    else:
        theirs = {
            line.line_number: {"variantCode": line.sku, "quantity": line.ordered} for line in found.lines
        }
    differing: list[str] = []
    for number in sorted(ours.keys() | theirs.keys()):
        name = f"lines[itemNumber={number}]"
        if number not in ours or number not in theirs:
            differing.append(name)
            continue
        if folded(ours[number]["variantCode"]) != folded(theirs[number]["variantCode"]):
            differing.append(f"{name}.variantCode")
        if Decimal(ours[number]["quantity"]) != Decimal(theirs[number]["quantity"]):
            differing.append(f"{name}.quantity")
    return tuple(differing)


def to_despatches(
    rows: Sequence[DespatchRow], fetched_at: datetime, settings: OrderWiseSettings, numbers: LineNumbers
) -> tuple[BackendDespatch, ...]:
    """Map the rows of a page, one despatch each; a page never cuts a despatch in half (contract 12.6).

    A parcel is a consignment number within its despatch; rows without one are goods whose parcel is not known yet.
    """
    groups: dict[int, list[DespatchRow]] = {}
    for row in rows:
        groups.setdefault(row.despatch_id, []).append(row)
    return tuple(_despatch(members, fetched_at, settings, numbers) for members in groups.values())


def _despatch(
    rows: Sequence[DespatchRow], fetched_at: datetime, settings: OrderWiseSettings, numbers: LineNumbers
) -> BackendDespatch:
    first = rows[0]
    parcels: dict[str, dict[tuple[int, str], int]] = {}
    for row in rows:
        sku = trimmed(row.variant_code)
        key = (line_number(row.order_id, row.order_line_id, row.item_number, numbers), sku)
        lines = parcels.setdefault(trimmed(row.consignment_number), {})
        lines[key] = lines.get(key, 0) + units(row.quantity, "orderwise.despatch.quantity")
    zone = settings.zone
    return BackendDespatch(
        despatch_id=str(first.despatch_id),
        number=trimmed(first.despatch_number) or str(first.despatch_id),
        reference=trimmed(first.customer_order_ref),
        backend_order_id=str(first.order_id) if first.order_id is not None else "",
        version=max(milliseconds(past_instant_of(row.last_amended_at, zone, fetched_at)) for row in rows),
        despatched_at=past_instant_of(first.despatched_at, zone, fetched_at),
        carrier=next(iter(texts(row.courier_name for row in rows)), ""),
        parcels=tuple(
            Parcel(number, number, tuple(ParcelLine(line, sku, units_) for (line, sku), units_ in lines.items()))
            for number, lines in parcels.items()
        ),
    )


def line_number(
    order_id: int | None, order_line_id: int | None, item_number: int | None, numbers: LineNumbers
) -> int:
    """Return the line number of a row; 0 where it cannot be known and the SKU has to do."""
    if item_number is not None:
        return item_number
    if order_id is None or order_line_id is None:
        return 0
    return numbers(order_id, order_line_id) or 0
