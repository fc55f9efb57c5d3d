"""Any order, any split of returns, any order of messages, with faults: judged by SCAYLE's own refunds (I2, I5)."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from flow_world import World, line
from order_story import (
    JACKET,
    TEE,
    calm,
    leave,
    open_kinds,
    packed,
    pull,
    reference,
    rows,
    sqlite_world,
    tell,
    unit_ids,
)
from return_story import (
    blind,
    booked,
    come_back,
    label,
    money_holds,
    receive,
    refunds,
    return_in_panel,
    shipped,
)

from syncbridge.domain.returns import ReturnReason
from syncbridge.flows import (
    return_announce,
    return_expect,
    return_pull,
)
from syncbridge.flows.return_expect import NotReturnable
from syncbridge.ledger.tables import order_units

FAULTS = ["timeout_before", "timeout_after", "html_502", "truncated_json", "rate_limit"]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("stories")) as made:
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


class Story:
    """One order, played at random: parcels leave, units are announced, come back, come again, or are refunded by hand."""

    def __init__(self, one: World, seed: int) -> None:
        self.one, self.chance = one, random.Random(seed)
        more: dict[str, Any] = {"voucher": {"type": "absolute", "value": 1500}} if self.chance.random() < 0.4 else {}
        self.goods = {TEE: self.chance.randint(1, 3), JACKET: self.chance.randint(1, 2)}
        lines = [line(TEE, self.goods[TEE], price=3333), line(JACKET, self.goods[JACKET], price=7901)]
        self.order_id = packed(one, *lines, **more)
        self.left: Counter[str] = Counter()
        self.numbers: list[str] = []
        self.seen: list[Any] = []

    def play(self, steps: int) -> None:
        acts = [
            self.leave,
            self.leave,
            self.announce,
            self.receive,
            self.receive,
            self.blind,
            self.blind,
            self.again,
            self.panel,
            self.fault,
            self.run,
            self.run,
            self.run,
        ]
        for _ in range(steps):
            self.chance.choice(acts)()
            money_holds(self.one, self.order_id)
        calm(self.one)
        for _ in range(6):
            self.run()
            self.one.advance(minutes=3)
        money_holds(self.one, self.order_id)

    def leave(self) -> None:
        """A first parcel with one unit, then one with all the rest."""
        left = sum(self.left.values())
        if left == 0:
            sku = self.chance.choice([TEE, JACKET])
            leave(self.one, self.order_id, (sku, 1), force=True)
            self.left[sku] += 1
        elif left < sum(self.goods.values()):
            leave(self.one, self.order_id)
            self.left = Counter(self.goods)

    def announce(self) -> None:
        units = unit_ids(self.one, self.order_id)
        some = self.chance.sample(units, self.chance.randint(1, len(units)))
        try:
            made = return_expect.announce(
                self.one.context, self.order_id, some, reason=ReturnReason.OTHER, actor="test"
            )
        except NotReturnable:
            return
        self.numbers += [one.rma_number for one in made.returns]

    def receive(self) -> None:
        known = [
            row for row in self.one.state(self.one.scend, "returns")["returns"] if row["rmaNumber"] in self.numbers
        ]
        if known:
            row = self.chance.choice(known)
            sku = self.chance.choice([TEE, JACKET])
            condition = self.chance.choice(["RESALEABLE", "RESALEABLE", "FAULTY", "WORN"])
            receive(
                self.one,
                row["rmaNumber"],
                (sku, self.chance.randint(1, 2)),
                condition=condition,
                close=self.chance.random() < 0.5,
            )

    def blind(self) -> None:
        sku = self.chance.choice([TEE, JACKET])
        how: dict[str, Any] = {"clientReference": reference(self.order_id)}
        if self.chance.random() < 0.4 and self.one.state(self.one.scayle, "shipments")["shipments"]:
            with contextlib.suppress(ValueError):
                how = {"returnTracking": {"trackingNumber": label(self.one, self.order_id)}}
        blind(self.one, (sku, 1), **how)

    def again(self) -> None:
        """Hear of every return once more, in any order, as of now or as of earlier."""
        now = [
            row
            for page in self.one.context.backends["scend"].returns_changed(None, None)
            for row in page.rows
        ]
        heard = [*now, *self.seen]
        self.chance.shuffle(heard)
        for row in heard:
            with self.one.context.ledger.work() as work:
                return_pull.note(self.one.context, work.connection, "scend:ACME-UK", row, self.one.context.now())
                work.commit()
        self.seen = now

    def panel(self) -> None:
        out = [unit["itemId"] for unit in self.one.units(self.order_id) if unit["status"] == "delivered"]
        if out and self.chance.random() < 0.3:
            return_in_panel(self.one, self.chance.choice(out))

    def fault(self) -> None:
        kind = self.chance.choice(FAULTS)
        path = self.chance.choice(["/fulfillment/return-items", "/fulfillment/shipments"])
        self.one.fault(self.one.scayle, "POST", path, kind)
        self.one.fault(self.one.scend, "POST", "/returns", self.chance.choice(FAULTS))

    def run(self) -> None:
        pull(self.one)
        tell(self.one, self.order_id)
        return_announce.run(self.one.context, order_id=self.order_id)
        come_back(self.one, self.order_id)


@pytest.mark.parametrize("seed", range(8))
def test_no_story_refunds_a_unit_twice_or_more_than_was_paid(one: World, seed: int) -> None:
    story = Story(one, seed)
    story.play(25)
    order_id = story.order_id
    units = {row.order_item_id: row.state for row in rows(one, order_units, order_id)}
    sent_back = {row["itemId"] for row in booked(one, order_id)}
    assert all(units[unit] in ("returned", "despatched") for unit in sent_back)
    # Of one line, no more units are refunded than came back, but for those that somebody refunded by hand.
    by_hand = {row["itemId"] for row in booked(one, order_id) if row["returnReason"] == "goodwill"}
    came = {unit for unit, state in units.items() if state == "returned"}
    assert sent_back - by_hand <= came


def test_a_story_with_everything_returned_refunds_it_all_exactly(one: World) -> None:
    order_id = shipped(one, line(TEE, 3, price=3333), line(JACKET, 2, price=7901),
                       voucher={"type": "relative", "value": 0.1})  # fmt: skip
    chance = random.Random(5)
    goods = [TEE] * 3 + [JACKET] * 2
    chance.shuffle(goods)
    for sku in goods:
        blind(one, (sku, 1), clientReference=reference(order_id))
        if chance.random() < 0.5:
            one.fault(one.scayle, "POST", "/fulfillment/return-items", chance.choice(FAULTS))
        come_back(one, order_id)
    calm(one)
    for _ in range(4):
        come_back(one, order_id)
        one.advance(minutes=3)
    # 10 % off 3 x 33.33 and 2 x 79.01, each unit rounded by itself.
    assert sum(unit["paid"] for unit in one.units(order_id)) == 3 * 3000 + 2 * 7111
    assert sum(row["amount"] for row in refunds(one, order_id)) == 3 * 3000 + 2 * 7111
    money_holds(one, order_id)


@pytest.mark.parametrize(
    ("lines", "come", "amounts"),
    [
        pytest.param([line(TEE, 3, price=10_000)], [(TEE, 2), (TEE, 1)], [18_000, 9_000], id="3 x 100.00 less 10 %"),
        pytest.param(
            [line(TEE, price=600), line(JACKET, price=400)], [(TEE, 1), (JACKET, 1)], [540, 360], id="6.00 and 4.00 less 1.00"
        ),
    ],
)
def test_returns_in_parts_refund_what_the_shopper_paid(
    one: World, lines: list[Any], come: list[tuple[str, int]], amounts: list[int]
) -> None:
    order_id = shipped(one, *lines, voucher={"type": "relative", "value": 0.1})
    paid_back = []
    for goods in come:
        before = sum(row["amount"] for row in refunds(one, order_id))
        blind(one, goods, clientReference=reference(order_id))
        come_back(one, order_id)
        paid_back.append(sum(row["amount"] for row in refunds(one, order_id)) - before)
    assert paid_back == amounts
    assert not open_kinds(one, order_id)
    money_holds(one, order_id)
