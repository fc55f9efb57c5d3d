"""SKUs that the shop sells and the back end does not show: told one by one, never zeroed in silence, never risen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest
from flow_world import line
from stock_stage import ACCOUNT, STOCK_FEED, Meddled, Page, Stage, staged

from syncbridge.domain.errors import CallEvidence, CursorRefused
from syncbridge.flows import order_push
from syncbridge.flows.context import Context
from syncbridge.ledger import catalogue, feeds, stock
from syncbridge.ports.answers import FeedPage
from syncbridge.ports.backend import FulfilmentBackend

KIND = "stock_missing"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("missing")) as made:
        yield made


def without(*skus: str) -> Callable[[Iterator[Page]], Iterator[Page]]:
    """Leave the rows of some SKUs out of the feed."""

    def leave_out(pages: Iterator[Page]) -> Iterator[Page]:
        for page in pages:
            yield FeedPage(tuple(row for row in page.rows if row.sku not in skus), page.cursor, page.last)

    return leave_out


def from_the_beginning(stage: Stage) -> None:
    """Forget where the stock feed was left, as after an outage that outlasted its cursor."""
    with stage.world.context.ledger.work() as work:
        feeds.drop(work.connection, STOCK_FEED)
        work.commit()


def asked(stage: Stage, unknown: Sequence[str]) -> tuple[Context, list[str]]:
    """Return a context whose back end says of these SKUs that it does not know them, and what it is asked for."""
    context = stage.world.context
    seen: list[str] = []

    class Asked(Meddled):
        def unknown_skus(self, skus: Sequence[str]) -> frozenset[str]:
            seen.extend(skus)
            return frozenset(skus) & frozenset(unknown)

    backend = Asked(context.backends["scend"], without(*unknown))
    return replace(context, backends={"scend": cast("FulfilmentBackend", backend)}), seen


def test_a_row_missing_from_a_complete_snapshot_is_told_and_not_zeroed(stage: Stage) -> None:
    gone, here = stage.skus(2, 5)
    stage.sync()
    from_the_beginning(stage)
    partly = stage.meddled(without(gone))
    stage.sync(partly)
    stage.shelf(here, 3)
    stage.sync(partly)
    assert (stage.held(gone), stage.held(here)) == (5, 3)
    (trouble,) = stage.troubles(KIND)
    assert trouble.subject.endswith(gone) and trouble.occurrences == 1
    stage.shelf(gone, 4)
    stage.sync()
    assert (stage.held(gone), stage.troubles(KIND)) == (4, [])


def test_a_delta_without_a_row_says_nothing_of_it(stage: Stage) -> None:
    sku = stage.sku(5)
    stage.sync()
    stage.sync(stage.meddled(without(sku)))
    assert (stage.held(sku), stage.troubles(KIND)) == (5, [])


def test_a_missing_number_falls_with_sales_and_does_not_rise_when_they_are_reserved(stage: Stage) -> None:
    """Its last figure would count the sold units as free again as soon as the warehouse has them."""
    sku = stage.sku(5)
    stage.sync()
    from_the_beginning(stage)
    blind = stage.meddled(without(sku))
    stage.sync(blind)
    order_id = stage.world.delegated(stage.world.place(line(sku, 3)))
    stage.sync(blind)
    assert stage.held(sku) == 2
    order_push.run(stage.world.context)
    stage.world.warehouse(f"SCY-NB-{order_id}", "advance", {"to": "ALLOCATED"})
    stage.sync(blind)
    stage.sync(blind)
    assert stage.held(sku) == 2
    stage.shelf(sku, 9)
    stage.sync()
    assert stage.held(sku) == 6, "shown again: 9 counted, 3 of them reserved"


def test_a_sku_that_the_back_end_no_longer_knows_goes_to_zero_and_the_rest_goes_on(stage: Stage) -> None:
    gone, here = stage.skus(2, 5)
    stage.sync()
    from_the_beginning(stage)
    context, questions = asked(stage, [gone])
    stage.shelf(here, 4)
    stage.sync(context)
    stage.sync(context)
    assert (stage.held(gone), stage.held(here)) == (0, 4)
    assert questions == [gone], "asked by name, once"
    stage.sync(context)
    assert stage.troubles(KIND) == [], "nothing of it is for sale any more"
    from_the_beginning(stage)
    stage.sync()
    stage.sync()
    assert stage.held(gone) == 5, "it is shown again"


def test_a_short_snapshot_is_one_trouble_of_the_back_end(stage: Stage) -> None:
    skus = stage.skus(30, 5)
    stage.sync()
    from_the_beginning(stage)
    strict = stage.configured(zeroed_least=20, zeroed_share=Decimal("0.1"))
    context, questions = asked(stage, skus)
    stage.sync(replace(context, configuration=strict.configuration))
    assert [one.subject for one in stage.troubles(KIND)] == [f"stock:{ACCOUNT}"]
    assert {stage.held(sku) for sku in skus} == {5}
    assert questions == []
    from_the_beginning(stage)
    stage.sync()
    assert stage.troubles(KIND) == []


@pytest.mark.parametrize("needed", [True, False])
def test_a_cursor_that_an_outage_outlived_is_made_up_for_by_a_whole_snapshot(stage: Stage, needed: bool) -> None:
    """Whether the back end asks for it or not: one that was restored from a backup knows the cursor no more, nor what it told."""
    gone, moved, still = stage.skus(3, 5)
    stage.sync()
    real = stage.world.context.backends["scend"]
    readings: list[tuple[str | None, datetime | None]] = []

    class Expired(Meddled):
        def stock_changed(self, cursor: str | None, since: datetime | None) -> Iterator[Page]:
            readings.append((cursor, since))
            if cursor is not None:
                raise CursorRefused("too old", CallEvidence("scend", "read stock feed", 410), snapshot_needed=needed)
            return super().stock_changed(cursor, since)

    stage.shelf(moved, 2)
    stage.world.advance(hours=40)
    expired = cast("FulfilmentBackend", Expired(real, without(gone)))
    stage.sync(replace(stage.world.context, backends={"scend": expired}))
    assert [cursor is None and since is None for cursor, since in readings] == [False, True]
    assert [stage.held(sku) for sku in (gone, moved, still)] == [5, 2, 5]
    assert [one.subject.endswith(gone) for one in stage.troubles(KIND)] == [True]
    from_the_beginning(stage)
    stage.sync()
    assert stage.troubles(KIND) == []


def test_a_clock_set_back_during_a_snapshot_makes_nothing_missing(stage: Stage) -> None:
    sku = stage.sku(5)
    stage.sync()
    from_the_beginning(stage)

    def set_back(pages: Iterator[Page]) -> Iterator[Page]:
        stage.world.clock.ahead -= timedelta(seconds=2)
        yield from pages

    stage.sync(stage.meddled(set_back))
    stage.world.advance(seconds=5)
    stage.shelf(sku, 9)
    stage.sync()
    with stage.world.context.ledger.reading() as connection:
        assert [one.sku for one in stock.levels(connection, ACCOUNT) if one.missing_at is not None] == []


def test_a_snapshot_that_was_interrupted_still_notices_what_it_lacks(stage: Stage) -> None:
    """A worker dies after the first page, and the next one goes on from the cursor."""
    gone = stage.sku(5)
    stage.sync()
    from_the_beginning(stage)
    partly = stage.meddled(without(gone))
    backend = partly.backends["scend"]
    first = next(iter(backend.stock_changed(None, None)))

    class Killed(Exception):
        pass

    def dies(pages: Iterator[Page]) -> Iterator[Page]:
        yield FeedPage(first.rows, first.cursor, last=False)
        raise Killed

    with pytest.raises(Killed):
        stage.sync(stage.meddled(dies))
    assert stage.troubles(KIND) == []
    stage.sync(partly)
    assert [one.subject.endswith(gone) for one in stage.troubles(KIND)] == [True]
    from_the_beginning(stage)
    stage.sync()
    assert stage.troubles(KIND) == []


def test_a_sale_of_a_sku_without_any_stock_row_is_told_once(stage: Stage) -> None:
    stage.know(["PANEL-ONLY"])
    first = stage.world.delegated(stage.world.place(line("PANEL-ONLY", 2)))
    known = stage.sku(3)
    stage.sync()
    stage.sync()
    (trouble,) = stage.troubles(KIND)
    assert trouble.subject.endswith("PANEL-ONLY") and trouble.occurrences == 1
    assert trouble.evidence["sold"] == 2
    assert stage.held(known) == 3
    assert stage.held("PANEL-ONLY") is None or stage.row("PANEL-ONLY")["changedAt"] is None, "nothing is written"
    stage.world.post(stage.world.scend, "seed", {"products": [{"sku": "PANEL-ONLY"}]})
    stage.shelf("PANEL-ONLY", 8)
    stage.sync()
    assert (stage.held("PANEL-ONLY"), stage.troubles(KIND)) == (6, [])
    assert first


def test_a_product_taken_off_sale_in_the_catalogue_goes_to_zero_though_its_stock_does_not_move(stage: Stage) -> None:
    sku = stage.sku(5)
    stage.sync()
    stage.world.advance(seconds=1)
    for active, shown in ((False, 0), (True, 5)):
        with stage.world.context.ledger.work() as work:
            catalogue.store(work.connection, ACCOUNT, [(sku, active)], stage.world.clock.now())
            work.commit()
        stage.sync()
        assert stage.held(sku) == shown
