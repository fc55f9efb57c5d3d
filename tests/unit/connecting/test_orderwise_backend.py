"""The adapter over canned answers: what is asked of OrderWise, and what becomes of its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import responses

from connectors.orderwise.adapter import OrderWiseBackend
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.domain.backend import (
    NOT_SHOWN,
    BackendOrder,
    CancelLine,
    CancelState,
    CancelWish,
    Condition,
    Disposition,
    FulfilmentStatus,
    ReturnLine,
    ReturnRequest,
    ReturnStatus,
)
from syncbridge.domain.errors import (
    AlreadyExists,
    CursorRefused,
    Misconfigured,
    NeedsPerson,
    NotFound,
    OutcomeUnknown,
    RetryLater,
    VendorError,
)
from syncbridge.domain.stock import whole_units
from syncbridge.ports.backend import Capability, FulfilmentBackend

BASE = "https://orderwise.example/owapi"
TOKEN = f"{BASE}/token/gettoken"
CREATE = f"{BASE}/sales/order"
STATUS = f"{BASE}/sales/order/98121/status"
NOW = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
BODY = json.dumps(
    {
        "orderHeader": {"eCommerceOrderNumber": "SCY-NB-7", "customerOrderRef": "SCY-NB-7"},
        "customerDeliveryAddress": {"deliveryName": "Mara Quill", "town": "Leeds"},
        "orderLines": [{"itemNumber": 1, "variantCode": "TEE-NAVY-M", "quantity": 2}],
    }
)
ROW = {
    "orderId": 98121,
    "orderNumber": "3622",
    "customerOrderRef": "SCY-NB-7",
    "systemOrderType": 1,
    "orderStatusId": 1,
    "orderStatus": "Awaiting despatch",
    "orderDate": "2026-03-02T14:05:11",
    "lastAmendedAt": "2026-03-02T14:05:12.23",
}
LINE = {
    "orderLineId": 441207,
    "itemNumber": 1,
    "variantCode": "TEE-NAVY-M",
    "quantityRequired": 2.0,
    "quantitySent": 0.0,
    "quantityToBeSent": 2.0,
    "quantityCancelled": 0.0,
}
SHOWN = {
    "orderNumber": "3622",
    "eCommerceOrderNumber": "SCY-NB-7",
    "orderStatus": "Awaiting despatch",
    "subStatus": "",
    "lines": [LINE],
}
DESPATCH = {
    "despatchId": 70311,
    "despatchNumber": "D0070311",
    "despatchedAt": "2026-03-03T16:40:09.417",
    "lastAmendedAt": "2026-03-03T16:52:30.1",
    "orderId": 98121,
    "customerOrderRef": "SCY-NB-7",
    "orderLineId": 441207,
    "variantCode": "TEE-NAVY-M",
    "quantity": 1.0,
    "courierName": "Example Parcels",
    "consignmentNumber": "EXP1",
}


def export(number: int) -> str:
    return f"{BASE}/system/export-definition/{number}"


@pytest.fixture
def vendor() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(TOKEN, json="tok-1")
        yield mock


Make = Callable[..., OrderWiseBackend]


@pytest.fixture
def make(orderwise_settings: OrderWiseSettings, quota: Any, breaker: Any) -> Make:
    def made(
        now: datetime = NOW, *, may_be_ours: Callable[[str], bool] = lambda _reference: True, **changes: Any
    ) -> OrderWiseBackend:
        settings = OrderWiseSettings.model_validate({**orderwise_settings.model_dump(), **changes})
        return OrderWiseBackend(
            settings, "user", "s3cret", quota, breaker, clock=lambda: now, may_be_ours=may_be_ours
        )

    return made


@pytest.fixture
def backend(make: Make) -> FulfilmentBackend:
    return make()


def sent(vendor: responses.RequestsMock, url: str) -> list[Any]:
    return [json.loads(call.request.body) for call in vendor.calls if (call.request.url or "").startswith(url)]


def tokens(vendor: responses.RequestsMock) -> list[str]:
    return [call.request.headers["Authorization"] for call in vendor.calls]


# ---- the token


def test_a_quoted_token_is_minted_once_with_basic_and_used_as_bearer(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(export(205), json=[])
    backend.unknown_skus(["A", "B"])
    assert tokens(vendor) == ["Basic dXNlcjpzM2NyZXQ=", "Bearer tok-1", "Bearer tok-1"]


@pytest.mark.parametrize(
    "body", ['"tok-2"', "tok-2", ' "tok-2" ', '{"token": "tok-2"}', '{"data": {"access_token": "tok-2"}}']
)
def test_a_token_is_read_in_every_form_that_a_client_met(make: Make, body: str) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(TOKEN, body=body)
        vendor.get(f"{BASE}/system/stock-locations", json=[])
        make().health()
        assert tokens(vendor)[1] == "Bearer tok-2"


@pytest.mark.parametrize("body", ["", '""', "{}", "<html>", "[1]", '"tok-2', 'tok-2"', '{"token": "tok-2'])
def test_what_is_no_token_is_no_token(make: Make, body: str) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(TOKEN, body=body)
        with pytest.raises(RetryLater):
            make().health()
        assert len(vendor.calls) == 1  # nothing was tried with half a token


@pytest.mark.parametrize("body", ["", '""'])
def test_a_refused_token_is_minted_again_once(vendor: Any, backend: FulfilmentBackend, breaker: Any, body: str) -> None:
    vendor.get(f"{BASE}/system/stock-locations", status=401, body=body)
    vendor.get(f"{BASE}/system/stock-locations", json=[])
    vendor.get(TOKEN, json="tok-2")
    assert backend.health().detail == "ACME-UK, session 12, 0 stock locations"
    assert tokens(vendor) == ["Basic dXNlcjpzM2NyZXQ=", "Bearer tok-1", "Basic dXNlcjpzM2NyZXQ=", "Bearer tok-2"]
    assert "refused" not in breaker.verdicts


def test_a_fresh_token_that_is_refused_is_a_misconfiguration_and_opens_the_circuit(
    vendor: Any, backend: FulfilmentBackend, breaker: Any
) -> None:
    vendor.post(CREATE, status=401)
    with pytest.raises(Misconfigured):
        backend.create_order(BODY)
    assert len(vendor.calls) == 4
    assert breaker.verdicts[-1] == "refused"


def test_refused_credentials_are_a_misconfiguration_and_open_the_circuit(make: Make, breaker: Any) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(TOKEN, status=401)
        with pytest.raises(Misconfigured) as refused:
            make().health()
    assert breaker.verdicts[-1] == "refused"
    assert "s3cret" not in str(refused.value) and "dXNlcjpzM2NyZXQ=" not in str(refused.value)


def test_a_token_is_minted_again_when_it_has_been_kept_long_enough(vendor: Any, make: Make) -> None:
    backend = make(token_cache_seconds=0.000001)
    vendor.post(export(205), json=[])
    backend.unknown_skus(["A", "B"])
    assert tokens(vendor).count("Basic dXNlcjpzM2NyZXQ=") == 2


# ---- errors of every form


@pytest.mark.parametrize(
    ("status", "body", "kind", "error"),
    [
        (400, '{"message": "Session not found", "errors": []}', "application/json", NeedsPerson),
        (400, "", "application/json", NeedsPerson),
        (400, '""', "application/json", NeedsPerson),
        (400, '"Bad things happened"', "application/json", NeedsPerson),
        (422, "plain text", "text/plain", NeedsPerson),
        (400, '{"errors": 3}', "application/json", NeedsPerson),
        (400, '{"errors": true, "message": {"text": 1}}', "application/json", NeedsPerson),
        (400, '{"errors": {"customer.id": ["is unknown"]}}', "application/json", NeedsPerson),
        (400, '[{"field": "customer.id"}, 7]', "application/json", NeedsPerson),
        (403, "", "application/json", Misconfigured),
        (404, "<html><h1>404</h1></html>", "text/html", Misconfigured),
        (409, '{"message": "exists", "orderId": 98121}', "application/json", AlreadyExists),
        (429, "", "application/json", RetryLater),
        (408, "", "application/json", OutcomeUnknown),
        (500, '{"message": "boom"}', "application/json", OutcomeUnknown),
        (502, "<html>bad gateway</html>", "text/html", OutcomeUnknown),
        (503, "", "application/json", OutcomeUnknown),
        (504, "", "text/html", OutcomeUnknown),
        (201, '{"orderId": 98', "application/json", OutcomeUnknown),
        (200, "<html>log in</html>", "text/html", OutcomeUnknown),
        (201, '{"orderId": 5, "eCommerceOrderNumber": "OTHER"}', "application/json", OutcomeUnknown),
    ],
)
def test_every_answer_to_a_create_is_sorted_by_what_happens_next(
    vendor: Any, backend: FulfilmentBackend, status: int, body: str, kind: str, error: type[VendorError]
) -> None:
    vendor.post(CREATE, status=status, body=body, content_type=kind)
    with pytest.raises(error) as raised:
        backend.create_order(BODY)
    assert type(raised.value) is error


def test_a_refusal_tells_why_without_what_we_sent(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(
        CREATE,
        status=400,
        json={
            "message": "The sales order is not valid. 'Mara Quill' of Leeds, m.quill@example.test: unknown variant",
            "errors": [{"field": "orderLines[1].variantCode", "message": "Mara Quill ordered TEE"}],
        },
    )
    with pytest.raises(NeedsPerson) as refused:
        backend.create_order(BODY)
    text = str(refused.value)
    assert "unknown variant" in text and "orderLines[1].variantCode" in text
    assert not any(word in text for word in ("Mara", "Quill", "quill", "Leeds"))


def test_an_export_definition_that_is_not_there_is_a_misconfiguration(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(export(201), status=404, json={"message": "Export definition not found", "errors": []})
    with pytest.raises(Misconfigured):
        backend.find_orders(["SCY-NB-7"])


def test_a_quota_answer_says_when_to_come_back(vendor: Any, backend: FulfilmentBackend, quota: Any) -> None:
    vendor.post(export(201), status=429, headers={"Retry-After": "7"})
    with pytest.raises(RetryLater) as limited:
        backend.find_orders(["SCY-NB-7"])
    assert limited.value.after == timedelta(seconds=7)
    system, scope, reading = quota.learnt[-1]
    assert (system, scope, reading.remaining, reading.retry_after) == (
        "orderwise", "installation", 0, timedelta(seconds=7),
    )  # fmt: skip


@pytest.mark.parametrize("number", ["not a number", 1.5])
def test_amounts_that_are_none_make_an_answer_unreadable(vendor: Any, backend: FulfilmentBackend, number: Any) -> None:
    vendor.post(export(204), body=json.dumps([{"variantCode": "A", "stockLocationId": 3, "freeStock": "x",
                                               "lastCalculatedAt": "2026-03-03T16:45:00"}]))  # fmt: skip
    with pytest.raises(RetryLater):
        list(backend.stock_changed(None, None))


# ---- orders


def test_a_created_order_that_is_named_is_proof_enough_and_costs_one_call(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(CREATE, status=201, json={"orderId": 98121, "eCommerceOrderNumber": "SCY-NB-7 "})
    order = backend.create_order(BODY)
    assert order is not None
    assert (order.backend_id, order.reference, order.raw_status) == ("98121", "SCY-NB-7", NOT_SHOWN)
    assert backend.differences(BODY, order) == ()
    assert [call.request.url for call in vendor.calls[1:]] == [f"{CREATE}?session_id=12"]


def test_a_created_order_that_is_not_named_is_read_back(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(CREATE, status=201, json={"orderId": 98121})
    vendor.get(STATUS, json=SHOWN)
    order = backend.create_order(BODY)
    assert order is not None
    assert (order.backend_id, order.reference, order.status) == ("98121", "SCY-NB-7", FulfilmentStatus.ACCEPTED)
    assert backend.differences(BODY, order) == ()
    assert vendor.calls[1].request.url == f"{CREATE}?session_id=12"
    assert vendor.calls[1].request.body.decode() == BODY


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (202, '{"eCommerceOrderNumber": "SCY-NB-7"}'),
        (200, '{"orderId": 0, "eCommerceOrderNumber": "SCY-NB-7"}'),
        (200, '{"orderId": null, "orderNumber": "", "eCommerceOrderNumber": "SCY-NB-7"}'),
        (200, ""),
        (200, '""'),
        (201, "{}"),
        (204, ""),
    ],
)
def test_an_accepted_order_without_an_id_is_not_there_yet(
    vendor: Any, backend: FulfilmentBackend, status: int, body: str
) -> None:
    vendor.post(CREATE, status=status, body=body)
    assert backend.create_order(BODY) is None


def test_an_order_that_cannot_be_read_back_at_once_is_looked_up_later(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(CREATE, status=201, json={"orderId": 98121})
    vendor.get(STATUS, status=503)
    assert backend.create_order(BODY) is None


def test_the_lowest_live_order_counts_and_others_are_copies(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(
        export(201),
        json=[
            {**ROW, "orderId": 98130},
            {**ROW, "orderId": 98100, "orderStatus": " cancelled "},
            {**ROW, "orderId": 98090, "systemOrderType": 4},
            {**ROW, "orderId": 98080, "customerOrderRef": "SCY-NB-71"},
            {**ROW, "OrderID": 98121, "orderId": None},
        ],
    )
    vendor.get(STATUS, json=SHOWN)
    found = backend.find_orders(["SCY-NB-7"])["SCY-NB-7"]
    assert (found.backend_id, found.copies) == ("98121", ("98130",))
    assert sent(vendor, export(201)) == [[{"name": "@reference", "value": "SCY-NB-7"}]]


@pytest.mark.parametrize(("kind", "is_there"), [(1, True), (3, True), (5, True), (None, True), (2, False), (4, False)])
def test_an_order_that_was_paused_there_is_still_the_order_and_a_quote_or_a_credit_is_none(
    vendor: Any, backend: FulfilmentBackend, kind: int | None, is_there: bool
) -> None:
    vendor.post(export(201), json=[{**ROW, "systemOrderType": kind}])
    vendor.get(STATUS, json=SHOWN)
    assert ("SCY-NB-7" in backend.find_orders(["SCY-NB-7"])) is is_there


def test_nothing_is_asked_about_despatches_of_other_channels(vendor: Any, make: Make) -> None:
    backend = make(may_be_ours=lambda name: name.startswith("SCY-"))
    rows = [{**DESPATCH, "customerOrderRef": name, "orderId": 5, "despatchId": 8} for name in ("EBAY-1", None, "")]
    vendor.post(export(202), json=[*rows, DESPATCH])
    vendor.get(STATUS, json=SHOWN)
    vendor.post(export(202), json=[])
    found, _ = drained(backend.despatches_changed("2026-03-03T16:00:00", None))
    assert [one.reference for one in found] == ["SCY-NB-7"]


def test_a_parameter_prefix_is_a_setting(vendor: Any, make: Make) -> None:
    vendor.post(export(201), json=[])
    assert make(param_prefix="").find_orders(["SCY-NB-7"]) == {}
    assert sent(vendor, export(201)) == [[{"name": "reference", "value": "SCY-NB-7"}]]


def test_an_order_that_was_cancelled_is_still_found(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(export(201), json=[{**ROW, "orderStatus": "Cancelled"}])
    vendor.get(STATUS, json={**SHOWN, "orderStatus": "Cancelled"})
    order = backend.find_orders(["SCY-NB-7"])["SCY-NB-7"]
    assert (order.status, order.cancellation) == (FulfilmentStatus.CANCELLED, CancelState.CANCELLED)
    assert [(line.ordered, line.allocated, line.cancelled) for line in order.lines] == [(2, 0, 2)]


def test_an_order_that_is_listed_and_not_shown_is_there_and_is_a_persons(vendor: Any, backend: FulfilmentBackend) -> None:
    """It must neither be sent again nor keep the others of its batch waiting."""
    vendor.post(export(201), json=[ROW])
    vendor.get(STATUS, status=404, json={"message": "Order not found"})
    found = backend.find_orders(["SCY-NB-7"])["SCY-NB-7"]
    assert (found.backend_id, found.status) == ("98121", FulfilmentStatus.UNKNOWN)
    assert backend.differences(BODY, found) == ("lines[itemNumber=1]",)


@pytest.mark.parametrize(
    "shown",
    [
        {"orderStatus": "Awaiting despatch"},
        {"lines": [{**LINE, "quantityRequired": None}]},
        {**SHOWN, "lines": None},
        {},
    ],
)
def test_what_a_status_leaves_out_makes_one_order_differ_and_stops_no_other(
    vendor: Any, backend: FulfilmentBackend, shown: dict[str, Any]
) -> None:
    assert backend.differences(BODY, looked_up(vendor, backend, shown))


def looked_up(vendor: Any, backend: FulfilmentBackend, shown: dict[str, Any]) -> BackendOrder:
    vendor.post(export(201), json=[ROW])
    vendor.get(STATUS, json=shown)
    return backend.find_orders(["SCY-NB-7"])["SCY-NB-7"]


@pytest.mark.parametrize(
    ("text", "sub", "status", "cancellable"),
    [
        ("Awaiting despatch", "", FulfilmentStatus.ACCEPTED, True),
        ("  AWAITING DESPATCH ", "Allocated", FulfilmentStatus.ACCEPTED, True),
        ("Awaiting despatch", "picking ", FulfilmentStatus.IN_FULFILMENT, False),
        ("On hold", None, FulfilmentStatus.NEEDS_ATTENTION, True),
        ("Partially despatched", "Picking", FulfilmentStatus.PARTIALLY_DESPATCHED, False),
        ("Completed", "", FulfilmentStatus.DESPATCHED, False),
        ("Invoice Waiting to be Printed", "", FulfilmentStatus.DESPATCHED, False),
        ("Ready to go", "", FulfilmentStatus.IN_FULFILMENT, False),
        ("Something new", "", FulfilmentStatus.UNKNOWN, True),
    ],
)
def test_status_texts_are_compared_trimmed_and_without_case(
    vendor: Any, make: Make, text: str, sub: str | None, status: FulfilmentStatus, cancellable: bool
) -> None:
    maps = {"status": {"ready to go": "in_fulfilment"}}
    order = looked_up(vendor, make(maps=maps), {**SHOWN, "orderStatus": text, "subStatus": sub})
    assert (order.status, order.cancellable) == (status, cancellable)


def test_what_is_required_and_neither_sent_nor_cancelled_is_reserved(vendor: Any, backend: FulfilmentBackend) -> None:
    line = {**LINE, "QuantityRequired": 5.0, "quantityRequired": None, "quantitySent": 2.0, "quantityCancelled": 1.0}
    order = looked_up(vendor, backend, {**SHOWN, "lines": [line]})
    (shown,) = order.lines
    assert (shown.ordered, shown.despatched, shown.cancelled, shown.allocated) == (5, 2, 1, 2)


@pytest.mark.parametrize(
    ("line", "differing"),
    [
        ({"variantCode": " tee-navy-m "}, ()),
        ({"variantCode": "OTHER"}, ("lines[itemNumber=1].variantCode",)),
        ({"quantityRequired": 3.0}, ("lines[itemNumber=1].quantity",)),
        ({"itemNumber": 2}, ("lines[itemNumber=1]", "lines[itemNumber=2]")),
        ({"itemNumber": None}, ("lines[itemNumber=1]", "lines[itemNumber=9000]")),
    ],
)
def test_another_content_under_our_reference_is_told_apart(
    vendor: Any, backend: FulfilmentBackend, line: dict[str, Any], differing: tuple[str, ...]
) -> None:
    order = looked_up(vendor, backend, {**SHOWN, "lines": [{**LINE, **line}]})
    assert backend.differences(BODY, order) == differing
    assert backend.differences(BODY, replace(order, document="")) == differing


def test_no_order_feed_is_promised(backend: FulfilmentBackend) -> None:
    assert not backend.capabilities.order_feed
    assert list(backend.orders_changed(None, None)) == []


# ---- despatches


def drained(pages: Any) -> tuple[list[Any], list[str]]:
    rows: list[Any] = []
    cursors: list[str] = []
    for page in pages:
        rows += page.rows
        cursors.append(page.cursor)
        assert page.last == (not page.rows)
    return rows, cursors


def test_despatches_are_read_from_the_cursor_less_the_overlap_until_an_empty_page(
    vendor: Any, backend: FulfilmentBackend
) -> None:
    later = {**DESPATCH, "despatchId": 70312, "lastAmendedAt": "2026-03-03T16:52:30.523", "itemNumber": 1}
    vendor.post(export(202), json=[{**DESPATCH, "itemNumber": 1}])
    vendor.post(export(202), json=[later])
    vendor.post(export(202), json=[])
    rows, cursors = drained(backend.despatches_changed("2026-03-03T16:52:30.117", None))
    assert [row.despatch_id for row in rows] == ["70311", "70312"]
    assert cursors == ["2026-03-03T16:52:30.117", "2026-03-03T16:52:30.523", "2026-03-03T16:52:30.523"]
    assert [one[0]["value"] for one in sent(vendor, export(202))] == [
        "2026-03-03T16:50:30",
        "2026-03-03T16:52:30.1",
        "2026-03-03T16:52:30.523",
    ]
    assert sent(vendor, export(202))[0][1] == {"name": "@limit", "value": 500}


def test_a_page_in_any_order_is_followed_from_its_greatest_time(vendor: Any, backend: FulfilmentBackend) -> None:
    later = {**DESPATCH, "despatchId": 70312, "lastAmendedAt": "2026-03-03T16:53:00", "itemNumber": 1}
    vendor.post(export(202), json=[later, {**DESPATCH, "itemNumber": 1}])
    vendor.post(export(202), json=[])
    drained(backend.despatches_changed("2026-03-03T16:52:00", None))
    assert sent(vendor, export(202))[1][0]["value"] == "2026-03-03T16:53:00"


FUTURE = "2030-01-01T00:00:00"


def test_a_row_from_the_future_is_read_and_does_not_carry_the_cursor_away(vendor: Any, backend: FulfilmentBackend) -> None:
    """A server whose clock was wrong for a moment: a cursor from there would hide every row until then."""
    wrong = {**DESPATCH, "despatchId": 70312, "lastAmendedAt": FUTURE, "itemNumber": 1}
    vendor.post(export(202), json=[{**DESPATCH, "itemNumber": 1}, wrong])
    vendor.post(export(202), json=[])
    rows, cursors = drained(backend.despatches_changed("2026-03-03T16:52:00", None))
    assert [row.despatch_id for row in rows] == ["70311", "70312"]
    assert cursors == ["2026-03-03T16:52:30.1"] * 2
    assert sent(vendor, export(202))[1][0]["value"] == FUTURE


def test_what_was_dated_in_the_future_is_overtaken_by_what_comes_next(vendor: Any, make: Make) -> None:
    """Else the date of a wrong clock would win over every figure and every number of a parcel until then."""
    later = NOW + timedelta(minutes=1)
    vendor.post(export(204), json=[stock_row("TEE", 3, 9.0, FUTURE)])
    vendor.post(export(204), json=[stock_row("TEE", 3, 4.0, "2026-03-03T17:00:30")])
    (wrong,), (right,) = make().stock_changed(None, None), make(later).stock_changed(None, None)
    assert right.rows[0].sequence > wrong.rows[0].sequence
    # Whoever watches the clocks sees the date as it came.
    assert wrong.rows[0].changed_at == datetime(2030, 1, 1, tzinfo=UTC)
    row = {**DESPATCH, "itemNumber": 1, "despatchedAt": FUTURE}
    found = []
    for now, stamp in ((NOW, FUTURE), (later, "2026-03-03T17:00:30")):
        vendor.post(export(202), json=[{**row, "lastAmendedAt": stamp}])
        vendor.post(export(202), json=[])
        found += drained(make(now).despatches_changed("2026-03-03T16:52:00", None))[0]
    assert found[1].version > found[0].version
    assert [one.despatched_at for one in found] == [NOW, later]


def test_a_cursor_from_the_future_is_given_up(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(export(203), json=[])
    _rows, cursors = drained(backend.stock_changed(FUTURE, None))
    assert sent(vendor, export(203))[0][0]["value"] == "2026-03-03T16:58:00"
    assert cursors == ["2026-03-03T17:00:00"]


def test_a_snapshot_with_a_row_from_the_future_has_a_cursor_of_today(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(export(204), json=[stock_row("TEE", 3, 4.0), stock_row("HAT", 3, 9.0, FUTURE)])
    (page,) = backend.stock_changed(None, None)
    assert len(page.rows) == 2
    assert page.cursor == "2026-03-03T16:45:00.037"


def test_a_first_run_starts_some_days_back_and_keeps_its_beginning(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(export(202), json=[])
    rows, cursors = drained(backend.despatches_changed(None, None))
    assert (rows, cursors) == ([], ["2026-02-24T17:00:00"])
    list(backend.despatches_changed(None, NOW - timedelta(hours=1)))
    assert [one[0]["value"] for one in sent(vendor, export(202))] == ["2026-02-24T17:00:00", "2026-03-03T16:00:00"]


def test_rows_of_a_despatch_become_parcels_by_consignment_number(vendor: Any, backend: FulfilmentBackend) -> None:
    rows = [
        {**DESPATCH, "quantity": 2.0},
        {**DESPATCH, "orderLineId": 441208, "variantCode": "BOOK ", "consignmentNumber": " EXP2 "},
        {**DESPATCH, "consignmentNumber": None},
        {**DESPATCH, "consignmentNumber": None},
    ]
    vendor.post(export(202), json=rows)
    vendor.post(export(202), json=[])
    second = {**LINE, "orderLineId": 441208, "itemNumber": 2, "variantCode": "BOOK"}
    vendor.get(STATUS, json={**SHOWN, "lines": [LINE, second]})
    (despatch,), _ = drained(backend.despatches_changed(None, None))
    assert (despatch.number, despatch.reference, despatch.backend_order_id, despatch.carrier) == (
        "D0070311", "SCY-NB-7", "98121", "Example Parcels",
    )  # fmt: skip
    assert despatch.despatched_at == datetime(2026, 3, 3, 16, 40, 9, 417000, tzinfo=UTC)
    assert [
        (parcel.parcel_id, [(line.line_number, line.sku, line.quantity) for line in parcel.lines])
        for parcel in despatch.parcels
    ] == [("EXP1", [(1, "TEE-NAVY-M", 2)]), ("EXP2", [(2, "BOOK", 1)]), ("", [(1, "TEE-NAVY-M", 2)])]
    assert sum(call.request.url.startswith(STATUS) for call in vendor.calls) == 1


def test_a_later_tracking_number_is_a_newer_version(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(export(202), json=[{**DESPATCH, "consignmentNumber": "", "itemNumber": 1}])
    vendor.post(export(202), json=[{**DESPATCH, "lastAmendedAt": "2026-03-03T16:53:00", "itemNumber": 1}])
    vendor.post(export(202), json=[])
    (first, second), _ = drained(backend.despatches_changed(None, None))
    assert second.version > first.version
    assert ([one.tracking_number for one in first.parcels], [one.tracking_number for one in second.parcels]) == (
        [""], ["EXP1"],
    )  # fmt: skip


def test_a_despatch_of_an_unknown_order_keeps_its_sku(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(export(202), json=[DESPATCH])
    vendor.post(export(202), json=[])
    vendor.get(STATUS, status=404, json={"message": "Order not found"})
    (despatch,), _ = drained(backend.despatches_changed(None, None))
    assert [(line.line_number, line.sku) for line in despatch.parcels[0].lines] == [(0, "TEE-NAVY-M")]


def test_a_feed_that_goes_round_in_circles_is_stopped(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(export(202), json=[{**DESPATCH, "lastAmendedAt": "2026-01-01T00:00:00", "itemNumber": 1}])
    with pytest.raises(RetryLater):
        drained(backend.despatches_changed("2026-03-03T16:52:30.117", None))


def test_a_filter_that_is_not_strict_ends_the_feed_all_the_same(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(export(202), json=[{**DESPATCH, "itemNumber": 1}])
    rows, cursors = drained(backend.despatches_changed("2026-03-03T16:52:30.05", None))
    assert [row.despatch_id for row in rows] == ["70311"]
    assert cursors == ["2026-03-03T16:52:30.1"] * 2


def test_a_row_whose_place_in_the_feed_cannot_be_read_stops_it_where_it_was(
    vendor: Any, backend: FulfilmentBackend
) -> None:
    vendor.post(export(202), json=[{**DESPATCH, "lastAmendedAt": "soon"}])
    with pytest.raises(RetryLater):
        drained(backend.despatches_changed("2026-03-03T16:52:30.117", None))


@pytest.mark.parametrize(
    ("spoilt", "called", "fields"),
    [
        ({"despatchedAt": None}, "70311", ("despatched_at",)),
        ({"quantity": None, "despatchedAt": "soon"}, "70311", ("despatched_at", "quantity")),
        ({"despatchId": "D?"}, "amended 2026-03-03T16:52:30.1", ("despatch_id",)),
    ],
)
def test_a_despatch_that_cannot_be_read_is_left_out_whole_and_the_feed_goes_on(
    vendor: Any, backend: FulfilmentBackend, spoilt: dict[str, Any], called: str, fields: tuple[str, ...]
) -> None:
    known = {**DESPATCH, "itemNumber": 1}
    other = {**known, "despatchId": 70312, "lastAmendedAt": "2026-03-03T16:53:00"}
    rest = {} if "despatchId" in spoilt else {**known, "consignmentNumber": "EXP2"}
    vendor.post(export(202), json=[{**known, **spoilt}, *([rest] if rest else []), other])
    vendor.post(export(202), json=[])
    pages = list(backend.despatches_changed("2026-03-03T16:52:30", None))
    assert [row.despatch_id for page in pages for row in page.rows] == ["70312"]
    (unread,) = (one for page in pages for one in page.unread)
    assert (unread.called, unread.reference, unread.fields) == (called, "SCY-NB-7", fields)
    assert unread.changed_at == datetime(2026, 3, 3, 16, 52, 30, 100_000, tzinfo=UTC)
    assert [page.cursor for page in pages] == ["2026-03-03T16:53:00"] * 2


def test_a_despatch_of_other_channels_that_cannot_be_read_concerns_nobody(vendor: Any, make: Make) -> None:
    vendor.post(export(202), json=[{**DESPATCH, "customerOrderRef": "PHONE-1", "quantity": None}])
    vendor.post(export(202), json=[])
    backend = make(may_be_ours=lambda reference: reference.startswith("SCY"))
    assert [page.unread for page in backend.despatches_changed("2026-03-03T16:52:30", None)] == [(), ()]


def test_a_cursor_that_is_no_time_is_refused(vendor: Any, backend: FulfilmentBackend) -> None:
    with pytest.raises(CursorRefused) as despatches:
        list(backend.despatches_changed("nonsense", None))
    with pytest.raises(CursorRefused) as stock:
        list(backend.stock_changed("nonsense", None))
    assert (despatches.value.snapshot_needed, stock.value.snapshot_needed) == (False, True)


def test_a_page_in_the_repeated_hour_is_read_by_the_time_of_fetching(vendor: Any, make: Make) -> None:
    fetched = datetime(2026, 10, 25, 1, 40, tzinfo=UTC)
    row = {**DESPATCH, "despatchedAt": "2026-10-25T01:30:00", "lastAmendedAt": "2026-10-25T01:30:00", "itemNumber": 1}
    vendor.post(export(202), json=[row])
    vendor.post(export(202), json=[])
    (despatch,), _ = drained(make(fetched).despatches_changed("2026-10-25T01:59:00", None))
    assert despatch.despatched_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert sent(vendor, export(202))[0][0]["value"] == "2026-10-25T00:57:00"


# ---- stock


def stock_row(code: str, place: int, free: float, at: str = "2026-03-03T16:45:00.037") -> dict[str, Any]:
    return {"variantCode": code, "stockLocationId": place, "freeStock": free, "physicalStock": 99.0, "lastCalculatedAt": at}


def test_without_a_cursor_the_snapshot_is_read_and_sale_locations_are_summed_raw(
    vendor: Any, backend: FulfilmentBackend
) -> None:
    vendor.post(
        export(204),
        json=[
            stock_row("TEE ", 3, 41.5),
            stock_row("TEE", 5, -2.75),
            stock_row("TEE", 1, 100),
            stock_row("HAT", 3, -1.0, "2026-03-03T16:45:00.5"),
            stock_row("CAP", 1, 7),
        ],
    )
    (page,) = backend.stock_changed(None, None)
    assert (page.cursor, page.last) == ("2026-03-03T16:45:00.5", True)
    assert {(row.sku, row.warehouse_code): row.available_for_sale for row in page.rows} == {
        ("TEE", "MAIN"): Decimal("38.75"),
        ("HAT", "MAIN"): Decimal("-1.0"),
        ("CAP", "MAIN"): Decimal(0),
    }
    assert [whole_units(row.available_for_sale) for row in page.rows] == [38, 0, 0]
    assert sent(vendor, export(204)) == [[{"name": "", "value": None}]]


def test_what_the_stock_export_calls_discontinued_is_not_for_sale(vendor: Any, backend: FulfilmentBackend) -> None:
    told = [stock_row("OLD", 3, 7) | {"discontinued": True}, stock_row("NEW", 3, 7) | {"discontinued": False}]
    vendor.post(export(204), json=[*told, stock_row("NOT-SAID", 3, 7)])
    (page,) = backend.stock_changed(None, None)
    assert {row.sku: row.active for row in page.rows} == {"OLD": False, "NEW": True, "NOT-SAID": True}


def test_stock_changes_carry_a_sequence_that_rises_with_their_calculation(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(export(203), json=[stock_row("TEE", 3, 4.0)])
    vendor.post(export(203), json=[stock_row("TEE", 3, 3.0, "2026-03-03T16:46:00")])
    vendor.post(export(203), json=[])
    rows, cursors = drained(backend.stock_changed("2026-03-03T16:44:00", None))
    assert [row.available_for_sale for row in rows] == [Decimal("4.0"), Decimal("3.0")]
    assert rows[1].sequence - rows[0].sequence == 59_963
    assert cursors[-1] == "2026-03-03T16:46:00"


def test_of_two_figures_of_one_place_the_newest_counts(vendor: Any, backend: FulfilmentBackend) -> None:
    newer, older = stock_row("TEE", 3, 4.0, "2026-03-03T16:46:00"), stock_row("TEE ", 3, 9.0, "2026-03-03T16:45:00")
    vendor.post(export(204), json=[older, newer])
    vendor.post(export(204), json=[newer, older])
    for _ in range(2):
        (page,) = backend.stock_changed(None, None)
        assert [row.available_for_sale for row in page.rows] == [4]


@pytest.mark.parametrize("unknown", [{"lastCalculatedAt": None}, {"freeStock": None}])
def test_stock_that_was_never_calculated_is_unknown_and_keeps_no_other_from_being_read(
    vendor: Any, backend: FulfilmentBackend, unknown: dict[str, Any]
) -> None:
    """A new variant has no figure before the job has run over it: an outer join shows that as null."""
    known = stock_row("TEE-NAVY-M", 3, 41.0, "2026-03-03T16:45:00.037")
    vendor.post(export(204), json=[known, {**stock_row("NEW", 3, 7.0, "2026-03-03T16:59:00"), **unknown}])
    (page,) = backend.stock_changed(None, None)
    assert [(row.sku, row.available_for_sale) for row in page.rows] == [("TEE-NAVY-M", 41)]
    vendor.post(export(203), json=[known, {**stock_row("NEW", 3, 7.0, "2026-03-03T16:46:00"), **unknown}])
    vendor.post(export(203), json=[])
    rows, _cursors = drained(backend.stock_changed("2026-03-03T16:40:00", None))
    assert [row.sku for row in rows] == ["TEE-NAVY-M"]


def test_stock_of_which_nothing_was_ever_calculated_has_a_cursor_too(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(export(204), json=[{**stock_row("NEW", 3, 7.0, ""), "lastCalculatedAt": None}])
    (page,) = backend.stock_changed(None, None)
    assert (page.rows, page.cursor, page.last) == ((), "2026-03-03T17:00:00", True)


def test_an_empty_installation_has_a_cursor_too(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(export(204), json=[])
    (page,) = backend.stock_changed(None, None)
    assert (page.rows, page.cursor, page.last) == ((), "2026-03-03T17:00:00", True)


# ---- catalogue


def item(code: str, **more: Any) -> dict[str, Any]:
    return {"variantId": 1, "variantCode": code, "discontinued": False, **more}


@pytest.mark.parametrize(
    ("found", "unknown", "ambiguous"),
    [
        ([item("85123A"), item("85123a")], False, False),
        ([item("85123a ")], False, False),
        ([item("85123A ")], False, False),
        ([], True, False),
        ([item("OTHER")], True, False),
        ([item("85123A", discontinued=True), item("85123a")], True, False),
    ],
)
def test_the_exact_code_counts_else_a_single_one_in_other_letters(
    vendor: Any, backend: FulfilmentBackend, found: list[Any], unknown: bool, ambiguous: bool
) -> None:
    vendor.post(export(205), json=found)
    assert backend.unknown_skus(["85123A"]) == (frozenset({"85123A"}) if unknown else frozenset())
    assert backend.ambiguous_skus(["85123A"]) == (frozenset({"85123A"}) if ambiguous else frozenset())


def test_several_codes_in_other_letters_are_ambiguous(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(export(205), json=[item("ab1"), item("Ab1")])
    assert backend.unknown_skus(["AB1"]) == backend.ambiguous_skus(["AB1"]) == {"AB1"}


def test_the_catalogue_is_read_as_a_whole(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.get(
        f"{BASE}/stock/variants",
        json=[
            {"variantID": 1, "variantCode": "TEE "},
            {"variantID": 2, "VariantCode": "OLD", "discontinued": True},
            {"variantID": 3, "variantCode": None},
        ],
    )
    (page,) = backend.products_changed(None, None)
    assert [(one.sku, one.active) for one in page.rows] == [("TEE", True), ("OLD", False)]
    assert page.last and page.cursor


# ---- cancelling


WHOLE = CancelWish("SCY-NB-7", "98121", "Customer request")
PART = replace(WHOLE, whole=False, lines=(CancelLine(1, "TEE-NAVY-M", 1),))


def test_a_whole_order_is_cancelled_and_shown_afterwards(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(f"{BASE}/sales/order/98121/cancel", json={"orderId": 98121, "orderStatus": "Cancelled", "lines": []})
    vendor.get(STATUS, json={**SHOWN, "orderStatus": "Cancelled"})
    gone = {**ROW, "orderStatus": "Cancelled"}
    vendor.post(export(201), json=[gone, {**ROW, "orderId": 98130}, {**gone, "orderId": 98140}])
    answer = backend.send_cancel(backend.compose_cancel(WHOLE))
    assert (answer.state, answer.raw_status) == (CancelState.CANCELLED, "Cancelled")
    assert answer.order is not None and answer.order.status is FulfilmentStatus.CANCELLED
    assert answer.order.copies == ("98130",)
    assert sent(vendor, f"{BASE}/sales/order/98121/cancel") == [{"reason": "Customer request"}]


def test_lines_are_cancelled_by_orderwises_own_ids(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.get(STATUS, json=SHOWN)
    vendor.post(f"{BASE}/sales/order/98121/cancel", json={"orderId": 98121, "orderStatus": "Awaiting despatch"})
    assert backend.send_cancel(backend.compose_cancel(PART)).state is CancelState.CANCELLED
    assert sent(vendor, f"{BASE}/sales/order/98121/cancel") == [
        {"reason": "Customer request", "lines": [{"orderLineId": 441207, "quantity": 1}]}
    ]


def test_past_the_cut_off_a_refusal_is_an_answer(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(
        f"{BASE}/sales/order/98121/cancel",
        status=409,
        json={"message": "Order is being processed", "orderStatus": "Partially despatched"},
    )
    vendor.get(STATUS, status=503)
    answer = backend.send_cancel(backend.compose_cancel(WHOLE))
    assert (answer.state, answer.raw_status, answer.order) == (CancelState.REFUSED, "Partially despatched", None)


def test_cancelling_what_is_not_there_says_so(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.post(f"{BASE}/sales/order/98121/cancel", status=404, json={"message": "Order not found"})
    with pytest.raises(NotFound):
        backend.send_cancel(backend.compose_cancel(WHOLE))
    vendor.get(STATUS, json=SHOWN)
    with pytest.raises(NeedsPerson):
        backend.send_cancel(backend.compose_cancel(replace(PART, lines=(CancelLine(9, "TEE-NAVY-M", 1),))))


def test_paths_that_nobody_has_seen_are_settings(vendor: Any, make: Make) -> None:
    backend = make(paths={"cancel": "/orders/{order_id}/void"})
    vendor.post(f"{BASE}/orders/98121/void", body="")
    vendor.get(STATUS, status=503)
    assert backend.send_cancel(backend.compose_cancel(WHOLE)).state is CancelState.CANCELLED


def test_capabilities_are_settings(make: Make) -> None:
    manual = make(capabilities={}).capabilities
    assert (manual.cancel, manual.cancel_lines, manual.returns) == (Capability.MANUAL, False, Capability.MANUAL)
    assert make().capabilities.cancel_lines


# ---- returns


REQUEST = ReturnRequest(
    rma_number="RMA-01",
    reference="SCY-NB-7",
    backend_order_id="98121",
    warehouse_code="MAIN",
    announced_at=datetime(2026, 7, 10, 9, 0, tzinfo=UTC),
    lines=(ReturnLine(1, 1, "TEE-NAVY-M", 1, "size"),),
    note="Too small",
)
RECEIPT = {
    "receiptId": 9034,
    "returnId": 6120,
    "returnNumber": "R0006120",
    "customerReturnRef": "RMA-01",
    "orderId": 98121,
    "customerOrderRef": "SCY-NB-7",
    "orderLineId": 441207,
    "variantCode": "TEE-NAVY-M",
    "quantityReceived": 1.0,
    "condition": "Resaleable",
    "action": "Refund",
    "receivedAt": "2026-03-03T11:20:03.9",
    "returnStatus": "Received",
    "lastAmendedAt": "2026-03-03T11:31:18.253",
}


def test_a_return_is_announced_with_orderwises_own_ids(vendor: Any, make: Make) -> None:
    backend = make(maps={"return_reason": {"size": "SIZE"}})
    vendor.get(STATUS, json=SHOWN)
    vendor.post(
        f"{BASE}/returns/customer-return",
        status=201,
        json={"returnId": 6120, "returnNumber": "R0006120", "customerReturnRef": "RMA-01", "returnStatus": "Awaiting goods"},
    )
    made = backend.send_return(backend.compose_return(REQUEST))
    assert (made.return_id, made.rma_number, made.status) == ("6120", "RMA-01", ReturnStatus.ANNOUNCED)
    assert sent(vendor, f"{BASE}/returns/customer-return") == [
        {
            "customerReturnRef": "RMA-01",
            "orderId": 98121,
            "returnDate": "2026-07-10T10:00:00",
            "notes": "Too small",
            "lines": [
                {"orderLineId": 441207, "variantCode": "TEE-NAVY-M", "quantity": 1, "reason": "SIZE", "action": "Refund"}
            ],
        }
    ]


def test_a_return_that_exists_with_other_content_is_told_apart(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.get(STATUS, json=SHOWN)
    vendor.post(f"{BASE}/returns/customer-return", status=409, json={"message": "exists"})
    with pytest.raises(AlreadyExists):
        backend.send_return(backend.compose_return(REQUEST))


def receipts(vendor: Any, backend: FulfilmentBackend, *rows: dict[str, Any]) -> list[Any]:
    vendor.post(export(206), json=[{**RECEIPT, **row} for row in rows])
    vendor.post(export(206), json=[])
    vendor.get(STATUS, json=SHOWN)
    return drained(backend.returns_changed(None, None))[0]


def test_receipts_are_grouped_by_return_and_are_only_the_new_ones(vendor: Any, backend: FulfilmentBackend) -> None:
    (one,) = receipts(vendor, backend, {}, {"receiptId": 9035, "condition": "damaged", "returnStatus": "Completed",
                                            "lastAmendedAt": "2026-03-03T11:40:00"})  # fmt: skip
    assert (one.return_id, one.rma_number, one.reference, one.announced) == ("6120", "RMA-01", "SCY-NB-7", True)
    assert (one.complete, one.status, one.raw_status) == (False, ReturnStatus.RECEIVED, "Completed")
    assert [(line.receipt_line_id, line.order_line_number, line.condition, line.disposition) for line in one.receipts] == [
        ("9034", 1, Condition.RESALEABLE, Disposition.RESTOCK),
        ("9035", 1, Condition.DAMAGED, Disposition.QUARANTINE),
    ]


@pytest.mark.parametrize(
    ("row", "condition", "disposition"),
    [
        ({"condition": "Scrap"}, Condition.UNSELLABLE, Disposition.SCRAP),
        ({"condition": "Sticky"}, Condition.UNKNOWN, Disposition.UNKNOWN),
        ({"condition": None}, Condition.UNKNOWN, Disposition.UNKNOWN),
        ({"action": "Replace"}, Condition.RESALEABLE, Disposition.UNKNOWN),
        ({"action": None}, Condition.RESALEABLE, Disposition.UNKNOWN),
    ],
)
def test_only_a_refund_of_known_goods_is_no_persons_business(
    vendor: Any, backend: FulfilmentBackend, row: dict[str, Any], condition: Condition, disposition: Disposition
) -> None:
    (one,) = receipts(vendor, backend, row)
    assert (one.receipts[0].condition, one.receipts[0].disposition) == (condition, disposition)


def test_a_return_that_people_entered_is_known_by_our_number_in_other_letters_too(vendor: Any, backend: FulfilmentBackend) -> None:
    """Where `capabilities.returns` is manual they type it, and OrderWise's database compares without case."""
    (one,) = receipts(vendor, backend, {"customerReturnRef": " rma-01kk91FJ "})
    assert (one.rma_number, one.announced) == ("RMA-01KK91FJ", True)


def test_goods_that_nobody_announced_carry_hints(vendor: Any, backend: FulfilmentBackend) -> None:
    linked, alone = receipts(
        vendor,
        backend,
        {"customerReturnRef": None, "orderLineId": None},
        {"receiptId": 9040, "returnId": None, "customerReturnRef": "", "orderId": None, "customerOrderRef": None},
    )
    assert (linked.announced, linked.hints, linked.receipts[0].order_line_number) == (
        False, ("SCY-NB-7", "R0006120"), None,
    )  # fmt: skip
    assert (alone.return_id, alone.reference, alone.announced) == ("receipt-9040", "", False)


def test_nothing_is_pushed_and_no_return_can_be_looked_up(backend: FulfilmentBackend) -> None:
    assert backend.verify_webhook({}, b"{}", NOW) is None
    assert backend.find_returns(["RMA-01"]) == {}


# ---- health


def test_health_names_locations_that_are_configured_and_missing(vendor: Any, backend: FulfilmentBackend) -> None:
    vendor.get(
        f"{BASE}/system/stock-locations",
        json=[{"Id": 1, "name": "Head office"}, {"id": 3}],
        headers={"Date": "Tue, 03 Mar 2026 17:00:01 GMT"},
    )
    health = backend.health()
    assert health.warnings == ("it has no stock location 5",)
    assert health.server_time == datetime(2026, 3, 3, 17, 0, 1, tzinfo=UTC)
    assert backend.account == "orderwise:ACME-UK"
