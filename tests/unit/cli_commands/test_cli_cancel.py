"""`syncbridge orders cancel`: what is done at once, what is said, what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_story import Run, Story
from sqlalchemy import select

from syncbridge.ledger.engine import Ledger
from syncbridge.ledger.tables import audit, cancellations, fulfilment_orders, order_units

pytestmark = pytest.mark.usefixtures("ledger", "configured")


def states(ledger: Ledger) -> tuple[list[str], set[str]]:
    with ledger.reading() as connection:
        parts = [row.state for row in connection.execute(select(fulfilment_orders))]
        return parts, {row.state for row in connection.execute(select(order_units))}


def test_an_order_that_was_never_sent_is_withdrawn_and_audited(run: Run, story: Story, ledger: Ledger) -> None:
    story.order(7)
    answer = run("orders", "cancel", "7", "--reason", "customer called")
    assert answer.code == 0
    assert "withdrawn: it was never sent" in answer.out
    assert states(ledger) == (["withdrawn"], {"cancelled"})
    with ledger.reading() as connection:
        (kept,) = connection.execute(select(audit).where(audit.c.subject == "order:7")).all()
        (wish,) = connection.execute(select(cancellations)).all()
    assert (kept.action, kept.reason) == ("orders cancel", "customer called")
    assert (wish.source, wish.state) == ("operator", "cancelled")


def test_the_time_machine_tells_it_in_words(run: Run, story: Story) -> None:
    story.order(7)
    run("orders", "cancel", "7", "--reason", "customer called")
    shown = " ".join(run("orders", "show", "7").out.split())
    assert "the cancellation succeeded" in shown
    assert "as an operator asked" in shown
    assert "orders cancel. Reason: customer called" in shown


def test_a_dry_run_says_what_would_be_done_and_does_nothing(run: Run, story: Story, ledger: Ledger) -> None:
    story.order(7)
    answer = run("orders", "cancel", "7", "--reason", "customer called", "--dry-run")
    assert (answer.code, "WOULD" in answer.out) == (0, True)
    assert states(ledger) == (["pending"], {"open"})


def test_json_names_parts_units_and_state(run: Run, story: Story) -> None:
    story.order(7)
    document = run("orders", "cancel", "7", "--reason", "x", "--json").json
    assert document["dry_run"] is False
    assert document["cancellation"]["state"] == "cancelled"
    assert [part["reference"] for part in document["cancellation"]["parts"]] == ["SCY-NB-7"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--merchant", "nobody"), "its merchants: scend"),
        (("--unit", "5"), "has no unit 5; syncbridge orders show 7 lists them"),
    ],
)
def test_what_does_not_exist_is_trouble_with_what_there_is(
    run: Run, story: Story, options: tuple[str, ...], says: str
) -> None:
    story.order(7)
    answer = run("orders", "cancel", "7", "--reason", "x", *options)
    assert (answer.code, says in " ".join((answer.out + answer.err).split())) == (1, True)


def test_an_unknown_order_and_a_missing_reason_are_told_apart(run: Run, configured: Path) -> None:
    assert run("orders", "cancel", "77", "--reason", "x").code == 1
    assert run("orders", "cancel", "77").code == 2
    blank = run("orders", "cancel", "77", "--reason", "  ")
    assert (blank.code, "--reason TEXT" in blank.err) == (2, True)


def test_an_order_is_not_cancelled_twice(run: Run, story: Story) -> None:
    story.order(7)
    run("orders", "cancel", "7", "--reason", "x")
    answer = run("orders", "cancel", "7", "--reason", "x")
    assert (answer.code, "is open any more" in " ".join((answer.out + answer.err).split())) == (1, True)
