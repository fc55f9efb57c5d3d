"""What can be sold: products, their variants (the SKUs), and prices."""

from __future__ import annotations

from typing import Any

from syncbridge.sandbox.scayle.answers import ApiError, Json


class Catalogue:
    """Products and variants, found by id or by reference key; keys that differ by case are two keys."""

    def __init__(self) -> None:
        self.products: dict[int, Json] = {}
        self.variants: dict[int, Json] = {}
        self._product_keys: dict[str, int] = {}
        self._variant_keys: dict[str, int] = {}

    def put_product(self, seed: Json) -> Json:
        """Add or change a product with its variants; a bare `{"sku": ...}` is a product of one variant."""
        if "sku" in seed:
            bare = {name: value for name, value in seed.items() if name not in ("sku", "name")}
            key, variants = str(seed["sku"]), [{"referenceKey": seed["sku"], **bare}]
        else:
            key, variants = str(seed["referenceKey"]), list(seed.get("variants", []))
        number = self._product_keys.get(key)
        if number is None:
            number = int(seed.get("id") or 4_000 + len(self.products) + 1) if "sku" not in seed else 0
            while not number or number in self.products:
                number = max(self.products, default=4_000) + 1
            self._product_keys[key] = number
            self.products[number] = {"id": number, "referenceKey": key, "state": "live", "variantIds": []}
        product = self.products[number]
        name = seed.get("name", product.get("name", key))
        product["name"] = name if isinstance(name, dict) else {"en_GB": str(name)}
        for variant in variants:
            self._put_variant(product, variant)
        return product

    def _put_variant(self, product: Json, seed: Json) -> None:
        key = str(seed.get("referenceKey") or seed["sku"])
        number = self._variant_keys.get(key)
        if number is None:
            number = int(seed["id"]) if "id" in seed else max(self.variants, default=40_000) + 1
            self._variant_keys[key] = number
            self.variants[number] = {
                "id": number,
                "referenceKey": key,
                "productId": product["id"],
                "ean": None,
                "merchantReferenceKeys": [],
                "attributes": [],
                "prices": [],
                "customData": {},
                "isComposite": False,
                "relatedVariants": [],
            }
            product["variantIds"].append(number)
        skipped = ("id", "referenceKey", "sku", "stock")
        self.variants[number].update({k: v for k, v in seed.items() if k not in skipped})

    def ensure_sku(self, sku: str, name: str) -> Json:
        """Return the variant of a SKU that an order brings, adding it to the catalogue if it is new."""
        number = self._variant_keys.get(sku)
        if number is None:
            self.put_product({"sku": sku, "name": name})
            number = self._variant_keys[sku]
        return self.variants[number]

    def variant(self, identifier: int | str) -> Json:
        """Return a variant by id or key; raises ApiError 404."""
        number = self._variant_keys.get(identifier) if isinstance(identifier, str) else identifier
        variant = self.variants.get(number) if number is not None else None
        if variant is None:
            raise ApiError(
                404, "VARIANT_NOT_FOUND", "No variant with that key.", {"variant": str(identifier)}
            )
        return variant

    def product(self, identifier: int | str) -> Json:
        """Return a product by id or key; raises ApiError 404."""
        number = self._product_keys.get(identifier) if isinstance(identifier, str) else identifier
        product = self.products.get(number) if number is not None else None
        if product is None:
            raise ApiError(
                404, "PRODUCT_NOT_FOUND", "No product with that key.", {"product": str(identifier)}
            )
        return product

    def product_name(self, variant: Json) -> str:
        """Return the display name of a variant's product."""
        names: dict[str, Any] = self.products[variant["productId"]]["name"]
        return str(next(iter(names.values()), variant["referenceKey"]))

    def product_view(self, product: Json, wanted: frozenset[str], stocks: dict[int, list[Json]]) -> Json:
        """Return a product as the API shows it; variants only when asked for."""
        view = {name: value for name, value in product.items() if name != "variantIds"}
        view["attributes"] = product.get("attributes", [])
        if any(name == "variants" or name.startswith("variants.") for name in wanted):
            view["variants"] = [
                self.variant_view(self.variants[number], stocks.get(number, []))
                for number in product["variantIds"]
            ]
        return view

    def variant_view(self, variant: Json, stocks: list[Json]) -> Json:
        """Return a full variant with its stocks."""
        return {**{name: value for name, value in variant.items() if name != "productId"}, "stocks": stocks}
