"""Placing orders: the record behind a document, with its units, its money and the damage that was asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.journal import Journal
from syncbridge.sandbox.scayle import packages, pricing, states
from syncbridge.sandbox.scayle.answers import ApiError, Json, encode
from syncbridge.sandbox.scayle.catalogue import Catalogue
from syncbridge.sandbox.scayle.oddities import merge_patch, remove_path
from syncbridge.sandbox.scayle.order_documents import OrderDocuments
from syncbridge.sandbox.scayle.organisation import Organisation
from syncbridge.sandbox.scayle.state import OrderRecord, Store, Unit


class OrderDesk:
    """Turn what the shopper did into an order record in state CREATED. Oddities are taken as they come."""

    def __init__(
        self,
        clock: SandboxClock,
        journal: Journal,
        store: Store,
        catalogue: Catalogue,
        organisation: Organisation,
        documents: OrderDocuments,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._store = store
        self._catalogue = catalogue
        self._organisation = organisation
        self._documents = documents

    def place(self, brief: Json) -> OrderRecord:
        """Make and store an order from `lines` (compact) or from `raw` / `items` (the API's own shape).

        Raises ValueError for a brief that cannot be understood and ApiError 409 for an id or key that is taken.
        """
        raw = brief.get("raw") or (brief if "items" in brief else None)
        document = (
            self._documents.from_raw(raw, brief) if raw is not None else self._documents.from_lines(brief)
        )
        if "remove" in brief or "patch" in brief:
            # Units of a line share their price and product; damage is done to one of them only.
            document = json.loads(encode(document))
        for path in brief.get("remove", []):
            remove_path(document, path)
        if "patch" in brief:
            merge_patch(document, brief["patch"])
        record = self._record(document, brief)
        self._store.add(record)
        self._journal.fact(
            "order.placed",
            orderId=record.id,
            referenceKey=record.reference_key,
            units=len(record.units),
            withTax=(document.get("cost") or {}).get("withTax"),
            currency=document.get("currencyCode"),
        )
        return record

    def _record(self, document: Json, brief: Json) -> OrderRecord:
        shop_country = document["shopCountry"]
        record = OrderRecord(
            id=document["id"],
            document=document,
            state="CREATED",
            company_id=self._organisation.company_of(str(shop_country["shopKey"])),
            custom_data=document.pop("legacyCustomData", None) or brief.get("customData") or {},
        )
        customer = document.get("customer")
        if isinstance(customer, dict):
            record.customer_custom_data = customer.pop("legacyCustomData", None) or {}
        for item in document["items"]:
            unit = self._unit(item, record, brief)
            if unit.id in record.units:
                raise ApiError(409, "ORDER_ITEM_EXISTS", "An item id occurs twice.", {"orderItemId": unit.id})
            record.units[unit.id] = unit
        payments = document.get("payment") or []
        record.gift_card_left = sum(int(one.get("amount") or 0) for one in payments if one.get("isGiftCard"))
        record.capture_fails = bool(brief.get("captureFails", False))
        record.created = _created(document["createdAt"], self._clock)
        document["status"] = states.overall_status("CREATED", anything_shipped=False)
        codes = ("order_created", "billing_open", "shipping_open")
        document["detailedStatus"] = {code.partition("_")[0]: states.facet(code) for code in codes}
        packages.forecast(record, self._organisation, self._clock)
        self._store.touch(record)
        return record

    def _unit(self, item: Json, record: OrderRecord, brief: Json) -> Unit:
        variant = item.get("variant") or {}
        named = item.get("merchant") or {}
        merchant = (
            named.get("referenceKey") or self._documents.merchant(brief.get("merchant"))["referenceKey"]
        )
        if "merchant" not in item and "merchant" in brief:
            item["merchant"] = {"id": self._documents.merchant(merchant)["id"], "referenceKey": merchant}
        number = item.get("warehouseId")
        if number is None and "warehouse" in brief:
            number = (
                self._documents.warehouse(brief["warehouse"], self._documents.merchant(merchant)) or {}
            ).get("id")
            item["warehouseId"] = number
        warehouse = self._organisation.warehouses.look(number) if number is not None else None
        sku = variant.get("referenceKey")
        if sku is not None and not isinstance(variant.get("id"), int):
            variant["id"] = self._catalogue.ensure_sku(str(sku), str(sku))["id"]
        gross, net = pricing.paid_price(item.get("price") or {})
        return Unit(
            id=item["id"],
            order=record,
            document=item,
            sku=sku,
            variant_id=variant.get("id"),
            merchant=str(merchant),
            warehouse=warehouse["referenceKey"] if warehouse is not None else None,
            part=int(item.pop("delegationPart", 1)),
            paid_gross=gross,
            paid_net=net,
            custom_data=item.pop("legacyCustomData", None),
        )


def _created(text: Any, clock: SandboxClock) -> datetime:
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        return clock.now().replace(microsecond=0)
    return (instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)).astimezone(UTC)
