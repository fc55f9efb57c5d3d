"""What a day's credits become, by a rule that is the same every time; and how their ends are scored."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from decimal import Decimal

import pytest

from syncbridge.sandbox.allotment import allot
from syncbridge.sandbox.credit_rule import (
    CHARGE,
    NONE_LEFT,
    NOT_SOLD,
    CreditPlan,
    Deed,
    Wish,
    plan_credits,
)
from syncbridge.sandbox.credit_score import (
    CreditEvidence,
    Deal,
    Question,
    Refund,
    all_ended,
    counts,
    ending,
    race,
)
from syncbridge.sandbox.day_orders import replay_of_day
from syncbridge.sandbox.demo import second
from syncbridge.sandbox.demo.addresses import CARRIER, COUNTRY, MERCHANT, SHOP_KEY, WAREHOUSE
from syncbridge.sandbox.demo.options import SHIPPED_DAY
from syncbridge.sandbox.expectations import Expectation, Outcome
from syncbridge.sandbox.replay_order import Replay, ReplayOrder, ShopSetting
from syncbridge.sandbox.retail_day import RetailDay, parse_day, read_day
from syncbridge.sandbox.shop_records import ShopRecord, ShopUnit
from syncbridge.sandbox.warehouse_records import Received, WarehouseLine, WarehouseOrder, WarehouseRecord

HEAD = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
SETTING = ShopSetting(SHOP_KEY, COUNTRY, "GBP", MERCHANT, WAREHOUSE, CARRIER)
ERP = second.ERP_MERCHANT


def day_of(*rows: str) -> RetailDay:
    return parse_day(HEAD + "".join(f"{row}\n" for row in rows), "a day")


def sale(invoice: str, sku: str, units: int, hour: int, customer: str) -> str:
    return f"{invoice},{sku},THING,{units},2010-12-07 {hour:02}:00:00,1.50,{customer},United Kingdom"


def planned(day: RetailDay, seed: int = 1, failing: tuple[str, ...] = ()) -> CreditPlan:
    def foretell(order: ReplayOrder) -> Expectation:
        return Expectation(Outcome.EXCEPTION if order.name in failing else Outcome.LIVES)

    work = replay_of_day(day, seed=seed, dirty_share=Decimal(0), setting=SETTING)
    return plan_credits(day, allot(work, second.FIRST, second.SECOND, seed), foretell, seed)


# -------------------------------------------------------------------------------------------------------- the rule


def test_the_same_customers_order_comes_first_then_one_placed_before_the_credit() -> None:
    sales = [sale("A", "22418", 3, 8, "1"), sale("B", "22418", 3, 12, "2"), sale("X", "22418", 3, 14, "3")]
    (own,) = planned(day_of(*sales, sale("C9", "22418", -2, 13, "3"))).wishes
    assert (own.order, own.units) == ("X", 2)
    for seed in range(1, 9):
        (other,) = planned(day_of(*sales, sale("C9", "22418", -2, 9, "77")), seed).wishes
        assert other.order == "A"


def test_no_more_units_are_concerned_than_the_order_has() -> None:
    (one,) = planned(day_of(sale("A", "22418", 3, 8, "1"), sale("C9", "22418", -36, 9, "1"))).wishes
    assert one.units == 3


def test_what_matches_nothing_of_the_day_is_named_with_its_reason() -> None:
    plan = planned(
        day_of(
            sale("A", "22418", 3, 8, "1"),
            sale("B", "22419", 3, 8, "1"),
            sale("C7", "M", -1, 9, "1"),
            sale("C8", "85123A", -1, 9, "1"),
            sale("C9", "22418", -1, 9, "1"),
            sale("C10", "22418", -1, 9, "1"),
            sale("C11", "22419", -1, 9, "1"),
        ),
        failing=("B",),
    )
    assert [(one.credit, one.why) for one in plan.unmatched] == [
        ("C7", CHARGE), ("C8", NOT_SOLD), ("C10", NONE_LEFT), ("C11", NOT_SOLD),
    ]  # fmt: skip
    assert [one.credit for one in plan.wishes] == ["C9"]
    assert all(any(name in line for line in plan.report()) for name in ("C7", "C8", "C10", "C11"))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_row_of_the_shipped_day_is_a_wish_or_is_named_and_all_deeds_occur_for_both_warehouses(seed: int) -> None:
    day = read_day(SHIPPED_DAY)
    work = allot(replay_of_day(day, seed=seed, setting=SETTING), second.FIRST, second.SECOND, seed)
    plan = plan_credits(day, work, second.foretell, seed)
    assert plan == plan_credits(day, work, second.foretell, seed)
    rows = [(credit.number, line.row) for credit in day.credits for line in credit.lines]
    assert sorted((one.credit, one.row) for one in (*plan.wishes, *plan.unmatched)) == sorted(rows)
    assert max(Counter(one.order for one in plan.wishes).values()) == 1
    deeds: defaultdict[str, set[Deed]] = defaultdict(set)
    for one in plan.wishes:
        deeds[one.group].add(one.deed)
    assert deeds[MERCHANT] == deeds[ERP] == set(Deed)
    assert deeds["split"]


def test_the_seed_decides() -> None:
    day = read_day(SHIPPED_DAY)
    work: dict[int, Replay] = {
        seed: allot(replay_of_day(day, setting=SETTING), second.FIRST, second.SECOND, 1) for seed in (1, 2)
    }
    assert plan_credits(day, work[1], second.foretell, 1) != plan_credits(day, work[2], second.foretell, 2)


# ------------------------------------------------------------------------------------------------------- the scores


WISH = Wish("C9", 2, "TEE", 1, "A", "scend", ("scend",), Deed.CANCEL)


def unit(item: int, status: str, **more: object) -> ShopUnit:
    made = ShopUnit(7, item, "TEE", "scend", status, paid=100)
    return replace(made, **more)  # type: ignore[arg-type]  # each test names real members


def shop(*units: ShopUnit) -> ShopRecord:
    return ShopRecord(units=units, states={7: "DELEGATED"}, names={7: "A"})


def warehouse(despatched: int, came: int = 0, status: str = "DESPATCHED") -> dict[str, WarehouseRecord]:
    order = WarehouseOrder("b1", "SCY-OR-7", status, (WarehouseLine("TEE", 2, despatched=despatched),))
    received = (Received("SCY-OR-7", "TEE", came),) if came else ()
    return {"scend": WarehouseRecord(orders=(order,), received=received)}


def raced(state: str, sent: int, *units: ShopUnit) -> list[str]:
    return [one.text for one in race(shop(*units), warehouse(sent), [Question(7, "scend", state)]).violations]


def test_cancelled_and_never_sent_or_sent_and_refused_holds() -> None:
    assert not raced("successful", 0, unit(1, "cancelled"), unit(2, "cancelled"))
    assert not raced("refused", 2, unit(1, "delivered"), unit(2, "returned"))
    assert not raced("refused", 1, unit(1, "delivered"), unit(2, "undeliverable"))
    assert not raced("given_up", 0, unit(1, "undeliverable"), unit(2, "undeliverable"))


@pytest.mark.parametrize(
    ("state", "sent", "statuses", "word"),
    [
        ("successful", 2, ("cancelled", "cancelled"), "both"),
        ("successful", 1, ("delivered", "cancelled"), "both"),
        ("refused", 2, ("undeliverable", "undeliverable"), "both"),
        ("refused", 1, ("delivered", "cancelled"), "both"),
        ("refused", 0, ("delegated", "delegated"), "neither"),
        ("successful", 0, ("cancelled", "delegated"), "neither"),
        ("refused", 2, ("delivered", "delegated"), "neither"),
        ("asking", 0, ("delegated", "delegated"), "no answer"),
    ],
)
def test_both_neither_and_unanswered_are_violations(
    state: str, sent: int, statuses: tuple[str, str], word: str
) -> None:
    (text,) = raced(state, sent, *(unit(item, status) for item, status in enumerate(statuses, 1)))
    assert word in text


def test_a_cancellation_ends_when_nothing_of_the_part_is_with_the_customer() -> None:
    deal = Deal(WISH, 7, pressed=True, asked=True)
    assert ending(deal, [unit(1, "cancelled")]) == "cancelled"
    assert ending(deal, [unit(1, "returned"), unit(2, "undeliverable")]) == "returned"
    assert ending(deal, [unit(1, "delivered"), unit(2, "returned")]) is None
    assert ending(replace(deal, pressed=False, asked=False), [unit(1, "cancelled")]) is None


def test_a_return_ends_with_its_refund_and_one_whose_goods_never_left_ends_without() -> None:
    deal = Deal(replace(WISH, deed=Deed.ANNOUNCED), 7, back=1)
    assert ending(deal, [unit(1, "delivered")]) is None
    assert ending(deal, [unit(1, "returned", returns=1)]) is None
    assert ending(deal, [unit(1, "returned", returns=1, refunds=1)]) == "returned"
    assert ending(replace(deal, back=None), [unit(1, "undeliverable")]) == "never left"


def test_goods_that_came_back_and_are_not_returned_and_open_credits_are_violations() -> None:
    deal = Deal(replace(WISH, deed=Deed.ANNOUNCED), 7, back=1)
    evidence = CreditEvidence(CreditPlan((deal.wish,)), (deal,))
    texts = {one.text for one in all_ended(shop(unit(1, "delivered")), warehouse(1, came=1), evidence).violations}
    assert texts == {"announced return: still open", "1 units came back, 0 are returned"}
    done = shop(unit(1, "returned", returns=1, refunds=1))
    assert all_ended(done, warehouse(1, came=1), evidence).held


def test_the_counts_tell_questions_returns_and_money_apart() -> None:
    late = Deal(replace(WISH, deed=Deed.TOO_LATE), 7, pressed=True, asked=True)
    unasked = Deal(replace(WISH, order="B"), None, pressed=True)
    evidence = CreditEvidence(
        CreditPlan((late.wish, unasked.wish)),
        (late, unasked),
        (Question(7, "scend", "refused"),),
        (Refund(7, 1, 100, "GBP"), Refund(7, 2, 150, "GBP"), Refund(7, 3, 5, "EUR")),
    )
    record = shop(unit(1, "returned", returns=1, refunds=1), unit(2, "delivered"))
    assert counts(record, warehouse(2), evidence) == {
        "credits": 2, "unmatched": 0, "asked": 1, "cancelled": 0, "refused": 1, "tooLate": 1, "notAsked": 1, "returned": 1,
        "refunded": {"EUR": 5, "GBP": 250}, "open": 1,
    }  # fmt: skip
