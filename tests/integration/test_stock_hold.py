"""A held run and its release: what a person looked at is let through, to its end, and nothing beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from flow_world import line
from stock_stage import ACCOUNT, Stage, staged

from syncbridge.domain.errors import Busy, CallEvidence, Misconfigured, NeedsPerson, RetryLater
from syncbridge.domain.stock import ShopStock, StockWrite
from syncbridge.flows import order_push, stock_first, stock_hold, stock_reconcile
from syncbridge.flows.context import Context
from syncbridge.ports.quota import Lane
from syncbridge.ports.shop import Shop


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


@pytest.mark.parametrize("got_to", ["on its way", "delegated", "reserved"])
def test_a_rush_that_sells_much_of_the_shop_out_is_no_mass_change(stage: Stage, got_to: str) -> None:
    """What shoppers bought is nobody's doubtful figure; held, stock would stand still in the best hour of the year."""
    skus = stage.skus(40, 6)
    context = strict(stage)
    stage.sync(context)
    if got_to == "on its way":
        stage.world.put(stage.world.scayle, "settings", {"delegationDelaySeconds": 100_000})
    orders = [stage.world.place(line(sku, 6)) for sku in skus[:12]]
    if got_to != "on its way":
        for one in orders:
            stage.world.delegated(one)
    if got_to == "reserved":
        order_push.run(context)
        for one in orders:
            stage.world.warehouse(f"SCY-NB-{one}", "advance", {"to": "ALLOCATED"})
    assert stage.sync(context).held == 0
    assert on_sale(stage, skus) == 28
    assert stage.troubles("stock_held") == []


def test_sales_excuse_no_more_than_what_was_sold(stage: Stage) -> None:
    skus = stage.skus(40, 6)
    context = strict(stage)
    stage.sync(context)
    for sku in skus[:12]:
        stage.world.delegated(stage.world.place(line(sku)))
        stage.shelf(sku, 0)
    assert stage.sync(context).held >= 12, "one of six was sold, and the rest is gone by the warehouse's word"
    assert on_sale(stage, skus) == 40


def test_a_shop_with_a_long_tail_of_sold_out_skus_is_watched_as_well(stage: Stage) -> None:
    """Most sizes of most seasons are at zero for good: they are no measure of what may go wrong."""
    stage.skus(120, 0)
    skus = stage.skus(30, 3)
    context = stage.configured(zeroed_least=10, zeroed_share=Decimal("0.2"))
    stage.sync(context)
    emptied(stage, skus)
    assert stage.sync(context).held >= 30
    assert on_sale(stage, skus) == 30


@pytest.mark.parametrize(("in_the_shop", "on_the_shelf"), [(6, 0), (400, 5)])
def test_first_numbers_that_would_empty_a_shop_which_sells_already_are_held(
    stage: Stage, in_the_shop: int, on_the_shelf: int
) -> None:
    """A new ledger knows of no number; the shop does: somebody else kept it in stock until today."""
    skus = stage.skus(30, on_the_shelf)
    for sku in skus:
        stage.edit(sku, in_the_shop)
    stage.world.advance(seconds=5)
    context = strict(stage)
    assert stage.sync(context).held >= 30
    assert {stage.held(sku) for sku in skus} == {in_the_shop}
    (trouble,) = stage.troubles("stock_held")
    assert trouble.evidence["first_numbers"] == 30
    assert trouble.evidence["examples"][0].endswith(f": {in_the_shop} in the shop, {on_the_shelf} by us")
    assert stock_hold.release(context, ACCOUNT, actor="ada", reason="the old numbers were made up")
    stage.sync(context)
    assert {stage.held(sku) for sku in skus} == {on_the_shelf}
    assert stage.troubles("stock_held") == []


@pytest.mark.parametrize("in_the_shop", [None, 0, 6])
def test_first_numbers_that_the_shop_has_no_other_idea_of_are_published(stage: Stage, in_the_shop: int | None) -> None:
    skus = stage.skus(30, 5)
    if in_the_shop is not None:
        for sku in skus:
            stage.edit(sku, in_the_shop)
        stage.world.advance(seconds=5)
    assert stage.sync(strict(stage)).held == 0
    assert {stage.held(sku) for sku in skus} == {5}


def test_of_many_first_numbers_some_stand_for_all(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock_first, "LOOKED_AT", 7)
    skus = stage.skus(40, 0)
    for sku in skus:
        stage.edit(sku, 3)
    stage.world.advance(seconds=5)
    context = strict(stage)
    real, read = context.shop, []

    class Counted:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def read_stock(self, sku: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
            read.append(sku)
            return real.read_stock(sku, lane)

    assert stage.sync(replace(context, shop=cast("Shop", Counted()))).held >= 40
    assert len(read) <= 7
    (trouble,) = stage.troubles("stock_held")
    assert trouble.evidence["reason"].startswith("40 of 40 ")


def test_a_shop_whose_numbers_cannot_be_read_gets_its_first_numbers_all_the_same(stage: Stage) -> None:
    skus = stage.skus(60, 5)
    context = strict(stage)
    real, asked = context.shop, list[str]()

    class Blind:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def read_stock(self, sku: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
            asked.append(sku)
            raise Misconfigured("not allowed", CallEvidence("scayle", "read stock", 403))

    assert stage.sync(replace(context, shop=cast("Shop", Blind()))).held == 0
    assert {stage.held(sku) for sku in skus} == {5}
    assert len(asked) < 60, "it is not asked sixty times for nothing"


def test_first_numbers_wait_while_the_shop_answers_nothing(stage: Stage) -> None:
    """A quota that is used up for reads must not let through what was held a minute ago: writes have one of their own."""
    skus = stage.skus(30, 0)
    for sku in skus:
        stage.edit(sku, 6)
    stage.world.advance(seconds=5)
    context = strict(stage)
    assert stage.sync(context).held >= 30
    assert stage.sync(unreadable(context, Busy("nothing left", after=timedelta(seconds=1)), skus)).waiting >= 30
    assert on_sale(stage, skus) == 30
    assert len(stage.troubles("stock_held")) == 1


def unreadable(context: Context, error: Exception, skus: list[str]) -> Context:
    """Return a context whose shop does not tell what it has of some SKUs."""
    real = context.shop

    class Short:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def read_stock(self, sku: str, lane: Lane = Lane.STOCK) -> tuple[ShopStock, ...]:
            if sku in skus:
                raise error
            return real.read_stock(sku, lane)

    return replace(context, shop=cast("Shop", Short()))


def test_a_sell_out_does_not_wait_for_first_numbers_and_a_person_is_told_if_it_lasts(stage: Stage) -> None:
    context = strict(stage)
    (known,) = stage.skus(1, 5)
    stage.sync(context)
    fresh = stage.skus(12, 3)
    stage.shelf(known, 0)
    away = unreadable(context, RetryLater("cannot be read", CallEvidence("scayle", "read stock", 503)), fresh)
    stage.sync(away)
    assert (stage.held(known), on_sale(stage, fresh)) == (0, 0)
    stage.world.advance(minutes=6)
    stage.sync(away)
    (told,) = stage.troubles("feed_failing")
    assert told.subject == f"feed:stock-first:{ACCOUNT}"
    stage.sync(context)
    assert on_sale(stage, fresh) == 12
    assert stage.troubles("feed_failing") == []


def test_skus_that_can_never_be_read_in_the_shop_hold_no_others_up(stage: Stage) -> None:
    context = strict(stage)
    fresh = stage.skus(30, 3)
    odd = NeedsPerson("it was refused", CallEvidence("scayle", "read stock", 400))
    stage.sync(unreadable(context, odd, sorted(fresh)[5:15]))
    assert on_sale(stage, fresh) == 30
