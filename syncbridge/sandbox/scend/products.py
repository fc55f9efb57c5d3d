"""The catalogue of one account: products are made on the Scend side only (contract 2.15, assumed)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.scend.feeds import Feed, Row
from syncbridge.sandbox.scend.fields import sku_problem

DEFAULTS: dict[str, Any] = {
    "description": None,
    "barcodes": [],
    "active": True,
    "weightGrams": None,
    "dimensionsMm": None,
    "hsCode": None,
    "countryOfOrigin": None,
    "hazardous": False,
}


class Catalogue:
    """The products of one account, by SKU."""

    def __init__(self, clock: SandboxClock) -> None:
        self.feed: Feed[Row] = Feed(clock, "changedAt")

    def find(self, sku: str) -> Row | None:
        """Return the product, or None."""
        return self.feed.rows.get(sku)

    def is_active(self, sku: str) -> bool:
        """Say whether the SKU is set up and not discontinued."""
        product = self.feed.rows.get(sku)
        return product is not None and bool(product.document["active"])

    def put(self, product_id: str, given: Mapping[str, Any]) -> bool:
        """Create or change a product; return whether anything changed.

        Members that are not given keep their value (or get the default). Raises ValueError for a malformed
        SKU or an unknown member.
        """
        sku = given.get("sku")
        if not isinstance(sku, str) or (problem := sku_problem(sku)) is not None:
            raise ValueError(f"SKU {sku!r}: {problem if isinstance(sku, str) else 'is not a text'}")
        unknown = set(given) - set(DEFAULTS) - {"sku"}
        if unknown:
            raise ValueError(f"product {sku}: unknown members {', '.join(sorted(unknown))}")
        row = self.feed.rows.get(sku)
        if row is None:
            document = {
                "productId": product_id,
                "sku": sku,
                **DEFAULTS,
                **given,
                "changedAt": None,
                "sequence": 0,
            }
            row = Row(sku, document)
        elif all(row.document[name] == value for name, value in given.items()):
            return False
        else:
            row.document.update(given)
        self.feed.touch(row)
        return True
