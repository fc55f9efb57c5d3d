"""Taking orders in: creation, quarantine and its ways out, and the holds that come by themselves (2.7, 2.10)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from syncbridge.sandbox.scend.content_rules import (
    address_reasons,
    check_create,
    quarantine_reasons,
    refuse_order,
    shipping_problems,
    sku_reasons,
)
from syncbridge.sandbox.scend.errors import ApiError, detail
from syncbridge.sandbox.scend.idempotency import canonical_content, differing_fields, digest_of
from syncbridge.sandbox.scend.lifecycle import (
    add_history,
    change,
    end_hold,
    end_quarantine,
    identity,
    set_hold,
    set_quarantine,
)
from syncbridge.sandbox.scend.order_document import LONDON, Content, london_day, new_order_document
from syncbridge.sandbox.scend.world import Account, Order

ADDRESS_OPEN = ("QUARANTINED", "ON_HOLD")


def find_repeat(account: Account, content: Content) -> Order | None:
    """Return the order that this request repeats, or None if the reference is new.

    Raises ApiError 409 if the reference belongs to other content, to a request still in progress, or (with
    `duplicateMode` always_reject) to any order.
    """
    reference = content["clientReference"]
    if reference in account.references_in_progress:
        raise in_progress()
    order = account.order_by_reference.get(reference)
    if order is None:
        return None
    canonical = canonical_content(content)
    same = digest_of(canonical) == order.digest
    if same and account.world.settings.duplicate_mode == "replay":
        return order
    raise ApiError(
        409,
        "DUPLICATE_CLIENT_REFERENCE",
        f"clientReference {reference} already belongs to another order.",
        context={
            "orderId": order.key,
            "status": order.status,
            "receivedAt": order.document["receivedAt"],
            "differingFields": [] if same else differing_fields(order.canonical, canonical),
        },
    )


def in_progress() -> ApiError:
    """Make the 409 for a reference whose first request is still being processed."""
    message = "Another request with the same reference is being processed."
    return ApiError(409, "REQUEST_IN_PROGRESS", message, headers={"Retry-After": "1"})


def create(account: Account, content: Content) -> Order:
    """Create an order, quarantined if it has to be; raise ApiError 422 for what the business rules refuse."""
    reasons = check_create(account, content)
    world = account.world
    warehouse = content["warehouseCode"] or account.default_warehouse
    now_text = world.now_text()
    cutoff = world.settings.cutoff_status
    document = new_order_document(content, world.new_id("ord"), warehouse, cutoff, now_text)
    order = Order(account, document["orderId"], document)
    order.canonical = canonical_content(content)
    order.digest = digest_of(order.canonical)
    order.created = world.clock.timestamp()
    if reasons and not world.settings.async_validation:
        document["status"] = "QUARANTINED"
        document["quarantine"] = {"since": now_text, "reasons": reasons}
    add_history(order, now_text)
    account.orders.touch(order)
    document["updatedAt"] = now_text
    account.order_by_reference[document["clientReference"]] = order
    world.orders[order.key] = order
    world.journal.fact(
        "order_created",
        **identity(order),
        status=order.status,
        lines=[
            {"lineNumber": line["lineNumber"], "sku": line["sku"], "quantity": line["quantityOrdered"]}
            for line in order.lines
        ],
    )
    plan_intake(order)
    world.order_changed(order)
    return order


def plan_intake(order: Order) -> None:
    """Plan what happens to a received order by itself a moment later."""
    if order.status == "RECEIVED" and _intake_outcome(order) is not None:
        order.intake_due = True
        world = order.account.world
        world.scheduler.after(world.settings.intake_seconds, lambda: finish_intake(order))


def _intake_outcome(order: Order) -> tuple[str, Any] | None:
    """Return what the intake will find: ("quarantine", reasons), ("hold", code and message), or None."""
    document, world = order.document, order.account.world
    if world.settings.async_validation and (reasons := quarantine_reasons(order.account, document)):
        return "quarantine", reasons
    abroad = document["deliveryAddress"]["countryCode"] != "GB"
    if abroad and document["customs"] is None and "CUSTOMS_DATA" not in order.waived:
        return "hold", ("CUSTOMS_DATA", "Customs data is missing.")
    wanted = document["shipping"]["requestedDespatchDate"]
    if wanted and date.fromisoformat(wanted) > london_day(world.now()) and "FUTURE_DATE" not in order.waived:
        return "hold", ("FUTURE_DATE", f"Not to be sent before {wanted}.")
    return None


def finish_intake(order: Order) -> None:
    """Apply the planned quarantine or hold, once, if the order is still `RECEIVED`."""
    if not order.intake_due:
        return
    order.intake_due = False
    outcome = _intake_outcome(order) if order.status == "RECEIVED" else None
    if outcome is None:
        return
    kind, finding = outcome
    if kind == "quarantine":
        set_quarantine(order, finding)
        return
    set_hold(order, *finding)
    if finding[0] == "FUTURE_DATE":
        day = date.fromisoformat(order.document["shipping"]["requestedDespatchDate"])
        due = datetime.combine(day, time(), LONDON).astimezone(UTC)
        order.account.world.scheduler.at(due.timestamp(), lambda: _day_has_come(order))


def _day_has_come(order: Order) -> None:
    hold = order.document["hold"]
    if order.status == "ON_HOLD" and hold["code"] == "FUTURE_DATE":
        leave_hold(order)


def leave_hold(order: Order) -> None:
    """Release a hold; another one may follow by itself."""
    end_hold(order)
    plan_intake(order)


def leave_quarantine(order: Order) -> None:
    """Release from quarantine without asking, as warehouse staff can."""
    end_quarantine(order)
    plan_intake(order)


def _invalid_state(order: Order, *allowed: str) -> ApiError:
    return ApiError(
        409,
        "INVALID_STATE",
        f"Not possible while the order is {order.status}.",
        context={"status": order.status, "allowedStatuses": list(allowed)},
    )


def correct_address(order: Order, address: Mapping[str, Any]) -> None:
    """Replace the delivery address; a quarantined order is validated again at once.

    Raises ApiError 409 `INVALID_STATE` outside quarantine and hold, and 422 `ORDER_REJECTED` for a country that is
    not served or, on hold, an address that is not complete.
    """
    if order.status not in ADDRESS_OPEN:
        raise _invalid_state(order, *ADDRESS_OPEN)
    document = order.document
    service = document["shipping"]["serviceCode"]
    problems = shipping_problems(order.account, None, service, address["countryCode"])
    problems = [problem for problem in problems if problem["code"] == "COUNTRY_NOT_SERVED"]
    if order.status == "ON_HOLD":
        problems += [
            detail(reason["code"], reason["field"], None, reason["message"])
            for reason in address_reasons(address)
        ]
    if problems:
        raise refuse_order(problems, document["clientReference"])
    document["deliveryAddress"] = dict(address)
    order.account.world.journal.fact("address_corrected", **identity(order))
    if order.status == "ON_HOLD" or not _revalidate(order):
        change(order)


def release(order: Order) -> None:
    """Validate a quarantined order again; raise ApiError 409 `INVALID_STATE` if it is not quarantined."""
    if order.status != "QUARANTINED":
        raise _invalid_state(order, "QUARANTINED")
    before = order.document["quarantine"]["reasons"]
    if not _revalidate(order) and order.document["quarantine"]["reasons"] != before:
        change(order)


def _revalidate(order: Order) -> bool:
    """Release the order if it is clean, else give it fresh reasons; return whether it was released."""
    document = order.document
    reasons = [*address_reasons(document["deliveryAddress"]), *sku_reasons(order.account, order.lines)]
    if reasons:
        document["quarantine"]["reasons"] = reasons
        return False
    leave_quarantine(order)
    return True
