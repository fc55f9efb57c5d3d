"""What the configuration changes between two runs: rows that the feed has passed, and rows that are not ours any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from stock_stage import ACCOUNT, STOCK_FEED, Stage, staged

from syncbridge.config.merchants import WarehouseSettings
from syncbridge.flows import stock_observe, stock_reconcile
from syncbridge.flows.context import Context
from syncbridge.ledger import stock
from syncbridge.ports.processes import Coordinator
from syncbridge.reports.backlog import feed_positions

ONE, TWO = ("WH-SCEND-1", "MID1"), ("WH-SCEND-2", "NTH2")


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("configuration")) as made:
        made.world.post(made.world.scayle, "seed", {"warehouses": [{"id": 13, "referenceKey": "WH-SCEND-2"}]})
        yield made


def selling_from(stage: Stage, *warehouses: tuple[str, str], sku_map: dict[str, str] | None = None) -> Context:
    """Return a context whose merchant has these warehouses: (key in the shop, code in the back end)."""
    context = stage.world.context
    (merchant,) = context.configuration.merchants
    places = tuple(WarehouseSettings(key=key, code=code) for key, code in warehouses)
    other = merchant.model_copy(update={"warehouses": places, "sku_map": sku_map or {}})
    return replace(context, configuration=replace(context.configuration, merchants=(other,)))


def put(stage: Stage, code: str, skus: list[str], units: int) -> None:
    rows = [{"sku": sku, "warehouseCode": code, "physical": units} for sku in skus]
    stage.world.post(stage.world.scend, "seed", {"stock": rows})


def held(stage: Stage, key: str, skus: list[str]) -> set[int | None]:
    rows = stage.world.state(stage.world.scayle, "stock")["stock"]
    there = {row["sku"]: row["quantity"] for row in rows if row["warehouseReferenceKey"] == key}
    return {there.get(sku) for sku in skus}


def test_a_warehouse_that_is_added_sells_what_lay_there_before(stage: Stage) -> None:
    skus = stage.skus(3, 5)
    put(stage, "NTH2", skus, 8)
    stage.sync(selling_from(stage, ONE))
    assert (held(stage, ONE[0], skus), held(stage, TWO[0], skus)) == ({5}, {None})
    stage.sync(selling_from(stage, ONE, TWO))
    assert (held(stage, ONE[0], skus), held(stage, TWO[0], skus)) == ({5}, {8}), "though none of its rows has moved"


def test_a_place_that_another_warehouse_of_the_back_end_serves_now_shows_that_ones_figures(stage: Stage) -> None:
    skus = stage.skus(3, 5)
    put(stage, "NTH2", skus, 2)
    stage.sync(selling_from(stage, ONE))
    moved = selling_from(stage, (ONE[0], "NTH2"))
    stage.sync(moved)
    assert held(stage, ONE[0], skus) == {2}
    put(stage, "NTH2", skus, 7)
    stage.sync(moved)
    drift = stock_reconcile.run(moved)
    assert (drift.skus_off, drift.edited) == (0, 0), "the number of a row that is not ours any more is nobody's edit"
    assert stage.troubles("stock_edited") == []
    stage.sync(moved)
    assert held(stage, ONE[0], skus) == {7}


def test_a_sku_whose_entry_leaves_the_map_is_sold_under_its_own_name_again(stage: Stage) -> None:
    theirs, ours = stage.skus(2, 4)
    stage.shelf(ours, 50)
    # Two writes of one run bear one stamp: the name must not go to zero by the old row and be the new one's too.
    stage.world.put(stage.world.scayle, "settings", {"equalChangedAt": "ignored"})
    stage.sync(selling_from(stage, ONE, sku_map={ours: theirs}))
    assert stage.held(ours) == 4
    plain = selling_from(stage, ONE)
    for _ in range(3):
        stage.sync(plain)
    assert (stage.held(theirs), stage.held(ours)) == (4, 50)


def test_a_number_of_a_row_that_a_map_has_left_alone_is_nobodys_edit(stage: Stage) -> None:
    theirs, ours = stage.skus(2, 4)
    stage.sync()
    mapped = selling_from(stage, ONE, sku_map={ours: theirs})
    for units in (3, 9):
        stage.shelf(theirs, units)
        for _ in range(3):
            stage.sync(mapped)
    assert stage.held(ours) == 9
    drift = stock_reconcile.run(mapped)
    assert (drift.skus_off, drift.edited, stage.troubles("stock_edited")) == (0, 0, [])


def test_a_worker_with_the_old_configuration_does_not_lead_the_feed_past_what_the_new_one_sells(stage: Stage) -> None:
    """During a deployment both read the same feed."""
    skus = stage.skus(3, 5)
    put(stage, "NTH2", skus, 8)
    old, new = selling_from(stage, ONE), selling_from(stage, ONE, TWO)
    stage.sync(old)
    put(stage, "NTH2", skus, 6)

    class Overtaken:
        """Just before the old worker reads the feed, a new one asks for more of it."""

        @contextmanager
        def lock(self, name: str, life: timedelta) -> Iterator[bool]:
            if name == f"feed:{STOCK_FEED}":
                stock_observe.notice_configuration(new, new.backends["scend"])
            yield True

    stage.sync(replace(old, coordinator=cast("Coordinator", Overtaken())))
    stage.sync(new)
    assert held(stage, TWO[0], skus) == {6}


def test_an_unchanged_configuration_reads_no_snapshot_and_what_is_noted_of_it_is_shown_as_no_feed(stage: Stage) -> None:
    stage.skus(3, 5)
    stage.sync()
    with stage.world.context.ledger.reading() as connection:
        assert [one.name for one in feed_positions(connection) if one.name.startswith("stock")] == [STOCK_FEED]
    assert stage.sync().observed == 0
    with stage.world.context.ledger.reading() as connection:
        assert len(list(stock.levels(connection, ACCOUNT))) >= 3


def test_an_entry_that_is_taken_back_leaves_no_other_rows_number_on_sale(stage: Stage) -> None:
    one, other = stage.skus(2, 5)
    stage.shelf(other, 10)
    plain = stage.world.context
    (merchant,) = plain.configuration.merchants
    changed = merchant.model_copy(update={"sku_map": {one: other}})
    mapped = replace(plain, configuration=replace(plain.configuration, merchants=(changed,)))
    for context, held in ((plain, (5, 10)), (mapped, (10, 0)), (plain, (5, 10))):
        for _ in range(4):
            stage.sync(context)
        assert (stage.held(one), stage.held(other)) == held
