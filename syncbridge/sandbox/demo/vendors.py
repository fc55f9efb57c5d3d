"""The stand-ins as the demo sets them up and watches them: through their control planes and their APIs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from syncbridge.sandbox.demo import second
from syncbridge.sandbox.demo.addresses import (
    ACCOUNT,
    CARRIER,
    COUNTRY,
    MERCHANT,
    RATE_CAPACITY,
    RATE_PER_SECOND,
    SHOP_KEY,
    WAREHOUSE_CODE,
    Addresses,
)
from syncbridge.sandbox.demo.mischief import WEBHOOK_TROUBLE, scayle_faults, scend_faults
from syncbridge.sandbox.demo.processes import DemoFailed
from syncbridge.sandbox.replay import ControlPlane, ReplayRefused, products, stock, variants
from syncbridge.sandbox.replay_order import Replay
from syncbridge.sandbox.shop_records import OPEN, SHOP_SECTIONS, ShopRecord, read_shop
from syncbridge.sandbox.unexpected import given_up_orders
from syncbridge.sandbox.warehouse_records import WAREHOUSE_SECTIONS, WarehouseRecord, read_erp, read_warehouse

READY_SECONDS = 90.0
"""A second each; a machine that does much else takes longer."""
SPARE_UNITS = 12
"""What every SKU has beyond twice the day's sales: more than pickers fail to find, so that every order can end."""

SCAYLE_EVENTS = (
    "order-confirmed",
    "order-delegated",
    "order-package-shipped",
    "order-cancelled",
    "order-item-cancelled",
    "order-item-unshippable",
    "order-item-returned",
    "payment-refund",
)

SCEND_TOPICS = ("order.status_changed", "despatch.created", "despatch.updated", "stock.changed", "return.received")

PACE: dict[str, Any] = {
    # A minute between payment and delegation, and minutes between its repeats, would make a long demo.
    "delegationDelaySeconds": 1.0,
    "delegationTimeScale": 0.02,
    "webhookTimeScale": 0.05,
    # A minute until SCAYLE asks again whether something may be cancelled, and more and more after that.
    "cancellationTimeScale": 0.02,
}
"""Settings of the SCAYLE stand-in that shorten waiting and change nothing else."""

WAREHOUSE_PACE: dict[str, Any] = {
    "rateCapacity": RATE_CAPACITY,
    "ratePerSecond": RATE_PER_SECOND,
    "webhookTimeScale": 0.2,
    "autoProgress": {"enabled": True, "speed": 2.0, "shortPickShare": 0.05, "partialShare": 0.15},
}
"""Settings of the Scend stand-in: its warehouse works by itself, quickly, and not without trouble."""


NO_ORDERWISE: dict[str, Any] = {"orders": {"total": 0}, "despatches": {"total": 0}, "faultsInjected": {}}


@dataclass(frozen=True)
class Sight:
    """How far things are, in orders and units."""

    delegated: int
    on_scend: int
    in_orderwise: int
    despatches: int
    shipments: int
    units: int
    open_units: int
    faults: int


class Vendors:
    """The control planes; with `both` that of OrderWise too. Use as a context manager."""

    def __init__(self, addresses: Addresses, *, both: bool = False) -> None:
        self._addresses = addresses
        self.scayle = ControlPlane(addresses.scayle, addresses.control_token)
        self.scend = ControlPlane(addresses.scend, addresses.control_token)
        self.orderwise = ControlPlane(addresses.orderwise, addresses.control_token) if both else None

    def __enter__(self) -> Vendors:
        return self

    def __exit__(self, *_: object) -> None:
        for _name, plane in self._planes():
            plane.close()

    def _planes(self) -> list[tuple[str, ControlPlane]]:
        planes = [("SCAYLE", self.scayle), ("Scend", self.scend)]
        return [*planes, ("OrderWise", self.orderwise)] if self.orderwise is not None else planes

    def wait_until_ready(self) -> None:
        """Return when all answer. Raises DemoFailed."""
        deadline = time.monotonic() + READY_SECONDS
        for name, plane in self._planes():
            while True:
                try:
                    plane.call("GET", "/clock")
                    break
                except ReplayRefused as error:
                    if time.monotonic() > deadline:
                        raise DemoFailed(f"the {name} stand-in does not answer: {error}") from error
                    time.sleep(0.1)

    def set_up(self, work: Replay, seed: int) -> None:
        """Make the tenant and the accounts, with everything that they sell and hold."""
        addresses = self._addresses
        self.scayle.call("PUT", "/settings", PACE)
        hooks = [
            {"event": event, "version": 1, "url": addresses.inbound("/scayle/webhooks")}
            for event in SCAYLE_EVENTS
        ]
        sellers = [second.FIRST, *([second.SECOND] if self.orderwise is not None else [])]
        merchants = [
            {
                "referenceKey": one.merchant,
                "warehouses": [one.warehouse],
                "carriers": [{"carrier": CARRIER, "countryCode": COUNTRY}],
                "orderDelegationUrl": addresses.inbound(f"/scayle/{one.merchant}/orders"),
                "cancellationUrl": addresses.inbound(f"/scayle/{one.merchant}/cancellations"),
            }
            for one in sellers
        ]
        self.scayle.call(
            "POST",
            "/seed",
            {
                "warehouses": [{"referenceKey": one.warehouse} for one in sellers],
                "carriers": [{"key": CARRIER, "trackingUrl": "https://track.example/{shipmentKey}"}],
                "shops": [
                    {
                        "key": SHOP_KEY,
                        "countries": [
                            {
                                "countryCode": COUNTRY,
                                "currencyCode": "GBP",
                                "warehouses": [
                                    {"referenceKey": one.warehouse, "priority": place}
                                    for place, one in enumerate(sellers, 1)
                                ],
                            }
                        ],
                    }
                ],
                "merchants": merchants,
                # They are there before the first order, so that stock can be published for them.
                "products": [*variants(work), *({"sku": sku} for sku in self._own_products())],
                "webhooks": hooks,
            },
        )
        self._stock_orderwise(work, seed)
        mine = work if self.orderwise is None else work.of(MERCHANT)
        automatic = {**WAREHOUSE_PACE["autoProgress"], "seed": seed}
        self.scend.call("PUT", "/settings", {**WAREHOUSE_PACE, "autoProgress": automatic})
        self.scend.call(
            "POST",
            "/seed",
            {
                "accounts": [{"accountCode": ACCOUNT, "warehouses": [WAREHOUSE_CODE]}],
                "products": products(mine),
                "stock": stock(mine, WAREHOUSE_CODE, spare=SPARE_UNITS),
            },
        )
        subscription = {
            "accountCode": ACCOUNT,
            "url": f"{addresses.web}/scend/webhooks/{ACCOUNT}",
            "topics": list(SCEND_TOPICS),
            "secret": addresses.webhook_secret,
        }
        self.scend.call("POST", "/webhooks/subscriptions", subscription)

    def _stock_orderwise(self, work: Replay, seed: int) -> None:
        if self.orderwise is None:
            return
        self.orderwise.call("POST", "/seed", second.goods(work.of(second.ERP_MERCHANT), SPARE_UNITS))
        automatic = {**second.PACE["autoProgress"], "seed": seed}
        self.orderwise.call("PUT", "/settings", {**second.PACE, "autoProgress": automatic})

    def _own_products(self) -> list[str]:
        """Return the SKUs that Scend's stand-in has by itself: the shop sells them too, though nobody orders them."""
        rows = self.scend.call("GET", "/state", section="products")["products"]
        return [str(row["sku"]) for row in rows]

    def make_trouble(self, seed: int) -> None:
        """Plan the seeded mix of faults."""
        self.scayle.call("POST", "/faults", scayle_faults(seed))
        self.scayle.call("PUT", "/settings", WEBHOOK_TROUBLE)
        self.scend.call("POST", "/faults", scend_faults(seed))
        if self.orderwise is not None:
            self.orderwise.call("POST", "/faults", second.orderwise_faults(seed))

    def end_trouble(self) -> None:
        """Forget the faults that are still planned, so that the day can end."""
        calm = {
            "webhookDuplicateProbability": 0.0,
            "webhookDropProbability": 0.0,
            "webhookShuffleSeconds": 0.0,
        }
        self.scayle.call("DELETE", "/faults")
        self.scayle.call("PUT", "/settings", calm)
        self.scend.call("DELETE", "/faults")
        if self.orderwise is not None:
            self.orderwise.call("DELETE", "/faults")

    def repeat_delegation(self, order_id: int, times: int) -> None:
        """Let SCAYLE delegate the same order again, all at once."""
        self.scayle.call("POST", f"/orders/{order_id}/redelegate", {"times": times})

    def look(self) -> Sight:
        """Count, cheaply."""
        shop, warehouse = self.scayle.call("GET", "/summary"), self.scend.call("GET", "/summary")
        erp = self.orderwise.call("GET", "/summary") if self.orderwise is not None else NO_ORDERWISE
        by_status: dict[str, int] = shop["unitsByStatus"]
        return Sight(
            delegated=int(shop["delegationsByState"].get("acknowledged", 0)),
            on_scend=int(warehouse["orders"]["total"]),
            in_orderwise=int(erp["orders"]["total"]),
            despatches=int(warehouse["despatches"]["total"]) + int(erp["despatches"]["total"]),
            shipments=int(shop["shipments"]),
            units=int(shop["units"]),
            open_units=sum(count for status, count in by_status.items() if status in OPEN),
            faults=sum(sum(one["faultsInjected"].values()) for one in (shop, warehouse, erp)),
        )

    def given_up(self) -> frozenset[int]:
        """Return the orders of which a warehouse gave up units so far."""
        dump = self.scend.call("GET", "/state", section=WAREHOUSE_SECTIONS)
        found = given_up_orders(read_warehouse(dump))
        for record in self.others(requests=False).values():
            found |= given_up_orders(record)
        return found

    def others(self, *, requests: bool = True) -> dict[str, WarehouseRecord]:
        """Return what the back ends beside Scend know, by their merchant."""
        if self.orderwise is None:
            return {}
        dump = self.orderwise.call("GET", "/state", section=WAREHOUSE_SECTIONS)
        journal = list(self.orderwise.pages("/journal", "requests")) if requests else ()
        return {second.ERP_MERCHANT: read_erp(dump, journal, locations=(str(second.ERP_LOCATION),))}

    def records(self, *, requests: bool = True) -> tuple[ShopRecord, WarehouseRecord]:
        """Return everything that SCAYLE and Scend know; without `requests`, who called them is left out."""
        return (
            read_shop(
                self.scayle.call("GET", "/state", section=SHOP_SECTIONS),
                list(self.scayle.pages("/journal", "requests")) if requests else (),
            ),
            read_warehouse(
                self.scend.call("GET", "/state", section=WAREHOUSE_SECTIONS),
                list(self.scend.pages("/journal", "requests")) if requests else (),
            ),
        )
