"""What a shopper sees and does in the shop: a figure, and buying as long as it says enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from syncbridge.sandbox.control_plane import ControlError, control_body
from syncbridge.sandbox.faults import CONTROL_PREFIX
from syncbridge.sandbox.scayle.answers import ApiError, Json
from syncbridge.sandbox.scayle.organisation import DEFAULT_MERCHANT
from syncbridge.sandbox.scayle.stock import StockRow
from syncbridge.sandbox.scayle.world import World

PRICE: Json = {"unitPriceWithTax": 1920, "unitPriceWithoutTax": 1600, "taxRate": "0.2"}
"""What an article costs where the call does not say: 19.20 with a fifth of tax."""


class ShopFloor:
    """Handlers for `/_sandbox/shop/`. Looking and buying is one step on the event loop, so nothing comes between."""

    def __init__(self, world: World) -> None:
        self._world = world

    def register(self, app: web.Application) -> None:
        """Add the calls to the application."""
        app.router.add_get(f"{CONTROL_PREFIX}/shop/availability", self.availability)
        app.router.add_post(f"{CONTROL_PREFIX}/shop/buy", self.buy)

    async def availability(self, request: web.Request) -> web.Response:
        """Show what the shop would sell of a SKU: its quantity less blocked and reserved units."""
        return web.json_response(self._shown(self._row(request.query), request.query["sku"]))

    async def buy(self, request: web.Request) -> web.Response:
        """Place and pay an order of one SKU if the shop shows enough, else answer 409 with what it shows."""
        body = await control_body(request)
        try:
            quantity = int(body.get("quantity", 1))
            row = self._row(body)
        except (AttributeError, TypeError, ValueError) as error:
            raise ControlError(400, f"give sku and quantity: {error}") from error
        if quantity < 1:
            raise ControlError(400, "quantity is at least 1")
        sku = str(body["sku"])
        shown = self._shown(row, sku)
        if row is None or (row.sellable < quantity and not row.sellable_without_stock):
            self._world.journal.fact("shop.sold_out", wanted=quantity, **shown)
            return web.json_response({"error": "sold out", **shown}, status=409)
        line = {"sku": sku, "quantity": quantity, **PRICE}
        line |= {name: body[name] for name in (*PRICE, "name") if name in body}
        rest = {
            name: value for name, value in body.items() if name not in ("sku", "quantity", "name", *PRICE)
        }
        brief = {
            **rest,
            "merchant": row.merchant,
            "warehouse": row.warehouse,
            "lines": [line],
            "confirm": True,
        }
        try:
            order = self._world.place(brief)
        except ApiError as error:
            raise ControlError(error.status, error.message) from error
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
            raise ControlError(400, f"the order cannot be read: {type(error).__name__}: {error}") from error
        answer = {"id": order.id, "referenceKey": order.reference_key, "state": order.state}
        return web.json_response({**answer, **self._shown(row, sku)}, status=201)

    def _row(self, wanted: Mapping[str, Any]) -> StockRow | None:
        """Find the row that a shopper buys from: as named, else the first one of a merchant that sells."""
        sku = wanted.get("sku")
        if not sku:
            raise ControlError(400, "sku is required")
        try:
            variant = self._world.catalogue.variant(str(sku))
        except ApiError as error:
            raise ControlError(error.status, f"the shop has no variant {sku!r}") from error
        for row in self._world.stock.rows_of(variant["id"]):
            if row.merchant == DEFAULT_MERCHANT and wanted.get("merchant") != DEFAULT_MERCHANT:
                continue
            if wanted.get("merchant") in (None, row.merchant) and wanted.get("warehouse") in (
                None,
                row.warehouse,
            ):
                return row
        return None

    @staticmethod
    def _shown(row: StockRow | None, sku: str) -> Json:
        if row is None:
            return {"sku": sku, "available": 0, "quantity": 0, "blocked": 0}
        shown = {"available": max(0, row.sellable), "quantity": row.quantity, "blocked": len(row.blocks)}
        return {"sku": sku, "merchant": row.merchant, "warehouse": row.warehouse, **shown}
