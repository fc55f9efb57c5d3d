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
from syncbridge.sandbox.flash_sale import report as reporting
from syncbridge.sandbox.flash_sale.channel import Channel, Played
from syncbridge.sandbox.flash_sale.control import Address, Control
from syncbridge.sandbox.flash_sale.count import (
    NEWS_SECONDS,
    Excess,
    Oversale,
    Stuck,
    Tally,
    perfect_sales,
    tell,
)
from syncbridge.sandbox.flash_sale.deployment import OURS, RECOMMENDED, RULES, Deployment, title_of
from syncbridge.sandbox.flash_sale.entries import (
    Entry,
    Published,
    Refused,
    Sold,
    Supplied,
    left_in_warehouse,
    read_entries,
    told_by_warehouse,
)
from syncbridge.sandbox.flash_sale.floors import FLOORS
from syncbridge.sandbox.flash_sale.orderwise_floor import RECALCULATION_SECONDS, STOCK_LAG_SECONDS, shelves
from syncbridge.sandbox.flash_sale.picture import draw
from syncbridge.sandbox.flash_sale.plain_warehouses import warehouse_of
from syncbridge.sandbox.flash_sale.records import SaleRecords, read_file
from syncbridge.sandbox.flash_sale.sale import Contestant, SaleFailed, hold_sale
from syncbridge.sandbox.flash_sale.script import Comeback, Count, Shopper, Stall, write_script
from syncbridge.sandbox.flash_sale.strategies import NaiveStock
from syncbridge.sandbox.flash_sale.verdict import judge, news_of
from syncbridge.sandbox.orderwise import build_app as build_orderwise
from syncbridge.sandbox.threaded import ThreadedServer

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def tally(opening: int, *entries: Entry, end: float = 60.0, held_back: int = 0, always_kept: int = 0) -> Tally:
    return tell(opening, entries, end=end, held_back=held_back, always_kept=always_kept).tally


# ---- the count


def test_a_figure_that_is_true_throughout_costs_nothing() -> None:
    found = tally(2, Published(-1, 2), Sold(10, 2, 0), Refused(20, 1, 0), Supplied(30, 1), Published(30, 1), Sold(40, 1, 0))
    assert (found.sold, found.oversold, found.turned_away, found.never_sold, found.seconds_too_high) == (3, 0, 0, 0, 0)
    assert (found.trails, found.never_caught_up) == ([0.0], 0)


def test_a_write_that_frees_the_block_of_an_order_in_flight_oversells() -> None:
    found = tally(2, Published(-1, 2), Sold(10, 2, 0), Published(12, 2), Sold(15, 1, 1), end=20)
    assert (found.sold, found.oversold, found.oversold_by_news, found.still_missing) == (3, 1, 0, 1)
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
    moment = 10 + NEWS_SECONDS
    found = tally(1, Published(-1, 1), Supplied(10, -1), Sold(moment, 1, 0), Published(moment, 1), Sold(moment, 1, 0))
    assert (found.oversold, found.oversold_by_news) == (2, 1)
    late = tally(1, Published(-1, 1), Supplied(10, -1), Sold(moment + 1, 1, 0))
    assert (late.oversold, late.oversold_by_news) == (1, 0)


def test_a_loss_that_a_silent_feed_hides_is_fresh_until_the_feed_speaks() -> None:
    entries: list[Entry] = [Published(-1, 1), Supplied(10, -1), Sold(30, 1, 0)]
    assert tell(1, entries, end=60, silences=[(12, 28)]).tally.oversold_by_news == 1
    assert tell(1, entries, end=60, silences=[(12, 20)]).tally.oversold_by_news == 0
    assert tell(1, entries, end=60, silences=[(17, 28)]).tally.oversold_by_news == 0


def test_only_as_many_units_are_excused_as_the_count_took() -> None:
    # Two lie there, a count takes one, and three more are sold at once: one of the two missing is the design's own.
    found = tally(2, Published(-1, 5), Supplied(10, -1), Sold(12, 3, 2), end=20)
    assert (found.oversold, found.oversold_by_news, found.avoidable) == (2, 1, 1)


def test_a_longer_way_of_the_news_excuses_more() -> None:
    entries: list[Entry] = [Published(-1, 1), Supplied(10, -1), Sold(30, 1, 0)]
    assert tell(1, entries, end=60, news_seconds=19).tally.oversold_by_news == 0
    assert tell(1, entries, end=60, news_seconds=20).tally.oversold_by_news == 1


def test_a_figure_is_beyond_what_is_allowed_from_the_moment_the_news_could_be_known() -> None:
    found = tally(3, Published(-1, 3), Supplied(10, -2), Published(20, 1))
    # Too high from 10 to 20; until 16 nobody could know.
    assert (found.seconds_too_high, found.seconds_beyond, found.units_beyond) == (10.0, 20 - 10 - NEWS_SECONDS, 8.0)


def test_a_sale_is_never_excused_since_the_shop_itself_knows_it() -> None:
    found = tally(3, Published(-1, 3), Sold(10, 2, 1), Published(12, 3), Published(13, 1), end=20)
    assert (found.seconds_beyond, found.units_beyond) == (1.0, 2.0)


def test_what_the_buffer_always_keeps_may_not_be_shown() -> None:
    entries = (Published(-1, 3), Published(5, 5), Published(7, 3))
    assert tally(5, *entries, always_kept=2).seconds_beyond == 2.0
    assert tally(5, *entries).seconds_beyond == 0.0


def test_news_within_the_silence_of_the_feed_makes_no_figure_a_broken_promise() -> None:
    entries: list[Entry] = [Published(-1, 2), Supplied(10, -1), Published(30, 1)]
    assert tell(2, entries, end=60, silences=[(12, 28)]).tally.seconds_beyond == 0.0
    assert tell(2, entries, end=60).tally.seconds_beyond == 30 - 10 - NEWS_SECONDS


def test_every_stretch_beyond_what_is_allowed_is_named_once() -> None:
    entries = [Published(-1, 4), Supplied(10, -2), Refused(17, 9, 4), Sold(18, 1, 3), Published(20, 1), Published(30, 2)]
    story = tell(4, entries, end=31)
    assert story.excesses == (Excess(16, 20, 2, 6), Excess(30, 31, 1, 20))


def test_every_oversale_says_when_the_last_count_and_the_last_figure_were() -> None:
    story = tell(1, [Published(-1, 1), Supplied(10, -1), Published(11, 1), Sold(13, 1, 0)], end=60)
    assert story.oversales == (Oversale(13, 1, 1, 3, 2),)


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
    assert tell(5, entries[:2], end=60).stuck == (Stuck(10, 3, 8, 5),)


def test_a_shop_that_always_shows_the_truth_sells_what_there_is() -> None:
    entries = (Refused(1, 2, 0), Sold(2, 2, 0), Supplied(3, 2), Refused(4, 1, 0), Sold(5, 2, 0))
    assert perfect_sales(3, entries) == 2 + 1 + 2


def test_the_records_of_both_sides_become_entries_in_seconds_after_the_start() -> None:
    def at(seconds: float) -> str:
        return (START + timedelta(seconds=seconds)).isoformat()

    shop: list[dict[str, Any]] = [
        {"at": at(-1), "fact": "stock.written", "sku": "A", "sellable": 5, "changedAt": at(-3)},
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
        "A": [Published(-1, 5, -3), Sold(1, 2, 3), Refused(2, 4, 3), Supplied(3, -1), Supplied(3, -2), Supplied(3, 0)],
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


@pytest.mark.parametrize("floor", FLOORS)
def test_a_strategy_that_says_too_much_oversells_and_one_that_says_nothing_sells_nothing(
    tmp_path: Path, floor: str
) -> None:
    script = write_script(2, 4.0, 3)
    records = hold_sale(
        script,
        usual=(liar("boaster", lambda truth: truth + 30), liar("miser", lambda truth: 0)),
        rules=(),
        floor=floor,
    )
    boaster, miser = map(judge, records)
    assert boaster.disagreements == miser.disagreements == ()
    assert boaster.total.oversold > 0
    assert boaster.total.turned_away == 0
    assert boaster.total.seconds_beyond > 0
    assert len(boaster.causes) == sum(len(story.oversales) for story in boaster.stories.values())
    assert miser.total.oversold == miser.total.seconds_beyond == 0
    assert miser.total.turned_away > 0
    assert miser.total.never_sold > 0
    assert len(boaster.played.late) == len(script.happenings)
    article = max(script.articles, key=lambda one: len(boaster.stories[one].oversales))
    drawing = ElementTree.fromstring(draw(script, [boaster, miser], article))
    words = [text.strip() for text in drawing.itertext()]
    assert words.count("units") == words.count("minutes of the sale") == 2
    assert {"boaster", "miser", "shown in the shop", "oversold", "turned away"} <= set(words)
    assert f"seed {script.seed}, article {article}" in words[1]
    marked = [word for word in words if word.endswith("by late news")]
    assert len(marked) == len(boaster.stories[article].oversales) > 0
    # What was written down counts the same, without a word of where it was and with which secret.
    paths = [one.write(tmp_path) for one in records]
    assert [judge(read_file(path)).total for path in paths] == [boaster.total, miser.total]
    again = [read_file(path).channel.address for path in paths]
    assert again == [Address("", "")] * 2


def test_a_shop_that_never_opens_fails_the_sale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncbridge.sandbox.flash_sale.sale.OPENING_SECONDS", 0.3)

    class Silent(NaiveStock):
        def tick(self, now: datetime) -> None:
            return

    with pytest.raises(SaleFailed, match="at the opening"):
        hold_sale(write_script(1, 1.0, 1), usual=[Contestant("mute", "mute", lambda one: Silent(one, 1.0))], rules=())


# ---- OrderWise's floor


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("units", [1, 2, 10, 40])
def test_both_places_together_hold_what_the_script_says_and_a_fraction_of_a_unit(number: int, units: int) -> None:
    held = shelves(number, units)
    free = [float(one["physical"]) - float(one.get("elsewhere", 0)) for one in held]
    assert units < sum(free) < units + 1
    assert (min(free) < 0) == bool(number % 2), "every other article is below zero at one place"


def test_a_plain_client_reads_what_both_places_sell_and_then_only_what_was_recalculated() -> None:
    script = write_script(3, 10, 2)
    with ThreadedServer(build_orderwise()) as root:
        one = Channel("plain", "plain", "plain", Address("", root), "WH", "W1", floor="orderwise")
        control = Control(root)
        FLOORS["orderwise"].set_up(control, script, [one])
        warehouse = warehouse_of(one)
        rows = list(warehouse.rows(None))
        cursor = rows[-1][1]
        assert {row["sku"]: row["availableForSale"] for row, _ in rows} == {
            one.sku(article): units for article, units in script.opening.items()
        }
        first, second = script.articles
        order = {"orderId": 7, "items": [{"merchantProductVariantReferenceKey": one.sku(first)}] * 2}
        warehouse.send(order)
        # Said once more, as after a lost answer: it is there, and no second one is made.
        warehouse.send(order)
        floor = FLOORS["orderwise"]
        for path, body in (floor.count(one, Count(1, second, -2)), floor.comeback(one, Comeback(1, second, 3))):
            control.do("POST", path, body)
        assert list(warehouse.rows(cursor)) == [], "the job has not run"
        control.do("POST", "/stock/recalculate", {})
        changed = {row["sku"]: row["availableForSale"] for row, _ in warehouse.rows(cursor)}
        assert changed == {one.sku(first): script.opening[first] - 2, one.sku(second): script.opening[second] + 1}
        path, body = floor.count(one, Count(1, first, -1000))
        assert control.ask("POST", path, body)[0] == 409, "a count finds no more missing than lies there"
        warehouse.close()
        control.close()


def test_the_news_of_a_count_takes_longer_where_figures_trail() -> None:
    assert news_of("scend") == NEWS_SECONDS
    assert news_of("orderwise") == NEWS_SECONDS + RECALCULATION_SECONDS
    assert STOCK_LAG_SECONDS >= RECALCULATION_SECONDS, "or our stamps would claim more than the figures know"


def test_what_the_warehouse_says_itself_is_held_against_the_count() -> None:
    assert told_by_warehouse([{"sku": "A", "freeNow": 2.5}, {"sku": "A", "freeNow": -1}, {"sku": "B"}]) == {"A": 1}
    made = records("none", sold=0)
    told = replace(made, stock=({**made.stock[0], "freeNow": 1},))
    (line,) = judge(told).disagreements
    assert line.endswith("in the warehouse 0, it says itself 1 are free")


def test_the_deployment_with_orderwise_sells_from_two_places_and_says_how_far_they_trail() -> None:
    deployment = Deployment(write_script(1, 10, 1), RULES[:2], floor="orderwise")
    document = tomllib.loads(deployment.configuration())
    assert {one["backend"] for one in document["merchants"]} == {"orderwise"}
    assert "scend" not in document
    assert document["orderwise"]["stock_lag_seconds"] == STOCK_LAG_SECONDS
    assert document["orderwise"]["maps"]["sale_locations"] == {"W1": [11, 12], "W2": [21, 22]}
    assert all({"Example Parcels", "Swift Couriers"} <= set(one["carrier_map"]) for one in document["merchants"])
    assert document["orderwise"]["maps"]["stock_location"] == {"W1": 11, "W2": 21}


# ---- syncbridge's own part, and the command


def test_the_deployment_has_a_merchant_for_every_rule() -> None:
    document = tomllib.loads(Deployment(write_script(1, 10, 1), RULES).configuration())
    merchants = {one["key"]: one for one in document["merchants"]}
    assert list(merchants) == [rule.key for rule in RULES]
    assert merchants["fixed"]["buffers"]["default"] == 2
    assert merchants["fast"]["buffers"]["fast_movers"]["ceiling"] == 4
    assert len({one["warehouses"][0]["code"] for one in merchants.values()}) == len(RULES)
    assert {one["reference_template"] for one in merchants.values()} == {"S-{merchant}-{order_id}"}


def records(key: str, *, sold: int, disagree: bool = False) -> SaleRecords:
    """Records of a sale of one article, of which `sold` units too many are sold."""
    script = write_script(1, 60, 1)
    (article,) = script.articles
    channel = Channel(key, f"{OURS}, {key}", OURS, Address("", ""), "WH", "W1")
    units = script.opening[article]
    sku = channel.sku(article)
    at = START.isoformat()
    blocked = {"at": at, "fact": "stock.blocked", "sku": sku, "units": units + sold, "sellableBefore": units + sold}
    left = {"sku": sku, "physical": 1 if disagree else 0, "quarantined": 0, "lockedForSale": 0}
    order = {"lines": [{"sku": sku, "quantityOrdered": sold, "quantityDespatched": 0}]}
    return SaleRecords(script, channel, Played(START, [0.01]), (blocked,), (), (order,), (left,))


@pytest.mark.parametrize(
    ("made", "code"),
    [
        ([records(RECOMMENDED, sold=0), records("none", sold=0)], 0),
        ([records(RECOMMENDED, sold=1)], 1),
        ([records(RECOMMENDED, sold=0), records("none", sold=2)], 1),
        ([records(RECOMMENDED, sold=0, disagree=True)], 1),
        ([records("none", sold=0)], 1),
    ],
)
def test_with_check_the_command_fails_when_syncbridge_oversold(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: list[SaleRecords], code: int
) -> None:
    monkeypatch.setattr(command, "hold_sale", lambda script, **_: [replace(one, script=script) for one in made])
    # Every seed sells as the first one: what is on the shelf is none of this test's business.
    monkeypatch.setattr(command, "write_script", lambda seed, *_: replace(write_script(1, 60, 1), seed=seed))
    document, picture = tmp_path / "report.json", tmp_path / "sale.svg"
    options = ["--seeds", "2", "--check", "--report", str(document), "--picture", str(picture)]
    assert command.main(options, Paper()) == code
    told = json.loads(document.read_text(encoding="utf-8"))
    assert [sale["seed"] for sale in told["seeds"]] == [1, 2]
    assert len(told["goals"]) == 3
    assert picture.read_text(encoding="utf-8").startswith("<svg")


def test_both_floors_hold_every_seed_and_are_reported_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    held: list[tuple[int, str]] = []

    def hold(script: Any, *, floor: str, **_: Any) -> list[SaleRecords]:
        held.append((script.seed, floor))
        sold = 1 if floor == "orderwise" else 0
        made = replace(records(RECOMMENDED, sold=sold), script=script)
        return [replace(made, channel=replace(made.channel, floor=floor))]

    monkeypatch.setattr(command, "hold_sale", hold)
    monkeypatch.setattr(command, "write_script", lambda seed, *_: replace(write_script(1, 60, 1), seed=seed))
    page, kept = tmp_path / "report.json", tmp_path / "records"
    options = ["--floor", "both", "--seeds", "2", "--check", "--report", str(page), "--records", str(kept)]
    assert command.main(options, Paper()) == 1
    assert held == [(1, "scend"), (1, "orderwise"), (2, "scend"), (2, "orderwise")]
    told = {floor: json.loads((tmp_path / f"report-{floor}.json").read_text()) for floor in FLOORS}
    assert {floor: one["together"][f"{OURS}, {RECOMMENDED}"]["oversold"] for floor, one in told.items()} == {
        "scend": 0,
        "orderwise": 2,
    }
    assert {floor: one["newsSeconds"] for floor, one in told.items()} == {floor: news_of(floor) for floor in FLOORS}
    assert command.main(["--recount", str(kept), "--check"], Paper()) == 1


def test_records_can_be_counted_again_and_read_as_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records("none", sold=3).write(tmp_path)
    page = tmp_path / "sale.html"
    assert command.main(["--recount", str(tmp_path), "--report", str(page)], Paper()) == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == 1
    assert f"{OURS}, none" in text
    assert "3 oversold, 0 of them by late news" in capsys.readouterr().out


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    assert command.main(["--recount", str(tmp_path)], Paper()) == 1
    (tmp_path / "seed-1-none.json.gz").write_bytes(b"nothing")
    assert command.main(["--recount", str(tmp_path)], Paper()) == 1


def test_the_folder_of_an_earlier_sale_is_refused(tmp_path: Path) -> None:
    (tmp_path / "seed-1").mkdir()
    (tmp_path / "seed-1" / "ledger.sqlite3").touch()
    assert command.main(["--seeds", "1", "--state-dir", str(tmp_path)], Paper()) == 1


def test_a_goal_that_was_not_measured_is_not_met() -> None:
    assert [goal.met for goal in reporting.goals([])] == [None, None, None]


def test_the_price_of_a_rule_is_said_against_no_buffer() -> None:
    plain, advised, *_ = (title_of(rule) for rule in RULES)
    together = {plain: Tally(oversold=2, turned_away=1), advised: Tally(turned_away=9, never_sold=4)}
    assert reporting.prices(together) == [
        f"{advised}: -2 oversold, +8 turned away and +4 never sold, against no buffer"
    ]
    assert reporting.prices({advised: Tally()}) == []


@pytest.mark.parametrize("wrong", [["--rules", "none,lucky"], ["--report", "sale.txt"], ["--news", "-1"]])
def test_senseless_options_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        command.main(wrong)
    assert refused.value.code == 2
