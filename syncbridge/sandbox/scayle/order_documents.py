"""Order documents in the Admin API's shape, from compact descriptions or from documents of that shape."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from decimal import Decimal

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.scayle import pricing
from syncbridge.sandbox.scayle.answers import Json, stamp
from syncbridge.sandbox.scayle.catalogue import Catalogue
from syncbridge.sandbox.scayle.countries import to_alpha3
from syncbridge.sandbox.scayle.organisation import DEFAULT_MERCHANT, Organisation
from syncbridge.sandbox.scayle.settings import Behaviour
from syncbridge.sandbox.scayle.state import Store

RECIPIENT_FIELDS = ("firstName", "lastName", "gender", "title", "type")
LIFE_FIELDS = ("delegatedAt", "shippedAt", "cancelledAt", "returnedAt", "packageId")
SAMPLE_ADDRESS = {"street": "Mill Lane", "houseNumber": "4a", "zipCode": "LS1 4AB", "city": "Leeds"}

_OPTIONS = frozenset(
    {
        "confirm",
        "buy",
        "delegationDelaySeconds",
        "newIds",
        "merchant",
        "warehouse",
        "patch",
        "remove",
        "captureFails",
    }
)
"""Members of a brief that are not part of a raw order."""


class OrderDocuments:
    """Make complete order objects. Shops, merchants, warehouses and SKUs that are new are set up on the way."""

    def __init__(
        self,
        clock: SandboxClock,
        behaviour: Behaviour,
        store: Store,
        catalogue: Catalogue,
        organisation: Organisation,
    ) -> None:
        self._clock = clock
        self._behaviour = behaviour
        self._store = store
        self._catalogue = catalogue
        self._organisation = organisation

    def from_lines(self, brief: Json) -> Json:
        """Make the document of a compact order; raises ValueError without lines or prices."""
        lines = brief.get("lines")
        if not isinstance(lines, list) or not lines:
            raise ValueError(
                "an order needs lines: [{sku, quantity, unitPriceWithTax, taxRate, merchant, ...}]"
            )
        document = self._frame(brief)
        voucher = brief.get("voucher")
        relative = voucher if voucher and voucher.get("type") == "relative" else None
        items = document["items"]
        for line in lines:
            items.extend(self._items_of_line(line, brief, document["currencyCode"], relative))
        booked = None
        if voucher and relative is None:
            booked = pricing.book_absolute_voucher(
                items,
                int(voucher["value"]),
                voucher.get("code"),
                self._behaviour.on("absoluteVoucherInItemPrice"),
            )
        gift_card = int(brief.get("giftCard", 0))
        fees = self._fees(brief)
        by_line = brief.get("calculator", "v1") == "v1"
        cost = pricing.order_cost(items, fees, booked, gift_card, by_line)
        document["cost"] = cost
        fee = next((one["amount"]["withTax"] for one in fees if one["category"] == "delivery"), 0)
        document["shipping"] = {
            "policy": brief.get("shippingPolicy", "least_packages"),
            "deliveryCosts": fee,
            "expressDeliveryCosts": 0,
            "deliveryCostsWithoutDiscount": fee,
            "expressDeliveryCostsWithoutDiscount": 0,
        }
        document["payment"] = self._payments(brief, cost, gift_card, document["id"])
        document["vouchers"] = [_voucher(voucher, items, relative is not None)] if voucher else []
        return document

    def _frame(self, brief: Json) -> Json:
        shop_country = self._shop_country(brief)
        number = int(brief["id"]) if brief.get("id") is not None else self._store.new_order_id()
        shop, country = shop_country["shopKey"], shop_country["countryCode"]
        created = brief.get("createdAt") or stamp(self._clock.now())
        customer = self._customer(brief, created)
        shared = brief.get("address", SAMPLE_ADDRESS)
        return {
            "id": number,
            "referenceKey": brief.get("referenceKey", f"{shop.upper()}-{country}-{number}"),
            "publicKey": brief.get("publicKey", f"{shop.upper()}{number}"),
            "basketKey": brief.get("basketKey", f"bk-{number:x}"),
            "createdAt": created,
            "currencyCode": brief.get("currency", shop_country.get("currencyCode")),
            "shopCountry": shop_country,
            "address": {
                "billing": self._address(brief.get("billing", shared), customer, country, "billing"),
                "shipping": self._address(brief.get("shipping", shared), customer, country, "shipping"),
            },
            "customer": customer,
            "contacts": brief.get("contacts", []),
            "items": [],
        }

    def from_raw(self, raw: Json, brief: Json) -> Json:
        """Take a document as it stands and take off only what tells of its former life."""
        if not isinstance(raw.get("items"), list) or not raw["items"]:
            raise ValueError("a raw order needs items")
        document: Json = {k: v for k, v in copy.deepcopy(raw).items() if k not in _OPTIONS}
        if brief.get("newIds") or not isinstance(document.get("id"), int):
            document["id"] = self._store.new_order_id()
            document.pop("referenceKey", None) if brief.get("newIds") else None
        if not isinstance(document.get("shopCountry"), dict):
            document["shopCountry"] = self._shop_country(brief)
        shop_country = document["shopCountry"]
        key = f"{str(shop_country['shopKey']).upper()}-{shop_country['countryCode']}-{document['id']}"
        document.setdefault("referenceKey", key)
        document.setdefault("createdAt", stamp(self._clock.now()))
        document.pop("packages", None)
        for item in document["items"]:
            if brief.get("newIds") or not isinstance(item.get("id"), int):
                item["id"] = self._store.new_unit_id()
            item["status"] = "available"
            for name in LIFE_FIELDS:
                item.pop(name, None)
        return document

    def _items_of_line(
        self, line: Json, brief: Json, currency: str | None, relative: Json | None
    ) -> Iterable[Json]:
        merchant = self.merchant(line.get("merchant") or brief.get("merchant"))
        warehouse = self.warehouse(line.get("warehouse") or brief.get("warehouse"), merchant)
        price = pricing.unit_price(line, relative).document()
        sku = line.get("sku")
        name = line.get("name") or sku
        variant: Json | None = None
        product: Json = {"name": name}
        if sku is not None:
            known = self._catalogue.ensure_sku(str(sku), str(name))
            key = line.get("variantKey", known["referenceKey"])
            variant = {"id": known["id"], "referenceKey": key, "stock": {"supplierId": merchant["id"]}}
            product = {"id": known["productId"], "name": name or self._catalogue.product_name(known)}
        created = stamp(self._clock.now())
        for _ in range(int(line.get("quantity", 1))):
            number = self._store.new_unit_id()
            item: Json = {
                "id": number,
                "key": f"it-{number:x}",
                "variant": variant,
                "product": product,
                "merchant": {"id": merchant["id"], "referenceKey": merchant["referenceKey"]},
                "warehouseId": warehouse["id"] if warehouse is not None else None,
                "status": "available",
                "currency": line.get("currency", currency),
                "price": price,
                "createdAt": created,
                "updatedAt": created,
            }
            if variant is None:
                del item["variant"]
            for option in ("itemGroup", "reservationKey", "promotions", "legacyCustomData"):
                if option in line:
                    item[option] = line[option]
            if "delegation" in line:
                item["delegationPart"] = int(line["delegation"])
            yield item

    # ---- parts

    def _shop_country(self, brief: Json) -> Json:
        shops = self._organisation.shops.sorted()
        shop_key = brief.get("shop") or (shops[0]["key"] if shops else "nb")
        shop = self._organisation.put_shop({"key": shop_key})
        countries = shop["countries"]
        code = brief.get("country") or (countries[0]["countryCode"] if countries else "GB")
        known = next((one for one in countries if one["countryCode"] == str(code).upper()), None)
        if known is None:
            known = self._organisation.put_shop_country(shop, {"countryCode": code})
        return {name: value for name, value in known.items() if name != "warehouses"}

    def merchant(self, key: str | None) -> Json:
        """Return a merchant, made if it is new; without a key the first one that sells."""
        if key is not None:
            return self._organisation.merchants.look(key) or self._organisation.put_merchant(
                {"referenceKey": key}
            )
        sellers = [
            one for one in self._organisation.merchants.sorted() if one["referenceKey"] != DEFAULT_MERCHANT
        ]
        return sellers[0] if sellers else self._organisation.merchants.get(DEFAULT_MERCHANT)

    def warehouse(self, key: str | None, merchant: Json) -> Json | None:
        """Return a warehouse, made if it is new; without a key the merchant's first one, if it has any."""
        if key is not None:
            return self._organisation.warehouses.look(key) or self._organisation.put_warehouse(
                {"referenceKey": key}
            )
        own = merchant["warehouses"]
        return self._organisation.warehouses.by_id[own[0]] if own else None

    def _customer(self, brief: Json, created: str) -> Json:
        given = brief.get("customer") or {}
        number = given.get("id") or self._store.number("customer", 90_017)
        return {
            "id": number,
            "referenceKey": f"C-{number}",
            "publicKey": f"cust-{number}",
            "firstName": "Priya",
            "lastName": "Okafor",
            "gender": "f",
            "email": f"shopper{number}@example.com",
            "type": "personal",
            "groups": [],
            "status": {"isActive": True, "isGuestCustomer": False},
            "createdAt": created,
            "updatedAt": created,
            **given,
        }

    def _address(self, given: Json | None, customer: Json, country: str, kind: str) -> Json | None:
        if given is None:
            return None
        rest = {name: value for name, value in given.items() if name not in RECIPIENT_FIELDS}
        recipient = {name: given[name] for name in RECIPIENT_FIELDS if name in given}
        if not recipient:
            recipient = {
                name: customer[name] for name in ("firstName", "lastName", "gender") if name in customer
            }
        defaults = {"billing": kind == "billing", "shipping": kind == "shipping"}
        address: Json = {
            "id": self._store.number("address", 551),
            "countryCode": country,
            "isDefault": defaults,
            "recipient": {"type": "personal", **recipient},
            **rest,
        }
        if isinstance(address["countryCode"], str):
            address["countryCode"] = to_alpha3(address["countryCode"])
        return address

    def _fees(self, brief: Json) -> list[Json]:
        fees: list[Json] = list(brief.get("fees", []))
        charge = brief.get("shippingFee")
        if charge is not None:
            detail = charge if isinstance(charge, dict) else {"withTax": charge}
            rate = Decimal(str(detail.get("taxRate", "0.2")))
            key = detail.get("key", "base_shipping_service_cost")
            fees.insert(0, pricing.fee_document(key, "delivery", int(detail["withTax"]), rate))
        return fees

    def _payments(self, brief: Json, cost: Json, gift_card: int, number: int) -> list[Json]:
        given = brief.get("payment", "creditcard")
        if isinstance(given, list):
            return given
        data = {"CCBrand": "VISA"} if given == "creditcard" else {}
        entries: list[Json] = [
            {"key": given, "amount": cost["costCapture"], "transactionKey": f"tx-{number:x}", "data": data}
        ]
        if gift_card:
            used = min(gift_card, cost["withTax"])
            entries.append(
                {
                    "key": "gift_card",
                    "amount": used,
                    "transactionKey": f"gc-{number:x}",
                    "data": {},
                    "isGiftCard": True,
                }
            )
        return entries


def _voucher(voucher: Json, items: list[Json], relative: bool) -> Json:
    booked = [item for item in items if "absoluteVoucherReducedPrice" in item["price"]]
    if relative:
        booked = items
    value = int(Decimal(str(voucher["value"])) * 10_000) if relative else int(voucher["value"])
    return {
        "id": 346,
        "voucherId": 346,
        "code": voucher.get("code"),
        "type": "relative" if relative else "absolute",
        "value": value,
        "applicableItems": [{"key": item["key"], "isApplied": True} for item in booked],
    }
