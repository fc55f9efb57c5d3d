"""Rows of a back end under the shop's names: each SKU of the shop has one row, whatever the configuration says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flow_world import line
from stock_stage import Stage, staged

from syncbridge.flows import order_push
from syncbridge.flows.context import Context


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("mapping")) as made:
        yield made


def mapped(stage: Stage, **names: str) -> Context:
    """Return a context whose merchant has this map from the shop's SKUs to the back end's."""
    context = stage.world.context
    (merchant,) = context.configuration.merchants
    other = merchant.model_copy(update={"sku_map": {ours.replace("_", "-"): theirs for ours, theirs in names.items()}})
    return replace(context, configuration=replace(context.configuration, merchants=(other,)))


def test_a_back_ends_own_sku_of_a_mapped_name_is_not_sold_under_it(stage: Stage) -> None:
    """The shop's SKU means another product of the back end; this one no order of the shop can reach."""
    theirs, ours = stage.skus(2, 4)
    stage.shelf(ours, 50)
    context = mapped(stage, **{ours.replace("-", "_"): theirs})
    for _ in range(3):
        stage.sync(context)
        assert stage.held(ours) == 4
    stage.shelf(ours, 70)
    stage.sync(context)
    assert stage.held(ours) == 4
    stage.shelf(theirs, 3)
    stage.sync(context)
    assert stage.held(ours) == 3
    stage.world.delegated(stage.world.place(line(ours)))
    order_push.run(context)
    stage.sync(context)
    assert stage.held(ours) == 2


def test_a_new_name_in_the_map_holds_at_once_and_the_old_name_is_not_left_on_sale(stage: Stage) -> None:
    theirs, ours = stage.sku(7), "NEW-NAME"
    stage.sync()
    stage.know([ours])
    assert stage.held(theirs) == 7
    context = mapped(stage, NEW_NAME=theirs)
    stage.sync(context)
    assert stage.held(theirs) == 0, "the units are the new name's"
    stage.sync(context)
    stage.sync(context)
    assert (stage.held(theirs), stage.held(ours)) == (0, 7)
    stage.shelf(theirs, 5)
    stage.sync(context)
    assert (stage.held(theirs), stage.held(ours)) == (0, 5)


def test_a_sku_that_the_shop_refused_is_over_once_it_is_mapped(stage: Stage) -> None:
    theirs = stage.sku(7, known=False)
    stage.sync()
    assert len(stage.troubles("stock_refused", theirs)) == 1
    stage.know(["NEW-NAME"])
    context = mapped(stage, NEW_NAME=theirs)
    for _ in range(2):
        stage.sync(context)
    assert stage.held("NEW-NAME") == 7
    assert stage.troubles("stock_refused", theirs) == []
