"""What every `FulfilmentBackend` owes its flows, shown by the real adapter over the Scend stand-in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.scend.adapter import ScendBackend
from syncbridge.config.scend import CustomsSettings, ScendSettings
from syncbridge.domain.backend import (
    BackendDespatch,
    BackendOrder,
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
    OutcomeUnknown,
    RetryLater,
)
from syncbridge.domain.orders import Address, FulfilmentRequest, Line, Totals
from syncbridge.ports.answers import FeedPage
from syncbridge.ports.backend import FulfilmentBackend

SECRET = "whsec_c3luY2JyaWRnZS1zYW5kYm94LXNpZ25pbmcta2V5LTAx"

ADDRESS = Address(
    first_name="Inès",
    last_name="Okafor",
    street="Mill Lane",
    house_number="18",
    additional="Flat 4, Tannery House",
    postcode="NR3 1QX",
    city="Norwich",
    country="GB",
    phone="+447700900123",
)
LINES = (
    Line(1, "TEE-ORG-BLK-M", "TEE-ORG-BLK-M", (101, 102), "Organic tee", 2200),
    Line(2, "JKT-RAIN-NVY-L", "JKT-RAIN-NVY-L", (103,), "Rain jacket", 9500),
)


def request_for(reference: str = "SCY-NB-1", **changes: Any) -> FulfilmentRequest:
    base = FulfilmentRequest(
        reference=reference,
        order_id=1,
        order_number="NB1",
        shop="nb",
        warehouse_code="MID1",
        currency="GBP",
        service="STD48",
        delivery=ADDRESS,
        lines=LINES,
        billing=ADDRESS,
        email="ines@example.com",
        ordered_at=datetime(2026, 3, 2, 8, 41, tzinfo=UTC),
        totals=Totals(13900, 395, 2382),
    )
    return replace(base, **changes)


def settings_for(root: str) -> ScendSettings:
    return ScendSettings.model_validate(
        {
            "base_url": f"{root}/v1",
            "account_code": "ACME-UK",
            "page_limit": 5,
        }
    )


@pytest.fixture
def settings(scend_server: str) -> ScendSettings:
    return settings_for(scend_server)


@pytest.fixture
def backend(
    settings: ScendSettings, scend_control: Any, open_quota: Any, closed_breaker: Any
) -> FulfilmentBackend:
    scend_control("PUT", "/settings", {"rateCapacity": 100_000, "ratePerSecond": 10_000})
    return ScendBackend(settings, "scend-sandbox-token", open_quota, closed_breaker, webhook_secrets=[SECRET])


@pytest.fixture
def floor(scend_control: Any) -> Callable[..., Any]:
    """What the people in the warehouse do with an order."""

    def act(reference: str, verb: str, body: Any = None) -> Any:
        return scend_control("POST", f"/orders/by-reference/{reference}/{verb}", body or {})

    return act


def created(backend: FulfilmentBackend, request: FulfilmentRequest) -> BackendOrder:
    assert backend.faults(request) == ()
    return backend.create_order(backend.compose_order(request))


def found(backend: FulfilmentBackend, reference: str = "SCY-NB-1") -> BackendOrder:
    return backend.find_orders([reference])[reference]


def stored(scend_control: Any) -> int:
    return len(scend_control("GET", "/state?section=orders")["orders"])


def drained(pages: Iterator[FeedPage[Any]]) -> tuple[list[Any], str]:
    rows: list[Any] = []
    cursor = ""
    for page in pages:
        rows += page.rows
        cursor = page.cursor
    return rows, cursor


def test_an_order_without_faults_is_accepted_and_is_what_was_asked_for(backend: FulfilmentBackend) -> None:
    request = request_for()
    order = created(backend, request)
    assert order.reference == "SCY-NB-1"
    assert order.status is FulfilmentStatus.ACCEPTED
    assert order.attention == ()
    assert [(line.line_number, line.sku, line.ordered) for line in order.lines] == [
        (1, "TEE-ORG-BLK-M", 2),
        (2, "JKT-RAIN-NVY-L", 1),
    ]
    assert (order.total_minor, order.currency) == (14295, "GBP")
    assert backend.differences(backend.compose_order(request), order) == ()
    assert backend.differences(backend.compose_order(request), found(backend)) == ()


def test_the_same_body_again_makes_no_second_order(backend: FulfilmentBackend, scend_control: Any) -> None:
    first = created(backend, request_for())
    assert created(backend, request_for()).backend_id == first.backend_id
    assert stored(scend_control) == 1


def test_a_vendor_that_rejects_every_repeat_still_shows_the_same_order(
    backend: FulfilmentBackend, scend_control: Any
) -> None:
    scend_control("PUT", "/settings", {"duplicateMode": "always_reject"})
    body = backend.compose_order(request_for())
    backend.create_order(body)
    with pytest.raises(AlreadyExists):
        backend.create_order(body)
    assert backend.differences(body, found(backend)) == ()


def test_other_content_under_a_reference_exists_already_and_the_difference_has_a_name(
    backend: FulfilmentBackend,
) -> None:
    created(backend, request_for())
    other = request_for(lines=(replace(LINES[0], unit_ids=(101, 102, 104)), LINES[1]), totals=None)
    with pytest.raises(AlreadyExists) as exists:
        created(backend, other)
    assert "lines[0].quantity" in str(exists.value)
    assert backend.differences(backend.compose_order(other), found(backend)) == (
        "lines[lineNumber=1].quantity",
    )


def test_another_order_under_our_reference_is_told_apart_by_its_units(backend: FulfilmentBackend) -> None:
    created(backend, request_for())
    other = request_for(lines=(replace(LINES[0], unit_ids=(501, 502)), replace(LINES[1], unit_ids=(503,))))
    assert backend.differences(backend.compose_order(other), found(backend)) == (
        "lines[lineNumber=1].clientLineReference",
        "lines[lineNumber=2].clientLineReference",
    )


def test_a_lost_answer_leaves_one_order_that_can_be_found(
    backend: FulfilmentBackend, scend_control: Any
) -> None:
    body = backend.compose_order(request_for())
    scend_control.fault("POST", "/orders", "timeout_before")
    with pytest.raises(OutcomeUnknown):
        backend.create_order(body)
    assert backend.find_orders(["SCY-NB-1"]) == {}
    scend_control.fault("POST", "/orders", "timeout_after")
    with pytest.raises(OutcomeUnknown):
        backend.create_order(body)
    assert backend.differences(body, found(backend)) == ()
    assert backend.create_order(body).backend_id == found(backend).backend_id
    assert stored(scend_control) == 1


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        ("http", {"status": 500}),
        ("http", {"status": 504}),
        ("html_502", {}),
        ("truncated_json", {}),
        ("in_progress", {}),
    ],
)
def test_doubtful_answers_to_a_create_are_unknown(
    backend: FulfilmentBackend, scend_control: Any, fault: str, more: dict[str, Any]
) -> None:
    scend_control.fault("POST", "/orders", fault, **more)
    with pytest.raises(OutcomeUnknown):
        created(backend, request_for())


def test_an_answer_to_a_create_that_does_not_come_in_time_is_unknown(
    settings: ScendSettings, scend_control: Any, open_quota: Any, closed_breaker: Any
) -> None:
    impatient = settings.model_copy(update={"read_timeout_seconds": 0.3})
    scend_control.fault("POST", "/orders", "slow", milliseconds=3000)
    with pytest.raises(OutcomeUnknown):
        created(ScendBackend(impatient, "scend-sandbox-token", open_quota, closed_breaker), request_for())


def test_maintenance_certainly_had_no_effect(backend: FulfilmentBackend, scend_control: Any) -> None:
    body = {
        "error": {
            "code": "SERVICE_UNAVAILABLE",
            "message": "",
            "requestId": "r",
            "retryable": True,
            "context": {},
            "details": [],
        }
    }
    scend_control.fault("POST", "/orders", "http", status=503, body=body, retryAfter=9)
    with pytest.raises(RetryLater):
        created(backend, request_for())
    assert backend.find_orders(["SCY-NB-1"]) == {}


def test_a_quota_that_is_used_up_says_when_to_come_back(
    backend: FulfilmentBackend, scend_control: Any, open_quota: Any
) -> None:
    scend_control("PUT", "/settings", {"rateCapacity": 1, "ratePerSecond": 0.5})
    with pytest.raises(RetryLater) as limited:
        [backend.find_orders(["SCY-NB-1"]) for _ in range(3)]
    assert limited.value.after is not None
    assert timedelta(0) < limited.value.after <= timedelta(seconds=3)
    reading = open_quota.readings["scend", "account"]
    assert (reading.limit, reading.remaining) == (1, 0)


def test_what_the_checks_let_pass_is_never_refused(backend: FulfilmentBackend, scend_control: Any) -> None:
    """The widest request that has no faults is taken as it is."""
    wide = Address(
        first_name="Ł" * 30,
        last_name="ø" * 29,
        company="ж" * 60,
        street=("名" * 20 + " ") + "x" * 35,
        house_number="1" * 15,
        additional="",
        postcode="sw1a1aa",
        city="é" * 35,
        region="a" * 35,
        country="GB",
        phone="+44 (0)20-7946 0958",
    )
    request = request_for(
        "S" * 50,
        delivery=wide,
        billing=replace(wide, last_name=""),
        email="x" * 100,
        order_number="9" * 30,
        lines=tuple(
            Line(n, "TEE-ORG-BLK-M", "TEE", tuple(range(n * 1000, n * 1000 + 999)), "d" * 100, n)
            for n in range(1, 201)
        ),
        totals=None,
    )
    order = created(backend, request)
    assert order.attention == ()
    assert len(order.lines) == 200


@pytest.mark.parametrize(
    "change",
    [
        {"delivery": replace(ADDRESS, city="x" * 36)},
        {"delivery": replace(ADDRESS, street="a\tb")},
        {"delivery": replace(ADDRESS, street="x" * 36)},
        {"delivery": replace(ADDRESS, phone="none")},
        {"delivery": replace(ADDRESS, country="")},
        {"billing": replace(ADDRESS, company="x" * 61)},
        {"email": "x" * 101},
        {"reference": "a b"},
        {"currency": "£"},
        {"lines": (replace(LINES[0], sku="tee"),)},
        {"lines": (replace(LINES[0], unit_ids=tuple(range(1, 1002))),), "totals": None},
        {"service": "NO-SUCH-SERVICE-AT-ALL-HERE"},
    ],
)
def test_what_the_checks_find_would_indeed_be_refused(
    backend: FulfilmentBackend, change: dict[str, Any]
) -> None:
    request = request_for(**change)
    assert backend.faults(request)
    with pytest.raises(NeedsPerson) as refused:
        backend.create_order(backend.compose_order(request))
    assert refused.value.evidence.excerpt
    assert "Okafor" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"delivery": replace(ADDRESS, postcode="")}, "ADDRESS_INCOMPLETE"),
        ({"delivery": replace(ADDRESS, postcode="XX")}, "POSTCODE_INVALID"),
        ({"delivery": replace(ADDRESS, street="", house_number="", additional="")}, "ADDRESS_INCOMPLETE"),
    ],
)
def test_what_the_checks_find_would_indeed_be_quarantined(
    backend: FulfilmentBackend, change: dict[str, Any], code: str
) -> None:
    request = request_for(**change)
    assert [fault.code for fault in backend.faults(request)] == [code]
    order = backend.create_order(backend.compose_order(request))
    assert order.status is FulfilmentStatus.NEEDS_ATTENTION
    assert [fault.code for fault in order.attention] == [code]


def test_an_order_with_an_unknown_sku_needs_attention_and_the_sku_was_known_to_be_unknown(
    backend: FulfilmentBackend,
) -> None:
    skus = ["TEE-ORG-BLK-M", "HAT-WOOL-GRY-OS", "SCARF-OLD-RED"]
    assert backend.unknown_skus(skus) == {"HAT-WOOL-GRY-OS", "SCARF-OLD-RED"}
    lines = tuple(Line(n, sku, sku, (n,), "", 100) for n, sku in enumerate(skus, start=1))
    order = created(backend, request_for(lines=lines, totals=None))
    assert order.status is FulfilmentStatus.NEEDS_ATTENTION
    assert [(fault.code, fault.value) for fault in order.attention] == [
        ("SKU_UNKNOWN", "HAT-WOOL-GRY-OS"),
        ("SKU_INACTIVE", "SCARF-OLD-RED"),
    ]


def test_abroad_customs_data_keeps_an_order_from_being_held(
    backend: FulfilmentBackend, settings: ScendSettings, open_quota: Any, closed_breaker: Any
) -> None:
    french = request_for(delivery=replace(ADDRESS, country="FR", postcode="75001"), service="INTL_TRK")
    assert [fault.code for fault in backend.faults(french)] == ["CUSTOMS_DATA"]
    prepared = settings.model_copy(update={"customs": CustomsSettings(incoterm="DAP", eori_number="GB1")})
    order = created(ScendBackend(prepared, "scend-sandbox-token", open_quota, closed_breaker), french)
    assert order.attention == ()


def test_many_references_are_looked_up_and_only_those_that_exist_come_back(
    backend: FulfilmentBackend,
) -> None:
    for number in (3, 7, 55):
        created(backend, request_for(f"SCY-NB-{number}"))
    references = [f"SCY-NB-{number}" for number in range(1, 61)]
    assert sorted(backend.find_orders(references)) == ["SCY-NB-3", "SCY-NB-55", "SCY-NB-7"]
    assert backend.find_orders(["scy-nb-3"]) == {}


def test_an_order_changed_by_correcting_its_address_is_still_ours(
    backend: FulfilmentBackend, scend_control: Any, floor: Callable[..., Any]
) -> None:
    request = request_for()
    created(backend, request)
    floor("SCY-NB-1", "hold", {"code": "MANUAL", "message": "call Inès Okafor"})
    held = found(backend)
    assert held.status is FulfilmentStatus.NEEDS_ATTENTION
    assert [fault.code for fault in held.attention] == ["MANUAL"]
    assert "Okafor" not in str(held.attention)
    assert backend.differences(backend.compose_order(request), held) == ()


def test_the_order_feed_brings_everything_once_and_then_only_changes(
    backend: FulfilmentBackend, floor: Callable[..., Any]
) -> None:
    for number in range(12):
        created(backend, request_for(f"SCY-NB-{number}"))
    rows, cursor = drained(backend.orders_changed(None, None))
    assert sorted({row.reference for row in rows}) == sorted(f"SCY-NB-{number}" for number in range(12))
    settle = time.monotonic() + 30
    while rows and time.monotonic() < settle:
        rows, cursor = drained(backend.orders_changed(cursor, None))
        time.sleep(0.05)
    floor("SCY-NB-4", "hold", {"code": "MANUAL"})
    pages = list(backend.orders_changed(cursor, None))
    assert [row.reference for page in pages for row in page.rows] == ["SCY-NB-4"]
    assert pages[-1].last


def test_a_feed_can_start_at_an_instant(backend: FulfilmentBackend, scend_control: Any) -> None:
    created(backend, request_for("SCY-NB-1"))
    scend_control("POST", "/clock", {"advanceSeconds": 3600})
    created(backend, request_for("SCY-NB-2"))
    since = datetime.now(UTC) + timedelta(seconds=1800)
    rows, _ = drained(backend.orders_changed(None, since))
    assert {row.reference for row in rows} == {"SCY-NB-2"}


def test_the_catalogue_feed_brings_every_product_and_whether_it_is_served(backend: FulfilmentBackend) -> None:
    rows, cursor = drained(backend.products_changed(None, None))
    assert {row.sku: row.active for row in rows} == {
        "TEE-ORG-BLK-M": True,
        "JKT-RAIN-NVY-L": True,
        "BOOT-HIKE-BRN-42": True,
        "SCARF-OLD-RED": False,
    }
    assert drained(backend.products_changed(cursor, None))[0] == []


def test_positions_that_are_too_old_are_refused_with_what_to_do(
    backend: FulfilmentBackend, scend_control: Any
) -> None:
    _, cursor = drained(backend.despatches_changed(None, None))
    scend_control("POST", "/clock", {"advanceSeconds": 8 * 86_400})
    with pytest.raises(CursorRefused) as expired:
        drained(backend.despatches_changed(cursor, None))
    assert not expired.value.snapshot_needed
    with pytest.raises(CursorRefused) as garbled:
        drained(backend.despatches_changed("nonsense", None))
    assert not garbled.value.snapshot_needed
    with pytest.raises(CursorRefused) as ancient:
        drained(backend.despatches_changed(None, datetime.now(UTC) - timedelta(days=40)))
    assert ancient.value.snapshot_needed


def test_parcels_with_late_tracking_and_a_void(
    backend: FulfilmentBackend, scend_control: Any, floor: Callable[..., Any]
) -> None:
    created(backend, request_for())
    floor("SCY-NB-1", "advance", {"to": "PACKED"})
    floor(
        "SCY-NB-1",
        "despatch",
        {
            "parcels": [
                {"lines": [{"lineNumber": 1, "quantity": 2}], "trackingNumber": "T1"},
                {"lines": [{"lineNumber": 2, "quantity": 1}], "trackingNumber": None},
            ],
            "carrierCode": "DPD_UK",
        },
    )
    rows, cursor = drained(backend.despatches_changed(None, None))
    despatch: BackendDespatch = rows[0]
    assert (despatch.reference, despatch.carrier) == ("SCY-NB-1", "DPD_UK")
    assert despatch.backend_order_id == found(backend).backend_id
    assert [(parcel.tracking_number, parcel.lines[0].sku) for parcel in despatch.parcels] == [
        ("T1", "TEE-ORG-BLK-M"),
        ("", "JKT-RAIN-NVY-L"),
    ]
    assert found(backend).status is FulfilmentStatus.DESPATCHED

    scend_control("POST", f"/despatches/{despatch.despatch_id}/tracking", {"trackingNumber": "T2"})
    rows, cursor = drained(backend.despatches_changed(cursor, None))
    assert rows[-1].version > despatch.version
    assert all(parcel.tracking_number for parcel in rows[-1].parcels)

    scend_control("POST", f"/despatches/{despatch.despatch_id}/void")
    rows, _ = drained(backend.despatches_changed(cursor, None))
    assert rows[-1].voided_at is not None
    assert found(backend).status is not FulfilmentStatus.DESPATCHED


def test_a_short_close_names_the_cancelled_units_and_who_gave_up(
    backend: FulfilmentBackend, floor: Callable[..., Any]
) -> None:
    created(backend, request_for())
    floor("SCY-NB-1", "advance", {"to": "PICKING"})
    floor("SCY-NB-1", "short-pick", {"lines": [{"lineNumber": 2, "quantity": 1}]})
    floor("SCY-NB-1", "advance", {"to": "PACKED"})
    floor("SCY-NB-1", "despatch")
    floor("SCY-NB-1", "short-close")
    order = found(backend)
    assert order.status is FulfilmentStatus.DESPATCHED
    assert order.initiator == "WAREHOUSE"
    assert [(line.despatched, line.cancelled) for line in order.lines] == [(2, 0), (0, 1)]


def test_a_warehouse_cancellation_is_seen(backend: FulfilmentBackend, floor: Callable[..., Any]) -> None:
    created(backend, request_for())
    floor("SCY-NB-1", "warehouse-cancel")
    order = found(backend)
    assert (order.status, order.initiator) == (FulfilmentStatus.CANCELLED, "WAREHOUSE")


def test_webhooks_are_verified_and_name_the_order(
    backend: FulfilmentBackend, scend_control: Any, mailbox: Any, floor: Callable[..., Any]
) -> None:
    box, root = mailbox
    received: list[tuple[dict[str, str], bytes]] = box.signed
    scend_control(
        "POST",
        "/webhooks/subscriptions",
        {"url": f"{root}/signed", "topics": ["order.status_changed"], "secret": SECRET},
    )
    created(backend, request_for())
    floor("SCY-NB-1", "hold", {"code": "MANUAL"})
    ends_at = time.monotonic() + 30
    while not received:
        assert time.monotonic() < ends_at, "no webhook came"
        time.sleep(0.02)
    headers, raw = received[0]
    event = backend.verify_webhook(headers, raw, datetime.now(UTC))
    assert event is not None
    assert (event.topic, event.reference) == ("order.status_changed", "SCY-NB-1")
    assert event.message_id == json.loads(raw)["id"]
    assert backend.verify_webhook(headers, raw + b" ", datetime.now(UTC)) is None
    assert backend.verify_webhook(headers, raw, datetime.now(UTC) + timedelta(minutes=6)) is None


def test_health_is_clean_and_shows_the_servers_time(backend: FulfilmentBackend, scend_control: Any) -> None:
    scend_control("POST", "/clock", {"advanceSeconds": 3600})
    health = backend.health()
    assert health.warnings == ()
    assert health.server_time is not None
    assert health.server_time > datetime.now(UTC) + timedelta(minutes=59)


def test_a_wrong_token_or_account_is_a_misconfiguration(
    backend: FulfilmentBackend, settings: ScendSettings, open_quota: Any, closed_breaker: Any
) -> None:
    with pytest.raises(Misconfigured):
        ScendBackend(settings, "wrong", open_quota, closed_breaker).health()
    foreign = settings.model_copy(update={"account_code": "OTHER"})
    with pytest.raises(Misconfigured):
        ScendBackend(foreign, "scend-sandbox-token", open_quota, closed_breaker).health()


# ---- returns


def a_return(rma: str = "RMA-1", **changes: Any) -> ReturnRequest:
    base = ReturnRequest(
        rma_number=rma,
        reference="SCY-NB-1",
        backend_order_id="",
        warehouse_code="MID1",
        announced_at=datetime(2026, 3, 9, 10, 15, tzinfo=UTC),
        lines=(ReturnLine(1, 1, "TEE-ORG-BLK-M", 1, "too_late_to_cancel"),),
    )
    return replace(base, **changes)


@pytest.fixture
def despatched(backend: FulfilmentBackend, floor: Callable[..., Any]) -> None:
    created(backend, request_for())
    floor("SCY-NB-1", "advance", {"to": "DESPATCHED"})


@pytest.mark.usefixtures("despatched")
def test_a_return_is_announced_once_and_found_by_its_number(backend: FulfilmentBackend) -> None:
    body = backend.compose_return(a_return())
    made = backend.send_return(body)
    assert (made.rma_number, made.reference, made.status, made.announced) == (
        "RMA-1", "SCY-NB-1", ReturnStatus.ANNOUNCED, True,
    )  # fmt: skip
    assert backend.send_return(body).return_id == made.return_id
    assert backend.find_returns(["RMA-1", "RMA-NONE"]) == {"RMA-1": made}
    with pytest.raises(AlreadyExists):
        backend.send_return(backend.compose_return(a_return(note="another wish")))


@pytest.mark.usefixtures("despatched")
@pytest.mark.parametrize(
    "changes",
    [
        {"reference": "SCY-NB-404"},
        {"lines": (ReturnLine(1, 1, "TEE-ORG-BLK-M", 3, "other"),)},
        {"lines": (ReturnLine(1, 1, "BOOT-HIKE-BRN-42", 1, "other"),)},
    ],
)
def test_a_return_that_cannot_be_is_a_persons(backend: FulfilmentBackend, changes: dict[str, Any]) -> None:
    with pytest.raises(NeedsPerson):
        backend.send_return(backend.compose_return(a_return(**changes)))


@pytest.mark.usefixtures("despatched")
def test_the_return_feed_brings_receipts_with_their_order_line_and_blind_parcels_with_hints(
    backend: FulfilmentBackend, scend_control: Any
) -> None:
    backend.send_return(backend.compose_return(a_return()))
    (announced,), cursor = drained(backend.returns_changed(None, None))
    assert announced.receipts == ()
    goods = {"lines": [{"sku": "TEE-ORG-BLK-M", "quantity": 1, "conditionCode": "FAULTY"}], "close": True}
    scend_control("POST", "/returns/by-rma/RMA-1/receive", goods)
    label = {"carrierCode": "ROYAL_MAIL", "trackingNumber": "RI-0011AABB"}
    blind = {"lines": [{"sku": "JKT-RAIN-NVY-L", "quantity": 1, "note": "no slip"}], "returnTracking": label}
    scend_control("POST", "/returns/unannounced", blind)
    (received, unannounced), _cursor = drained(backend.returns_changed(cursor, None))
    (line,) = received.receipts
    assert received.version > announced.version
    assert (line.order_line_number, line.sku, line.quantity) == (1, "TEE-ORG-BLK-M", 1)
    assert (line.condition, line.disposition) == (Condition.FAULTY, Disposition.QUARANTINE)
    assert (unannounced.rma_number, unannounced.reference, unannounced.announced) == ("", "", False)
    assert unannounced.hints == ("RI-0011AABB", "no slip")
    assert unannounced.receipts[0].order_line_number is None
