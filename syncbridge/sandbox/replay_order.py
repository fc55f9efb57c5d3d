"""What a replay is made of: orders to place, where they are placed, and what was left out of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

SUPPORTED_UNITS = 5_000
"""Units of one order that syncbridge promises to take (project decision)."""


@dataclass(frozen=True)
class ShopSetting:
    """Where the orders are placed: one shop country, whose one carrier brings everything, abroad too."""

    shop_key: str = "or"
    country_code: str = "GB"
    currency: str = "GBP"
    merchant: str = "scend"
    warehouse: str = "WH-SCEND-1"
    carrier: str = "ROYALMAIL_GB"


@dataclass(frozen=True)
class OrderLine:
    """Units with the same SKU and price. Amounts are minor units of one unit; `rate` is a fraction.

    `merchant` sells the line; empty is the one of the setting.
    """

    sku: str
    units: int
    gross_minor: int
    net_minor: int
    rate: Decimal
    name: str
    merchant: str = ""


@dataclass(frozen=True)
class DeliveryAddress:
    """An address as the shop has it; `country` is ISO 3166 alpha-2, empty when there is none."""

    recipient: str
    street: str
    house_number: str
    additional: str
    postcode: str
    city: str
    region: str
    country: str
    phone: str
    email: str


@dataclass(frozen=True)
class ReplayOrder:
    """One order to place: `after` the day's first one, `body` for `POST /_sandbox/orders`.

    `capped` counts units that the cap left out. `personal_data` are the texts that may appear nowhere but in orders.
    """

    name: str
    after: timedelta
    lines: tuple[OrderLine, ...]
    address: DeliveryAddress
    carrier: str
    body: dict[str, Any]
    capped: int = 0
    dirt: str = ""
    personal_data: tuple[str, ...] = ()

    @property
    def units(self) -> int:
        """How many units it has."""
        return sum(line.units for line in self.lines)

    @property
    def merchants(self) -> tuple[str, ...]:
        """Whose goods it has, sorted; an empty name stands for the setting's merchant."""
        return tuple(sorted({line.merchant for line in self.lines}))

    def part(self, merchant: str) -> ReplayOrder:
        """Return the same order with the lines of one merchant only."""
        return replace(self, lines=tuple(line for line in self.lines if line.merchant == merchant))

    @property
    def beyond_maximum(self) -> bool:
        """Whether it is larger than what syncbridge promises to take."""
        return self.units > SUPPORTED_UNITS


@dataclass(frozen=True)
class Replay:
    """Orders in the sequence in which they are placed, and what was left out, by name."""

    source: str
    orders: tuple[ReplayOrder, ...]
    held_credits: tuple[str, ...] = ()
    adjustments: tuple[str, ...] = ()
    carriage_only: tuple[str, ...] = ()
    held_lines: tuple[str, ...] = ()

    @property
    def skus(self) -> tuple[str, ...]:
        """Every SKU that an order names, sorted. All of them exist in the shop."""
        return tuple(sorted({line.sku for order in self.orders for line in order.lines}))

    def of(self, merchant: str) -> Replay:
        """Return the same with the lines of one merchant only, and without the orders that have none of it."""
        return replace(
            self, orders=tuple(order.part(merchant) for order in self.orders if merchant in order.merchants)
        )

    def limited(self, orders: int | None) -> Replay:
        """Return the same with the first `orders` orders only; None keeps all."""
        if orders is None or orders >= len(self.orders):
            return self
        return replace(self, orders=self.orders[:orders])

    def report(self) -> list[str]:
        """Say in lines of text what will be placed and what was left out, and why."""
        units = sum(order.units for order in self.orders)
        lines = [f"{self.source}: {len(self.orders)} orders, {units} units, {len(self.skus)} SKUs"]
        lines += [
            f"{len(names)} {what}: {', '.join(names)}"
            for names, what in (
                (self.held_credits, "credits, no order (the demo makes cancellations and returns of them)"),
                (self.adjustments, "invoices that sell nothing (stock written off), no order"),
                (self.carriage_only, "invoices with nothing but postage, no order"),
                (self.held_lines, "rows that sell nothing, on invoices that do, held"),
                (
                    tuple(one.name for one in self.orders if one.beyond_maximum),
                    "orders beyond the supported maximum",
                ),
                (
                    tuple(f"{one.name} ({one.dirt})" for one in self.orders if one.dirt),
                    "addresses made faulty",
                ),
            )
            if names
        ]
        capped = sum(order.capped for order in self.orders)
        if capped:
            lines.append(f"{capped} units left out by the cap on units per line")
        return lines
