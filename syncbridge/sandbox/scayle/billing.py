"""Money that SCAYLE moves by itself: invoices and captures on shipment, corrective invoices and refunds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.journal import Journal
from syncbridge.sandbox.scayle.answers import Json, stamp
from syncbridge.sandbox.scayle.pricing import fees_total
from syncbridge.sandbox.scayle.settings import Behaviour
from syncbridge.sandbox.scayle.state import OrderRecord, Store, Unit
from syncbridge.sandbox.scayle.webhooks import Webhooks


class Billing:
    """Invoice, capture and refund. A unit costs its price, less the absolute voucher if that is booked on it.

    Fees are captured with the first shipment and never refunded by returns (project choice). A gift card is
    a payment that is used up first, so that less is captured from the rest.
    """

    def __init__(
        self, clock: SandboxClock, behaviour: Behaviour, journal: Journal, store: Store, webhooks: Webhooks
    ) -> None:
        self._clock = clock
        self._behaviour = behaviour
        self._journal = journal
        self._store = store
        self._webhooks = webhooks

    def invoice_units(self, order: OrderRecord, units: list[Unit], reason: str) -> None:
        """Invoice units that left the warehouse, and capture what they cost."""
        amount = sum(unit.paid_gross for unit in units)
        fees = 0
        if not order.fees_invoiced:
            fees = fees_total(order.document.get("cost") or {})
            order.fees_invoiced = True
        everything = not order.invoices and len(units) == len(order.units)
        invoice = self._invoice(order, "invoice" if everything else "partial_invoice", amount + fees)
        if self._behaviour.on("fullInvoicing") is False or not everything:
            self._webhooks.fire(
                "order-partially-invoiced", lambda: webhook_order(order), order.id, _merchants(units)
            )
        gift_card = min(order.gift_card_left, amount + fees)
        order.gift_card_left -= gift_card
        capture: Json = {
            "id": self._store.number("capture"),
            "orderId": order.id,
            "invoiceId": invoice["id"],
            "reason": reason,
            "items": [unit.id for unit in units],
            "amount": amount + fees - gift_card,
            "giftCardAmount": gift_card,
            "invoicedAmount": amount + fees,
            "feesAmount": fees,
            "currency": order.document.get("currencyCode"),
            "state": "pending",
            "at": stamp(self._clock.now()),
        }
        self._store.captures.append(capture)
        order.capture_rows.append(capture)
        for unit in units:
            unit.captures += 1
        if self._behaviour["capture"] == "automatic" and not order.capture_fails:
            self._capture(order, capture)
        elif order.capture_fails:
            capture["state"] = "failed"
            self._journal.fact("capture.failed", orderId=order.id, captureId=capture["id"])

    def capture_pending(self, order: OrderRecord) -> int:
        """Capture what is still pending or failed; return how many captures that were."""
        waiting = [one for one in order.capture_rows if one["state"] != "captured"]
        for capture in waiting:
            self._capture(order, capture)
        return len(waiting)

    def has_pending(self, order: OrderRecord) -> bool:
        """Say whether something invoiced is not captured."""
        return any(one["state"] != "captured" for one in order.capture_rows)

    def _capture(self, order: OrderRecord, capture: Json) -> None:
        capture["state"] = "captured"
        capture["at"] = stamp(self._clock.now())
        order.captured += capture["amount"] + capture["giftCardAmount"]
        self._journal.fact(
            "capture",
            orderId=order.id,
            captureId=capture["id"],
            amount=capture["amount"],
            giftCardAmount=capture["giftCardAmount"],
            items=capture["items"],
        )
        self._webhooks.fire("payment-capture", lambda: _payment_payload(order, capture), order.id)

    def correct_units(self, order: OrderRecord, units: Iterable[Unit], reason: str) -> None:
        """Write a corrective invoice and refund exactly what was paid for each unit."""
        for unit in units:
            invoice = self._invoice(order, "corrective_invoice", -unit.paid_gross)
            refund: Json = {
                "id": self._store.number("refund"),
                "orderId": order.id,
                "itemId": unit.id,
                "invoiceId": invoice["id"],
                "reason": reason,
                "amount": unit.paid_gross,
                "currency": order.document.get("currencyCode"),
                "at": stamp(self._clock.now()),
            }
            self._store.refunds.append(refund)
            unit.refunds += 1
            order.refunded += unit.paid_gross
            self._journal.fact(
                "refund", orderId=order.id, itemId=unit.id, amount=unit.paid_gross, reason=reason
            )
            self._webhooks.fire("payment-refund", partial(_payment_payload, order, refund), order.id)
        self._webhooks.fire("order-corrective-invoiced", lambda: webhook_order(order), order.id)

    def _invoice(self, order: OrderRecord, kind: str, amount: int) -> Json:
        number = self._store.number("invoice number", 5)
        shop_key = order.shop_country[0]
        invoice = {
            "id": self._store.number("invoice"),
            "type": kind,
            "createdAt": stamp(self._clock.now()),
            "available": True,
            "invoice": {"number": number, "fullNumber": f"{shop_key}-{self._clock.now():%y}-{number}"},
        }
        order.invoices.append({**invoice, "amount": amount})
        if kind != "corrective_invoice":
            self._document(order, "email_shipment", "eml")
        self._journal.fact("invoice", orderId=order.id, invoiceId=invoice["id"], type=kind, amount=amount)
        return invoice

    def _document(self, order: OrderRecord, kind: str, file_format: str) -> None:
        order.documents.append(
            {
                "id": self._store.number("document"),
                "type": kind,
                "format": file_format,
                "availabilityStatus": "available",
                "createdAt": stamp(self._clock.now()),
            }
        )


def _merchants(units: Iterable[Unit]) -> frozenset[str]:
    return frozenset(unit.merchant for unit in units)


def webhook_order(order: OrderRecord) -> Json:
    """Return the order as webhooks carry it: the object of the API, with its custom data."""
    return {**order.document, "customData": order.custom_data}


def _payment_payload(order: OrderRecord, movement: Json) -> Json:
    """Return the payload of payment events, whose real form is unknown."""
    payments = order.document.get("payment") or [{}]
    return {
        "order": {"id": order.id, "referenceKey": order.reference_key, "currencyCode": movement["currency"]},
        "amount": movement["amount"],
        "currencyCode": movement["currency"],
        "transactionKey": payments[0].get("transactionKey"),
        "items": [{"id": item} for item in movement.get("items", [movement.get("itemId")])],
    }


def minimal_pdf(title: str) -> bytes:
    """Make a valid one-page PDF with one line of text."""
    text = title.encode("ascii", "replace").decode().replace("\\", "").replace("(", "").replace(")", "")
    stream = f"BT /F1 14 Tf 72 720 Td ({text}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Font << /F1 5 0 R >> >>",
    ]
    out, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    return (
        f"{out}xref\n0 {size}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    ).encode("ascii")
