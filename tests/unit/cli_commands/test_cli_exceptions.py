"""`syncbridge exceptions`: what needs a person, what to do, and settling it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_story import Run, Story
from sqlalchemy import select

from syncbridge.ledger.engine import Ledger
from syncbridge.ledger.tables import audit, exceptions, transmissions

pytestmark = pytest.mark.usefixtures("ledger")


def kinds(run: Run, *options: str) -> list[str]:
    return [one["kind"] for one in run("exceptions", "list", "--json", *options).json["exceptions"]]


def test_with_nothing_open_the_list_says_so(run: Run) -> None:
    answer = run("exceptions", "list")
    assert (answer.code, answer.out) == (0, "No exception is open: nothing needs a person.\n")
    assert run("exceptions", "list", "--json").json == {"exceptions": [], "more": False}
    assert "No exception is like that" in run("exceptions", "list", "--owner", "it").out


def test_the_most_urgent_and_then_the_oldest_come_first(run: Run, story: Story) -> None:
    now = datetime.now(UTC)
    story.exception("tracking_late", "despatch:1", "late number", at=now - timedelta(days=3))
    story.exception("order_refused", "fulfilment:b", "refused", at=now - timedelta(hours=1))
    story.exception("order_invalid", "fulfilment:a", "invalid", at=now - timedelta(hours=2))
    story.exception("message_unreadable", "inbox:1", "unreadable", at=now)
    assert kinds(run) == ["message_unreadable", "order_invalid", "order_refused", "tracking_late"]
    rows = run("exceptions", "list").out.splitlines()
    assert rows[1].split()[1] == "critical"
    assert re.fullmatch(r"\d{1,2}s", rows[1].split()[2])
    assert "3d 00h late" in rows[-1]
    assert max(map(len, rows)) <= 100


def test_what_has_no_order_is_named_by_its_subject(run: Run, story: Story) -> None:
    story.order(7)
    story.invalid(7)
    story.exception("stock_refused", "stock:scend:ACME-UK:BOOT-HIKE-BRN-42", "SCAYLE does not have this SKU")
    rows = run("exceptions", "list").out.splitlines()
    assert "ABOUT" in rows[0]
    assert [sum(name in row for row in rows) for name in (" 7 ", "BOOT-HIKE-BRN-42")] == [1, 1]


def test_filters_narrow_the_list(run: Run, story: Story) -> None:
    story.order(7)
    number = story.invalid(7)
    story.exception("message_unreadable", "inbox:1", "unreadable")
    assert kinds(run, "--owner", "it") == ["message_unreadable"]
    assert kinds(run, "--kind", "order_invalid") == ["order_invalid"]
    assert kinds(run, "--order", "SCY-NB-7") == ["order_invalid"]
    assert kinds(run, "--state", "resolved") == []
    assert kinds(run, "--limit", "1") == ["message_unreadable"]
    assert number == run("exceptions", "list", "--order", "7", "--json").json["exceptions"][0]["id"]


def test_groups_have_one_row_per_cause(run: Run, story: Story) -> None:
    for order_id, sku in ((7, "a"), (8, "b"), (9, "b")):
        story.order(order_id)
        story.invalid(order_id, sku)
    groups = run("exceptions", "list", "--group", "--json").json["groups"]
    assert [(one["cause"], one["count"], one["orders"]) for one in groups] == [
        ("SKU_UNKNOWN: b", 2, 2),
        ("SKU_UNKNOWN: a", 1, 1),
    ]
    assert "order_invalid: SKU_UNKNOWN: b" in run("exceptions", "list", "--group").out


def test_an_exception_is_shown_with_every_fault_and_what_to_do(run: Run, story: Story) -> None:
    story.order(7)
    number = story.invalid(7)
    out = run("exceptions", "show", str(number)).out
    for text in (
        "An order cannot be sent to the warehouse as it is",
        "SKU_UNKNOWN  items[sku=85123a].sku [85123a]",
        "Way out: Set the product up in the warehouse.",
        "1. Read the listed faults",
        "overdue since",
        "syncbridge orders show 7",
    ):
        assert text in out
    assert list(run("exceptions", "show", str(number), "--json").json) == [
        *("id", "kind", "title", "subject", "order_id", "owner", "severity", "state", "cause", "occurrences"),
        *("opened_at", "due_at", "last_seen_at", "resolved_at", "resolution", "evidence", "steps"),
    ]


def test_a_kind_of_a_later_version_is_shown_all_the_same(run: Run, story: Story, ledger: Ledger) -> None:
    number = story.exception("defect", "fulfilment:x", "something")
    with ledger.work() as work:
        work.connection.execute(exceptions.update().values(kind="from_the_future"))
        work.commit()
    assert f"#{number} from_the_future" in run("exceptions", "show", str(number)).out


@pytest.mark.parametrize("verb", [("show", "99"), ("retry", "99"), ("resolve", "99", "--reason", "x")])
def test_an_unknown_exception_is_exit_1(run: Run, configured: Path, verb: tuple[str, ...]) -> None:
    answer = run("exceptions", *verb)
    assert answer.code == 1
    assert answer.err.startswith("There is no exception 99.")


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "--owner", "nobody"),
        ("list", "--kind", "nonsense"),
        ("show",),
        ("show", "x"),
        ("resolve", "1"),
        ("resolve", "1", "--reason", " "),
        ("retry",),
        ("retry", "1", "--cause", "x"),
    ],
)
def test_wrong_use_is_exit_2(run: Run, arguments: tuple[str, ...]) -> None:
    answer = run("exceptions", *arguments)
    assert answer.code == 2
    assert answer.err


def test_resolving_closes_it_and_keeps_who_and_why(
    run: Run, story: Story, ledger: Ledger, configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCBRIDGE_ACTOR", "pat")
    number = str(story.exception("despatch_unmatched", "despatch:1", "despatch for an unknown reference"))
    assert "would be resolved" in run("exceptions", "resolve", number, "--reason", "other shop", "--dry-run").out
    assert kinds(run) == ["despatch_unmatched"]
    answer = run("exceptions", "resolve", number, "--reason", "other shop")
    assert (answer.code, f"#{number} is resolved" in answer.out) == (0, True)
    assert kinds(run) == []
    assert kinds(run, "--all") == ["despatch_unmatched"]
    with ledger.reading() as connection:
        row = connection.execute(select(audit)).one()
    assert (row.actor, row.action, row.reason) == ("pat", "exceptions resolve", "other shop")
    assert "resolved already: other shop (pat)" in run("exceptions", "resolve", number, "--reason", "again").out


def test_retrying_an_exception_reruns_its_order(run: Run, story: Story, ledger: Ledger, configured: Path) -> None:
    story.order(7)
    number = story.invalid(7)
    answer = run("exceptions", "retry", str(number))
    assert answer.code == 0
    assert "1 write of 1 order is due now" in answer.out
    with ledger.reading() as connection:
        assert connection.execute(select(transmissions.c.due_at)).scalar() is not None
        assert connection.execute(select(audit.c.reason)).scalar() == f"exception {number}"


def test_an_exception_without_an_order_cannot_be_retried(run: Run, story: Story, configured: Path) -> None:
    number = story.exception("message_unreadable", "inbox:1", "unreadable")
    answer = run("exceptions", "retry", str(number))
    assert answer.code == 1
    assert "there is nothing to re-run" in answer.err
