"""A shopper cancels what has left already and SCAYLE does not show yet: refused, and a return is there for every unit asked about."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cancel_story import ask_merchants, shopper_cancels, verdicts
from flow_world import World, line
from order_story import TEE, calm, leave, open_kinds, packed, pull, sqlite_world, tell, unit_ids
from return_story import come_back, held_returns, money_holds, receive, refunded_units

from syncbridge.flows import return_announce


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("left")) as made:
        ask_merchants(made)
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


def test_what_left_before_the_question_and_is_not_shown_yet_gets_its_return(one: World) -> None:
    order_id = packed(one, line(TEE, 3))
    leave(one, order_id, (TEE, 2))
    pull(one)
    assert verdicts(shopper_cancels(one, order_id)) == ["refused"]
    assert "cancellation_too_late" in open_kinds(one, order_id)
    return_announce.run(one.context)
    leave(one, order_id)
    pull(one)
    tell(one, order_id)
    return_announce.run(one.context)
    expected = held_returns(one, order_id)
    assert sorted(unit for made in expected for unit in made.units) == unit_ids(one, order_id)
    for made in expected:
        receive(one, made.rma_number, (TEE, len(made.units)))
    come_back(one, order_id)
    assert refunded_units(one, order_id) == unit_ids(one, order_id)
    money_holds(one, order_id)


def test_an_order_that_left_whole_before_the_question_gets_its_return(one: World) -> None:
    order_id = packed(one, line(TEE, 2))
    leave(one, order_id)
    pull(one)
    assert verdicts(shopper_cancels(one, order_id)) == ["refused"]
    return_announce.run(one.context)
    (made,) = held_returns(one, order_id)
    assert (list(made.units), made.state) == (unit_ids(one, order_id), "expected")


def test_what_the_shop_shows_as_shipped_is_not_asked_about_and_gets_no_return(one: World) -> None:
    order_id = packed(one, line(TEE, 3))
    leave(one, order_id, (TEE, 1))
    pull(one)
    tell(one, order_id)
    (shown,) = [unit["itemId"] for unit in one.units(order_id) if unit["status"] == "delivered"]
    assert verdicts(shopper_cancels(one, order_id)) == ["refused"]
    leave(one, order_id)
    pull(one)
    return_announce.run(one.context)
    (made,) = held_returns(one, order_id)
    assert sorted(made.units) == [unit for unit in unit_ids(one, order_id) if unit != shown]
