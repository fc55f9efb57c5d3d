"""The flash sale: that its count can fail a strategy, and that a sale can be held at all."""

from __future__ import annotations

import contextlib
import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import requests

from syncbridge.sandbox.bench.figures import Paper
from syncbridge.sandbox.flash_sale import __main__ as command
from syncbridge.sandbox.flash_sale.channel import Address, Channel, Played
from syncbridge.sandbox.flash_sale.count import (
    FRESH_NEWS_SECONDS,
    Entry,
    Published,
    Refused,
    Sold,
    Supplied,
    Tally,
    left_in_warehouse,
    perfect_sales,
    read_entries,
    tell,
)
from syncbridge.sandbox.flash_sale.deployment import OURS, RULES, Deployment
from syncbridge.sandbox.flash_sale.picture import draw
from syncbridge.sandbox.flash_sale.sale import Contestant, Outcome, SaleFailed, hold_sale
from syncbridge.sandbox.flash_sale.script import Comeback, Count, Shopper, Stall, write_script
from syncbridge.sandbox.flash_sale.strategies import NaiveStock

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def tally(opening: int, *entries: Entry, end: float = 60.0, held_back: int = 0) -> Tally:
    return tell(opening, entries, end=end, held_back=held_back).tally


# ---- the count


def test_a_figure_that_is_true_throughout_costs_nothing() -> None:
    found = tally(2, Published(-1, 2), Sold(10, 2, 0), Refused(20, 1, 0), Supplied(30, 1), Published(30, 1), Sold(40, 1, 0))
    assert (found.sold, found.oversold, found.turned_away, found.never_sold, found.seconds_too_high) == (3, 0, 0, 0, 0)
    assert (found.trails, found.never_caught_up) == ([0.0], 0)


def test_a_write_that_frees_the_block_of_an_order_in_flight_oversells() -> None:
    found = tally(2, Published(-1, 2), Sold(10, 2, 0), Published(12, 2), Sold(15, 1, 1), end=20)
    assert (found.sold, found.oversold, found.oversold_on_fresh_news, found.still_missing) == (3, 1, 0, 1)
    assert (found.seconds_too_high, found.units_too_high) == (8.0, 3 * 2 + 5 * 1)


def test_a_shop_that_shows_nothing_turns_everybody_away() -> None:
    found = tally(3, Published(-1, 0), Refused(10, 2, 0), Refused(20, 1, 0), Refused(30, 4, 0))
    assert (found.sold, found.oversold) == (0, 0)
    # The third shopper wanted more than there ever was.
    assert (found.turned_away, found.never_sold) == (3, 3)
    assert found.units_too_low == 3 * 60


def test_a_unit_sold_later_was_turned_away_and_yet_not_lost() -> None:
    found = tally(1, Published(-1, 0), Refused(10, 1, 0), Published(20, 1), Sold(30, 1, 0))
    assert (found.turned_away, found.never_sold) == (1, 0)


def test_a_loss_just_before_the_sale_is_named_and_each_loss_explains_once() -> None:
    moment = 10 + FRESH_NEWS_SECONDS
    found = tally(1, Published(-1, 1), Supplied(10, -1), Sold(moment, 1, 0), Published(moment, 1), Sold(moment, 1, 0))
    assert (found.oversold, found.oversold_on_fresh_news) == (2, 1)
    late = tally(1, Published(-1, 1), Supplied(10, -1), Sold(moment + 1, 1, 0))
    assert (late.oversold, late.oversold_on_fresh_news) == (1, 0)


def test_a_loss_that_a_silent_feed_hides_is_fresh_until_the_feed_speaks() -> None:
    entries: list[Entry] = [Published(-1, 1), Supplied(10, -1), Sold(30, 1, 0)]
    assert tell(1, entries, end=60, silences=[(12, 28)]).tally.oversold_on_fresh_news == 1
    assert tell(1, entries, end=60, silences=[(12, 20)]).tally.oversold_on_fresh_news == 0
    assert tell(1, entries, end=60, silences=[(17, 28)]).tally.oversold_on_fresh_news == 0


def test_a_loss_after_the_sale_is_nobodys_overselling() -> None:
    found = tally(2, Published(-1, 2), Sold(10, 2, 0), Supplied(20, -1), Supplied(30, 2), Published(31, 1))
    assert (found.oversold, found.lost_after_sale, found.still_missing) == (0, 1, 0)


def test_what_comes_back_pays_for_what_was_oversold_first() -> None:
    found = tally(0, Published(-1, 2), Sold(5, 2, 0), Supplied(10, 3), Published(12, 1), Sold(13, 1, 0), Refused(20, 1, 0))
    assert (found.oversold, found.turned_away, found.still_missing) == (2, 0, 0)


def test_the_trail_ends_when_the_shop_is_right_again_and_a_buffer_may_keep_its_part() -> None:
    entries = (Published(-1, 5), Supplied(10, 3), Published(14, 6), Published(20, 8))
    assert tally(5, *entries).trails == [10.0]
    assert tally(5, *entries, held_back=2).trails == [4.0]
    assert tally(5, *entries[:2]).never_caught_up == 1


def test_a_shop_that_always_shows_the_truth_sells_what_there_is() -> None:
    entries = (Refused(1, 2, 0), Sold(2, 2, 0), Supplied(3, 2), Refused(4, 1, 0), Sold(5, 2, 0))
    assert perfect_sales(3, entries) == 2 + 1 + 2


def test_the_records_of_both_sides_become_entries_in_seconds_after_the_start() -> None:
    def at(seconds: float) -> str:
        return (START + timedelta(seconds=seconds)).isoformat()

    shop: list[dict[str, Any]] = [
        {"at": at(-1), "fact": "stock.written", "sku": "A", "sellable": 5},
        {"at": at(1), "fact": "stock.blocked", "sku": "A", "units": 2, "sellableBefore": 5},
        {"at": at(2), "fact": "shop.sold_out", "sku": "A", "wanted": 4, "available": 3},
        {"at": at(2), "fact": "order.confirmed", "orderId": 1},
    ]
    warehouse: list[dict[str, Any]] = [
        {"at": at(3), "fact": "stock_adjusted", "sku": "A", "bucket": "physical", "delta": -1},
        {"at": at(3), "fact": "stock_adjusted", "sku": "A", "bucket": "lockedForSale", "delta": 2},
        {"at": at(3), "fact": "stock_adjusted", "sku": "A", "bucket": "inbound", "delta": 9},
        {
            "at": at(4),
            "fact": "receipt_booked",
            "lines": [
                {"sku": "B", "quantity": 2, "disposition": "RESTOCK"},
                {"sku": "B", "quantity": 7, "disposition": "SCRAP"},
            ],
        },
    ]
    assert read_entries(shop, warehouse, START) == {
        "A": [Published(-1, 5), Sold(1, 2, 3), Refused(2, 4, 3), Supplied(3, -1), Supplied(3, -2), Supplied(3, 0)],
        "B": [Supplied(4, 2)],
    }


def test_the_warehouse_counts_what_is_left_for_what_is_ordered() -> None:
    stock = [{"sku": "A", "physical": 5, "quarantined": 1, "lockedForSale": 1}]
    orders = [{"lines": [{"sku": "A", "quantityOrdered": 6, "quantityDespatched": 2}]}]
    assert left_in_warehouse(orders, stock) == {"A": -1}


# ---- the script


def test_a_seed_gives_the_same_sale_every_time_and_another_seed_another() -> None:
    assert write_script(4, 60) == write_script(4, 60)
    assert write_script(4, 60) != write_script(5, 60)


def test_a_sale_has_everything_in_it_and_ends_in_time() -> None:
    script = write_script(1, 60)
    assert {type(one) for one in script.happenings} == {Shopper, Count, Comeback, Stall}
    assert all(0 < one.at < 60 for one in script.happenings)
    assert [end - begin for begin, end in script.stalls] == [pytest.approx(7.2)]
    wanted = sum(one.quantity for one in script.happenings if isinstance(one, Shopper))
    assert wanted > sum(script.opening.values())


@pytest.mark.parametrize(("seconds", "articles"), [(0, 8), (60, 0)])
def test_a_sale_of_nothing_is_refused(seconds: float, articles: int) -> None:
    with pytest.raises(ValueError, match="at least one article"):
        write_script(1, seconds, articles)


# ---- a whole sale


class Lying(NaiveStock):
    """Tell the truth once, so that the shop opens, and afterwards whatever `say` makes of it."""

    def __init__(self, channel: Channel, say: Callable[[int], int]) -> None:
        super().__init__(channel, 0.3)
        self._say: Callable[[int], int] = lambda truth: truth
        self._later = say

    def tick(self, now: datetime) -> None:
        # Lost answers and the silent feed are no part of the lie.
        with contextlib.suppress(requests.RequestException):
            for row, _ in self.rows(None):
                with contextlib.suppress(requests.RequestException):
                    self.write(row["sku"], self._say(int(row["availableForSale"])))
        self._say = self._later


def liar(key: str, say: Callable[[int], int]) -> Contestant:
    return Contestant(key, key, lambda channel: Lying(channel, say))


def test_a_strategy_that_says_too_much_oversells_and_one_that_says_nothing_sells_nothing() -> None:
    script = write_script(2, 4.0, 3)
    boaster, miser = hold_sale(
        script, usual=(liar("boaster", lambda truth: truth + 30), liar("miser", lambda truth: 0)), rules=()
    )
    assert boaster.disagreements == miser.disagreements == ()
    assert boaster.total.oversold > 0
    assert boaster.total.turned_away == 0
    assert miser.total.oversold == 0
    assert miser.total.turned_away > 0
    assert miser.total.never_sold > 0
    assert len(boaster.played.late) == len(script.happenings)
    drawing = ElementTree.fromstring(draw(script, [boaster, miser]))
    words = " ".join(drawing.itertext())
    assert "boaster" in words
    assert f"{script.seed}" in words


def test_a_shop_that_never_opens_fails_the_sale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncbridge.sandbox.flash_sale.sale.OPENING_SECONDS", 0.3)

    class Silent(NaiveStock):
        def tick(self, now: datetime) -> None:
            return

    with pytest.raises(SaleFailed, match="at the opening"):
        hold_sale(write_script(1, 1.0, 1), usual=[Contestant("mute", "mute", lambda one: Silent(one, 1.0))], rules=())


# ---- syncbridge's own part, and the command


def test_the_deployment_has_a_merchant_for_every_rule() -> None:
    document = tomllib.loads(Deployment(write_script(1, 10, 1), RULES).configuration())
    merchants = {one["key"]: one for one in document["merchants"]}
    assert list(merchants) == [rule.key for rule in RULES]
    assert merchants["fixed"]["buffers"]["default"] == 2
    assert merchants["fast"]["buffers"]["fast_movers"]["ceiling"] == 4
    assert len({one["warehouses"][0]["code"] for one in merchants.values()}) == len(RULES)
    assert {one["reference_template"] for one in merchants.values()} == {"S-{merchant}-{order_id}"}


def outcome(owner: str, *, oversold: int = 0, fresh: int = 0, disagreements: tuple[str, ...] = ()) -> Outcome:
    channel = Channel("none", owner, owner, Address("http://x", "http://y"), "WH", "W1")
    story = tell(1, [Published(-1, 1), Sold(1, 1, 0)], end=60)
    total = replace(story.tally, oversold=oversold, oversold_on_fresh_news=fresh)
    return Outcome(channel, {"A01": story}, total, disagreements, Played(START, [0.01]))


@pytest.mark.parametrize(
    ("made", "code"),
    [
        ((outcome("other", oversold=9), outcome(OURS)), 0),
        ((outcome(OURS, oversold=1, fresh=1),), 0),
        ((outcome(OURS, oversold=2, fresh=1),), 1),
        ((outcome("other", disagreements=("A: counted 1, in the warehouse 0",)),), 1),
    ],
)
def test_with_check_the_command_fails_when_syncbridge_oversold(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: tuple[Outcome, ...], code: int
) -> None:
    monkeypatch.setattr(command, "hold_sale", lambda *given, **options: list(made))
    report, picture = tmp_path / "report.json", tmp_path / "sale.svg"
    arguments = ["--seeds", "2", "--check", "--report", str(report), "--picture", str(picture)]
    assert command.main(arguments, Paper()) == code
    document = json.loads(report.read_text(encoding="utf-8"))
    assert [sale["seed"] for sale in document["seeds"]] == [1, 2]
    assert document["together"][made[-1].channel.title]["sold"] == 2
    assert picture.read_text(encoding="utf-8").startswith("<svg")


def test_the_price_of_a_rule_is_said_against_no_buffer() -> None:
    plain, fixed, fast = (rule.title for rule in RULES)
    together = [(plain, Tally(oversold=2, turned_away=1)), (fixed, Tally(turned_away=9, never_sold=4))]
    assert command.prices(together) == [
        f"{fixed}: -2 oversold, +8 turned away and +4 never sold, against no buffer"
    ]
    assert command.prices([(fast, Tally())]) == []


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(SystemExit) as refused:
        command.main(["--rules", "none,lucky"])
    assert refused.value.code == 2
