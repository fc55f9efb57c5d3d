"""Several workers at OrderWise at once, cancelling under trouble, and feeds that break in the middle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cancel_story import ask_and_tell, ask_merchants, asked_again, shopper_cancels, verdicts, wishes
from flow_world import World, erp_line
from order_story import TEE, calm, captures, open_kinds, parts, shipments, statuses
from split_story import both_delegated, both_worlds, erp, erp_leaves, go_round, in_erp

from syncbridge.flows import cancel_ask, despatch_pull, order_push, shipment_push, status_pull, stock_sync

CANCEL = r"/sales/order/\d+/cancel"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("at-once")) as made:
        yield made


@pytest.fixture
def one(whole: World) -> Iterator[World]:
    yield whole
    calm(whole)
    whole.put(
        whole.orderwise, "settings", {"importMode": "immediate", "duplicatePolicy": "reject", "absentEndpoints": []}
    )


def bought(one: World, units: int = 1) -> int:
    return both_delegated(one, one.place(erp_line(TEE, units)), merchants=1)


def in_parallel(*work: Callable[[], Any]) -> list[BaseException]:
    errors: list[BaseException] = []
    start = threading.Barrier(len(work))

    def run(one: Callable[[], Any]) -> None:
        try:
            start.wait(timeout=60)
            for _ in range(4):
                one()
        except BaseException as error:  # told by the assertion of the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=(one,), daemon=True) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.parametrize("mode", ["immediate", "deferred:30"])
def test_workers_that_know_nothing_of_each_other_make_each_order_once(one: World, mode: str) -> None:
    """No lock is held here at all, and OrderWise accepts whatever comes twice: the ledger has to do."""
    one.put(one.orderwise, "settings", {"importMode": mode, "duplicatePolicy": "accept"})
    sold = [bought(one, 1 + number % 3) for number in range(12)]
    errors = in_parallel(
        lambda: order_push.run(one.context), lambda: order_push.run(one.context), lambda: status_pull.run(one.context)
    )
    assert errors == []
    go_round(one, 3, minutes=1)
    assert [len(in_erp(one, order_id)) for order_id in sold] == [1] * 12
    assert [parts(one, order_id)[0].state for order_id in sold] == ["acknowledged"] * 12
    for order_id in sold:
        erp_leaves(one, order_id, f"W{order_id}")
    errors = in_parallel(
        lambda: despatch_pull.run(one.context),
        lambda: despatch_pull.run(one.context),
        lambda: shipment_push.run(one.context),
        lambda: shipment_push.run(one.context),
    )
    assert errors == []
    go_round(one, 3)
    assert [len(shipments(one, order_id)) for order_id in sold] == [1] * 12
    assert [len(captures(one, order_id)) for order_id in sold] == [1] * 12
    assert [open_kinds(one, order_id) for order_id in sold] == [{}] * 12


@pytest.mark.parametrize("number", [202, 203])
@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "truncated_json"},
        {"fault": "http", "status": 503, "body": "<html></html>"},
        {"fault": "http", "status": 200, "body": "<html><body>Log in</body></html>"},
        {"fault": "http", "status": 200, "body": [{"despatchId": "x", "variantCode": 7, "lastAmendedAt": "yesterday"}]},
        {"fault": "http", "status": 404, "body": "<html></html>"},
        {"fault": "http", "status": 401, "body": ""},
    ],
    ids=["half", "503 page", "200 page", "nonsense", "404 page", "401"],
)
def test_a_feed_that_breaks_loses_nothing(one: World, number: int, fault: dict[str, Any]) -> None:
    order_id = bought(one)
    go_round(one)
    erp_leaves(one, order_id, f"V{number}{order_id}")
    one.fault(one.orderwise, "POST", f"/system/export-definition/{number}", times=2, **fault)
    for _ in range(2):
        for flow in (despatch_pull, stock_sync):
            try:
                flow.run(one.context)
            except Exception:  # the scheduler goes on after a failure too
                continue
    calm(one)
    go_round(one, 3)
    assert statuses(one, order_id) == {"delivered": 1}
    assert len(shipments(one, order_id)) == 1


# ---- cancelling


def asked(one: World, order_id: int) -> list[Any]:
    """Return what SCAYLE asked about an order, with what came of it."""
    made = one.state(one.scayle, "cancellationRequests")["cancellationRequests"]
    return [row for row in made if row["orderId"] == order_id]


def order_to_cancel(one: World) -> int:
    ask_merchants(one, "orderwise")
    order_id = bought(one, 2)
    go_round(one)
    return order_id


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "timeout_after"},
        {"fault": "truncated_json"},
        {"fault": "http", "status": 500, "body": "", "effect": True},
        {"fault": "http", "status": 503, "body": "<html></html>"},
        {"fault": "http", "status": 401, "body": ""},
    ],
    ids=["no answer", "half", "500 after", "503 page", "401"],
)
def test_a_cancellation_whose_answer_is_lost_is_answered_in_the_end_and_done_once(one: World, fault: dict[str, Any]) -> None:
    order_id = order_to_cancel(one)
    match = {"method": "POST", "pathRegex": CANCEL}
    one.post(one.orderwise, "faults", {"match": match, "times": 1, **fault})
    made = shopper_cancels(one, order_id)
    for _ in range(4):
        one.advance(minutes=3)
        cancel_ask.run(one.context)
        if "successful" in verdicts(made):
            break
        asked_again(one, order_id)
        made = asked(one, order_id)
    assert verdicts(made) == ["successful"]
    assert [row["status"] for row in in_erp(one, order_id)] == ["CANCELLED"]
    assert set(statuses(one, order_id)) == {"cancelled"}


def test_where_orderwise_has_no_endpoint_for_it_nobody_is_told_that_it_is_cancelled(one: World) -> None:
    order_id = order_to_cancel(one)
    one.put(one.orderwise, "settings", {"absentEndpoints": ["cancel"]})
    made = shopper_cancels(one, order_id)
    assert "successful" not in verdicts(made)
    for _ in range(3):
        one.advance(minutes=10)
        ask_and_tell(one, order_id)
    assert [row["status"] for row in in_erp(one, order_id)] != ["CANCELLED"]
    assert "cancelled" not in statuses(one, order_id)
    assert open_kinds(one, order_id) or open_of_system(one), "somebody has to know"


def test_an_order_waiting_for_its_import_is_not_told_to_be_cancelled_and_is_stopped_when_it_comes(one: World) -> None:
    ask_merchants(one, "orderwise")
    one.put(one.orderwise, "settings", {"importMode": "deferred:600"})
    order_id = bought(one, 2)
    go_round(one)
    made = shopper_cancels(one, order_id)
    early = verdicts(made)
    for _ in range(8):
        one.advance(minutes=2)
        go_round(one)
        ask_and_tell(one, order_id)
    told = verdicts(asked(one, order_id))
    held = [row["status"] for row in in_erp(one, order_id)]
    assert held in (["CANCELLED"], []) or "successful" not in told, (early, told, held)
    assert held == ["CANCELLED"] or open_kinds(one, order_id), (early, told, held, wishes(one, order_id))


def open_of_system(one: World) -> list[str]:
    from sqlalchemy import select

    from syncbridge.ledger.tables import exceptions

    with one.context.ledger.reading() as connection:
        query = select(exceptions.c.kind).where(exceptions.c.state != "resolved", exceptions.c.subject == "system:orderwise")
        return [str(row.kind) for row in connection.execute(query)]


def test_a_cancellation_while_it_is_being_picked_is_refused_and_the_order_goes_out(one: World, tmp_path: Path) -> None:
    order_id = order_to_cancel(one)
    erp(one, order_id, "pick", {})
    assert verdicts(shopper_cancels(one, order_id)) == ["refused"]
    erp_leaves(one, order_id, f"PK{order_id}")
    go_round(one, 3)
    assert statuses(one, order_id) == {"delivered": 2}


@pytest.mark.parametrize(("picked", "verdict"), [(False, "successful"), (True, "refused")])
def test_whether_an_order_of_unknown_status_can_be_cancelled_orderwise_says(one: World, picked: bool, verdict: str) -> None:
    """Its people renamed the status: that is no reason to send the shopper what nobody wants any more."""
    order_id = order_to_cancel(one)
    if picked:
        erp(one, order_id, "pick", {})
    erp(one, order_id, "texts", {"orderStatus": "Waiting for the moon"})
    one.advance(minutes=1)
    status_pull.run(one.context)
    assert open_kinds(one, order_id) == {"defect": 1}
    assert verdicts(shopper_cancels(one, order_id)) == [verdict]
    assert [row["status"] == "CANCELLED" for row in in_erp(one, order_id)] == [not picked]
