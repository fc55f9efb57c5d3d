"""`syncbridge stock`: every number explained, published by hand, and a held run released."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cli_story import ACCOUNT, Run, Story

from syncbridge.domain.errors import CallEvidence, RetryLater
from syncbridge.domain.stock import StockRow, Terms
from syncbridge.flows import order_poll, stock_hold, stock_sync
from syncbridge.flows.context import Context
from syncbridge.flows.stock_terms import Summary
from syncbridge.ledger import feeds, stock, stock_comparisons, stock_writes
from syncbridge.ledger.engine import Ledger
from syncbridge.ledger.exceptions import open_exception

pytestmark = pytest.mark.usefixtures("configured")

NOW = datetime.now(UTC)
FEED = f"stock:{ACCOUNT}"


class Shelf:
    """Writes stock into the ledger, through the functions that the flow uses."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def read(self, age: timedelta = timedelta(seconds=5)) -> None:
        """Say that the feeds were read to their end."""
        with self.ledger.work() as work:
            for name in (FEED, order_poll.WATERMARK):
                feeds.move(
                    work.connection, name, feeds.Position(None, None), feeds.Position("c", NOW - age), at=NOW
                )
            work.commit()

    def row(self, sku: str, available: str, sequence: int = 1, active: bool = True) -> None:
        row = StockRow(sku, "MID1", Decimal(available), active, sequence, NOW)
        with self.ledger.work() as work:
            stock.observe(work.connection, ACCOUNT, [(row, "scend", "WH-1", sku)], NOW - timedelta(seconds=9))
            work.commit()

    def level(self, sku: str) -> stock.Level:
        with self.ledger.reading() as connection:
            return next(one for one in stock.levels(connection, ACCOUNT) if one.sku == sku)

    def published(
        self, sku: str, units: int | None, stamp: datetime = NOW - timedelta(minutes=1), **more: Any
    ) -> None:
        level = self.level(sku)
        with self.ledger.work() as work:
            stock_writes.intend(work.connection, level, Terms(units or 0, 0, 0), stamp, NOW)
            stock_writes.settle(
                work.connection,
                level,
                sent=stamp,
                published=units,
                stamp=stamp,
                at=NOW - timedelta(minutes=1),
                **more,
            )
            work.commit()


@pytest.fixture
def shelf(ledger: Ledger) -> Shelf:
    return Shelf(ledger)


def lines(run: Run, *options: str) -> dict[str, Any]:
    return {one["sku"]: one for one in run("stock", "diff", "--json", *options).json["levels"]}


def test_a_number_is_explained_term_by_term(run: Run, shelf: Shelf, story: Story, configured: Path) -> None:
    configured.write_text(
        configured.read_text(encoding="utf-8").replace(
            "[scend]", "[merchants.buffers]\ndefault = 3\n[scend]"
        ),
        encoding="utf-8",
    )
    story.order(7, units=2)
    shelf.row("TEE-M", "50")
    shelf.read()
    shelf.published("TEE-M", 47)
    line = lines(run)["TEE-M"]
    assert (line["available"], line["in_flight"], line["buffer"], line["sellable"]) == (50, 2, 3, 45)
    assert (line["published"], line["differs"], line["due"]) == (47, True, True)
    assert datetime.fromisoformat(line["changed_at"]) == NOW.replace(microsecond=NOW.microsecond // 1000 * 1000)
    out = run("stock", "diff", "--sku", "TEE-M").out
    assert f"changed there {line['changed_at']}" in out, "when the warehouse saw it"
    assert out.splitlines()[0].startswith("TEE-M ")
    assert re.findall(r"^  [a-z ]+?  +(-?\d+)  ", out, flags=re.MULTILINE) == ["50", "-2", "-3", "45", "47"]
    assert "the next run writes it" in out


def test_only_what_differs_is_listed_unless_all_is_asked_for(run: Run, shelf: Shelf) -> None:
    for sku in ("RIGHT", "WRONG"):
        shelf.row(sku, "5")
        shelf.published(sku, 5 if sku == "RIGHT" else 9)
    shelf.read()
    assert list(lines(run)) == ["WRONG"]
    assert list(lines(run, "--all")) == ["WRONG", "RIGHT"]
    answer = run("stock", "diff")
    assert "RIGHT" not in answer.out
    assert "1 of 2 SKUs differ" in answer.err


def test_sell_outs_come_first_then_decreases(run: Run, shelf: Shelf) -> None:
    for sku, available, told in (("UP", "9", 5), ("DOWN", "2", 9), ("OUT", "0", 3)):
        shelf.row(sku, available)
        shelf.published(sku, told)
    shelf.read()
    assert list(lines(run)) == ["OUT", "DOWN", "UP"]
    limited = run("stock", "diff", "--json", "--limit", "1").json
    assert ([one["sku"] for one in limited["levels"]], limited["more"], limited["differing"]) == (
        ["OUT"],
        True,
        3,
    )


def test_what_keeps_a_number_from_being_written_is_said(run: Run, shelf: Shelf) -> None:
    for sku in ("NEW", "REFUSED", "AHEAD", "LOST", "IGNORED"):
        shelf.row(sku, "5")
    assert {one["why"] for one in lines(run).values()} == {
        "waits: the back end's stock was never read to its end"
    }
    shelf.read()
    shelf.published("REFUSED", None, reason="refused", not_before=NOW + timedelta(hours=1))
    shelf.published("AHEAD", 4, stamp=NOW + timedelta(hours=1))
    shelf.published("LOST", None, reason="not told: OutcomeUnknown")
    shelf.published("IGNORED", 4, ignored=2)
    found = lines(run)
    assert found["NEW"]["why"] == "never published"
    assert "the shop refused it" in found["REFUSED"]["why"]
    assert "a stamp as new as our figures" in found["AHEAD"]["why"]
    assert found["LOST"]["why"] == "0 was sent and is not proven: not told: OutcomeUnknown"
    assert found["IGNORED"]["why"] == "the shop ignored 2 writes"
    assert {sku for sku, one in found.items() if one["due"]} == {"NEW", "LOST", "IGNORED"}


@pytest.mark.parametrize(("seconds", "due"), [(120, True), (1, False)])
def test_a_number_that_was_sent_and_not_proven_differs_even_if_it_is_right(
    run: Run, shelf: Shelf, seconds: int, due: bool
) -> None:
    """While the worker that sent it may still get its answer, nobody else sends it."""
    shelf.row("TEE", "5")
    shelf.published("TEE", 5, stamp=NOW - timedelta(minutes=2))
    level = shelf.level("TEE")
    with shelf.ledger.work() as work:
        sent_at = datetime.now(UTC) - timedelta(seconds=seconds)
        stock_writes.intend(work.connection, level, Terms(5, 0, 0), NOW - timedelta(minutes=1), sent_at)
        work.commit()
    shelf.read()
    line = lines(run)["TEE"]
    assert (line["sellable"], line["published"], line["sending"], line["due"]) == (5, 5, 5, due)
    assert "5?" in run("stock", "diff").out


def test_stock_of_a_warehouse_that_is_not_configured_any_more_is_left_alone(
    run: Run, shelf: Shelf, configured: Path
) -> None:
    shelf.row("TEE", "5")
    shelf.read()
    configured.write_text(
        configured.read_text(encoding="utf-8").replace('"WH-1"', '"WH-2"'), encoding="utf-8"
    )
    line = lines(run)["TEE"]
    assert (line["why"], line["due"]) == ("left alone: by the configuration the shop does not sell from it", False)


def test_odd_terms_of_a_right_number_are_named(run: Run, shelf: Shelf, story: Story) -> None:
    story.order(7, units=2, sku="SHORT")
    for sku, available, active in (("SHORT", "1", True), ("OFF", "7", False), ("MINUS", "-3", True)):
        shelf.row(sku, available, active=active)
        shelf.published(sku, 0)
    shelf.read()
    found = {sku: one["why"] for sku, one in lines(run, "--all").items()}
    assert found == {
        "SHORT": "1 more sold than there are",
        "OFF": "not active in the back end",
        "MINUS": "the back end says -3",
    }


def test_nothing_to_show_is_said_in_a_sentence(run: Run, shelf: Shelf) -> None:
    answer = run("stock", "diff")
    assert (answer.code, answer.out.startswith("No stock is known yet")) == (0, True)
    assert "No full compare has run yet" in run("stock", "diff", "--drift").out
    unknown = run("stock", "diff", "--sku", "NO-SUCH")
    assert (unknown.code, "'NO-SUCH'" in unknown.err) == (1, True)
    assert run("stock", "diff", "--drift", "--all").code == 2
    shelf.row("TEE", "5")
    shelf.published("TEE", 5)
    shelf.read()
    assert "The shop holds the right number of 1 SKU" in run("stock", "diff").out


def test_the_drift_is_shown_with_its_trend(run: Run, ledger: Ledger) -> None:
    for hours, units in ((3, 12), (2, 4), (1, 4)):
        at = NOW - timedelta(hours=hours)
        with ledger.work() as work:
            stock_comparisons.note_comparison(
                work.connection, ACCOUNT, started_at=at, finished_at=at, skus=100, skus_off=2, units_off=units,
                edited=1, unknown=0,
            )  # fmt: skip
            work.commit()
    rows = run("stock", "diff", "--drift").out.splitlines()[1:]
    assert [row.split(maxsplit=8)[-1] for row in rows] == ["as before", "-8 units", "-"]
    found = run("stock", "diff", "--drift", "--json", "--limit", "2").json["comparisons"]
    assert [one["units_off"] for one in found] == [4, 4]


def test_a_dry_run_of_publish_lists_what_is_due_and_writes_nothing(run: Run, shelf: Shelf) -> None:
    for sku in ("DUE", "REFUSED"):
        shelf.row(sku, "5")
    shelf.read()
    shelf.published("REFUSED", None, reason="refused", not_before=NOW + timedelta(hours=1))
    answer = run("stock", "publish", "--dry-run", "--json")
    assert ([one["sku"] for one in answer.json["would_write"]], answer.json["waiting"]) == (["DUE"], 1)
    assert shelf.level("DUE").stamp is None
    assert "1 number would be written" in run("stock", "publish", "--dry-run").out


def test_publish_runs_the_flow_and_tells_what_came_of_it(
    run: Run, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = Summary(observed=3, published=2)
    monkeypatch.setattr(stock_sync, "run", lambda _context: outcome)
    answer = run("stock", "publish")
    assert (answer.code, answer.out.split(" (")[0]) == (0, "stock publish: observed 3, published 2")
    outcome.held = 2
    held = run("stock", "publish", "--json")
    assert (held.code, held.json["summary"]["held"]) == (1, 2)
    outcome.observed = outcome.published = outcome.held = 0
    outcome.elsewhere = 1
    busy = run("stock", "publish")
    assert (busy.code, "a worker is publishing" in busy.err) == (0, True)
    assert "nothing to do" not in busy.out, "nobody has looked"


def test_a_vendor_that_is_away_ends_publish_in_a_sentence(
    run: Run, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_context: Context) -> Summary:
        raise RetryLater("the server is busy", CallEvidence("scend", "read stock", 503))

    monkeypatch.setattr(stock_sync, "run", away)
    answer = run("stock", "publish")
    assert (answer.code, answer.err.startswith("stock publish did not come through")) == (1, True)


def test_a_held_run_is_released_once_with_its_reason(
    run: Run, shelf: Shelf, story: Story, ledger: Ledger
) -> None:
    shelf.row("TEE", "5")
    shelf.published("TEE", 9)
    shelf.read()
    assert run("stock", "release", ACCOUNT, "--reason", "stocktake").out == f"Nothing of {ACCOUNT} is held.\n"
    story.exception("stock_held", f"stock:{ACCOUNT}", f"{ACCOUNT}: mass change of stock")
    diff = run("stock", "diff")
    assert "held: a mass change" in diff.out
    assert f"syncbridge stock release {ACCOUNT}" in diff.err

    def asked() -> bool:
        with ledger.reading() as connection:
            return feeds.position(connection, stock_hold.release_name(ACCOUNT)).read_to is not None

    assert run("stock", "release", ACCOUNT, "--reason", "stocktake", "--dry-run", "--json").json == {
        "account": ACCOUNT, "dry_run": True, "released": True, "skus": 1, "held_for": "",
    }  # fmt: skip
    assert not asked()
    assert (
        "is released. The next run writes 1 SKU, within an hour from now."
        in run("stock", "release", ACCOUNT, "--reason", "stocktake").out
    )
    assert asked()


def test_a_hold_is_told_with_its_account_and_its_reason_and_counts_what_a_release_lets_through(
    run: Run, shelf: Shelf, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for sku in ("ONE", "TWO", "REFUSED"):
        shelf.row(sku, "0")
        shelf.published(sku, 9)
    shelf.published("REFUSED", None, stamp=NOW - timedelta(seconds=50), not_before=NOW + timedelta(hours=1))
    shelf.read()
    with ledger.work() as work:
        evidence = {"account": ACCOUNT, "reason": "2 of 3 SKUs would go to zero", "skus": 2}
        open_exception(
            work.connection, "stock_held", f"stock:{ACCOUNT}", at=NOW, cause="mass change of stock", evidence=evidence
        )
        work.commit()
    told = f"A mass change of {ACCOUNT} is held: 2 of 3 SKUs would go to zero."
    monkeypatch.setattr(stock_sync, "run", lambda _context: Summary(held=2))
    for command in (("stock", "diff"), ("stock", "publish"), ("stock", "publish", "--dry-run")):
        err = run(*command).err
        assert told in err and f"syncbridge stock release {ACCOUNT} --reason TEXT" in err, command
    assert [one["held_for"] for one in run("stock", "diff", "--json").json["sources"]] == ["2 of 3 SKUs would go to zero"]
    assert run("stock", "release", ACCOUNT, "--reason", "stocktake", "--dry-run", "--json").json["skus"] == 2
    assert run("stock", "publish", "--dry-run", "--json").json["sources"][0]["held"] is True
    answer = run("stock", "release", ACCOUNT, "--reason", "Größe geprüft – sold out")
    assert "is released: 2 of 3 SKUs would go to zero. The next run writes 2 SKUs, within an hour" in answer.out


@pytest.mark.parametrize("wrong", ["tee-m", " TEE-M ", "Tee-M"])
def test_a_sku_in_other_letters_is_suggested(run: Run, shelf: Shelf, wrong: str) -> None:
    shelf.row("TEE-M", "5")
    answer = run("stock", "diff", "--sku", wrong)
    assert (answer.code, "Is TEE-M meant?" in answer.err) == (1, True)


def test_a_release_names_a_back_end_that_there_is_and_a_reason(run: Run, ledger: Ledger) -> None:
    nobody = run("stock", "release", "nobody", "--reason", "stocktake")
    assert (nobody.code, ACCOUNT in nobody.err) == (2, True)
    assert run("stock", "release", ACCOUNT, "--reason", " ").code == 2
    assert run("stock", "release", ACCOUNT).code == 2


def test_a_dry_run_of_the_flow_shows_the_same_numbers_as_the_diff(run: Run, shelf: Shelf, story: Story) -> None:
    story.order(7, units=2)
    shelf.row("TEE-M", "50")
    shelf.row("OUT", "0")
    shelf.row("RIGHT", "5")
    shelf.published("OUT", 3)
    shelf.published("RIGHT", 5)
    shelf.read()
    rows = run("flow", "run", "stock_sync", "--dry-run", "--json").json["would"]["rows"]
    assert [(row["sku"], row["sellable"]) for row in rows] == [("OUT", 0), ("TEE-M", 48)]
    assert [(row["sku"], row["sellable"]) for row in rows] == [
        (sku, one["sellable"]) for sku, one in lines(run).items()
    ]
    assert "2 numbers would be written" in run("flow", "run", "stock_sync", "--dry-run").out
    assert shelf.level("OUT").sending is None


def test_a_sku_missing_from_the_last_snapshot_is_named_and_does_not_rise(run: Run, shelf: Shelf) -> None:
    shelf.row("TEE", "9")
    shelf.published("TEE", 4)
    shelf.row("NEVER", "9")
    with shelf.ledger.work() as work:
        stock.note_missing(work.connection, ACCOUNT, NOW, NOW)
        work.commit()
    shelf.read()
    found = lines(run, "--all")
    assert (found["TEE"]["sellable"], found["TEE"]["differs"]) == (4, False)
    assert found["TEE"]["why"].startswith("missing from the back end's last snapshot")
    assert found["NEVER"]["differs"] is False, "nobody knows how many there are, and the shop was never told"
