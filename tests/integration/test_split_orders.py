"""One SCAYLE order whose units belong to two merchants: two fulfilment orders that live their own lives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flow_world import World, erp_line, line
from order_story import TEE, calm, captures, events, in_scend, open_kinds, parts, shipments
from split_story import (
    both_delegated,
    both_worlds,
    by_merchant,
    down,
    erp,
    erp_leaves,
    go_round,
    in_erp,
    live,
    scend_leaves,
    split,
)

from syncbridge.flows import order_poll
from syncbridge.reports.order_dossier import dossier_of


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("split")) as made:
        yield made


@pytest.fixture
def one(whole: World) -> Iterator[World]:
    yield whole
    calm(whole)


def test_each_part_goes_to_its_own_back_end_and_the_fees_ride_on_one(one: World) -> None:
    order_id = split(one)
    go_round(one)
    assert live(one, order_id) == (1, 1)
    (theirs,), (ours,) = in_erp(one, order_id), in_scend(one, order_id)
    # SCAYLE delegates to both at once, so which part is made first is open; the delivery rides on the same one all the same.
    # Two jackets and the delivery there, two tees here: together what SCAYLE says.
    assert sorted((part.account, part.state, part.total_minor) for part in parts(one, order_id)) == [
        ("orderwise:acme", "acknowledged", 4400 + 395),
        ("scend:ACME-UK", "acknowledged", 4400),
    ]
    assert theirs["lines"][0]["quantityOrdered"] == 2
    assert ours["lines"][0]["quantityOrdered"] == 2
    assert open_kinds(one, order_id) == {}


def test_both_parts_leave_and_scayles_order_is_complete_with_each_captured_once(one: World) -> None:
    order_id = split(one)
    go_round(one)
    scend_leaves(one, order_id)
    go_round(one)
    assert by_merchant(one, order_id) == {"scend": {"delivered": 2}, "orderwise": {"available": 2}}
    erp_leaves(one, order_id, f"EXP{order_id}")
    go_round(one, 2)
    assert by_merchant(one, order_id) == {"scend": {"delivered": 2}, "orderwise": {"delivered": 2}}
    assert {row["shipmentKey"] for row in shipments(one, order_id)} == {f"RM{order_id}GB", f"EXP{order_id}"}
    assert {unit["captures"] for unit in one.units(order_id)} == {1}
    assert len(captures(one, order_id)) == 2
    assert open_kinds(one, order_id) == {}
    with one.context.ledger.reading() as connection:
        dossier = dossier_of(connection, order_id)
    assert {part.account for part in dossier.parts} == {"orderwise:acme", "scend:ACME-UK"}
    assert len(dossier.parcels) == 2
    assert events(one, order_id).count("order_acknowledged") == 2


@pytest.mark.parametrize("away", ["scend", "orderwise"])
def test_with_either_back_end_down_the_other_part_goes_on_and_the_first_heals(one: World, away: str) -> None:
    url = one.scend if away == "scend" else one.orderwise
    order_id = one.place(line(TEE), erp_line(TEE))
    both_delegated(one, order_id)
    down(one, url)
    go_round(one, 2)
    assert live(one, order_id) == ((0, 1) if away == "scend" else (1, 0))
    (erp_leaves if away == "scend" else leave_scend)(one, order_id)
    go_round(one, 3, minutes=20)
    done = by_merchant(one, order_id)
    assert done[away] == {"available": 1}
    assert done["orderwise" if away == "scend" else "scend"] == {"delivered": 1}
    calm(one)
    go_round(one, 3, minutes=3)
    assert live(one, order_id) == (1, 1)
    (leave_scend if away == "scend" else erp_leaves)(one, order_id)
    go_round(one, 3, minutes=20)
    assert by_merchant(one, order_id) == {"scend": {"delivered": 1}, "orderwise": {"delivered": 1}}
    assert {unit["captures"] for unit in one.units(order_id)} == {1}
    assert set(open_kinds(one, order_id)) <= {"tracking_late"}


def leave_scend(one: World, order_id: int) -> None:
    scend_leaves(one, order_id)


def test_what_one_warehouse_gives_up_leaves_the_other_part_alone(one: World) -> None:
    order_id = split(one)
    go_round(one)
    erp(one, order_id, "warehouse-cancel", {"lines": [{"lineNumber": 1, "quantity": 1}]})
    scend_leaves(one, order_id)
    go_round(one, 2)
    assert by_merchant(one, order_id) == {
        "scend": {"delivered": 2},
        "orderwise": {"available": 1, "undeliverable": 1},
    }
    erp_leaves(one, order_id, f"EXP{order_id}")
    go_round(one, 2)
    assert by_merchant(one, order_id)["orderwise"] == {"delivered": 1, "undeliverable": 1}
    assert open_kinds(one, order_id) == {"order_cancelled_by_warehouse": 1}


def test_the_poll_takes_in_the_part_whose_delegation_never_came(one: World) -> None:
    one.put(one.scayle, "settings", {"delegationDelaySeconds": 900_000})
    order_id = one.place(line(TEE), erp_line(TEE, 2))
    one.advance(minutes=5)
    order_poll.run(one.context)
    order_poll.run(one.context)
    one.put(one.scayle, "settings", {"delegationDelaySeconds": 0})
    go_round(one)
    assert live(one, order_id) == (1, 1)
    assert events(one, order_id).count("healed_by_poll") == 2
    assert sum(part.total_minor for part in parts(one, order_id)) == 3 * 2200 + 395


def test_a_part_that_cannot_be_sent_holds_up_only_itself(one: World) -> None:
    order_id = one.place(line(TEE), erp_line("NOBODY-HAS-IT"))
    both_delegated(one, order_id)
    go_round(one)
    assert live(one, order_id) == (1, 0)
    scend_leaves(one, order_id)
    go_round(one, 2)
    assert by_merchant(one, order_id) == {"scend": {"delivered": 1}, "orderwise": {"available": 1}}
    assert open_kinds(one, order_id) == {"order_invalid": 1}
