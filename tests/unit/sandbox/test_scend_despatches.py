"""Scend sandbox: despatches, parcels, late tracking, voids (contract 2.13)."""

from __future__ import annotations

from typing import Any

import pytest

LINES = [
    {"lineNumber": 1, "sku": "TEE-ORG-BLK-M", "quantity": 2, "clientLineReference": "990211"},
    {"lineNumber": 2, "sku": "JKT-RAIN-NVY-L", "quantity": 1, "clientLineReference": "990212"},
    {"lineNumber": 3, "sku": "BOOT-HIKE-BRN-42", "quantity": 1, "clientLineReference": "990213"},
]


def parcel(*lines: tuple[int, int], tracking: str | None = None) -> dict[str, Any]:
    named = [{"lineNumber": number, "quantity": quantity} for number, quantity in lines]
    return {"lines": named, "trackingNumber": tracking}


def packed(scend: Any, **changes: Any) -> dict[str, Any]:
    scend.create(lines=LINES, **changes)
    return dict(scend.floor("SCY-1", "advance", {"to": "PACKED"}))


def send(scend: Any, *parcels: dict[str, Any], expect: int | None = None, **more: Any) -> dict[str, Any]:
    return dict(scend.floor("SCY-1", "despatch", {"parcels": list(parcels), **more}, expect))


def test_two_despatches_three_parcels_and_late_tracking(scend: Any) -> None:
    """Scenario S1."""
    packed(scend)
    first = send(
        scend,
        parcel((1, 2), tracking="15502370419831"),
        parcel((3, 1), tracking="15502370419832"),
        carrierCode="DPD_UK",
    )
    assert (first["ordinal"], first["isFinal"], first["version"]) == (1, False, 1)
    assert first["carrier"] == {"code": "DPD_UK", "name": "DPD UK"}
    assert first["service"] == {"code": "STD48", "name": "Standard 48 hours"}
    assert first["lines"] == [
        {"lineNumber": 1, "sku": "TEE-ORG-BLK-M", "quantity": 2, "clientLineReference": "990211"},
        {"lineNumber": 3, "sku": "BOOT-HIKE-BRN-42", "quantity": 1, "clientLineReference": "990213"},
    ]
    assert [one["trackingNumber"] for one in first["parcels"]] == ["15502370419831", "15502370419832"]
    assert first["parcels"][0]["trackingUrl"].endswith("/15502370419831")
    assert scend.order()["status"] == "PARTIALLY_DESPATCHED"
    _, cursor = scend.feed("/despatches")

    second = send(scend, parcel((2, 1)), carrierCode="ROYAL_MAIL")
    assert (second["ordinal"], second["isFinal"]) == (2, True)
    assert second["parcels"][0]["trackingNumber"] is None
    order = scend.order()
    assert order["status"] == "DESPATCHED"
    assert [(one["ordinal"], one["isFinal"]) for one in order["despatches"]] == [(1, False), (2, True)]
    rows, cursor = scend.feed("/despatches", cursor=cursor)
    assert [row["despatchId"] for row in rows] == [second["despatchId"]]

    path = f"/despatches/{second['despatchId']}/tracking"
    scend.control("POST", path, {"trackingNumber": "RM1"})
    rows, _ = scend.feed("/despatches", cursor=cursor)
    assert [(row["version"], row["parcels"][0]["trackingNumber"]) for row in rows] == [(2, "RM1")]
    assert scend.order()["version"] == order["version"]
    assert scend.get(f"/despatches/{second['despatchId']}").json() == rows[0]


def test_despatches_are_found_by_reference_order_and_warehouse(scend: Any) -> None:
    order = packed(scend)
    made = send(scend)
    for query in ({"clientReference": "SCY-1"}, {"orderId": order["orderId"]}, {"warehouseCode": "MID1"}):
        assert [one["despatchId"] for one in scend.feed("/despatches", **query)[0]] == [made["despatchId"]]
    for query in ({"clientReference": "scy-1"}, {"orderId": "x"}, {"warehouseCode": "NTH2"}):
        assert scend.feed("/despatches", **query)[0] == []


def test_parcels_of_one_despatch_may_share_a_number(scend: Any) -> None:
    packed(scend)
    made = send(scend, parcel((1, 1), tracking="X1"), parcel((1, 1), (2, 1), (3, 1), tracking="X1"))
    assert {one["trackingNumber"] for one in made["parcels"]} == {"X1"}
    assert len({one["parcelId"] for one in made["parcels"]}) == 2
    assert made["lines"][0]["quantity"] == 2


def test_default_despatch_takes_everything_reserved_and_the_services_first_carrier(scend: Any) -> None:
    packed(scend, shipping={"serviceCode": "AUTO"})
    made = send(scend)
    assert (made["carrier"]["code"], made["service"]["code"], made["isFinal"]) == ("DPD_UK", "STD48", True)
    assert made["parcels"][0]["weightGrams"] == 2 * 210 + 780 + 1580


@pytest.mark.parametrize(
    "parcels",
    [
        [parcel((1, 3))],
        [parcel((1, 1)), parcel((1, 2))],
        [parcel((9, 1))],
        [parcel((1, 0))],
        [parcel((1, -1))],
    ],
)
def test_units_that_are_not_reserved_cannot_be_sent(scend: Any, parcels: list[dict[str, Any]]) -> None:
    before = packed(scend)
    send(scend, *parcels, expect=409)
    assert scend.order() == before
    assert scend.feed("/despatches")[0] == []


def test_order_without_partials_leaves_whole_or_by_force(scend: Any) -> None:
    packed(scend, allowPartialDespatch=False)
    send(scend, parcel((1, 2)), expect=409)
    assert send(scend, parcel((1, 2)), force=True)["isFinal"] is False


@pytest.mark.parametrize("status", ["RECEIVED", "ALLOCATED", "PICKING", "PICKED", "DESPATCHED"])
def test_only_packed_orders_leave(scend: Any, status: str) -> None:
    scend.create()
    if status != "RECEIVED":
        scend.floor("SCY-1", "advance", {"to": status})
    send(scend, expect=409)


def test_void_of_the_only_despatch_brings_the_order_back_to_packed(scend: Any) -> None:
    """Scenario S13."""
    packed(scend)
    stock = scend.stock()
    made = send(scend)
    voided = scend.control("POST", f"/despatches/{made['despatchId']}/void")
    assert (voided["version"], voided["isFinal"]) == (2, False)
    assert voided["voidedAt"] is not None
    order = scend.order()
    assert order["status"] == "PACKED"
    assert order["despatches"][0]["voidedAt"] == voided["voidedAt"]
    assert [(one["quantityAllocated"], one["quantityDespatched"]) for one in order["lines"]] == [
        (2, 0),
        (1, 0),
        (1, 0),
    ]
    after = scend.stock()
    assert [after[name] for name in ("physical", "reserved", "picked")] == [
        stock[name] for name in ("physical", "reserved", "picked")
    ]
    scend.control("POST", f"/despatches/{made['despatchId']}/void", expect=409)
    scend.control("POST", f"/despatches/{made['despatchId']}/tracking", {"trackingNumber": "X"}, expect=409)
    again = send(scend)
    assert (again["ordinal"], again["isFinal"]) == (2, True)
    assert scend.order()["status"] == "DESPATCHED"


def test_void_of_one_of_two_despatches_leaves_the_order_partly_sent(scend: Any) -> None:
    packed(scend)
    first = send(scend, parcel((1, 2)))
    send(scend)
    assert scend.order()["status"] == "DESPATCHED"
    scend.control("POST", f"/despatches/{first['despatchId']}/void")
    order = scend.order()
    assert order["status"] == "PARTIALLY_DESPATCHED"
    assert [one["quantityDespatched"] for one in order["lines"]] == [0, 1, 1]
    assert send(scend)["isFinal"] is True


def test_second_partial_despatch_raises_the_version_without_a_status_change(scend: Any) -> None:
    packed(scend)
    send(scend, parcel((1, 1)))
    before = scend.order()
    send(scend, parcel((1, 1)))
    after = scend.order()
    assert (after["status"], after["version"]) == ("PARTIALLY_DESPATCHED", before["version"] + 1)
    assert after["statusHistory"] == before["statusHistory"]


def test_tracking_can_be_set_parcel_by_parcel(scend: Any) -> None:
    packed(scend)
    made = send(scend, parcel((1, 2)), parcel((2, 1), (3, 1)))
    path = f"/despatches/{made['despatchId']}/tracking"
    changed = scend.control("POST", path, {"parcels": [{"parcelNumber": 2, "trackingNumber": "B"}]})
    assert [one["trackingNumber"] for one in changed["parcels"]] == [None, "B"]
    changed = scend.control(
        "POST", path, {"parcels": [{"parcelId": made["parcels"][0]["parcelId"], "trackingNumber": "A"}]}
    )
    assert ([one["trackingNumber"] for one in changed["parcels"]], changed["version"]) == (["A", "B"], 3)
    scend.control("POST", path, {"parcels": [{"parcelNumber": 9, "trackingNumber": "C"}]}, expect=409)


def test_facts_keep_what_happened(scend: Any) -> None:
    packed(scend)
    made = send(scend)
    scend.control("POST", f"/despatches/{made['despatchId']}/void")
    facts = scend.control("GET", "/state?section=facts")["facts"]
    assert [fact["n"] for fact in facts] == list(range(1, len(facts) + 1))
    kinds = [fact["fact"] for fact in facts if fact["fact"].startswith("despatch")]
    assert kinds == ["despatch_created", "despatch_voided"]
