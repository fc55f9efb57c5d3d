"""The order as SCAYLE delegates it to a merchant: its core system's vocabulary, not the Admin API's."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from syncbridge.sandbox.scayle.answers import Json
from syncbridge.sandbox.scayle.countries import to_alpha2
from syncbridge.sandbox.scayle.organisation import Organisation
from syncbridge.sandbox.scayle.pricing import paid_price, percentage
from syncbridge.sandbox.scayle.settings import Behaviour
from syncbridge.sandbox.scayle.state import OrderRecord, Store, Unit


class DelegationPayload:
    """Make delegation bodies; `customData` is sometimes `[]` where it is empty, as PHP writes it."""

    def __init__(
        self, behaviour: Behaviour, organisation: Organisation, store: Store, draw: random.Random
    ) -> None:
        self._behaviour = behaviour
        self._organisation = organisation
        self._store = store
        self._random = draw

    def body(self, delegation_id: int, order: OrderRecord, merchant: str, units: list[Unit]) -> Json:
        """Return the body for one merchant's units. `id` is the delegation's, `orderId` the order's."""
        document = order.document
        shop_country = document["shopCountry"]
        payments = document.get("payment") or []
        first = payments[0] if payments else {}
        country = order.shop_country[1]
        return {
            "id": delegation_id,
            "orderId": order.id,
            "orderReferenceKey": order.reference_key,
            "shopId": shop_country.get("id"),
            "shopKey": shop_country["shopKey"],
            "countryCode": country,
            "languageCode": shop_country.get("defaultLanguageCode"),
            "companyId": order.company_id,
            "fulfillingMerchantKey": merchant,
            "carrier": {"key": self._organisation.carrier_for(merchant, country)},
            "paymentMethod": first.get("key"),
            "creditCardType": (first.get("data") or {}).get("CCBrand"),
            "customerPublicKey": None,
            "vendorReferenceKey": None,
            "customData": self._custom(order.custom_data),
            "customer": self._customer(order),
            "addresses": {
                kind: self._address((document.get("address") or {}).get(kind))
                for kind in ("billing", "shipping")
            },
            "cost": self._cost(order, units),
            "items": [self._item(unit) for unit in units],
        }

    def _customer(self, order: OrderRecord) -> Json:
        customer = order.document.get("customer") or {}
        return {
            "email": customer.get("email"),
            "referenceKey": customer.get("referenceKey"),
            "publicKey": customer.get("publicKey"),
            "taxNumber": customer.get("taxNumber"),
            "vendorReferenceKey": None,
            "customData": self._custom(order.customer_custom_data),
        }

    def _address(self, address: Json | None) -> Json | None:
        if not isinstance(address, dict):
            return None
        recipient = address.get("recipient") or {}
        street, number = address.get("street"), address.get("houseNumber")
        code = address.get("countryCode")
        return {
            "firstName": recipient.get("firstName"),
            "lastName": recipient.get("lastName"),
            "gender": recipient.get("gender"),
            "street": street,
            "houseNumber": number,
            "streetHouseNumber": " ".join(part for part in (street, number) if part) or None,
            "additional": address.get("additional"),
            "zipCode": address.get("zipCode"),
            "city": address.get("city"),
            "state": address.get("state"),
            "countryCode": to_alpha2(code) if isinstance(code, str) else code,
            "phoneNumber": address.get("phone"),
            "collectionPoint": address.get("collectionPoint"),
        }

    def _cost(self, order: OrderRecord, units: list[Unit]) -> Json:
        cost: Json = order.document.get("cost") or {}
        if self._behaviour["delegationCost"] == "order" or len(units) == len(order.units):
            return cost
        gross = sum(unit.paid_gross for unit in units)
        net = sum(unit.paid_net for unit in units)
        return {
            "withTax": gross,
            "withoutTax": net,
            "tax": {"vat": {"amount": gross - net}},
            "costCapture": gross,
            "appliedFees": [],
        }

    def _item(self, unit: Unit) -> Json:
        item = unit.document
        price = item.get("price") or {}
        gross, net = paid_price(price)
        vat: Json = (price.get("tax") or {}).get("vat") or {}
        name = (item.get("product") or {}).get("name")
        return {
            "id": self._store.number("core line", 28_801),
            "orderItemId": str(unit.id),
            "merchantKey": unit.merchant,
            "productVariantId": unit.variant_id,
            "merchantProductVariantId": unit.variant_id,
            "merchantProductVariantReferenceKey": unit.sku,
            "name": name,
            "localizedName": name,
            "quantity": 1,
            "price": gross,
            "priceWithoutTax": net,
            "tax": percentage(Decimal(str(vat.get("rate") or 0))),
            "taxAmount": gross - net,
            "currencyCode": item.get("currency"),
            "warehouseReferenceKey": unit.warehouse,
            "shippingWarehouseReferenceKey": unit.warehouse,
            "itemGroup": item.get("itemGroup"),
            "merchantReservationKey": item.get("reservationKey"),
            "packagingGroupId": None,
            "vendorReferenceKey": None,
            "vendorSize": None,
            "customData": self._custom(unit.custom_data or {}),
        }

    def _custom(self, data: Json) -> Any:
        if data:
            return data
        choice = self._behaviour["emptyCustomData"]
        as_list = choice == "list" or (choice == "sometimes_list" and self._random.random() < 0.5)
        return [] if as_list else {}
