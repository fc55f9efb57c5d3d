"""A short flash sale in OrderWise's warehouse, every process of ours running: its figures trail, and nothing is sold twice."""

from __future__ import annotations

import pytest
from sale_news import judged

from syncbridge.sandbox.flash_sale.deployment import RECOMMENDED, RULES
from syncbridge.sandbox.flash_sale.sale import hold_sale
from syncbridge.sandbox.flash_sale.script import write_script

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timeout(1800)]

CLOCKS_APART_SECONDS = 0.5
"""Two stand-ins on a busy machine note the same instant up to so far apart (guessed); a stock run that did wrong shows for two."""


def test_the_shop_sells_nothing_twice_although_free_stock_is_recalculated_late() -> None:
    script = write_script(4, 12.0, 3)
    rules = tuple(rule for rule in RULES if rule.key == RECOMMENDED)
    (outcome,) = map(judged, hold_sale(script, usual=(), rules=rules, floor="orderwise"))
    assert outcome.channel.floor == "orderwise"
    assert outcome.disagreements == (), "the count, the shelves and OrderWise's own word are one"
    # A count may have taken units that were just being sold; everything else is known in time.
    assert outcome.total.avoidable == 0, outcome.causes
    assert outcome.total.seconds_beyond <= CLOCKS_APART_SECONDS, outcome.excesses
    # A shop that shows nothing cannot be wrong: it has to sell, too.
    assert outcome.total.sold > sum(script.opening.values()) / 3
