"""Goods that come back: announced by the client, received by the warehouse, or both (contract 12.9, 12.10, assumed)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from syncbridge.sandbox.clock import format_instant
from syncbridge.sandbox.orderwise.decimal_json import plain
from syncbridge.sandbox.orderwise.fields import Members
from syncbridge.sandbox.orderwise.order_content import LEAST_QUANTITY, PRICE_PLACES
from syncbridge.sandbox.orderwise.orders import Order, OrderLine
from syncbridge.sandbox.orderwise.refusals import Impossible, Problems, Refusal
from syncbridge.sandbox.orderwise.returns import (
    ACTIONS,
    AWAITING_GOODS,
    CANCELLED,
    COMPLETED,
    CONDITIONS,
    PARTLY_RECEIVED,
    RECEIVED,
    CustomerReturn,
    Receipt,
    ReturnLine,
)
from syncbridge.sandbox.orderwise.stock import ZERO, Variant
from syncbridge.sandbox.orderwise.world import DataSet, compared


def announce(data: DataSet, body: Any) -> tuple[CustomerReturn, bool]:
    """Do what the return call does; return the return and whether it is new.

    Raises Refusal 400 for a wrong field or more than can come back, 404 for an unknown order or line, 409 for a
    reference that is known with other content.
    """
    problems = Problems()
    given = Members(body, "", problems)
    reference = given.text("customerReturnRef", required=True, most=50)
    order_id = given.whole("orderId", required=True)
    given.moment("returnDate")
    given.text("notes")
    entries = given.items("lines", required=True)
    read = [_entry(one) for one in entries]
    problems.raise_if_any("The return is not valid.")
    known = data.return_by_reference.get(compared(str(reference)))
    if known is not None:
        if known.canonical != body:
            raise Refusal(409, f"Return {reference} exists with different content", returnId=known.id)
        return known, False
    order = data.orders.get(order_id) if order_id is not None else None
    if order is None:
        raise Refusal(404, "Order not found")
    lines = [_return_line(data, order, one, entry) for one, entry in zip(entries, read, strict=True)]
    problems.raise_if_any("The return is not valid.")
    asked: dict[OrderLine, Decimal] = {}
    for line, one in zip(lines, entries, strict=True):
        asked[line.line] = asked.get(line.line, ZERO) + line.quantity
        available = available_to_return(order, line.line)
        if asked[line.line] > available:
            one.fault("quantity", f"qty available to return is {available}")
    problems.raise_if_any("The return is not valid.")
    made = _new(data, str(reference), order, lines, body)
    data.return_by_reference[compared(str(reference))] = made
    data.fact("return_announced", **name_of(data, made))
    return made, True


def _entry(given: Members) -> tuple[int | None, str | None, Decimal | None, str | None, str | None]:
    action = given.text("action", required=True)
    if action is not None and action not in ACTIONS:
        given.fault("action", f"is one of {', '.join(ACTIONS)}")
    return (
        given.whole("orderLineId", required=True),
        given.text("variantCode", most=50),
        given.decimal("quantity", places=PRICE_PLACES, required=True, least=LEAST_QUANTITY),
        given.text("reason"),
        action,
    )


def _return_line(data: DataSet, order: Order, given: Members, entry: tuple[Any, ...]) -> ReturnLine:
    line_id, code, quantity, reason, action = entry
    line = order.line(line_id)
    if line is None:
        raise Refusal(
            404, "Order line not found", [{"field": given.name("orderLineId"), "message": str(line_id)}]
        )
    if code is not None and compared(code) != compared(line.variant.code):
        given.fault("variantCode", f"line {line_id} is {line.variant.code!r}")
    return ReturnLine(data.number("returnLine"), line, quantity, reason, action)


def available_to_return(order: Order, line: OrderLine) -> Decimal:
    """Return what was sent less what was announced or came back: "qty available to return"."""
    taken = ZERO
    for one in order.returns:
        if one.status == CANCELLED:
            continue
        taken += sum((max(each.quantity, each.received) for each in one.lines if each.line is line), ZERO)
        taken += sum(
            (each.quantity for each in one.receipts if each.return_line is None and each.order_line is line),
            ZERO,
        )
    return line.sent - taken


def _new(
    data: DataSet, reference: str | None, order: Order | None, lines: list[ReturnLine], canonical: Any
) -> CustomerReturn:
    created = format_instant(data.world.clock.now())
    made = CustomerReturn(data.number("return"), reference, order, lines, canonical, created)
    data.returns[made.id] = made
    if order is not None:
        order.returns.append(made)
    return made


def name_of(data: DataSet, made: CustomerReturn) -> dict[str, Any]:
    """Name a return in a fact."""
    return {
        "account": data.name,
        "returnId": made.id,
        "rmaNumber": made.reference,
        "clientReference": made.order.known_as if made.order else None,
    }


@dataclass(frozen=True)
class Arrival:
    """One line of goods that arrived; `order_line` None where nobody knows what it belongs to."""

    variant: Variant
    quantity: Decimal
    condition: str
    action: str
    location: int
    order_line: OrderLine | None = None


def receive(
    data: DataSet,
    made: CustomerReturn,
    arrivals: Sequence[Arrival],
    *,
    close: bool = False,
    amended_seconds_ago: float = 0.0,
) -> list[Receipt]:
    """Book goods in: one receipt per line. What is resaleable is stock again, the rest is not.

    An announced line takes what names it; anything else is a receipt without a return line. Raises Impossible for a
    cancelled return.
    """
    if made.status == CANCELLED:
        raise Impossible(f"return {made.number} is cancelled")
    booked = []
    for arrival in arrivals:
        line = next((one for one in made.lines if one.line is arrival.order_line), None)
        if line is not None:
            line.received += arrival.quantity
        if arrival.condition == CONDITIONS[0]:
            data.stock.move(arrival.variant, arrival.location, physical=arrival.quantity)
        receipt = Receipt(
            id=data.number("receipt"),
            owner=made,
            return_line=line,
            order_line=arrival.order_line,
            variant=arrival.variant,
            quantity=arrival.quantity,
            condition=arrival.condition,
            action=arrival.action,
            location=arrival.location,
            at=data.stamp(),
            instant=format_instant(data.world.clock.now()),
            amended=data.stamp(amended_seconds_ago),
        )
        made.receipts.append(receipt)
        data.receipts[receipt.id] = receipt
        booked.append(receipt)
    if booked:
        _fact_of(data, made, booked)
    missing = any(line.received < line.quantity for line in made.lines)
    status = RECEIVED if close or not missing else PARTLY_RECEIVED
    for receipt in booked:
        data.receipt_feed.touch(receipt, receipt.amended)
    _set_status(data, made, status, seen={one.id for one in booked})
    data.settle()
    return booked


def _fact_of(data: DataSet, made: CustomerReturn, booked: Sequence[Receipt]) -> None:
    data.fact(
        "receipt_booked",
        **name_of(data, made),
        lines=[
            {
                "receiptLineId": one.id,
                "receiptId": one.id,
                "lineNumber": one.order_line.item_number if one.order_line else None,
                "orderLineId": one.order_line.id if one.order_line else None,
                "sku": one.variant.code.rstrip(" "),
                "quantity": plain(one.quantity),
                "conditionCode": one.condition,
                "disposition": "RESTOCK" if one.condition == CONDITIONS[0] else "WRITE_OFF",
                "action": one.action,
            }
            for one in booked
        ],
    )


def _set_status(data: DataSet, made: CustomerReturn, status: str, seen: set[int] | None = None) -> None:
    """Move a return; its receipts' rows show the status, so those not stamped just now are amended."""
    if status == made.status:
        return
    made.status = status
    for receipt in made.receipts:
        if receipt.id not in (seen or ()):
            receipt.amended = data.stamp()
            data.receipt_feed.touch(receipt, receipt.amended)
    data.fact("return_status", **name_of(data, made), status=status)


def complete(data: DataSet, made: CustomerReturn) -> None:
    """Finish a return whose goods were inspected and whose action was applied."""
    if made.status not in (RECEIVED, PARTLY_RECEIVED):
        raise Impossible(f"return {made.number} is {made.status}")
    _set_status(data, made, COMPLETED)


def cancel(data: DataSet, made: CustomerReturn) -> None:
    """Withdraw a return of which nothing has come."""
    if made.status != AWAITING_GOODS:
        raise Impossible(f"return {made.number} is {made.status}")
    _set_status(data, made, CANCELLED)


def receive_unlinked(
    data: DataSet, order: Order | None, arrivals: Sequence[Arrival], *, amended_seconds_ago: float = 0.0
) -> CustomerReturn:
    """Book goods that nobody announced, of a known order or of none."""
    made = _new(data, None, order, [], None)
    receive(data, made, arrivals, close=True, amended_seconds_ago=amended_seconds_ago)
    return made


def arrivals_of(
    data: DataSet, order: Order | None, entries: Any, known: CustomerReturn | None
) -> list[Arrival]:
    """Read lines of the control plane: {variantCode or sku, quantity, orderLineId or lineNumber, condition, action,
    stockLocationId, linked}; `linked: false` leaves the order line out. Raises ValueError with a plain sentence."""
    made = []
    for given in entries or ():
        line = None if given.get("linked") is False else _named_line(order, given)
        code = given.get("variantCode") or given.get("sku")
        variant = data.variant(str(code)) if code else line.variant if line else None
        if variant is None:
            raise ValueError(f"there is no variant {code!r}")
        condition = given.get("condition") or given.get("conditionCode") or CONDITIONS[0]
        announced = next((one for one in known.lines if one.line is line), None) if known and line else None
        action = given.get("action") or (announced.action if announced else ACTIONS[0])
        if condition not in CONDITIONS or action not in ACTIONS:
            raise ValueError(f"condition is one of {', '.join(CONDITIONS)}, action of {', '.join(ACTIONS)}")
        location = int(given.get("stockLocationId") or _usual_location(data, order, line))
        made.append(Arrival(variant, _quantity(given), str(condition), str(action), location, line))
    if not made:
        raise ValueError("a receipt needs at least one line")
    return made


def _usual_location(data: DataSet, order: Order | None, line: OrderLine | None) -> int:
    """Return where goods go back to when nobody says: whence they came, else where the first session sells from."""
    if order is not None:
        return (line or order.lines[0]).location
    sessions = data.lists.sessions.values()
    return int(next((one["defaultStockLocationId"] for one in sessions), min(data.lists.locations)))


def _quantity(given: Mapping[str, Any]) -> Decimal:
    quantity = Decimal(str(given.get("quantity")))
    if quantity <= 0:
        raise ValueError("quantity is above 0")
    return quantity


def _named_line(order: Order | None, given: Mapping[str, Any]) -> OrderLine | None:
    """Find the order line: by its id or number, else by the variant."""
    if order is None:
        return None
    for line in order.lines:
        if line.id == given.get("orderLineId") or line.item_number == given.get("lineNumber"):
            return line
    if given.get("orderLineId") is not None or given.get("lineNumber") is not None:
        return None
    code = given.get("variantCode") or given.get("sku")
    return next(
        (line for line in order.lines if code and compared(str(code)) == compared(line.variant.code)), None
    )
