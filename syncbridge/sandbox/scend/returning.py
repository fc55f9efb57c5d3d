"""Returns: announced, on their way, received in one or several parcels, or blind (contract 2.14, assumed)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncbridge.sandbox.scend.errors import ApiError
from syncbridge.sandbox.scend.fields import sku_problem
from syncbridge.sandbox.scend.idempotency import canonical_content, differing_fields, digest_of
from syncbridge.sandbox.scend.order_document import Content
from syncbridge.sandbox.scend.reference_data import DISPOSITIONS, USUAL_DISPOSITION
from syncbridge.sandbox.scend.return_document import check_return, new_return_line
from syncbridge.sandbox.scend.stock import Impossible
from syncbridge.sandbox.scend.world import Account, Return

TRANSITIONS: dict[str, frozenset[str]] = {
    "ANNOUNCED": frozenset({"IN_TRANSIT", "RECEIVING", "RECEIVED", "CANCELLED"}),
    "IN_TRANSIT": frozenset({"RECEIVING", "RECEIVED", "CANCELLED"}),
    "RECEIVING": frozenset({"RECEIVED"}),
    "RECEIVED": frozenset({"RECEIVING"}),
    "CANCELLED": frozenset(),
}
FIRST_WAREHOUSE_LINE = 9000
"""Lines that the warehouse adds are numbered from here."""


def find_repeat(account: Account, content: Content) -> Return | None:
    """Return the announcement that this request repeats, or None; raises ApiError 409 as orders do."""
    found = account.return_by_rma.get(content["rmaNumber"])
    if found is None:
        return None
    canonical = canonical_content(content)
    same = digest_of(canonical) == found.digest
    if same and account.world.settings.duplicate_mode == "replay":
        return found
    raise ApiError(
        409,
        "DUPLICATE_RMA_NUMBER",
        f"rmaNumber {content['rmaNumber']} already belongs to another return.",
        context={
            "returnId": found.key,
            "status": found.document["status"],
            "differingFields": [] if same else differing_fields(found.canonical, canonical),
        },
    )


def announce(account: Account, content: Content) -> Return:
    """Announce a return; raise ApiError 422 for what the business rules refuse."""
    order = check_return(account, content)
    made = _new_return(
        account,
        rma_number=content["rmaNumber"],
        order_id=order.key,
        reference=content["clientReference"],
        warehouse=content["warehouseCode"] or order.document["warehouseCode"],
        tracking=content["returnTracking"],
        status="ANNOUNCED",
        lines=[new_return_line(line) for line in content["lines"]],
    )
    made.canonical = canonical_content(content)
    made.digest = digest_of(made.canonical)
    account.return_by_rma[content["rmaNumber"]] = made
    account.returns.touch(made)
    account.world.journal.fact("return_announced", **_identity(made))
    return made


def _new_return(
    account: Account,
    *,
    rma_number: str | None,
    order_id: str | None,
    reference: str | None,
    warehouse: str,
    tracking: Mapping[str, Any] | None,
    status: str,
    lines: list[dict[str, Any]],
) -> Return:
    world = account.world
    return_id = world.new_id("rtn")
    document = {
        "returnId": return_id,
        "rmaNumber": rma_number,
        "announced": rma_number is not None,
        "orderId": order_id,
        "clientReference": reference,
        "warehouseCode": warehouse,
        "status": status,
        "version": 1,
        "sequence": 0,
        "createdAt": world.now_text(),
        "changedAt": None,
        "firstReceivedAt": None,
        "completedAt": None,
        "returnTracking": tracking,
        "lines": lines,
        "receipts": [],
    }
    made = Return(account, return_id, document)
    world.returns[return_id] = made
    if reference is not None:
        account.returns_by_reference.setdefault(reference, []).append(made)
    return made


def _identity(made: Return) -> dict[str, Any]:
    document = made.document
    return {
        "account": made.account.code,
        "returnId": made.key,
        "rmaNumber": document["rmaNumber"],
        "clientReference": document["clientReference"],
    }


def _commit(made: Return, status: str, *, received: bool) -> None:
    """Commit one change: version, feed, fact, and `return.received` where goods were booked or it was closed."""
    document = made.document
    if status != document["status"]:
        if status not in TRANSITIONS[document["status"]]:
            raise Impossible(f"return {made.key}: {document['status']} -> {status} is not a legal transition")
        made.account.world.journal.fact("return_status", **_identity(made), status=status)
    document["status"] = status
    document["version"] += 1
    made.account.returns.touch(made)
    if received and made.account.subscriptions.by_id:
        made.account.world.announce(made.account, "return.received", made.raw())


def advance(made: Return, status: str) -> None:
    """Move a return by hand: a carrier scan, an arrived parcel, closing, or withdrawing it."""
    before = made.document["status"]
    if status not in TRANSITIONS or status not in TRANSITIONS[before]:
        raise Impossible(f"return {made.key}: {before} -> {status} is not a legal transition")
    if status == "RECEIVED":
        close(made)
    else:
        if status == "RECEIVING":
            made.document["completedAt"] = None
            _judge(made, closed=False)
        _commit(made, status, received=False)


def receive(made: Return, lines: Sequence[Mapping[str, Any]]) -> None:
    """Book one receipt: the goods go to stock as their disposition says; a line may be over or unexpected.

    Each line has sku, quantity, conditionCode, and optionally lineNumber, disposition and note. Raises
    Impossible for a cancelled return or a line that cannot be understood, without effect.
    """
    document, world = made.document, made.account.world
    if document["status"] == "CANCELLED":
        raise Impossible(f"return {made.key} is cancelled")
    checked = [_checked_line(line) for line in lines]
    if not checked:
        raise Impossible("a receipt needs at least one line")
    booked = []
    for given in checked:
        line = _line_for(made, given)
        line["quantityReceived"] += given["quantity"]
        _to_stock(made, given)
        booked.append(
            {
                "receiptLineId": world.new_id("rcl"),
                "lineNumber": line["lineNumber"],
                "sku": given["sku"],
                "quantity": given["quantity"],
                "conditionCode": given["conditionCode"],
                "disposition": given["disposition"],
                "note": given["note"],
            }
        )
    now = world.now_text()
    document["receipts"].append({"receiptId": world.new_id("rcp"), "receivedAt": now, "lines": booked})
    document["firstReceivedAt"] = document["firstReceivedAt"] or now
    document["completedAt"] = None
    _judge(made, closed=False)
    world.journal.fact("receipt_booked", **_identity(made), lines=booked)
    _commit(made, "RECEIVING", received=True)
    made.account.stock.settle()


def close(made: Return) -> None:
    """Close a return: the figures are final, and what did not come is `SHORT`."""
    if "RECEIVED" not in TRANSITIONS[made.document["status"]]:
        raise Impossible(f"return {made.key} is {made.document['status']}")
    made.document["completedAt"] = made.account.world.now_text()
    _judge(made, closed=True)
    _commit(made, "RECEIVED", received=True)


def cancel(made: Return) -> None:
    """Withdraw an announcement; raise ApiError 409 `PAST_CUTOFF` once goods arrived. Repeats do nothing."""
    status = made.document["status"]
    if status == "CANCELLED":
        return
    if status not in ("ANNOUNCED", "IN_TRANSIT"):
        context = {"status": status, "cutoffStatus": "RECEIVING"}
        raise ApiError(409, "PAST_CUTOFF", "The return has already arrived.", context=context)
    _commit(made, "CANCELLED", received=False)


def receive_unannounced(account: Account, given: Mapping[str, Any]) -> Return:
    """Book a parcel that nobody announced; its return starts in `RECEIVING` with the first receipt."""
    reference = given.get("clientReference")
    order = account.order_by_reference.get(reference) if reference else None
    lines = [_checked_line(line) for line in given.get("lines") or ()]
    if not lines:
        raise Impossible("a receipt needs at least one line")
    warehouse = given.get("warehouseCode") or account.default_warehouse
    tracking = given.get("returnTracking")
    if tracking is not None:
        tracking = {name: tracking.get(name) for name in ("carrierCode", "trackingNumber")}
    made = _new_return(
        account,
        rma_number=None,
        order_id=order.key if order is not None else None,
        reference=reference,
        warehouse=warehouse,
        tracking=tracking,
        status="RECEIVING",
        lines=[],
    )
    made.document["version"] = 0
    receive(made, lines)
    return made


def _checked_line(line: Mapping[str, Any]) -> dict[str, Any]:
    sku, quantity = line.get("sku"), line.get("quantity")
    condition = line.get("conditionCode", "RESALEABLE")
    if not isinstance(sku, str) or sku_problem(sku) is not None:
        raise Impossible(f"{sku!r} is not a SKU")
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        raise Impossible(f"{quantity!r} is not a number of units")
    if condition not in USUAL_DISPOSITION:
        raise Impossible(f"{condition!r} is not a condition; known: {', '.join(USUAL_DISPOSITION)}")
    disposition = line.get("disposition") or USUAL_DISPOSITION[condition]
    if disposition not in DISPOSITIONS:
        raise Impossible(f"{disposition!r} is not a disposition; known: {', '.join(sorted(DISPOSITIONS))}")
    return {
        "sku": sku,
        "quantity": quantity,
        "conditionCode": condition,
        "disposition": disposition,
        "lineNumber": line.get("lineNumber"),
        "note": line.get("note"),
    }


def _line_for(made: Return, given: Mapping[str, Any]) -> dict[str, Any]:
    """Find the line that goods belong to: by number, else the first of the SKU that still waits, else a new one."""
    lines: list[dict[str, Any]] = made.document["lines"]
    of_sku = [line for line in lines if line["sku"] == given["sku"]]
    if given["lineNumber"] is not None:
        of_sku = [line for line in of_sku if line["lineNumber"] == given["lineNumber"]]
    waiting = [line for line in of_sku if line["quantityReceived"] < line["quantityAnnounced"]]
    if waiting or of_sku:
        return (waiting or of_sku)[0]
    number = max([FIRST_WAREHOUSE_LINE - 1, *(line["lineNumber"] for line in lines)]) + 1
    added = {
        "lineNumber": number,
        "orderLineNumber": None,
        "sku": given["sku"],
        "quantityAnnounced": 0,
        "quantityReceived": 0,
        "reasonCode": None,
        "discrepancy": "UNEXPECTED_SKU",
    }
    lines.append(added)
    return added


def _to_stock(made: Return, given: Mapping[str, Any]) -> None:
    if given["disposition"] == "SCRAP":
        return
    stock, units = made.account.stock, given["quantity"]
    row = stock.ensure(given["sku"], made.document["warehouseCode"])
    stock.move(row, physical=units, quarantined=units if given["disposition"] == "QUARANTINE" else 0)


def _judge(made: Return, *, closed: bool) -> None:
    for line in made.document["lines"]:
        if line["quantityAnnounced"] == 0:
            continue
        if line["quantityReceived"] > line["quantityAnnounced"]:
            line["discrepancy"] = "OVER"
        else:
            short = closed and line["quantityReceived"] < line["quantityAnnounced"]
            line["discrepancy"] = "SHORT" if short else "NONE"
