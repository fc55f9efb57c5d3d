"""Who sells, who fulfils and who carries: shops, merchants, warehouses and carriers of the tenant."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from syncbridge.sandbox.scayle.answers import ApiError, Json

T = TypeVar("T")

DEFAULT_MERCHANT = "default"
"""Exists from the start (documented); nobody sells from it here."""


def mask_url(url: str | None) -> str | None:
    """Hide the credentials of a URL as SCAYLE does when it is read back: https://***:***@host/path."""
    if not url:
        return url
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"***:***@{host}"))


class Register:
    """Entities with an integer id and a key, found by either."""

    def __init__(self, what: str, key_name: str = "referenceKey") -> None:
        self._what = what
        self._key_name = key_name
        self.by_id: dict[int, Json] = {}
        self._by_key: dict[str, Json] = {}

    def add(self, entity: Json) -> Json:
        """Store an entity, giving it the next id unless it has one; raises ApiError 409 for a taken key."""
        key = entity[self._key_name]
        if key in self._by_key:
            raise ApiError(409, f"{self._what}_EXISTS", f"The key {key} is taken.", {self._key_name: key})
        entity.setdefault("id", max(self.by_id, default=0) + 1)
        self.by_id[entity["id"]] = self._by_key[key] = entity
        return entity

    def get(self, identifier: int | str) -> Json:
        """Return an entity by id or key; raises ApiError 404."""
        entity = self.look(identifier)
        if entity is None:
            raise ApiError(
                404, f"{self._what}_NOT_FOUND", "There is no such entity.", {"identifier": str(identifier)}
            )
        return entity

    def look(self, identifier: int | str | None) -> Json | None:
        """Return an entity by id or key, or None."""
        if isinstance(identifier, str):
            return self._by_key.get(identifier)
        return self.by_id.get(identifier) if identifier is not None else None

    def put(self, entity: Json) -> Json:
        """Store or change an entity by its key."""
        known = self._by_key.get(entity[self._key_name])
        if known is None:
            return self.add(entity)
        known.update(entity)
        return known

    def rename(self, entity: Json, key: str) -> None:
        """Give an entity another key; raises ApiError 409 if it is taken."""
        if self._by_key.get(key, entity) is not entity:
            raise ApiError(409, f"{self._what}_EXISTS", f"The key {key} is taken.", {self._key_name: key})
        del self._by_key[entity[self._key_name]]
        entity[self._key_name] = key
        self._by_key[key] = entity

    def remove(self, entity: Json) -> None:
        """Forget an entity."""
        del self.by_id[entity["id"]]
        del self._by_key[entity[self._key_name]]

    def sorted(self) -> list[Json]:
        """Return all entities in ascending order of id."""
        return [self.by_id[number] for number in sorted(self.by_id)]


class Organisation:
    """The tenant's set-up. Documents are stored as seeded and shown through the `..._view` methods."""

    def __init__(self) -> None:
        self.shops = Register("SHOP", "key")
        self.merchants = Register("MERCHANT")
        self.warehouses = Register("WAREHOUSE")
        self.carriers = Register("CARRIER", "key")
        self.put_merchant({"referenceKey": DEFAULT_MERCHANT, "name": "Default"})

    # ---- set-up

    def put_shop(self, seed: Json) -> Json:
        """Add or change a shop with its countries."""
        shop = self.shops.look(seed["key"]) or self.shops.add(
            {"key": seed["key"], "name": seed.get("name", seed["key"]), "companyId": 1, "countries": []}
        )
        shop.update({name: value for name, value in seed.items() if name != "countries"})
        for country in seed.get("countries", []):
            self.put_shop_country(shop, country)
        return shop

    def put_shop_country(self, shop: Json, seed: Json) -> Json:
        """Add or change a country of a shop."""
        code = str(seed["countryCode"]).upper()
        language = seed.get("languageCode", seed.get("defaultLanguageCode", f"en_{code}"))
        known = next((one for one in shop["countries"] if one["countryCode"] == code), None)
        if known is None:
            number = 10_042 + sum(len(other["countries"]) for other in self.shops.by_id.values())
            known = {
                "id": number,
                "shopKey": shop["key"],
                "countryCode": code,
                "defaultLanguageCode": language,
                "supportedLanguageCodes": [language],
                "url": f"{shop['key']}.example",
                "active": True,
                "deleted": False,
                "priceGroupKey": None,
                "currencyCode": "GBP",
                "warehouses": [],
            }
            shop["countries"].append(known)
        known.update(
            {k: v for k, v in seed.items() if k not in ("countryCode", "languageCode", "warehouses")}
        )
        for attachment in seed.get("warehouses", []):
            self.attach_shop_warehouse(known, attachment)
        return known

    def put_warehouse(self, seed: Json) -> Json:
        """Add or change a warehouse."""
        return self.warehouses.put({"shopCountries": [], "isZeosWarehouse": False, **seed})

    def put_carrier(self, seed: Json) -> Json:
        """Add or change a carrier."""
        return self.carriers.put({"name": seed["key"], "trackingUrl": None, **seed})

    def put_merchant(self, seed: Json) -> Json:
        """Add or change a merchant; `warehouses` are keys, `carriers` are `{carrier: key, countryCode}`."""
        fields = {name: value for name, value in seed.items() if name not in ("warehouses", "carriers")}
        known = self.merchants.look(seed["referenceKey"])
        if known is None:
            blank = {"name": seed["referenceKey"], "priority": 1, "orderDelegationUrl": None}
            blank |= {"cancellationUrl": None, "contacts": [], "returnAddresses": [], "customData": {}}
            known = self.merchants.add({**blank, **fields, "carriers": [], "warehouses": []})
        known.update(fields)
        for key in seed.get("warehouses", []):
            warehouse = self.warehouses.look(key) or self.put_warehouse({"referenceKey": key})
            if warehouse["id"] not in known["warehouses"]:
                known["warehouses"].append(warehouse["id"])
        for pair in seed.get("carriers", []):
            carrier = self.carriers.look(pair["carrier"]) or self.put_carrier({"key": pair["carrier"]})
            entry = {"carrierId": carrier["id"], "countryCode": str(pair["countryCode"]).upper()}
            if entry not in known["carriers"]:
                known["carriers"].append(entry)
        return known

    def attach_shop_warehouse(self, shop_country: Json, seed: Json) -> Json:
        """Attach a warehouse to a shop country with a priority, or change the attachment."""
        warehouse = self.warehouses.get(seed.get("id") or seed["referenceKey"])
        entry = next((one for one in shop_country["warehouses"] if one["id"] == warehouse["id"]), None)
        if entry is None:
            entry = {"id": warehouse["id"], "referenceKey": warehouse["referenceKey"], "priority": 1}
            shop_country["warehouses"].append(entry)
        entry.update({name: seed[name] for name in ("priority", "packageGroup") if name in seed})
        return entry

    # ---- questions

    def shop_country(self, shop_key: str, country: str) -> Json:
        """Return a shop's country by alpha-2 code in any case, or by its id; raises ApiError 404."""
        shop = self.shops.look(shop_key)
        for one in shop["countries"] if shop is not None else []:
            if one["countryCode"] == country.upper() or str(one["id"]) == country:
                found: Json = one
                return found
        raise ApiError(
            404,
            "SHOP_COUNTRY_NOT_FOUND",
            "No such shop country.",
            {"shopKey": shop_key, "countryCode": country},
        )

    def company_of(self, shop_key: str) -> int:
        """Return the company a shop belongs to; 1 for a shop that is not known."""
        shop = self.shops.look(shop_key)
        return int(shop["companyId"]) if shop is not None else 1

    def carrier_serves(self, merchant: Json, carrier: Json, country: str) -> bool:
        """Say whether a carrier is assigned to a merchant and country; a merchant without any takes all."""
        entries = merchant["carriers"]
        return not entries or {"carrierId": carrier["id"], "countryCode": country} in entries

    def carrier_for(self, merchant_key: str, country: str) -> str | None:
        """Return the key of the first carrier a merchant uses for a country, or of any carrier, or None."""
        merchant = self.merchants.look(merchant_key)
        entries: list[Any] = merchant["carriers"] if merchant is not None else []
        for entry in entries:
            if entry["countryCode"] == country:
                return str(self.carriers.by_id[entry["carrierId"]]["key"])
        first = next(iter(self.carriers.sorted()), None)
        return str(first["key"]) if first is not None and not entries else None

    # ---- views

    def merchant_view(self, merchant: Json, wanted: frozenset[str]) -> Json:
        """Return a merchant as the API shows it: URLs masked, nested members only where asked for."""
        view = {name: merchant[name] for name in ("id", "referenceKey", "name", "priority", "customData")}
        view["orderDelegationUrl"] = mask_url(merchant["orderDelegationUrl"])
        view["cancellationUrl"] = mask_url(merchant["cancellationUrl"])
        for name in ("contacts", "returnAddresses"):
            if name in wanted:
                view[name] = merchant[name]
        if "carriers" in wanted:
            view["carriers"] = [
                {"countryCode": one["countryCode"], "carrier": self.carriers.by_id[one["carrierId"]]}
                for one in merchant["carriers"]
            ]
        if "warehouses" in wanted:
            view["warehouses"] = [self._short_warehouse(number) for number in merchant["warehouses"]]
        return view

    def warehouse_view(self, warehouse: Json) -> Json:
        """Return a warehouse with the merchants and the shop countries it is attached to."""
        number = warehouse["id"]
        merchants = [one for one in self.merchants.sorted() if number in one["warehouses"]]
        return {
            "id": number,
            "referenceKey": warehouse["referenceKey"],
            "isZeosWarehouse": warehouse["isZeosWarehouse"],
            "merchants": [
                {name: one[name] for name in ("id", "referenceKey", "name", "priority")} for one in merchants
            ],
            "shopCountries": [
                {
                    "shopKey": country["shopKey"],
                    "countryCode": country["countryCode"],
                    "priority": entry["priority"],
                    "packageGroup": entry.get("packageGroup"),
                }
                for shop in self.shops.sorted()
                for country in shop["countries"]
                for entry in country["warehouses"]
                if entry["id"] == number
            ],
        }

    def _short_warehouse(self, number: int) -> Json:
        return {"id": number, "referenceKey": self.warehouses.by_id[number]["referenceKey"]}
