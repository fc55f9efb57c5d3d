"""How the end-to-end sales are judged on a slow machine: late news is excused by as much as it was late, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sale_news import judged, slowest_round

from syncbridge.sandbox.flash_sale.channel import Channel, Played
from syncbridge.sandbox.flash_sale.control import Address
from syncbridge.sandbox.flash_sale.records import SaleRecords
from syncbridge.sandbox.flash_sale.script import Script

BEGINS = datetime(2026, 11, 27, 8, tzinfo=UTC)


def at(seconds: float) -> str:
    return (BEGINS + timedelta(seconds=seconds)).isoformat()


def figure(seconds: float, stamp: float, units: int) -> dict[str, Any]:
    return {"fact": "stock.written", "sku": "K-A01", "at": at(seconds), "changedAt": at(stamp), "sellable": units}


def sold(seconds: float, units: int, before: int) -> dict[str, Any]:
    return {"fact": "stock.blocked", "sku": "K-A01", "at": at(seconds), "units": units, "sellableBefore": before}


def count(seconds: float, delta: int) -> dict[str, Any]:
    return {"fact": "stock_adjusted", "sku": "K-A01", "at": at(seconds), "bucket": "physical", "delta": delta}


def sale(*shop_facts: dict[str, Any], counted_at: float = 3.0) -> SaleRecords:
    """Return a sale of 12 s with one article, 2 on the shelf, of which a count takes both."""
    return SaleRecords(
        Script(1, 12.0, {"A01": 2}, ()),
        Channel("k", "ours", "ours", Address("", ""), "WH-K", "W1"),
        Played(BEGINS),
        (figure(-1.0, -2.0, 2), *shop_facts),
        (count(counted_at, -2),),
        (),
        ({"sku": "K-A01", "physical": 0},),
    )


def test_a_round_lasts_until_a_figure_was_made_with_the_knowledge_of_the_count() -> None:
    assert slowest_round(sale(figure(4.0, 2.9, 2), figure(7.5, 3.5, 0))) == pytest.approx(4.5)
    assert slowest_round(sale(figure(4.0, 2.9, 2))) == pytest.approx(9.0), "until the end where none was made"


def test_on_a_machine_in_time_an_oversale_long_after_a_count_is_avoidable() -> None:
    """Another article's figure shows that the count was known; this one was left as it was."""
    outcome = judged(sale(figure(4.5, 4.0, 2), sold(11.0, 1, 2)))
    assert (outcome.total.oversold, outcome.total.avoidable) == (1, 1)


def test_on_a_machine_that_is_behind_the_count_could_not_be_known_yet() -> None:
    outcome = judged(sale(sold(11.0, 1, 2), figure(11.5, 4.0, 0)))
    assert (outcome.total.oversold, outcome.total.avoidable) == (1, 0)
