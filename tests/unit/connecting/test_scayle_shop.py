"""The adapter over canned answers: what is asked, and what becomes of the answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from connectors.scayle.adapter import ScayleShop
from syncbridge.config.shops import ScayleSettings
from syncbridge.domain.errors import Misconfigured, NeedsPerson, NotFound, OutcomeUnknown, RetryLater
from syncbridge.ports.quota import Lane
from syncbridge.ports.shop import Shop

BASE = "https://acme-live.example/api/admin/v1"
ORDER = f"{BASE}/shops/nb/countries/GB/orders/7204418"
LIST_GB = f"{BASE}/shops/nb/countries/GB/orders"
LIST_DE = f"{BASE}/shops/nb/countries/DE/orders"
SINCE = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
ENVELOPE = {
    "errors": [{"errorKey": "X_Y", "message": "Priya", "context": {"field": "carrier", "value": "Leeds"}}]
}


@pytest.fixture
def shop(scayle_settings: ScayleSettings, quota: Any, breaker: Any) -> Shop:
    return ScayleShop(scayle_settings, "key-1", quota, breaker)


def warehouses(vendor: responses.RequestsMock, *entries: tuple[int, str]) -> responses.BaseResponse:
    rows = [{"id": number, "referenceKey": key} for number, key in entries]
    return vendor.get(f"{BASE}/warehouses", json={"entities": rows})


def test_an_order_is_read_with_its_warehouse_keys_which_are_asked_for_once(
    shop: Shop, order_document: dict[str, Any]
) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(ORDER, json=order_document)
        asked = warehouses(vendor, (12, "WH-SCEND-1"), (15, "WH-OW-1"))
        first = shop.read_order(7204418)
        assert shop.read_order(7204418) == first
        assert asked.call_count == 1
        assert vendor.calls[0].request.headers["X-Access-Token"] == "key-1"
        assert "X-Company-Id" not in vendor.calls[0].request.headers
    assert [unit.warehouse for unit in first.units] == ["WH-SCEND-1", "WH-SCEND-1", "WH-OW-1"]


def test_a_warehouse_unknown_to_scayle_too_is_not_asked_for_again_at_once(
    shop: Shop, order_document: dict[str, Any]
) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(ORDER, json=order_document)
        asked = warehouses(vendor, (12, "WH-SCEND-1"))
        assert shop.read_order(7204418).units[2].warehouse == ""
        assert shop.read_order(7204418).units[2].warehouse == ""
        assert asked.call_count == 1
        order_document["items"][0]["warehouseId"] = 99
        vendor.replace(responses.GET, ORDER, json=order_document)
        assert shop.read_order(7204418).units[0].warehouse == ""
        assert asked.call_count == 2


def test_an_order_is_readable_without_the_right_to_list_warehouses(
    shop: Shop, order_document: dict[str, Any]
) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(ORDER, json=order_document)
        vendor.get(f"{BASE}/warehouses", status=403, json=ENVELOPE)
        assert shop.read_order(7204418).units[0].warehouse == ""


def test_an_unknown_order_is_not_found(shop: Shop) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(ORDER, status=404, json=ENVELOPE)
        with pytest.raises(NotFound) as missing:
            shop.read_order(7204418)
    assert missing.value.evidence.code == "X_Y"


def test_a_page_of_some_other_server_is_no_proof_of_absence(shop: Shop) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(ORDER, status=404, body="<html>Not Found</html>")
        with pytest.raises(Misconfigured):
            shop.read_order(7204418)


def test_the_poll_reads_every_page_of_every_shop(shop: Shop, order_document: dict[str, Any]) -> None:
    with responses.RequestsMock() as vendor:
        warehouses(vendor, (12, "A"), (15, "B"))
        vendor.get(LIST_GB, json={"entities": [order_document], "cursor": {"next": "c1"}})
        vendor.get(LIST_GB, json={"entities": [], "cursor": {"next": "c2"}})
        vendor.get(LIST_GB, json={"entities": [order_document], "cursor": {"next": None}})
        vendor.get(LIST_DE, json={"entities": [order_document]})
        pages = list(shop.orders_changed(SINCE))
        queries = [parse_qs(urlsplit(call.request.url or "").query) for call in vendor.calls]
    assert [len(page.rows) for page in pages] == [1, 0, 1, 1]
    assert [page.last for page in pages] == [False, False, False, True]
    lists = [query for query in queries if "filters[minUpdatedAt]" in query]
    assert {query["filters[minUpdatedAt]"][0] for query in lists} == {"2026-03-02T10:00:00+00:00"}
    assert [query.get("cursor", [""])[0] for query in lists] == ["", "c1", "c2", ""]


def test_an_unreadable_order_in_a_page_is_never_skipped(shop: Shop, order_document: dict[str, Any]) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(LIST_GB, json={"entities": [order_document, {"id": None}], "cursor": {"next": None}})
        with pytest.raises(RetryLater) as unreadable:
            list(shop.orders_changed(SINCE))
    assert "Priya" not in str(unreadable.value)


def test_nothing_is_read_where_reading_is_switched_off(
    scayle_settings: ScayleSettings, quota: Any, breaker: Any
) -> None:
    settings = scayle_settings.model_copy(update={"order_reading": False})
    shop = ScayleShop(settings, "key-1", quota, breaker)
    with responses.RequestsMock():
        with pytest.raises(Misconfigured):
            shop.read_order(1)
        with pytest.raises(Misconfigured):
            list(shop.orders_changed(SINCE))


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_frozen_body_is_sent_byte_for_byte(shop: Shop, quota: Any, status: int) -> None:
    body = '{"carrier":"Zoë","shopKey":"nb"}'
    with responses.RequestsMock() as vendor:
        vendor.post(f"{BASE}/fulfillment/shipments", status=status)
        vendor.post(f"{BASE}/fulfillment/cancellations", status=status)
        shop.send_shipment(body)
        shop.send_cancellation(body)
        for call in vendor.calls:
            assert call.request.body == body.encode()
            assert call.request.headers["X-Company-Id"] == "7"
            assert call.request.headers["Content-Type"] == "application/json"
    assert quota.taken == [
        ("scayle", "fulfillmentWrite", Lane.DESPATCHES),
        ("scayle", "fulfillmentWrite", Lane.ORDERS),
    ]


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_refused_fulfilment_message_is_for_a_person(shop: Shop, breaker: Any, status: int) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(f"{BASE}/fulfillment/shipments", status=status, json=ENVELOPE)
        with pytest.raises(NeedsPerson) as refused:
            shop.send_shipment("{}")
    assert refused.value.evidence.code == "X_Y"
    assert "carrier" in refused.value.evidence.excerpt
    assert "Priya" not in str(refused.value)
    assert "Leeds" not in str(refused.value)
    assert breaker.verdicts == ["succeeded"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failing_server_leaves_a_shipment_unknown(shop: Shop, status: int) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(f"{BASE}/fulfillment/shipments", status=status, body="<html>")
        with pytest.raises(OutcomeUnknown):
            shop.send_shipment("{}")


def test_rate_headers_are_learnt_and_the_reset_is_a_duration(shop: Shop, quota: Any) -> None:
    headers = {
        "X-RateLimit-Scope": "ordersRead",
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "17",
    }
    with responses.RequestsMock() as vendor:
        vendor.get(ORDER, status=429, headers=headers, json={"errors": [{"errorKey": "RATE_LIMIT_EXCEED"}]})
        with pytest.raises(RetryLater) as limited:
            shop.read_order(7204418)
    assert limited.value.after == timedelta(seconds=17)
    ((system, scope, reading),) = quota.learnt
    assert (system, scope) == ("scayle", "ordersRead")
    assert (reading.limit, reading.remaining, reading.window) == (60, 0, timedelta(minutes=1))
    assert reading.retry_after == timedelta(seconds=17)


def test_a_missing_right_does_not_close_the_whole_shop(shop: Shop, breaker: Any) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/carriers", status=403, json=ENVELOPE)
        vendor.get(ORDER, status=401, json=ENVELOPE)
        with pytest.raises(Misconfigured):
            shop.carriers()
        with pytest.raises(Misconfigured):
            shop.read_order(7204418)
    assert breaker.verdicts == ["succeeded", "refused"]


def test_carriers_are_read_to_the_end(shop: Shop) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(
            f"{BASE}/carriers", json={"entities": [{"key": "a"}, {"key": None}], "cursor": {"next": "n"}}
        )
        vendor.get(f"{BASE}/carriers", json={"entities": [{"key": "b"}], "cursor": []})
        assert shop.carriers() == {"a", "b"}


def test_health_says_what_is_missing(shop: Shop) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(
            f"{BASE}/warehouses", json={"entities": []}, headers={"Date": "Mon, 02 Mar 2026 10:00:00 GMT"}
        )
        vendor.get(LIST_GB, status=403, json=ENVELOPE)
        health = shop.health()
    assert health.server_time == SINCE
    assert len(health.warnings) == 1


def test_the_acknowledgement_is_the_same_every_time(shop: Shop) -> None:
    answer = {"referenceKey": "7204418", "orderDelegationResult": "acknowledged"}
    assert shop.delegation_answer(7204418) == answer
    assert json.loads(json.dumps(answer)) == answer
