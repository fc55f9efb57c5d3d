"""Stock from OrderWise as the shop gets to see it, counted on both sides' own records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import flow_world
import pytest
from flow_world import Free, World, erp_line, line
from order_story import calm, exception
from split_story import both_delegated, both_worlds, erp_leaves, go_round, in_erp

from connectors.orderwise.adapter import OrderWiseBackend
from syncbridge.flows import catalogue_pull, order_poll, order_push, reread, status_pull, stock_sync
from syncbridge.flows.context import Context
from syncbridge.sandbox.orderwise.reference_data import DEFAULT_PASSWORD, DEFAULT_USER

_numbers = count(1)
MAPS = "sale_locations = { MAIN = [3, 5] }\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("stock"), MAPS) as made:
        yield made


@pytest.fixture
def one(whole: World) -> Iterator[World]:
    yield whole
    calm(whole)
    whole.put(whole.orderwise, "settings", {"recalculationSeconds": 0, "importMode": "immediate"})


def product(one: World, **places: str | int) -> str:
    """Set a product up on both sides, with so much of it at each location (`at3=5`)."""
    sku = f"OWS-{next(_numbers):04}"
    one.post(one.orderwise, "seed", {"variants": [{"variantCode": sku}]})
    shelf(one, sku, **places)
    one.post(one.scayle, "seed", {"products": [{"referenceKey": f"P-{sku}", "variants": [{"referenceKey": sku}]}]})
    return sku


def shelf(one: World, sku: str, **places: str | int) -> None:
    levels = [{"variantCode": sku, "stockLocationId": int(at[2:]), "physical": units} for at, units in places.items()]
    one.post(one.orderwise, "seed", {"stock": levels})


def sync(one: World) -> None:
    one.advance(seconds=3)
    order_poll.run(one.context)
    stock_sync.run(one.context)


def held(one: World, sku: str) -> int | None:
    """Return what SCAYLE has for sale of a SKU, its own blocks aside."""
    rows: list[dict[str, Any]] = one.state(one.scayle, "stock")["stock"]
    return next((row["quantity"] for row in rows if (row["sku"], row["merchantReferenceKey"]) == (sku, "orderwise")), None)


def for_sale(one: World, sku: str) -> int:
    """Return what a shopper can still buy: SCAYLE's number less what it blocks itself."""
    rows: list[dict[str, Any]] = one.state(one.scayle, "stock")["stock"]
    return sum(row["sellable"] for row in rows if (row["sku"], row["merchantReferenceKey"]) == (sku, "orderwise"))


@pytest.mark.parametrize(
    ("places", "sold"),
    [
        ({"at3": 5, "at5": 4}, 9),
        ({"at3": "2.6", "at5": "1.6"}, 4),
        ({"at3": "0.9"}, 0),
        ({"at3": -3, "at5": 10}, 7),
        ({"at3": 3, "at5": -10}, 0),
        ({"at3": 3, "at1": 50}, 3),
        ({"at1": 50}, 0),
    ],
)
def test_figures_of_the_places_for_sale_are_summed_then_floored(one: World, places: dict[str, Any], sold: int) -> None:
    sku = product(one, **places)
    sync(one)
    assert held(one, sku) in ((sold, None) if not sold else (sold,))


def test_one_sku_in_two_back_ends_is_two_numbers_and_a_sale_is_taken_from_its_own(one: World) -> None:
    sku = product(one, at3=9)
    shelves = [{"sku": sku, "warehouseCode": "MID1", "physical": 4}]
    one.post(one.scend, "seed", {"products": [{"sku": sku}], "stock": shelves})

    def numbers() -> dict[str, int]:
        rows: list[dict[str, Any]] = one.state(one.scayle, "stock")["stock"]
        return {row["merchantReferenceKey"]: row["quantity"] for row in rows if row["sku"] == sku}

    sync(one)
    assert numbers() == {"scend": 4, "orderwise": 9}
    both_delegated(one, one.place(line(sku), erp_line(sku, 2)))
    sync(one)
    assert numbers() == {"scend": 3, "orderwise": 7}
    both_delegated(one, one.place(erp_line(sku)), merchants=1)
    order_push.run(one.context)
    sync(one)
    assert numbers() == {"scend": 3, "orderwise": 6}


def test_a_product_found_discontinued_goes_to_nothing_and_stays_there(one: World) -> None:
    sku = product(one, at3=9)
    sync(one)
    assert held(one, sku) == 9
    catalogue_pull.run(one.context)
    one.post(one.orderwise, "seed", {"variants": [{"variantCode": sku, "discontinued": True}]})
    one.advance(hours=25)
    # What is for sale is asked about by name every night, as the list does not tell.
    catalogue_pull.run(one.context)
    sync(one)
    assert held(one, sku) == 0
    order_id = both_delegated(one, one.place(erp_line(sku)), merchants=1)
    go_round(one)
    assert in_erp(one, order_id) == []
    (fault,) = exception(one, order_id, "order_invalid").evidence["faults"]
    assert fault["code"] == "SKU_UNKNOWN"
    # Its stock is counted again, the catalogue is read again: none of that says that it is on sale.
    shelf(one, sku, at3=12)
    catalogue_pull.run(one.context)
    sync(one)
    assert held(one, sku) == 0
    reread.run(one.context)
    sync(one)
    assert held(one, sku) == 0
    # Back on sale: found out by asking within a day, and shown with its next figure.
    one.post(one.orderwise, "seed", {"variants": [{"variantCode": sku, "discontinued": False}]})
    one.advance(hours=25)
    catalogue_pull.run(one.context)
    shelf(one, sku, at3=11)
    sync(one)
    assert held(one, sku) == 10, "eleven less the unit of the order that waits for a person"


@pytest.fixture
def lagging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An installation that recalculates every ten minutes and says so."""
    text = flow_world.SECOND_BACK_END.replace("stock_lag_seconds = 0", "stock_lag_seconds = 600")
    assert text != flow_world.SECOND_BACK_END
    monkeypatch.setattr(flow_world, "SECOND_BACK_END", text)
    with both_worlds(tmp_path) as made:
        yield made


@pytest.mark.parametrize("mode", ["immediate", "deferred:200"])
def test_the_shop_never_sells_more_than_there_is_while_figures_trail(lagging: World, mode: str) -> None:
    one = lagging
    sku = product(one, at3=20)
    sync(one)
    one.post(one.orderwise, "stock/recalculate", {})
    sync(one)
    one.put(one.orderwise, "settings", {"recalculationSeconds": 600, "importMode": mode})
    sold = 0
    for turn in range(24):
        quantity = for_sale(one, sku)
        assert quantity <= 20 - sold, (turn, quantity, sold)
        if quantity > 0 and turn % 2 == 0:
            units = min(quantity, 3)
            both_delegated(one, one.place(erp_line(sku, units)), merchants=1)
            sold += units
        for flow in (order_push, status_pull, order_poll, stock_sync):
            flow.run(one.context)
            left = for_sale(one, sku)
            assert left <= 20 - sold, (turn, flow.__name__, left, sold)
        one.advance(seconds=45)
    assert sold >= 9
    one.advance(minutes=30)
    for _ in range(3):
        for flow in (order_push, status_pull, order_poll, stock_sync):
            flow.run(one.context)
        one.advance(minutes=11)
    assert for_sale(one, sku) == 20 - sold, "in the end everything is for sale that is there"


def free_stock(one: World, sku: str) -> tuple[float, float]:
    """Return what OrderWise's job last said is free at the places for sale together, and what really is."""
    rows = [row for row in one.state(one.orderwise, "stock")["stock"] if row["sku"] == sku and row["stockLocationId"] != 1]
    return sum(row["freeStock"] for row in rows), sum(row["freeNow"] for row in rows)


def test_what_left_before_the_job_ran_is_deducted_until_the_figures_know_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sold, sent and reported, all within a lag: the shop's block ends, and OrderWise's figure still has the units."""
    text = flow_world.SECOND_BACK_END.replace("stock_lag_seconds = 0", "stock_lag_seconds = 600")
    monkeypatch.setattr(flow_world, "SECOND_BACK_END", text)
    with both_worlds(tmp_path, MAPS) as one:
        sku = product(one, at3="8.5", at5="3.25")
        sync(one)
        assert (held(one, sku), for_sale(one, sku)) == (11, 11)
        # As if the job had just run: everything from here on waits for its next run.
        one.put(one.orderwise, "settings", {"recalculationSeconds": 100_000})
        one.advance(minutes=15)
        sync(one)
        order_id = both_delegated(one, one.place(erp_line(sku, 4)), merchants=1)
        order_push.run(one.context)
        erp_leaves(one, order_id, "E-1")
        seen = []
        for _ in range(8):
            for flow in (status_pull, order_poll, stock_sync):
                flow.run(one.context)
            told, true = free_stock(one, sku)
            assert (told, true) == (11.75, 7.75), "the job has not run"
            seen.append(for_sale(one, sku))
            assert seen[-1] <= 7, seen
            # Nine minutes in all: the figure may be ten minutes old, and is.
            one.advance(seconds=67)
        assert max(seen) > 0, "what is certainly there stays for sale"
        one.post(one.orderwise, "stock/recalculate", {})
        for _ in range(4):
            for flow in (status_pull, order_poll, stock_sync):
                flow.run(one.context)
            assert for_sale(one, sku) <= 7
            one.advance(minutes=6)
        assert (free_stock(one, sku), for_sale(one, sku)) == ((7.75, 7.75), 7), "deducted once, and no longer twice"


def sold_from(one: World, *locations: int) -> Context:
    """Return a context whose OrderWise sells from these locations."""
    settings = one.context.configuration.orderwise
    assert settings is not None
    maps = settings.maps.model_copy(update={"sale_locations": {"MAIN": locations}})
    changed = settings.model_copy(update={"maps": maps})
    backend = OrderWiseBackend(changed, DEFAULT_USER, DEFAULT_PASSWORD, Free(), Free(), clock=one.clock.now)
    return replace(one.context, backends={**one.context.backends, "orderwise": backend})


def test_a_location_that_is_for_sale_no_longer_is_not_sold_from_although_nothing_moves_there(one: World) -> None:
    """And the other way round: a location that is added brings what lies there."""
    sku = product(one, at3=5, at5=4)
    sync(one)
    assert held(one, sku) == 9
    for locations, units in (((3,), 5), ((3, 5), 9)):
        one.advance(seconds=3)
        stock_sync.run(sold_from(one, *locations))
        assert held(one, sku) == units
