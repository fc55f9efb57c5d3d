"""`syncbridge orders`: lists, the time machine, and trying again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_story import Run, Story
from sqlalchemy import select

from syncbridge.ledger import inbox
from syncbridge.ledger.engine import Ledger
from syncbridge.ledger.tables import audit, transmissions

pytestmark = pytest.mark.usefixtures("ledger")


def test_an_empty_ledger_says_so_and_where_orders_come_from(run: Run) -> None:
    answer = run("orders", "list")
    assert answer.code == 0
    assert "holds no order yet" in answer.out
    assert "order_poll" in answer.out


def test_a_filter_that_finds_nothing_says_so(run: Run, story: Story) -> None:
    story.order(7)
    answer = run("orders", "list", "--state", "withdrawn")
    assert answer.code == 0
    assert answer.out.startswith("No order is like that")


def test_the_list_shows_newest_first_with_state_total_and_trouble(run: Run, story: Story) -> None:
    story.order(7)
    story.acknowledged(7)
    story.order(8, units=3)
    story.invalid(8)
    lines = run("orders", "list").out.splitlines()
    assert lines[0].split() == ["ORDER", "TAKEN", "IN", "(UTC)", "UNITS", "TOTAL", "TROUBLE", "PARTS"]
    assert lines[1].split() == ["8", "2026-03-02", "09:30:00", "3", "37.50", "GBP", "1", "open", "1", "pending"]
    assert lines[2].split() == ["7", "2026-03-02", "09:30:00", "2", "25.00", "GBP", "-", "1", "acknowledged"]
    assert max(map(len, lines)) <= 80


def test_filters_narrow_the_list(run: Run, story: Story) -> None:
    story.order(7, at=datetime.now(UTC) - timedelta(hours=3))
    story.order(8, at=datetime.now(UTC) - timedelta(minutes=5))
    story.invalid(8, at=datetime.now(UTC))
    story.order(9, at=datetime.now(UTC))
    story.acknowledged(9, at=datetime.now(UTC))

    def found(*options: str) -> list[int]:
        return [one["order_id"] for one in run("orders", "list", "--json", *options).json["orders"]]

    assert found() == [9, 8, 7]
    assert found("--state", "acknowledged") == [9]
    assert found("--exception") == [8]
    assert found("--since", "1h") == [9, 8]
    assert found("--limit", "1") == [9]
    assert run("orders", "list", "--limit", "1", "--json").json["more"] is True
    assert "--limit 2" in run("orders", "list", "--limit", "1").err


def test_the_json_of_a_list_has_stable_keys_times_in_utc_and_money_as_text(run: Run, story: Story) -> None:
    story.order(7)
    document = run("orders", "list", "--json").json
    assert document == {
        "orders": [
            {
                "order_id": 7,
                "shop": "nb",
                "country": "GB",
                "source": "delegation",
                "shop_status": "confirmed",
                "total": {"amount": "25.00", "currency": "GBP"},
                "taken_in_at": "2026-03-02T09:30:00.000Z",
                "confirmed_at": "2026-03-02T09:29:00.000Z",
                "parts": {"pending": 1},
                "units": {"open": 2},
                "open_exceptions": 0,
            }
        ],
        "more": False,
    }


@pytest.mark.parametrize("options", [("--state", "lost"), ("--since", "yesterday"), ("--limit", "0"), ("--nonsense",)])
def test_wrong_use_of_the_list_is_exit_2(run: Run, options: tuple[str, ...]) -> None:
    answer = run("orders", "list", *options)
    assert answer.code == 2
    assert answer.err


def test_the_time_machine_shows_every_fact_in_event_order(run: Run, story: Story) -> None:
    story.order(7)
    story.acknowledged(7)
    answer = run("orders", "show", "7")
    assert answer.code == 0
    facts = answer.out[answer.out.index("What happened") :].splitlines()[2:]
    assert [line.split("  ")[1].strip() for line in facts][:1] == ["2026-03-02 09:29:00.000"]
    systems = [line[27:].split()[0] for line in facts]
    assert systems[0] == "scayle"
    text = "\n".join(facts)
    for earlier, later in (
        ("order confirmed in the shop", "came in (order"),
        ("came in (order", "order sent SCY-NB-7"),
        ("order sent SCY-NB-7", "attempt 1: acknowledged (HTTP 201, 0.31 s, request req-77)"),
        ("attempt 1: acknowledged", "order acknowledged SCY-NB-7"),
    ):
        assert text.index(earlier) < text.index(later), (earlier, later)


def test_an_order_shows_where_its_units_are_and_what_a_person_must_do(run: Run, story: Story) -> None:
    story.order(7)
    number = story.invalid(7)
    out = run("orders", "show", "7").out
    assert "Order 7   shop nb/GB, 25.00 GBP, SCAYLE: confirmed" in out
    assert "parked until an exception is dealt with" in out
    assert f"#{number} An order cannot be sent to the warehouse as it is" in out
    assert "items[sku=85123a].sku: the warehouse does not know this SKU. Set the product up" in out


@pytest.mark.parametrize("name", ["7", "SCY-NB-7", "NB-GB-2026-7"])
def test_an_order_is_found_by_id_reference_and_reference_key(run: Run, story: Story, name: str) -> None:
    story.order(7, key="NB-GB-2026-7")
    story.order(8)
    assert run("orders", "show", name, "--json").json["order_id"] == 7


def test_a_name_of_several_orders_asks_for_an_id(run: Run, story: Story) -> None:
    story.order(7, key="TWICE")
    story.order(8, key="TWICE")
    answer = run("orders", "show", "TWICE")
    assert answer.code == 1
    assert "7, 8" in answer.err


@pytest.mark.parametrize("name", ["999", "SCY-NB-0", "9" * 5000, "%"])
def test_an_unknown_order_is_exit_1_with_what_was_looked_for(run: Run, name: str) -> None:
    answer = run("orders", "show", name)
    assert answer.code == 1
    assert f"No order {name!r} is known here" in answer.err
    assert "Traceback" not in answer.err


def test_an_order_that_was_refused_is_shown_by_what_names_it(run: Run, ledger: Ledger, story: Story) -> None:
    with ledger.work() as work:
        at = datetime(2026, 3, 2, tzinfo=UTC)
        inbox.keep(work.connection, "delegation:scend", "m", "refused", b"{}", at=at, outcome="refused", order_id=55)
        work.commit()
    story.exception("order_too_large", "order:55", "order_too_large: delegation:scend", 55)
    out = run("orders", "show", "55").out
    assert "was never taken in" in out
    assert "An order has more units or bytes than syncbridge supports" in out


def test_times_are_shown_in_the_chosen_zone(run: Run, story: Story) -> None:
    story.order(7)
    assert "2026-03-02 10:30:00.000" in run("orders", "show", "7", "--zone", "Europe/Berlin").out
    assert run("orders", "show", "7", "--zone", "Mars/Olympus").code == 2


def test_no_document_and_no_address_is_ever_printed(run: Run, story: Story) -> None:
    story.order(7)
    story.acknowledged(7)
    everything = run("orders", "show", "7").out + run("orders", "show", "7", "--json").out
    for private in ("Mill Lane", "zoe@example.com", "Leeds", "Zoe"):
        assert private not in everything


def test_the_json_of_an_order_has_stable_keys(run: Run, story: Story) -> None:
    story.order(7)
    story.invalid(7)
    document = run("orders", "show", "7", "--json").json
    assert list(document) == ["order_id", "order", "parts", "units", "parcels", "unfinished", "exceptions", "facts"]
    assert list(document["facts"][0]) == ["at", "recorded_at", "system", "event", "subject", "detail"]
    assert document["units"][0]["price"] == {"amount": "12.50", "currency": "GBP"}
    assert document["unfinished"][0]["due_at"] is None


def test_rerun_puts_a_parked_order_on_the_clock_and_keeps_who_and_why(
    run: Run, story: Story, ledger: Ledger, configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCBRIDGE_ACTOR", "pat")
    story.order(7)
    story.invalid(7)
    answer = run("orders", "rerun", "7", "--reason", "product set up")
    assert answer.code == 0, answer.err
    assert "1 write of 1 order is due now" in answer.out
    with ledger.reading() as connection:
        due = connection.execute(select(transmissions.c.due_at).where(transmissions.c.order_id == 7)).scalar()
        row = connection.execute(select(audit)).one()
    assert due is not None
    assert (row.actor, row.action, row.subject, row.reason) == ("pat", "orders rerun", "order:7", "product set up")
    assert row.before["writes"][0]["due_at"] is None
    assert "pat: orders rerun. Reason: product set up" in run("orders", "show", "7").out


def test_a_dry_run_changes_nothing(run: Run, story: Story, ledger: Ledger, configured: Path) -> None:
    story.order(7)
    story.invalid(7)
    answer = run("orders", "rerun", "7", "--dry-run")
    assert "1 write of 1 order would be due now" in answer.out
    with ledger.reading() as connection:
        assert connection.execute(select(transmissions.c.due_at)).scalar() is None
        assert connection.execute(select(audit)).all() == []


def test_a_group_is_rerun_by_cause_or_by_kind(run: Run, story: Story, configured: Path) -> None:
    for order_id, sku in ((7, "85123a"), (8, "85123a"), (9, "m")):
        story.order(order_id)
        story.invalid(order_id, sku)
    by_cause = run("orders", "rerun", "--cause", "SKU_UNKNOWN: 85123a", "--dry-run", "--json").json
    assert [one["order_id"] for one in by_cause["orders"]] == [7, 8]
    by_kind = run("orders", "rerun", "--exception-kind", "order_invalid", "--dry-run", "--json").json
    assert [one["order_id"] for one in by_kind["orders"]] == [7, 8, 9]
    answer = run("orders", "rerun", "--cause", "85123")
    assert answer.code == 1
    assert "Did you mean: SKU_UNKNOWN: 85123a?" in answer.err


def test_rerun_of_a_finished_order_says_that_nothing_is_unfinished(run: Run, story: Story, configured: Path) -> None:
    story.order(7)
    story.acknowledged(7)
    answer = run("orders", "rerun", "7")
    assert answer.code == 0
    assert "Nothing is unfinished for 7" in answer.out


@pytest.mark.parametrize("arguments", [(), ("7", "--cause", "x"), ("--exception-kind", "nonsense")])
def test_wrong_use_of_rerun_is_exit_2(run: Run, story: Story, configured: Path, arguments: tuple[str, ...]) -> None:
    story.order(7)
    answer = run("orders", "rerun", *arguments)
    assert answer.code == 2
    assert answer.err


def test_rerun_of_an_unknown_order_is_exit_1(run: Run, configured: Path) -> None:
    assert run("orders", "rerun", "999").code == 1


def test_rerun_without_a_configuration_names_every_fault_and_is_exit_2(run: Run, story: Story) -> None:
    story.order(7)
    answer = run("orders", "rerun", "7")
    assert answer.code == 2
    assert "configuration: SYNCBRIDGE_CONFIG: missing" in answer.err
    assert "configuration: SCAYLE_ACCESS_TOKEN: missing" in answer.err
