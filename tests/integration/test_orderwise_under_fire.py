"""Orders for OrderWise while everything that can go wrong there does, judged by OrderWise's own records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flow_world import World, erp_line
from order_story import TEE, calm, exception, open_kinds, parts, statuses, writes
from orderwise_stand_in import OrderWiseClient
from split_story import both_delegated, both_worlds, erp, erp_leaves, erp_reference, go_round, in_erp

from syncbridge.flows import order_push

NORMAL = {
    "importMode": "immediate",
    "duplicatePolicy": "reject",
    "deferredChecks": "submit",
    "statusTexts": {},
    "absentEndpoints": [],
    "unauthorisedBody": "",
}
ORDER, LOOK_UP, TOKEN = "/sales/order", "/system/export-definition/201", "/token/gettoken"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("fire")) as made:
        yield made


@pytest.fixture
def one(whole: World) -> Iterator[World]:
    yield whole
    calm(whole)
    whole.put(whole.orderwise, "settings", NORMAL)


def bought(one: World, units: int = 1) -> int:
    return both_delegated(one, one.place(erp_line(TEE, units)), merchants=1)


def held(one: World, order_id: int) -> list[dict[str, int]]:
    """Return the units per SKU of each live order that OrderWise holds for an order."""
    return [
        {line["sku"]: int(line["quantityOrdered"]) for line in row["lines"]}
        for row in in_erp(one, order_id)
        if row["status"] != "CANCELLED"
    ]


FAULTS: dict[str, dict[str, Any]] = {
    "a 503 page": {"fault": "http", "status": 503, "body": "<html><h1>Service Unavailable</h1></html>"},
    "a 503 page after it was done": {"fault": "http", "status": 503, "body": "<html></html>", "effect": True},
    "a 500": {"fault": "http", "status": 500, "body": ""},
    "a 500 after it was done": {"fault": "http", "status": 500, "body": "", "effect": True},
    "half an answer": {"fault": "truncated_json"},
    "an answer that never comes": {"fault": "timeout_after"},
    "too many requests": {"fault": "rate_limit", "retryAfter": 7},
    "a token that ended": {"fault": "http", "status": 401, "body": ""},
    "a 404 page": {"fault": "http", "status": 404, "body": "<html>404 - File or directory not found.</html>"},
}


HAD_EFFECT = {"a 503 page after it was done", "a 500 after it was done", "half an answer", "an answer that never comes"}
MAY_HAVE_HAD = {"a 503 page", "a 500"}


@pytest.mark.parametrize(("mode", "policy"), [("immediate", "accept"), ("deferred:90", "reject"), ("deferred:90", "accept")])
def test_a_create_that_goes_wrong_once_leaves_one_order_or_a_person(one: World, mode: str, policy: str) -> None:
    one.put(one.orderwise, "settings", {"importMode": mode, "duplicatePolicy": policy})
    sold = {}
    for name, fault in FAULTS.items():
        sold[name] = bought(one, 2)
        one.fault(one.orderwise, "POST", ORDER, **fault)
        order_push.run(one.context)
        calm(one)
    go_round(one, 10, minutes=1)
    for name, order_id in sold.items():
        if name in MAY_HAVE_HAD:
            # Nobody can say whether it was taken: it stays sent, and after the import's time a person decides.
            assert (held(one, order_id), open_kinds(one, order_id)) == ([], {}), name
            continue
        assert held(one, order_id) == [{TEE: 2}], (name, open_kinds(one, order_id), writes(one, order_id))
        assert (parts(one, order_id)[0].state, open_kinds(one, order_id)) == ("acknowledged", {}), name
    go_round(one, 4, minutes=10)
    for name in MAY_HAVE_HAD:
        assert (held(one, sold[name]), open_kinds(one, sold[name])) == ([], {"order_import_timeout": 1}), name


@pytest.mark.parametrize("policy", ["reject", "accept"])
def test_an_import_later_than_its_time_is_a_persons_and_then_the_proof(one: World, policy: str) -> None:
    one.put(one.orderwise, "settings", {"importMode": "deferred:2700", "duplicatePolicy": policy})
    order_id = bought(one)
    go_round(one, 8, minutes=5)
    assert (open_kinds(one, order_id), held(one, order_id)) == ({"order_import_timeout": 1}, [])
    go_round(one, 4, minutes=5)
    assert held(one, order_id) == [{TEE: 1}]
    assert (open_kinds(one, order_id), parts(one, order_id)[0].state) == ({}, "acknowledged")


def test_an_order_that_lands_late_twice_is_stopped_once(one: World) -> None:
    """The answer to a create is lost, and OrderWise enters the order a second time by itself before anybody looks."""
    one.put(one.orderwise, "settings", {"importMode": "deferred:60", "duplicatePolicy": "accept"})
    order_id = bought(one)
    one.fault(one.orderwise, "POST", ORDER, "timeout_after")
    go_round(one, 1, minutes=2)
    erp(one, order_id, "duplicate")
    go_round(one, 5, minutes=1)
    assert held(one, order_id) == [{TEE: 1}]
    assert open_kinds(one, order_id) == {}


def test_a_copy_is_despatched_and_the_shop_is_told_once(one: World) -> None:
    """The copy is picked and leaves before anybody could stop it: one shipment, and a person knows."""
    order_id = bought(one)
    go_round(one)
    erp(one, order_id, "duplicate")
    copy = max(row["orderId"] for row in in_erp(one, order_id))
    one.post(one.orderwise, f"orders/{copy}/despatch", {"consignments": [f"COPY{order_id}"], "force": True})
    erp_leaves(one, order_id, f"OWN{order_id}")
    go_round(one, 4, minutes=1)
    assert statuses(one, order_id) == {"delivered": 1}
    shipped = [row for row in one.state(one.scayle, "shipments")["shipments"] if row["orderId"] == order_id]
    assert len(shipped) == 1
    assert open_kinds(one, order_id) != {}


@pytest.mark.parametrize("body", ["", '""'])
def test_tokens_that_end_in_the_middle_cost_no_order(one: World, body: str) -> None:
    one.put(one.orderwise, "settings", {"unauthorisedBody": body})
    sold = [bought(one) for _ in range(3)]
    for _ in range(4):
        one.post(one.orderwise, "tokens/expire", {})
        go_round(one)
    assert [held(one, order_id) for order_id in sold] == [[{TEE: 1}]] * 3
    assert [open_kinds(one, order_id) for order_id in sold] == [{}] * 3


@pytest.mark.parametrize("path", [ORDER, LOOK_UP])
def test_a_module_that_is_not_ticked_is_told_and_heals(one: World, path: str) -> None:
    order_id = bought(one)
    one.fault(one.orderwise, "POST", path, "http", times=6, status=403, body="")
    go_round(one, 2)
    assert held(one, order_id) == []
    assert [row.kind for row in open_exceptions(one) if row.subject == "system:orderwise"] == ["vendor_refuses_us"]
    calm(one)
    go_round(one, 8, minutes=5)
    assert held(one, order_id) == [{TEE: 1}]
    assert [row.kind for row in open_exceptions(one) if row.subject == "system:orderwise"] == []


def test_a_token_that_is_never_accepted_is_told_and_heals(one: World) -> None:
    order_id = bought(one)
    one.fault(one.orderwise, "POST", "/", "http", times=None, status=401, body="")
    go_round(one, 2)
    calm(one)
    go_round(one, 8, minutes=5)
    assert held(one, order_id) == [{TEE: 1}]
    assert [row.kind for row in open_exceptions(one) if row.subject == "system:orderwise"] == []


@pytest.mark.parametrize("path", [LOOK_UP, TOKEN])
def test_a_reading_that_goes_wrong_is_only_late(one: World, path: str) -> None:
    sold = {}
    for name, fault in FAULTS.items():
        sold[name] = bought(one)
        if path == TOKEN:
            one.post(one.orderwise, "tokens/expire", {})
        one.fault(one.orderwise, "GET" if path == TOKEN else "POST", path, **fault)
        with suppress(Exception):
            order_push.run(one.context)
        calm(one)
    go_round(one, 6, minutes=2)
    for name, order_id in sold.items():
        assert (held(one, order_id), open_kinds(one, order_id)) == ([{TEE: 1}], {}), name
    assert [row.kind for row in open_exceptions(one) if row.subject == "system:orderwise"] == []


def test_a_status_that_was_renamed_or_that_nobody_knows_changes_nothing_and_is_told_once(one: World) -> None:
    order_id = bought(one)
    go_round(one)
    before = Counter(unit["status"] for unit in one.units(order_id))
    erp(one, order_id, "texts", {"orderStatus": "Waiting for the moon", "subStatus": "Full"})
    go_round(one, 4)
    assert Counter(unit["status"] for unit in one.units(order_id)) == before
    assert open_kinds(one, order_id) == {"defect": 1}
    erp(one, order_id, "texts", {"orderStatus": "  AWAITING despatch "})
    go_round(one, 2)
    assert open_kinds(one, order_id) == {}


def test_an_unknown_status_does_not_keep_a_despatch_from_the_shop(one: World) -> None:
    order_id = bought(one)
    go_round(one)
    erp(one, order_id, "texts", {"orderStatus": "Waiting for the moon"})
    go_round(one)
    erp_leaves(one, order_id, f"MOON{order_id}")
    go_round(one, 3)
    assert statuses(one, order_id) == {"delivered": 1}


def open_exceptions(one: World) -> list[Any]:
    from sqlalchemy import select

    from syncbridge.ledger.tables import exceptions

    with one.context.ledger.reading() as connection:
        return list(connection.execute(select(exceptions).where(exceptions.c.state != "resolved")).all())


def test_nothing_that_OrderWise_answered_shows_a_person(one: World, tmp_path: Path) -> None:
    """A refusal that quotes the address is told without it."""
    order_id = bought(one)
    one.fault(
        one.orderwise, "POST", ORDER, "http", status=400,
        body={"message": "Zoë Nwosu at 4a Mill Lane, Leeds LS1 4AB (zoe.nwosu@example.com) is barred",
              "errors": [{"field": "customerDeliveryAddress.address1", "message": "4a Mill Lane"}]},
    )
    go_round(one, 2)
    assert open_kinds(one, order_id) == {"order_refused": 1}
    from sqlalchemy import select

    from syncbridge.ledger.tables import attempts, exceptions, history, transmissions

    texts = ""
    with one.context.ledger.reading() as connection:
        for table in (attempts, exceptions, history):
            texts += str(connection.execute(select(table)).all())
        texts += str(connection.execute(select(transmissions.c.reason)).all()) if "reason" in transmissions.c else ""
    for word in ("Zoë", "Nwosu", "zoe.nwosu", "Mill Lane", "LS1"):
        assert word not in texts, word


def test_references_are_ours(one: World) -> None:
    order_id = bought(one)
    go_round(one)
    assert in_erp(one, order_id)[0]["clientReference"] == erp_reference(order_id)


# ---- the answer to a create as the proof


def pretended(one: World, units: int) -> int:
    """Have OrderWise say that it made an order of which it makes nothing."""
    order_id = bought(one, units)
    answer = {"orderId": 990_000_000 + order_id, "orderNumber": "1", "eCommerceOrderNumber": erp_reference(order_id)}
    one.fault(one.orderwise, "POST", ORDER, "http", status=201, body=answer)
    order_push.run(one.context)
    assert parts(one, order_id)[0].state == "acknowledged"
    return order_id


def test_an_order_that_was_confirmed_and_is_never_shown_is_a_persons(one: World) -> None:
    order_id = pretended(one, 1)
    go_round(one, 6, minutes=1)
    assert held(one, order_id) == []
    assert open_kinds(one, order_id) == {"order_vanished": 1}


def test_an_order_that_was_confirmed_and_is_shown_short_is_a_persons_until_it_is_whole(one: World) -> None:
    order_id = pretended(one, 3)
    client = OrderWiseClient(one.orderwise)
    client.mint()
    short = client.body(erp_reference(order_id), lines=[(TEE, 2)])
    for name in ("payments", "dissurs"):
        short.pop(name)
    assert client.send_order(short).status_code == 201
    go_round(one, 3)
    assert open_kinds(one, order_id) == {"order_conflict": 1}
    assert exception(one, order_id, "order_conflict").evidence["differing_fields"] == ["lines[itemNumber=1].quantity"]


def test_creating_an_order_takes_two_calls(one: World) -> None:
    """A look-up and the create: at two calls a second every spared one counts."""
    go_round(one)
    one.advance(minutes=2)
    before = calls(one)
    for _ in range(5):
        bought(one)
    order_push.run(one.context)
    assert calls(one) - before == 10


def calls(one: World) -> int:
    return len(one.state(one.orderwise, "requests")["requests"])
