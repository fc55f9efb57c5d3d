"""Answers that no document foresees: each is an error of ours with a name, or is read; none is a defect."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
import responses

from connectors.orderwise.adapter import OrderWiseBackend
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.domain.backend import CancelLine, CancelWish, ReturnLine, ReturnRequest
from syncbridge.domain.errors import NeedsPerson, VendorError

BASE = "https://orderwise.example/owapi"
CREATE = f"{BASE}/sales/order"
LOOKUP = f"{BASE}/system/export-definition/201"
STATUS = f"{BASE}/sales/order/98121/status"
NOW = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
BODY = (
    '{"orderHeader": {"eCommerceOrderNumber": "SCY-NB-7", "customerOrderRef": "SCY-NB-7"},'
    ' "customerDeliveryAddress": {"deliveryName": "Mara Quill", "town": "Leeds"},'
    ' "orderLines": [{"itemNumber": 1, "variantCode": "TEE-NAVY-M", "quantity": 2}]}'
)
ROW = {"orderId": 98121, "customerOrderRef": "SCY-NB-7", "systemOrderType": 1, "orderStatus": "Awaiting despatch"}
LINE = {"orderLineId": 441207, "itemNumber": 1, "variantCode": "TEE-NAVY-M", "quantityRequired": 2.0, "quantitySent": 2.0}
SINCE = "2026-03-03T16:40:00"
RETURN = ReturnRequest(
    "SCY-RET-1", "SCY-NB-7", "98121", "MAIN", NOW, (ReturnLine(1, 1, "TEE-NAVY-M", 1, "SIZE"),), note="Mara is small"
)


@pytest.fixture
def vendor() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{BASE}/token/gettoken", json="tok-1")
        yield mock


@pytest.fixture
def backend(orderwise_settings: OrderWiseSettings, quota: Any, breaker: Any) -> OrderWiseBackend:
    able = {"cancel": "api", "returns": "api", "financial": "api"}
    settings = OrderWiseSettings.model_validate({**orderwise_settings.model_dump(), "capabilities": able})
    return OrderWiseBackend(settings, "user", "s3cret", quota, breaker, clock=lambda: NOW)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('"Session not found"', "Session not found"),
        ("Session not found", "Session not found"),
        ('{"error": "Session not found"}', "Session not found"),
        ('["Session not found"]', "Session not found"),
        ('{"errors": ["Session not found"]}', "Session not found"),
        ('{"message": "An error has occurred.", "exceptionMessage": "Session not found"}', "Session not found"),
        ('{"errors": {"customer.id": ["is unknown"]}}', "customer.id"),
        ('{"Message": "The request is invalid.", "ModelState": {"customer.id": ["is unknown"]}}', "customer.id"),
        ('[{"field": "customer.id", "message": "is unknown"}]', "customer.id"),
        ('[{"field": "customer.id", "message": "is unknown"}]', "is unknown"),
    ],
)
def test_a_refusal_tells_why_in_whatever_form_it_comes(
    vendor: Any, backend: OrderWiseBackend, body: str, told: str
) -> None:
    vendor.post(CREATE, status=400, body=body, content_type="application/json")
    with pytest.raises(NeedsPerson) as refused:
        backend.create_order(BODY)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [
        "Cannot deliver to Mara Quill, Leeds",
        '"Cannot deliver to Mara Quill, Leeds"',
        '{"errors": ["Cannot deliver to MARA QUILL, leeds"]}',
        '{"errors": {"Mara Quill": ["Leeds"]}}',
        '{"errors": [{"field": "Mara Quill", "message": "Leeds"}]}',
        '{"detail": {"to": ["Mara Quill", "Leeds"]}}',
    ],
)
def test_no_form_of_a_refusal_shows_whom_the_goods_were_for(
    vendor: Any, backend: OrderWiseBackend, body: str
) -> None:
    vendor.post(CREATE, status=400, body=body, content_type="application/json")
    with pytest.raises(NeedsPerson) as refused:
        backend.create_order(BODY)
    assert not any(word in str(refused.value).casefold() for word in ("mara", "quill", "leeds"))


def test_a_refused_return_does_not_show_what_was_noted_about_it(vendor: Any, backend: OrderWiseBackend) -> None:
    vendor.get(STATUS, json={"orderStatus": "Completed", "lines": [LINE]})
    vendor.post(f"{BASE}/returns/customer-return", status=400, json={"message": "not valid: Mara is too small"})
    with pytest.raises(NeedsPerson) as refused:
        backend.send_return(backend.compose_return(RETURN))
    assert "not valid" in str(refused.value)
    assert "Mara" not in str(refused.value)


ANSWERS = (
    "", '""', '"x"', "x", "null", "0", "true", "[]", "{}", "[null]", "[[]]", "[{}]", "[1]", "<html>x</html>", '{"orderId"', "\xff",
    "NaN", '{"errors": 3}', '{"lines": 3}', '{"lines": {"a": 1}}', '{"data": []}', '{"data": null}', '{"orderId": true}',
    '{"orderId": 1e400}', '{"orderId": 99999999999999999999999}', '{"returnId": "x"}', '{"batchId": null}',
    '[{"batchId": 1}, {"batchId": 2}]', '[{"variantCode": null}]', '[{"variantCode": 3}]', '[{"id": "x"}]',
    '[{"orderId": 1, "customerOrderRef": "SCY-NB-7", "orderStatus": 5, "systemOrderType": "x"}]',
    '{"lines": [{"itemNumber": 1.5, "orderLineId": "a", "quantityRequired": "NaN"}]}',
    '{"lines": [{"itemNumber": 1, "orderLineId": 5, "variantCode": "TEE-NAVY-M", "quantityRequired": 1e30}]}',
)  # fmt: skip
CALLS: dict[str, Callable[[OrderWiseBackend], object]] = {
    "find": lambda one: one.find_orders(["SCY-NB-7"]),
    "create": lambda one: one.create_order(BODY),
    "despatches": lambda one: list(islice(one.despatches_changed(SINCE, None), 3)),
    "stock": lambda one: list(islice(one.stock_changed(SINCE, None), 3)),
    "snapshot": lambda one: list(one.stock_changed(None, None)),
    "returned goods": lambda one: list(islice(one.returns_changed(SINCE, None), 3)),
    "catalogue": lambda one: list(one.products_changed(None, None)),
    "item": lambda one: one.unknown_skus(["TEE-NAVY-M"]),
    "cancel": lambda one: one.send_cancel(one.compose_cancel(CancelWish("SCY-NB-7", "98121", "asked for"))),
    "cancel a line": lambda one: one.send_cancel(
        one.compose_cancel(CancelWish("SCY-NB-7", "98121", "asked for", (CancelLine(1, "TEE-NAVY-M", 1),), whole=False))
    ),
    "return": lambda one: one.send_return(one.compose_return(RETURN)),
    "health": lambda one: one.health(),
    "batch": lambda one: one.finance.send_batch('{"batchRef": "B", "transactions": [1]}'),
    "find batch": lambda one: one.finance.find_batch("B"),
}


@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 409, 429, 500])
@pytest.mark.parametrize("call", CALLS)
def test_whatever_comes_back_is_read_or_is_an_error_with_a_name(backend: OrderWiseBackend, call: str, status: int) -> None:
    for body in ANSWERS:
        for kind in ("application/json", "text/html"):
            with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
                mock.get(f"{BASE}/token/gettoken", json="tok-1")
                for method in ("GET", "POST"):
                    mock.add(
                        method, re.compile(f"{BASE}/(?!token)"), status=status, body=body.encode("latin-1"), content_type=kind
                    )
                try:
                    CALLS[call](backend)
                except VendorError:
                    continue


@pytest.mark.parametrize("call", ["find", "cancel", "cancel a line", "return"])
def test_an_odd_status_of_an_order_that_is_there_is_no_defect_either(backend: OrderWiseBackend, call: str) -> None:
    for body in ANSWERS:
        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
            mock.get(f"{BASE}/token/gettoken", json="tok-1")
            mock.post(LOOKUP, json=[ROW])
            mock.get(STATUS, body=body.encode("latin-1"), content_type="application/json")
            mock.post(f"{CREATE}/98121/cancel", json={"orderStatus": "Cancelled"})
            mock.post(f"{BASE}/returns/customer-return", status=201, json={"returnId": 1})
            try:
                CALLS[call](backend)
            except VendorError:
                continue
