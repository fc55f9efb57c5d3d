"""The judge over the real stand-ins: a plain bridge, written here, keeps every invariant until it is made to fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from syncbridge.sandbox import scayle, scend
from syncbridge.sandbox.demo.options import SHIPPED_DAY
from syncbridge.sandbox.evidence import Evidence
from syncbridge.sandbox.exception_records import read_exceptions
from syncbridge.sandbox.expectations import Expectation, Outcome
from syncbridge.sandbox.judge import judge
from syncbridge.sandbox.replay import (
    ControlPlane,
    ReplayOutcome,
    ReplayRefused,
    load,
    products,
    replay,
    stock,
)
from syncbridge.sandbox.shop_records import SHOP_SECTIONS, read_shop
from syncbridge.sandbox.threaded import ThreadedServer
from syncbridge.sandbox.verdict import Verdict
from syncbridge.sandbox.warehouse_records import WAREHOUSE_SECTIONS, read_warehouse

ORDERS = 6


@dataclass
class Bridge:
    """Both vendors with some orders placed, and the least that an integration has to do."""

    shop_url: str
    warehouse_url: str
    shop: ControlPlane
    warehouse: ControlPlane
    outcome: ReplayOutcome
    session: requests.Session

    def call(self, method: str, url: str, body: Any = None, expected: int = 200) -> Any:
        answer = self.session.request(method, url, json=body, timeout=10)
        assert answer.status_code == expected, answer.text
        return answer.json() if answer.content else None

    def push(self, order_id: int, reference: str = "") -> str:
        order = self.call("GET", f"{self.shop_url}/api/admin/v1/shops/or/countries/gb/orders/{order_id}")
        units: defaultdict[tuple[str, int], int] = defaultdict(int)
        for item in order["items"]:
            units[item["variant"]["referenceKey"], item["price"]["withTax"]] += 1
        address = order["address"]["shipping"]
        body = {
            "clientReference": reference or f"SCY-OR-{order_id}",
            "currency": "GBP",
            "shipping": {"serviceCode": "STD48"},
            "deliveryAddress": {
                "recipientName": " ".join(address["recipient"][part] for part in ("firstName", "lastName")),
                "line1": address["street"][:35],
                "city": address["city"],
                "postcode": address["zipCode"],
                "countryCode": "GB",
            },
            "lines": [
                {"lineNumber": number, "sku": sku, "quantity": count}
                for number, ((sku, _), count) in enumerate(units.items(), start=1)
            ],
        }
        return str(self.call("POST", f"{self.warehouse_url}/v1/orders", body, 201)["clientReference"])

    def despatch(self, reference: str) -> None:
        where = f"/orders/by-reference/{reference}"
        self.warehouse.call("POST", f"{where}/advance", {"to": "PACKED"})
        self.warehouse.call("POST", f"{where}/despatch", {"parcels": None, "carrierCode": "ROYAL_MAIL"})

    def ship(self, order_id: int, reference: str) -> None:
        order = self.call("GET", f"{self.shop_url}/api/admin/v1/shops/or/countries/gb/orders/{order_id}")
        free: defaultdict[str, list[int]] = defaultdict(list)
        for item in order["items"]:
            free[item["variant"]["referenceKey"]].append(item["id"])
        found = self.call("GET", f"{self.warehouse_url}/v1/despatches?clientReference={reference}")["data"]
        for despatch, parcel in ((one, parcel) for one in found for parcel in one["parcels"]):
            items = [free[line["sku"]].pop(0) for line in parcel["lines"] for _ in range(line["quantity"])]
            body = {
                "shopKey": "or",
                "countryCode": "GB",
                "orderId": order_id,
                "carrier": "ROYALMAIL_GB",
                "shipmentKey": parcel["trackingNumber"]
                or f"{despatch['despatchNumber']}/{parcel['parcelNumber']}",
                "deliveryDate": "2026-03-03T15:20:00+00:00",
                "items": [{"orderItemId": number, "returnKey": str(number)} for number in items],
                "merchantReferenceKey": "scend",
            }
            self.call("POST", f"{self.shop_url}/api/admin/v1/fulfillment/shipments", body, 201)

    def sound_orders(self) -> list[int]:
        return [number for number, one in self.outcome.expectations.items() if one.outcome is Outcome.LIVES]

    def verdict(self, expectations: dict[int, Expectation] | None = None) -> Verdict:
        foretold = expectations or self.outcome.expectations
        rows = [
            {"id": number, "kind": "order_unsendable", "subject": f"order:{number}", "order_id": number, "owner": "it",
             "due_at": "2026-03-02T10:00:00Z", "cause": "x", "evidence": {"faults": [{"code": code} for code in one.faults]}}
            for number, one in foretold.items() if one.outcome is Outcome.EXCEPTION
        ]  # fmt: skip
        return judge(
            Evidence(
                shop=read_shop(
                    self.shop.call("GET", "/state", section=SHOP_SECTIONS),
                    list(self.shop.pages("/journal", "requests")),
                ),
                warehouse=read_warehouse(
                    self.warehouse.call("GET", "/state", section=WAREHOUSE_SECTIONS),
                    list(self.warehouse.pages("/journal", "requests")),
                ),
                exceptions=read_exceptions(rows),
                expectations=foretold,
                personal_data=self.outcome.personal_data,
            )
        )


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    launch = scayle.LaunchSettings(
        behaviour={"delegationDelaySeconds": 0.0},
        seed_document={"warehouses": [{"referenceKey": "WH-SCEND-1"}], "carriers": [{"key": "ROYALMAIL_GB"}],
                       "merchants": [{"referenceKey": "scend", "warehouses": ["WH-SCEND-1"]}]},
    )  # fmt: skip
    work = load(SHIPPED_DAY, limit=ORDERS, units_per_line=2)
    with (
        ThreadedServer(scayle.build_app(launch)) as shop_url,
        ThreadedServer(scend.build_app(scend.Launch(settings={"rateCapacity": 10_000}))) as warehouse_url,
        ControlPlane(shop_url) as shop,
        ControlPlane(warehouse_url) as warehouse,
        requests.Session() as session,
    ):
        session.headers.update(
            {
                "X-Access-Token": "sandbox-token",
                "Authorization": "Bearer scend-sandbox-token",
                "X-Scend-Account": "ACME-UK",
            }
        )
        session.trust_env = False
        warehouse.call("POST", "/seed", {"products": products(work), "stock": stock(work, "MID1")})
        outcome = replay(shop_url, work)
        yield Bridge(shop_url, warehouse_url, shop, warehouse, outcome, session)


def finish(bridge: Bridge, orders: list[int]) -> None:
    for order_id in orders:
        reference = bridge.push(order_id)
        bridge.despatch(reference)
        bridge.ship(order_id, reference)


def test_a_bridge_that_does_its_work_is_found_sound(bridge: Bridge) -> None:
    finish(bridge, bridge.sound_orders())
    result = bridge.verdict()
    assert result.held, [line for score in result.scores for line in score.lines()]
    assert result.counts.attempted == ORDERS
    assert result.counts.despatched == result.counts.acknowledged == len(bridge.sound_orders())
    assert all(
        score.counted for score in result.scores if score.name in ("I1", "I2", "I3", "I4", "I7", "I10")
    )


def test_an_order_that_the_bridge_forgot_is_lost(bridge: Bridge) -> None:
    finish(bridge, bridge.sound_orders()[1:])
    result = bridge.verdict()
    assert [score.name for score in result.scores if not score.held] == ["I1"]
    assert (result.counts.lost, result.counts.unexpected) == (1, 1)


def test_an_order_that_the_bridge_sent_twice_is_a_duplicate(bridge: Bridge) -> None:
    orders = bridge.sound_orders()
    finish(bridge, orders)
    bridge.push(orders[0], reference=f"SCY-OR-{orders[0]}-2")
    result = bridge.verdict()
    assert [score.name for score in result.scores if not score.held] == ["I2"]


def test_an_order_that_the_bridge_invented_comes_from_nowhere(bridge: Bridge) -> None:
    orders = bridge.sound_orders()
    finish(bridge, orders)
    bridge.push(orders[0], reference="SCY-OR-1")
    assert [score.name for score in bridge.verdict().scores if not score.held] == ["I3"]


def test_a_despatch_that_the_bridge_kept_to_itself_breaks_conservation(bridge: Bridge) -> None:
    orders = bridge.sound_orders()
    finish(bridge, orders[1:])
    bridge.despatch(bridge.push(orders[0]))
    assert [score.name for score in bridge.verdict().scores if not score.held] == ["I4"]


def test_a_replay_without_a_shop_says_so() -> None:
    with pytest.raises(ReplayRefused, match="cannot be reached"):
        replay("http://127.0.0.1:9", load(SHIPPED_DAY, limit=1))


def test_an_order_that_the_shop_refuses_is_listed_and_the_rest_goes_on(bridge: Bridge) -> None:
    again = replay(bridge.shop_url, bridge.outcome.replay, limit=None)
    assert not again.refused
    twice = load(SHIPPED_DAY, limit=2, units_per_line=1)
    bodies = [{**order.body, "id": 4711} for order in twice.orders]
    for order, body in zip(twice.orders, bodies, strict=True):
        order.body.clear()
        order.body.update(body)
    outcome = replay(bridge.shop_url, twice, orders_per_second=50)
    assert [one.order_id for one in outcome.placed] == [4711, None]
    assert outcome.refused[0].refusal.startswith("409")
    assert outcome.to_json()["refused"][0]["order"] == twice.orders[1].name
