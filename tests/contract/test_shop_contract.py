"""What every `Shop` owes its flows, shown by the real adapter over the SCAYLE stand-in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.scayle.adapter import ScayleShop
from syncbridge.config.shops import ScayleSettings
from syncbridge.domain.errors import Misconfigured, NeedsPerson, NotFound, OutcomeUnknown, RetryLater
from syncbridge.domain.orders import ShopUnitState
from syncbridge.ports.shop import Shipment, Shop, UnitCancellation, UnitReturn

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def settings_for(root: str) -> ScayleSettings:
    return ScayleSettings.model_validate(
        {
            "base_url": f"{root}/api/admin/v1",
            "shops": [
                {"key": "nb", "country": "GB", "currencies": ["GBP"], "default": True},
                {"key": "nb", "country": "DE", "currencies": ["EUR"]},
            ],
        }
    )


@pytest.fixture
def shop(scayle_server: str, scayle_control: Any, open_quota: Any, closed_breaker: Any) -> Shop:
    return ScayleShop(settings_for(scayle_server), "sandbox-token", open_quota, closed_breaker)


@pytest.fixture
def place(scayle_control: Any) -> Callable[..., int]:
    """Place and confirm an order of two tees (scend) and a cap (other); returns its id."""

    def make(**changes: Any) -> int:
        brief = {
            "shop": "nb",
            "country": "GB",
            "lines": [
                {
                    "sku": "TEE-M",
                    "quantity": 2,
                    "unitPriceWithTax": 1920,
                    "taxRate": 0.2,
                    "merchant": "scend",
                    "warehouse": "WH-1",
                },
                {
                    "sku": "CAP",
                    "quantity": 1,
                    "unitPriceWithTax": 1500,
                    "taxRate": 0.2,
                    "merchant": "other",
                    "warehouse": "WH-2",
                },
            ],
            "shippingFee": 395,
            "confirm": True,
            **changes,
        }
        placed = scayle_control("POST", "/orders", brief)
        return int(placed["id"] if "id" in placed else placed["orders"][0]["id"])

    return make


def eventually(found: Callable[[], Any], seconds: float = 30) -> Any:
    ends_at = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < ends_at, "it did not come about"
        time.sleep(0.02)
    return result


def shipment(order_id: int, unit_ids: tuple[int, ...], key: str = "RM1GB") -> Shipment:
    return Shipment(
        order_id=order_id,
        shop="nb",
        country="GB",
        merchant="scend",
        carrier="ROYALMAIL_GB",
        shipment_key=key,
        despatched_at=datetime.now(UTC),
        return_ident_code="RMA-1",
        unit_ids=unit_ids,
    )


def test_an_order_is_read_unit_by_unit(shop: Shop, place: Callable[..., int]) -> None:
    order = shop.read_order(place())
    assert (order.shop, order.country, order.currency) == ("nb", "GB", "GBP")
    assert [(unit.sku, unit.merchant, unit.warehouse) for unit in order.units] == [
        ("TEE-M", "scend", "WH-1"),
        ("TEE-M", "scend", "WH-1"),
        ("CAP", "other", "WH-2"),
    ]
    assert {unit.state for unit in order.units} == {ShopUnitState.OPEN}
    assert [unit.price_minor for unit in order.units] == [1920, 1920, 1500]
    assert order.units[0].tax_rate == Decimal("0.2")
    assert order.total_minor == 5735
    assert order.fees_minor == {"delivery": 395}
    assert order.confirmed_at is not None
    assert order.delivery is not None
    assert order.delivery.country == "GB"
    assert order.delivery.recipient
    assert not order.cancelled


def test_an_unconfirmed_order_has_no_confirmation_time(shop: Shop, place: Callable[..., int]) -> None:
    assert shop.read_order(place(confirm=False)).confirmed_at is None


def test_an_unknown_order_is_not_found(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.read_order(999_999_999)


def test_a_list_misses_no_order_of_any_shop(shop: Shop, place: Callable[..., int]) -> None:
    lines = [
        {
            "sku": "TEE-M",
            "quantity": 1,
            "unitPriceWithTax": 1000,
            "taxRate": 0.2,
            "merchant": "scend",
            "warehouse": "WH-1",
        }
    ]
    placed = [place(lines=lines) for _ in range(103)] + [place(lines=lines, country="DE")]
    pages = list(shop.orders_changed(LONG_AGO))
    assert [row.order_id for page in pages for row in page.rows] == placed
    assert [page.last for page in pages] == [*[False] * (len(pages) - 1), True]
    assert pages[-1].rows[0].country == "DE"


def test_a_list_starts_at_the_instant_asked_for(
    shop: Shop, place: Callable[..., int], scayle_control: Any
) -> None:
    place()
    scayle_control("POST", "/clock", {"advanceSeconds": 3600})
    late = place()
    since = datetime.now(UTC) + timedelta(seconds=1800)
    assert [row.order_id for page in shop.orders_changed(since) for row in page.rows] == [late]


def test_a_delegation_and_the_order_read_agree(
    shop: Shop, place: Callable[..., int], mailbox: Any, scayle_control: Any
) -> None:
    box, _ = mailbox
    box.answer = {"referenceKey": "x", "orderDelegationResult": "acknowledged"}
    order_id = place()
    delegations = eventually(lambda: box.delegations[:2] if len(box.delegations) >= 2 else None)
    by_merchant = {json.loads(raw)["fulfillingMerchantKey"]: raw for raw in delegations}
    read = shop.read_order(order_id)
    delegation = shop.parse_delegation(by_merchant["scend"], "scend")
    assert delegation.faults == ()
    assert delegation.order_id == order_id
    assert delegation.reference_key == read.reference_key
    assert delegation.currency == "GBP"
    ours = [unit for unit in read.units if unit.merchant == "scend"]
    assert [(unit.order_item_id, unit.sku, unit.warehouse) for unit in delegation.units] == [
        (unit.order_item_id, unit.sku, unit.warehouse) for unit in ours
    ]
    order = shop.order_from_delegation(by_merchant["scend"])
    assert not order.complete
    assert order.delivery == read.delivery
    assert order.email == read.email
    assert [(unit.price_minor, unit.net_minor, unit.tax_minor, unit.tax_rate) for unit in order.units] == [
        (unit.price_minor, unit.net_minor, unit.tax_minor, unit.tax_rate) for unit in ours
    ]


def test_the_acknowledgement_ends_the_delegation(
    shop: Shop, place: Callable[..., int], mailbox: Any, scayle_control: Any
) -> None:
    box, _ = mailbox
    box.answer = shop.delegation_answer(1)
    order_id = place()
    eventually(lambda: shop.read_order(order_id).status == "order_delegated")
    assert all(unit.delegated_at for unit in shop.read_order(order_id).units)


def test_events_name_their_order(shop: Shop, place: Callable[..., int], mailbox: Any) -> None:
    box, _ = mailbox
    order_id = place()
    event = shop.parse_webhook(eventually(lambda: box.events)[0])
    assert (event.topic, event.order_id) == ("order-confirmed", order_id)
    assert event.message_id
    assert event.occurred_at is not None


def test_a_shipment_shows_on_the_units_it_names(shop: Shop, place: Callable[..., int]) -> None:
    order_id = place()
    units = shop.read_order(order_id).units
    shop.send_shipment(shop.compose_shipment(shipment(order_id, (units[0].order_item_id,))))
    after = shop.read_order(order_id).units
    assert [unit.state for unit in after] == [ShopUnitState.SHIPPED, ShopUnitState.OPEN, ShopUnitState.OPEN]
    assert after[0].shipment_key == "RM1GB"
    assert after[1].shipment_key == ""


@pytest.mark.parametrize("status", [200, 201, 204])
def test_every_success_code_is_success(
    shop: Shop, place: Callable[..., int], scayle_control: Any, status: int
) -> None:
    scayle_control("PUT", "/settings", {"fulfilmentStatus": status})
    order_id = place()
    unit = shop.read_order(order_id).units[0].order_item_id
    shop.send_shipment(shop.compose_shipment(shipment(order_id, (unit,))))


def test_a_lost_answer_to_a_shipment_is_unknown_and_the_order_tells(
    shop: Shop, place: Callable[..., int], scayle_control: Any
) -> None:
    order_id = place()
    unit = shop.read_order(order_id).units[0].order_item_id
    body = shop.compose_shipment(shipment(order_id, (unit,)))
    path = "/fulfillment/shipments"
    scayle_control.fault("POST", path, "timeout_before")
    with pytest.raises(OutcomeUnknown):
        shop.send_shipment(body)
    assert shop.read_order(order_id).units[0].state is ShopUnitState.OPEN
    scayle_control.fault("POST", path, "timeout_after")
    with pytest.raises(OutcomeUnknown):
        shop.send_shipment(body)
    assert shop.read_order(order_id).units[0].state is ShopUnitState.SHIPPED


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        ("http", {"status": 500}),
        ("http", {"status": 503}),
        ("html_502", {}),
    ],
)
def test_a_failing_server_leaves_a_write_unknown_and_a_read_repeatable(
    shop: Shop, place: Callable[..., int], scayle_control: Any, fault: str, more: dict[str, Any]
) -> None:
    order_id = place()
    scayle_control.fault("POST", "/fulfillment/shipments", fault, **more)
    with pytest.raises(OutcomeUnknown):
        shop.send_shipment(shop.compose_shipment(shipment(order_id, (1,))))
    scayle_control.fault("GET", "/shops", fault, **more)
    with pytest.raises(RetryLater):
        shop.read_order(order_id)


def test_an_answer_that_does_not_come_in_time_leaves_a_write_unknown_and_a_read_repeatable(
    scayle_server: str, place: Callable[..., int], scayle_control: Any, open_quota: Any, closed_breaker: Any
) -> None:
    order_id = place()
    impatient = settings_for(scayle_server).model_copy(update={"read_timeout_seconds": 0.3})
    shop = ScayleShop(impatient, "sandbox-token", open_quota, closed_breaker)
    scayle_control.fault("POST", "/fulfillment/shipments", "slow", milliseconds=3000)
    with pytest.raises(OutcomeUnknown):
        shop.send_shipment(shop.compose_shipment(shipment(order_id, (1,))))
    scayle_control.fault("GET", "/shops", "slow", milliseconds=3000)
    with pytest.raises(RetryLater):
        shop.read_order(order_id)


def test_a_truncated_read_can_be_repeated(shop: Shop, place: Callable[..., int], scayle_control: Any) -> None:
    order_id = place()
    scayle_control.fault("GET", "/shops", "truncated_json")
    with pytest.raises(RetryLater):
        shop.read_order(order_id)
    assert shop.read_order(order_id).order_id == order_id


def test_a_unit_shipped_twice_or_a_foreign_unit_is_for_a_person(
    shop: Shop, place: Callable[..., int]
) -> None:
    order_id = place()
    unit = shop.read_order(order_id).units[0].order_item_id
    shop.send_shipment(shop.compose_shipment(shipment(order_id, (unit,))))
    with pytest.raises(NeedsPerson) as refused:
        shop.send_shipment(shop.compose_shipment(shipment(order_id, (unit,), key="RM2GB")))
    assert refused.value.evidence.status == 409
    assert refused.value.evidence.code
    with pytest.raises(NeedsPerson):
        shop.send_shipment(shop.compose_shipment(shipment(order_id, (999,), key="RM3GB")))


def test_a_cancellation_shows_on_the_units_it_names(shop: Shop, place: Callable[..., int]) -> None:
    order_id = place()
    unit = shop.read_order(order_id).units[1].order_item_id
    shop.send_cancellation(
        shop.compose_cancellation(UnitCancellation(order_id, "nb", "GB", "scend", (unit,)))
    )
    states = [one.state for one in shop.read_order(order_id).units]
    assert states == [ShopUnitState.OPEN, ShopUnitState.UNFULFILLABLE, ShopUnitState.OPEN]


def test_carriers_are_those_of_the_tenant(shop: Shop) -> None:
    assert shop.carriers() == {"ROYALMAIL_GB", "DHL_DE"}


def test_health_shows_the_servers_time(shop: Shop) -> None:
    health = shop.health()
    assert health.warnings == ()
    assert health.server_time is not None


def test_health_warns_when_orders_cannot_be_listed(shop: Shop, scayle_control: Any) -> None:
    scayle_control("PUT", "/settings", {"orderListEnabled": False})
    assert len(shop.health().warnings) == 1


def test_a_wrong_token_is_a_misconfiguration(
    scayle_server: str, scayle_control: Any, open_quota: Any, closed_breaker: Any
) -> None:
    stranger = ScayleShop(settings_for(scayle_server), "wrong", open_quota, closed_breaker)
    with pytest.raises(Misconfigured):
        stranger.read_order(1)


def test_a_used_up_quota_says_when_to_come_back(
    shop: Shop, place: Callable[..., int], scayle_control: Any, open_quota: Any
) -> None:
    order_id = place()
    shop.read_order(order_id)
    assert open_quota.readings["scayle", "ordersRead"].limit == 1000
    scayle_control("PUT", "/settings", {"rateLimits": {"ordersRead": 1}})
    with pytest.raises(RetryLater) as limited:
        [shop.read_order(order_id) for _ in range(3)]
    assert limited.value.after is not None
    assert timedelta(0) < limited.value.after <= timedelta(minutes=1)


def test_five_thousand_units_are_read_and_shipped(shop: Shop, place: Callable[..., int]) -> None:
    lines = [
        {
            "sku": "TEE-M",
            "quantity": 5000,
            "unitPriceWithTax": 100,
            "taxRate": 0.2,
            "merchant": "scend",
            "warehouse": "WH-1",
        }
    ]
    order_id = place(lines=lines, delegationDelaySeconds=600)
    units = shop.read_order(order_id).units
    assert len(units) == 5000
    shop.send_shipment(shop.compose_shipment(shipment(order_id, tuple(unit.order_item_id for unit in units))))
    assert {unit.state for unit in shop.read_order(order_id).units} == {ShopUnitState.SHIPPED}


def test_a_returned_unit_is_shown_as_such_and_is_returned_once(shop: Shop, place: Callable[..., int]) -> None:
    order_id = place()
    first, second, cap = (unit.order_item_id for unit in shop.read_order(order_id).units)
    shop.send_shipment(shop.compose_shipment(shipment(order_id, (first, second))))

    def back(*units: int) -> str:
        at = datetime.now(UTC)
        return shop.compose_return([UnitReturn(unit, "scend", at, "too_small") for unit in units])

    shop.send_return(back(first))
    order = shop.read_order(order_id)
    assert [unit.state for unit in order.units] == [
        ShopUnitState.RETURNED, ShopUnitState.SHIPPED, ShopUnitState.OPEN,
    ]  # fmt: skip
    assert order.units[0].paid_minor == 1920
    assert order.billing_status == "billing_partially_refunded"
    with pytest.raises(NeedsPerson) as refused:
        shop.send_return(back(second, first))
    assert refused.value.evidence.status == 409
    assert shop.read_order(order_id).units[1].state is ShopUnitState.SHIPPED, "a call is taken whole or not at all"
    with pytest.raises(NeedsPerson):
        shop.send_return(back(cap))
    with pytest.raises(NeedsPerson) as unknown:
        shop.send_return(back(999_999_999))
    assert unknown.value.evidence.status == 404
