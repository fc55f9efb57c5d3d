"""`syncbridge returns`: lists and pages of returns, announcing and deciding by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cli_story import ACCOUNT, LIFE, Run, Story

from syncbridge import bootstrap
from syncbridge.domain.backend import (
    BackendDespatch,
    BackendReturn,
    Condition,
    Disposition,
    Parcel,
    ParcelLine,
    ReceiptLine,
    ReturnStatus,
)
from syncbridge.domain.orders import Line
from syncbridge.flows import despatch_apply, refund_watch, return_match, return_pull
from syncbridge.flows.context import SHOP
from syncbridge.ledger import order_parts, part_lines, transmissions
from syncbridge.ledger.claims import claim_due

pytestmark = pytest.mark.usefixtures("configured")

NOW = datetime.now(UTC)
ORDER = 7041983
FIRST, SECOND = ORDER * 100, ORDER * 100 + 1


@pytest.fixture(autouse=True)
def _scayle_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refund_watch, "look", lambda *_arguments: None)


@pytest.fixture
def shipped(story: Story) -> Story:
    """An order of two units that left, and SCAYLE shows it."""
    story.order(ORDER)
    story.acknowledged(ORDER)
    context = bootstrap.context()
    with story.ledger.work() as work:
        connection = work.connection
        part = order_parts.parts_of_order(connection, ORDER)[0]
        part_lines.store_lines(connection, part.id, [Line(1, "TEE-M", "TEE-M", (FIRST, SECOND), price_minor=1250)], 2500, NOW)
        parcel = Parcel("pcl_1", "RM1GB", (ParcelLine(1, "TEE-M", 2),))
        left = BackendDespatch("dsp_1", "D-1", part.reference, "ord_1", 1, NOW, "ROYAL_MAIL", (parcel,))
        despatch_apply.note(context, connection, ACCOUNT, left, NOW)
        (claim,) = claim_due(
            connection, target=SHOP, kind="shipment", limit=9, at=NOW, life=LIFE, order_id=ORDER
        )
        transmissions.acknowledge(connection, claim, at=NOW)
        work.commit()
    return story


def comes_back(story: Story, rma: str = "", condition: Condition = Condition.RESALEABLE, quantity: int = 1, **more: Any) -> int:
    """Have goods come back, and matched; return the receipt's number."""
    number = more.pop("number", 1)
    line = ReceiptLine(f"rcl_{number}", NOW - timedelta(minutes=20), 1, more.pop("sku", "TEE-M"), quantity, condition,
                       Disposition.QUARANTINE)  # fmt: skip
    seen = BackendReturn(f"rtn_{number}", rma, f"SCY-NB-{ORDER}", ReturnStatus.RECEIVED, "RECEIVED", 1, bool(rma), (),
                         (line,))  # fmt: skip
    context = bootstrap.context()
    with story.ledger.work() as work:
        return_pull.note(context, work.connection, ACCOUNT, seen, NOW)
        work.commit()
    return_match.run(context)
    return number


def test_without_returns_the_list_says_so(run: Run, story: Story) -> None:
    assert "No return is open" in run("returns", "list").out
    assert run("returns", "list", "--json").json == {"returns": [], "more": False}


def test_announcing_without_units_lists_them(run: Run, shipped: Story) -> None:
    answer = run("returns", "announce", str(ORDER))
    assert answer.code == 0
    assert str(FIRST) in answer.out
    assert "12.50 GBP" in answer.out
    assert "--unit" in answer.err
    found = run("returns", "announce", str(ORDER), "--json").json
    assert [unit["order_item_id"] for unit in found["can_be_announced"]] == [FIRST, SECOND]


def test_announcing_makes_a_number_and_shows_it(run: Run, shipped: Story) -> None:
    arguments = ("returns", "announce", f"SCY-NB-{ORDER}", "--unit", str(FIRST), "--reason", "too_small")
    assert "would be announced" in run(*arguments, "--dry-run").out
    assert run("returns", "list", "--json").json["returns"] == [], "a dry run announces nothing"
    made = run(*arguments, "--json").json
    (one,) = made["announced"]
    assert (one["units"], one["reason"], one["state"]) == ([FIRST], "too_small", "expected")
    assert "expects 1 unit of these already" in run(*arguments).out
    listed = run("returns", "list")
    assert one["rma_number"] in listed.out
    assert "customer_service" in listed.out
    page = run("returns", "show", one["rma_number"].lower())
    assert f"order {ORDER}" in page.out
    assert "announcement pending" in page.out


def test_what_has_left_cannot_be_cancelled_and_the_way_back_is_named(run: Run, shipped: Story) -> None:
    answer = run("orders", "cancel", str(ORDER), "--reason", "x")
    assert answer.code == 1
    assert f"syncbridge returns announce {ORDER}" in " ".join(answer.err.split())


def test_a_return_is_shown_in_the_time_zone_of_who_asks(run: Run, shipped: Story) -> None:
    comes_back(shipped)
    page = run("returns", "show", "rtn_1", "--zone", "Asia/Kathmandu").out
    assert "RECEIVED (Asia/Kathmandu)" in page
    there = NOW.astimezone(ZoneInfo("Asia/Kathmandu"))
    assert f"{there:%Y-%m-%d %H:%M}" in page
    assert run("returns", "show", "rtn_1", "--zone", "Nowhere").code == 2


def test_units_that_cannot_come_back_are_refused(run: Run, shipped: Story) -> None:
    answer = run("returns", "announce", str(ORDER), "--unit", "7")
    assert answer.code == 1
    assert "7 is not known" in answer.err


def test_goods_that_came_are_shown_with_their_way_to_the_refund(run: Run, shipped: Story) -> None:
    comes_back(shipped)
    (row,) = run("returns", "list", "--order", str(ORDER), "--json").json["returns"]
    assert (row["source"], row["state"], row["came"], row["matched"]) == ("unannounced", "closed", 1, 1)
    page = run("returns", "show", "rtn_1")
    assert page.code == 0
    assert "found by the order's reference" in page.out
    assert "refund and restock" in page.out
    assert str(FIRST) in page.out
    found = run("returns", "show", "rtn_1", "--json").json
    assert found["units"][0]["return_write"] == "pending"


@pytest.mark.parametrize(("option", "words"), [("--refund", f"{FIRST} will be returned"), ("--refuse", "no money moves")])
def test_a_question_is_answered(run: Run, shipped: Story, option: str, words: str) -> None:
    receipt = comes_back(shipped, condition=Condition.WORN)
    page = run("returns", "show", "rtn_1").out
    assert "waits for a person" in page
    assert "Goods came back in a condition on which a person decides" in page
    assert [row["open_receipts"] for row in run("returns", "list", "--json").json["returns"]] == [1]
    decide = ("returns", "decide", str(receipt), option, "--reason", "looked at it")
    dry = run(*decide, "--dry-run")
    assert "would be" in dry.out
    assert "Needs a person" in run("returns", "show", "rtn_1").out
    done = run(*decide)
    assert words in done.out, done
    assert "Needs a person" not in run("returns", "show", "rtn_1").out
    assert run("returns", "list", "--json").json["returns"] == []
    wrote = run("orders", "show", str(ORDER), "--json").json["unfinished"]
    assert [write["kind"] for write in wrote if write["kind"] == "return"] == (["return"] if option == "--refund" else [])


def test_who_decides_second_is_told_and_how_a_refusal_is_taken_back(run: Run, shipped: Story) -> None:
    receipt = comes_back(shipped, condition=Condition.WORN)
    decide = ("returns", "decide", str(receipt), "--reason", "looked at it")
    assert run(*decide, "--refuse").code == 0
    again = run(*decide, "--refuse")
    assert (again.code, "decided already (refused)" in again.err, "--after-refusal" in again.err) == (1, True, False)
    other = run(*decide, "--refund")
    assert (other.code, "To refund all the same: --after-refusal." in other.err) == (1, True)
    assert str(FIRST) in run(*decide, "--refund", "--after-refusal").out
    last = run(*decide, "--refund", "--after-refusal")
    assert (last.code, "decided already (refund and restock)" in last.err) == (1, True)


def test_goods_of_no_unit_are_given_one_by_a_person(run: Run, shipped: Story) -> None:
    receipt = comes_back(shipped, sku="SOCK")
    assert run("returns", "list", "--json").json["returns"][0]["open_receipts"] == 1
    assert "1 receipt waits" in run("returns", "list").out
    answer = run("returns", "decide", str(receipt), "--refund", "--reason", "our mistake")
    assert (answer.code, "name the units" in answer.err) == (1, True)
    answer = run("returns", "decide", str(receipt), "--refund", "--unit", str(SECOND), "--reason", "our mistake", "--json")
    assert answer.json == {"receipt": receipt, "dry_run": False, "refunded": [SECOND], "refused": []}
    again = run("returns", "decide", str(receipt), "--refund", "--unit", str(FIRST), "--reason", "and another")
    assert again.code == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--reason", "x"), "--refund or --refuse"),
        (("--refund",), "--reason"),
        (("--refuse", "--unit", "1", "--reason", "x"), "--unit"),
        (("--refuse", "--after-refusal", "--reason", "x"), "--refund"),
    ],
)
def test_half_a_decision_is_wrong_use(run: Run, story: Story, arguments: tuple[str, ...], words: str) -> None:
    answer = run("returns", "decide", "1", *arguments)
    assert (answer.code, words in answer.err) == (2, True)


def test_unknown_returns_and_receipts_end_in_a_sentence(run: Run, story: Story) -> None:
    assert "No return 'RMA-X' is known" in run("returns", "show", "RMA-X").err
    answer = run("returns", "decide", "99", "--refuse", "--reason", "x")
    assert (answer.code, "there is no receipt 99" in answer.err) == (1, True)
