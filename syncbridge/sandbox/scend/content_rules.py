"""Business rules on an order's content: what is refused, and what puts it into quarantine (contract 2.7, 2.10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncbridge.sandbox.scend.errors import ApiError, detail
from syncbridge.sandbox.scend.reference_data import GB_POSTCODE, POSTCODE_NOT_NEEDED, REGION_NEEDED
from syncbridge.sandbox.scend.world import Account

AUTO = "AUTO"
_EMPTY = {
    "recipientName": "Recipient name is empty.",
    "line1": "First address line is empty.",
    "city": "City is empty.",
    "region": "Region is empty.",
    "postcode": "Postcode is empty.",
}


def _reason(
    code: str, field: str, message: str, line: int | None = None, sku: str | None = None
) -> dict[str, Any]:
    return {"code": code, "field": field, "lineNumber": line, "sku": sku, "message": message}


def address_reasons(address: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return why this delivery address is not complete, one reason per field."""
    country = address["countryCode"]
    needed = ["recipientName", "line1", "city"]
    if country in REGION_NEEDED:
        needed.append("region")
    if country not in POSTCODE_NOT_NEEDED:
        needed.append("postcode")
    reasons = [
        _reason("ADDRESS_INCOMPLETE", f"deliveryAddress.{name}", _EMPTY[name])
        for name in needed
        if not address[name]
    ]
    postcode = address["postcode"]
    if country == "GB" and postcode and not GB_POSTCODE.fullmatch(postcode.strip()):
        reasons.append(_reason("POSTCODE_INVALID", "deliveryAddress.postcode", "Not a GB postcode."))
    return reasons


def sku_reasons(account: Account, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return which lines name a SKU that is not set up or discontinued."""
    reasons = []
    for index, line in enumerate(lines):
        sku, field = line["sku"], f"lines[{index}].sku"
        product = account.catalogue.find(sku)
        if product is None:
            message = "SKU is not set up for this account."
            reasons.append(_reason("SKU_UNKNOWN", field, message, line["lineNumber"], sku))
        elif not product.document["active"]:
            reasons.append(_reason("SKU_INACTIVE", field, "SKU is discontinued.", line["lineNumber"], sku))
    return reasons


def quarantine_reasons(account: Account, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all reasons at once, for a create request's content or an order object."""
    return [*address_reasons(document["deliveryAddress"]), *sku_reasons(account, document["lines"])]


def shipping_problems(
    account: Account, warehouse: str | None, service: str, country: str
) -> list[dict[str, Any]]:
    """Return why an order cannot be sent from there, by that service, to that country."""
    problems = []
    if warehouse is not None and warehouse not in account.warehouses:
        problems.append(
            detail("WAREHOUSE_UNKNOWN", "warehouseCode", warehouse, "Not a warehouse of this account.")
        )
    services = [one for one in account.world.services.values() if one["active"]]
    chosen = services if service == AUTO else [one for one in services if one["code"] == service]
    if service != AUTO and not chosen:
        problems.append(detail("SERVICE_UNKNOWN", "shipping.serviceCode", service, "Not a known service."))
    elif not any(country in one["countries"] for one in chosen):
        message = "The service does not go to this country."
        problems.append(detail("COUNTRY_NOT_SERVED", "deliveryAddress.countryCode", country, message))
    return problems


def refuse_order(details: Sequence[Mapping[str, Any]], reference: str) -> ApiError:
    """Make the 422 for an order that breaks a business rule."""
    plural = "" if len(details) == 1 else "s"
    return ApiError(
        422,
        "ORDER_REJECTED",
        f"The order was not created: {len(details)} problem{plural}.",
        context={"clientReference": reference},
        details=details,
    )


def check_create(account: Account, content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the quarantine reasons of a new order; raise ApiError 422 for what is refused instead."""
    settings = account.world.settings
    address = content["deliveryAddress"]
    problems = shipping_problems(
        account, content["warehouseCode"], content["shipping"]["serviceCode"], address["countryCode"]
    )
    reasons = []
    for found, mode in (
        (address_reasons(address), settings.on_incomplete_address),
        (sku_reasons(account, content["lines"]), settings.on_unknown_sku),
    ):
        if mode == "REJECT":
            problems += [
                detail(reason["code"], reason["field"], reason["sku"], reason["message"]) for reason in found
            ]
        else:
            reasons += found
    if problems:
        raise refuse_order(problems, content["clientReference"])
    return reasons
