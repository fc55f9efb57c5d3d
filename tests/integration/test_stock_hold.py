"""A held run and its release: what a person looked at is let through, to its end, and nothing beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from stock_stage import ACCOUNT, Stage, staged

from syncbridge.domain.errors import Busy
from syncbridge.domain.stock import ShopStock, StockWrite
from syncbridge.flows import stock_hold, stock_reconcile
from syncbridge.flows.context import Context
from syncbridge.ports import Shop


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("hold")) as made:
        made.sync()
        yield made


def strict(stage: Stage) -> Context:
    return stage.configured(zeroed_least=10, zeroed_share=Decimal("0.1"))


def emptied(stage: Stage, skus: list[str]) -> None:
    for sku in skus:
        stage.shelf(sku, 0)


def on_sale(stage: Stage, skus: list[str]) -> int:
    return sum(bool(stage.held(sku)) for sku in skus)


def test_a_release_does_not_let_through_what_went_wrong_after_the_look(stage: Stage) -> None:
    skus = stage.skus(60, 6)
    context = strict(stage)
    stage.sync(context)
    emptied(stage, skus[:12])
    assert stage.sync(context).held >= 12
    assert stock_hold.release(context, ACCOUNT, actor="ada", reason="twelve are sold out, I asked")
    emptied(stage, skus[12:50])
    assert stage.sync(context).held >= 50
    assert on_sale(stage, skus) == 60
    (trouble,) = stage.troubles("stock_held")
    assert trouble.evidence["reason"].startswith("50 of "), "what is held now, not what was held first"
    assert stock_hold.release(context, ACCOUNT, actor="ada", reason="the whole floor is sold out")
    stage.sync(context)
    assert on_sale(stage, skus) == 10


def test_a_released_run_that_is_broken_off_is_ended_by_the_next_without_another_release(stage: Stage) -> None:
    skus = stage.skus(40, 6)
    context = strict(stage)
    stage.sync(context)
    emptied(stage, skus)
    stage.sync(context)
    assert stock_hold.release(context, ACCOUNT, actor="ada", reason="all sold")
    real, written = context.shop, []

    class Short:
        """The quota is used up in the middle."""

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def write_stock(self, write: StockWrite) -> ShopStock:
            if len(written) >= 7:
                raise Busy("nothing left", after=timedelta(seconds=1))
            written.append(write.sku)
            return real.write_stock(write)

    stage.sync(replace(context, shop=cast("Shop", Short())))
    assert 0 < on_sale(stage, skus) < 40
    assert stage.troubles("stock_held") == []
    stage.sync(context)
    assert on_sale(stage, skus) == 0
    assert stage.troubles("stock_held") == []


def test_a_release_is_over_with_the_change_and_after_an_hour(stage: Stage) -> None:
    skus = stage.skus(60, 6)
    context = strict(stage)
    stage.sync(context)
    for minutes in (0, 61):
        emptied(stage, skus[:20])
        stage.sync(context)
        assert stock_hold.release(context, ACCOUNT, actor="ada", reason="twenty are sold out")
        if minutes:
            stage.world.advance(minutes=minutes)
            assert stage.sync(context).held >= 20, "nobody remembers what was looked at"
            break
        stage.sync(context)
        assert on_sale(stage, skus) == 40
        stage.sync(context)
        for sku in skus[:20]:
            stage.shelf(sku, 6)
        stage.sync(context)
        emptied(stage, skus[:20])
        assert stage.sync(context).held >= 20, "it counted for one change"
        for sku in skus[:20]:
            stage.shelf(sku, 6)
        stage.sync(context)
        assert stage.troubles("stock_held") == []


@pytest.mark.parametrize(("edited", "number"), [(1, 99_999), (50, 999), (50, 0)])
def test_putting_right_what_somebody_edited_in_the_panel_is_no_mass_change(stage: Stage, edited: int, number: int) -> None:
    """The warehouse's figures have not moved: one slip in the panel must not stop all stock until a person comes."""
    skus = stage.skus(60, 6)
    context = strict(stage)
    stage.sync(context)
    stage.world.advance(seconds=5)
    for sku in skus[:edited]:
        stage.edit(sku, number)
    stage.world.advance(seconds=5)
    assert stock_reconcile.run(context).edited == edited
    assert stage.sync(context).held == 0
    assert {stage.held(sku) for sku in skus} == {6}
    emptied(stage, skus[:50])
    assert stage.sync(context).held >= 50, "what the warehouse says is looked at as before"
