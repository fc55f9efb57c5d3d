"""The body of `POST /orders`: its schema, and the order object made from it (contract 2.7, 2.8, assumed)."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from syncbridge.sandbox.clock import format_instant
from syncbridge.sandbox.scend.errors import detail
from syncbridge.sandbox.scend.fields import FORBIDDEN_CHARACTERS, REFERENCE, FieldReader, sku_problem
from syncbridge.sandbox.scend.reference_data import COUNTRIES, CURRENCIES

LONDON = ZoneInfo("Europe/London")
PHONE = re.compile(r"\+?[0-9 ()-]{6,20}")
MOST_LINES = 200
FURTHEST_DAY = timedelta(days=60)
LATEST_ORDER_DATE = timedelta(minutes=5)
TOLERANCE = Decimal("0.01")
INCOTERMS = frozenset({"DAP", "DDP"})

Content = dict[str, Any]


def london_day(now: datetime) -> date:
    """Return the calendar date in the warehouse."""
    return now.astimezone(LONDON).date()


def read_order(body: Any, now: datetime, *, strict: bool) -> tuple[Content, list[dict[str, Any]]]:
    """Read a create request; return its content (every documented member, None if absent) and the problems."""
    problems: list[dict[str, Any]] = []
    if not isinstance(body, dict):
        return {}, [detail("INVALID_FORMAT", "", None, "The body must be an object.")]
    reader = FieldReader(body, problems, strict=strict)
    content: Content = {
        "clientReference": reader.text("clientReference", 50, required=True, pattern=REFERENCE),
        "orderNumber": reader.text("orderNumber", 30),
        "channel": reader.text("channel", 30),
        "warehouseCode": reader.text("warehouseCode", 10),
        "orderedAt": _ordered_at(reader, now),
        "currency": reader.choice("currency", CURRENCIES, required=True),
        "allowPartialDespatch": reader.boolean("allowPartialDespatch"),
        "shipping": _shipping(reader, now),
        "deliveryAddress": read_address(reader.inner("deliveryAddress", required=True)),
        "billingAddress": read_address(reader.inner("billingAddress")),
        "customs": _customs(reader.inner("customs")),
        "giftMessage": reader.text("giftMessage", 250),
        "metadata": _metadata(reader),
        "totals": _totals(reader.inner("totals")),
    }
    address = content["deliveryAddress"]
    abroad = address is not None and address["countryCode"] not in (None, "GB")
    content["lines"] = _lines(reader, price_required=abroad)
    reader.finish()
    return content, problems


def _ordered_at(reader: FieldReader, now: datetime) -> str | None:
    instant = reader.instant("orderedAt")
    if instant is None:
        return None
    if instant > now + LATEST_ORDER_DATE:
        reader.refuse("OUT_OF_RANGE", "orderedAt", None, "At most 5 minutes in the future.")
    return format_instant(instant)


def _shipping(reader: FieldReader, now: datetime) -> Content | None:
    inner = reader.inner("shipping", required=True)
    if inner is None:
        return None
    days: dict[str, str | None] = {}
    for name in ("requestedDespatchDate", "requestedDeliveryDate"):
        day = inner.day(name)
        if day is not None and day > london_day(now) + FURTHEST_DAY:
            inner.refuse("OUT_OF_RANGE", name, day.isoformat(), "At most 60 days ahead.")
        days[name] = day.isoformat() if day is not None else None
    shipping = {
        "serviceCode": inner.text("serviceCode", 20, required=True),
        **days,
        "signatureRequired": inner.boolean("signatureRequired"),
        "instructions": inner.text("instructions", 100),
    }
    inner.finish()
    return shipping


def read_address(inner: FieldReader | None) -> Content | None:
    """Read an address: limits and characters, and the country code, which the schema requires."""
    if inner is None:
        return None
    address = {
        "recipientName": inner.text("recipientName", 60),
        "company": inner.text("company", 60),
        "line1": inner.text("line1", 35),
        "line2": inner.text("line2", 35),
        "line3": inner.text("line3", 35),
        "city": inner.text("city", 35),
        "region": inner.text("region", 35),
        "postcode": inner.text("postcode", 12),
        "countryCode": inner.choice("countryCode", COUNTRIES, required=True),
        "phone": inner.text("phone", 20, pattern=PHONE),
        "email": inner.text("email", 100),
    }
    inner.finish()
    return address


def _lines(reader: FieldReader, *, price_required: bool) -> list[Content]:
    lines: list[Content] = []
    seen: set[int] = set()
    for inner in reader.items("lines", MOST_LINES):
        number = inner.integer("lineNumber", 1, 9999, required=True)
        if number is not None and number in seen:
            inner.refuse("DUPLICATE_LINE_NUMBER", "lineNumber", number, "Used by an earlier line.")
        seen.add(number or 0)
        lines.append(
            {
                "lineNumber": number,
                "sku": inner.text("sku", required=True, any_character=True),
                "quantity": inner.integer("quantity", 1, 999, required=True),
                "description": inner.text("description", 100),
                "unitPrice": inner.money("unitPrice", required=price_required),
                "clientLineReference": inner.text("clientLineReference", 50),
            }
        )
        inner.finish()
    return lines


def _totals(inner: FieldReader | None) -> Content | None:
    if inner is None:
        return None
    totals = {name: inner.money(name) for name in ("goods", "shipping", "discount", "tax", "grandTotal")}
    inner.finish()
    goods, shipping, discount, grand = (totals[n] for n in ("goods", "shipping", "discount", "grandTotal"))
    if goods is not None and shipping is not None and discount is not None and grand is not None:
        expected = Decimal(goods) + Decimal(shipping) - Decimal(discount)
        if abs(Decimal(grand) - expected) > TOLERANCE:
            message = f"goods + shipping - discount is {expected}."
            inner.refuse("OUT_OF_RANGE", "grandTotal", grand, message)
    return totals if any(totals.values()) else None


def _customs(inner: FieldReader | None) -> Content | None:
    if inner is None:
        return None
    customs = {
        "incoterm": inner.choice("incoterm", INCOTERMS, required=True),
        "iossNumber": inner.text("iossNumber", 20),
        "eoriNumber": inner.text("eoriNumber", 20),
    }
    inner.finish()
    return customs


def _metadata(reader: FieldReader) -> Content | None:
    value = reader.plain("metadata")
    if value is None or value == {}:
        return None
    if not isinstance(value, dict):
        reader.refuse("INVALID_FORMAT", "metadata", value, "Must be an object.")
        return None
    if len(value) > 20:
        reader.refuse("TOO_MANY_ITEMS", "metadata", len(value), "At most 20 keys.")
        return None
    for key, text in value.items():
        name = f"metadata.{key[:40]}"
        if len(key) > 40:
            reader.refuse("FIELD_TOO_LONG", name, key, "Keys have at most 40 characters.")
        elif not isinstance(text, str):
            reader.refuse("INVALID_FORMAT", name, text, "Values are texts.")
        elif len(text) > 200:
            reader.refuse("FIELD_TOO_LONG", name, text, "Values have at most 200 characters.")
        elif FORBIDDEN_CHARACTERS.search(key + text):
            reader.refuse("INVALID_CHARACTERS", name, text, "Control characters and emoji are not allowed.")
    return value


def sku_format_details(lines: list[Content]) -> list[dict[str, Any]]:
    """Return one `SKU_FORMAT` detail per offending line."""
    found = []
    for index, line in enumerate(lines):
        problem = sku_problem(line["sku"])
        if problem is not None:
            found.append(detail("SKU_FORMAT", f"lines[{index}].sku", line["sku"], problem))
    return found


def new_order_document(
    content: Content, order_id: str, warehouse: str, cutoff: str, now_text: str
) -> Content:
    """Make the order object as it looks when it is received, with every documented member."""
    shipping = content["shipping"]
    return {
        "orderId": order_id,
        "clientReference": content["clientReference"],
        "orderNumber": content["orderNumber"] or content["clientReference"],
        "channel": content["channel"],
        "warehouseCode": warehouse,
        "status": "RECEIVED",
        "version": 1,
        "sequence": 0,
        "orderedAt": content["orderedAt"] or now_text,
        "receivedAt": now_text,
        "updatedAt": now_text,
        "currency": content["currency"],
        "allowPartialDespatch": bool(content["allowPartialDespatch"]),
        "shipping": {**shipping, "signatureRequired": bool(shipping["signatureRequired"])},
        "deliveryAddress": dict(content["deliveryAddress"]),
        "billingAddress": content["billingAddress"],
        "lines": [
            {
                "lineNumber": line["lineNumber"],
                "sku": line["sku"],
                "description": line["description"],
                "unitPrice": line["unitPrice"],
                "clientLineReference": line["clientLineReference"],
                "quantityOrdered": line["quantity"],
                "quantityAllocated": 0,
                "quantityBackordered": 0,
                "quantityDespatched": 0,
                "quantityCancelled": 0,
            }
            for line in content["lines"]
        ],
        "quarantine": None,
        "hold": None,
        "cancellation": {
            "allowed": "IMMEDIATE",
            "cutoffStatus": cutoff,
            "state": "NONE",
            "initiator": None,
            "reasonCode": None,
            "requestedAt": None,
            "resolvedAt": None,
        },
        "despatches": [],
        "statusHistory": [],
        "totals": content["totals"],
        "customs": content["customs"],
        "giftMessage": content["giftMessage"],
        "metadata": content["metadata"],
    }
