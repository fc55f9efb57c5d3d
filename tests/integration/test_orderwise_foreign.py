"""An ERP serves everybody: what is not ours is in the same feeds, and concerns nobody here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flow_world import World, erp_line
from order_story import TEE, calm, open_kinds, parts, statuses
from orderwise_stand_in import OrderWiseClient
from split_story import both_delegated, both_worlds, erp_leaves, go_round, in_erp
from sqlalchemy import select

from syncbridge.bootstrap import may_be_ours
from syncbridge.flows import order_push, return_check, return_pull
from syncbridge.ledger.tables import exceptions


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("foreign")) as made:
        yield made


@pytest.fixture
def one(whole: World) -> Iterator[World]:
    yield whole
    calm(whole)


def bought(one: World, *lines: dict[str, Any]) -> int:
    return both_delegated(one, one.place(*(lines or (erp_line(TEE),))), merchants=1)


def foreign(one: World, reference: str, kind: int = 1) -> int:
    client = OrderWiseClient(one.orderwise)
    client.mint()
    body = client.body(reference, lines=[(TEE, 1)], systemOrderType=kind)
    for name in ("payments", "dissurs"):
        body.pop(name)
    answer = client.send_order(body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["orderId"])


def told(one: World) -> list[tuple[str, str]]:
    with one.context.ledger.reading() as connection:
        query = select(exceptions.c.kind, exceptions.c.subject).where(exceptions.c.state != "resolved")
        return [(row.kind, row.subject) for row in connection.execute(query)]


@pytest.mark.parametrize("reference", ["EBAY-77", "PO 4711/B", "phone Mrs Smith"])
def test_despatches_of_other_channels_are_nobodys_exception(one: World, reference: str) -> None:
    order_id = foreign(one, reference)
    one.post(one.orderwise, f"orders/{order_id}/despatch", {"consignments": [f"EB{order_id}"], "force": True})
    go_round(one, 6, hours=3)
    assert told(one) == []


def test_despatches_under_an_earlier_template_are_still_ours(one: World) -> None:
    order_id = bought(one)
    go_round(one)
    merchant = one.context.configuration.merchant("orderwise")
    assert merchant is not None
    renamed = merchant.model_copy(update={"reference_template": "NEW-{shop}-{order_id}"})
    settings = replace(one.context.configuration, merchants=(renamed,))
    ours = may_be_ours(settings, one.context.ledger)
    assert ours(f"NEW-NB-{order_id}")
    assert ours(f"SCYOW-NB-{order_id}")
    assert not ours("EBAY-77")
    assert not ours("")


def test_returns_of_other_channels_are_nobodys_exception(one: World) -> None:
    order_id = foreign(one, "AMZ-12")
    one.post(one.orderwise, f"orders/{order_id}/despatch", {"consignments": [f"AZ{order_id}"], "force": True})
    one.post(one.orderwise, "returns/unlinked", {"orderId": order_id, "lines": [{"sku": TEE, "quantity": 1}]})
    for _ in range(4):
        one.advance(hours=6)
        return_pull.run(one.context)
        return_check.run(one.context)
    assert told(one) == []


def test_an_order_that_its_people_paused_is_still_the_order(one: World) -> None:
    """Its order type is another then; taking it for absent would send it a second time."""
    order_id = bought(one)
    foreign(one, f"SCYOW-NB-{order_id}", kind=3)
    go_round(one, 3)
    assert len([row for row in in_erp(one, order_id) if row["status"] != "CANCELLED"]) == 1


def test_an_order_whose_status_can_never_be_read_holds_up_no_other(one: World) -> None:
    sold = [bought(one) for _ in range(5)]
    one.fault(one.orderwise, "POST", "/sales/order", "truncated_json", times=5)
    order_push.run(one.context)
    calm(one)
    held = {order_id: in_erp(one, order_id)[0]["orderId"] for order_id in sold}
    sick = held[sold[0]]
    match = {"method": "GET", "pathRegex": f"/sales/order/{sick}/status"}
    one.post(one.orderwise, "faults", {"match": match, "fault": "http", "status": 500, "times": None})
    go_round(one, 6, minutes=1)
    assert [parts(one, order_id)[0].state for order_id in sold[1:]] == ["acknowledged"] * 4
    calm(one)
    go_round(one, 4, minutes=2)
    assert parts(one, sold[0])[0].state == "acknowledged"
    for order_id in sold:
        erp_leaves(one, order_id, f"SK{order_id}")
    go_round(one, 3)
    assert [statuses(one, order_id) for order_id in sold] == [{"delivered": 1}] * 5


def test_a_kit_is_one_line_there_and_here(one: World) -> None:
    order_id = bought(one, erp_line("KIT-PICNIC", 2))
    go_round(one, 2)
    assert open_kinds(one, order_id) == {}


@pytest.mark.parametrize(
    ("text", "may_be"),
    [
        ("SCYOW-NB-7041983", True),
        (" scyow-nb-7041983-2 ", True),
        ("SCYOW-NB-CH-12", True),
        ("SCYOW-NB-", False),
        ("XSCYOW-NB-7", False),
        ("SCYOW-NB-7/2", False),
        ("EBAY-77", False),
        ("", False),
    ],
)
def test_a_reference_is_told_by_its_merchants_template(one: World, text: str, may_be: bool) -> None:
    merchant = one.context.configuration.merchant("orderwise")
    assert merchant is not None
    assert merchant.may_be_reference(text) is may_be


@pytest.mark.parametrize("quantities", [(-1,), (2, -1), (0,), (0.5,), (1, 0.5)])
def test_odd_quantities_in_the_despatch_feed_never_tell_the_shop_too_much(one: World, quantities: tuple[float, ...]) -> None:
    order_id = bought(one, erp_line(TEE, 2))
    go_round(one)
    (held,) = in_erp(one, order_id)
    now = one.context.now().strftime("%Y-%m-%dT%H:%M:%S")
    rows = [
        {
            "despatchId": 500_000_000 + order_id, "despatchNumber": f"D{order_id}", "despatchedAt": now, "lastAmendedAt": now,
            "orderId": held["orderId"], "customerOrderRef": held["customerOrderRef"],
            "orderLineId": held["lines"][0]["orderLineId"], "variantCode": TEE, "quantity": quantity,
            "courierName": "Example Parcels", "consignmentNumber": f"ODD{order_id}",
        }
        for quantity in quantities
    ]  # fmt: skip
    export = {"id": 202, "parameters": ["amended_since", "limit"], "rows": rows}
    one.post(one.orderwise, "seed", {"exports": [export]})
    go_round(one, 3)
    one.post(one.orderwise, "seed", {"exports": [{"id": 202, "name": "despatches"}]})
    whole = max(0, int(sum(int(quantity) for quantity in quantities)))
    delivered = statuses(one, order_id).get("delivered", 0)
    assert delivered <= whole
    assert delivered == whole or told(one)
