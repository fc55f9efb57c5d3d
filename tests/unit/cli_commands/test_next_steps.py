"""At night: what a page tells somebody to type must be there to be copied, and must work."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_story import ACCOUNT, Run, Story

from syncbridge.cli import running_checks
from syncbridge.cli.flow_registry import FLOWS
from syncbridge.domain.exception_kinds import KINDS
from syncbridge.ledger import intents
from syncbridge.ledger.engine import Ledger
from syncbridge.ledger.exceptions import open_exception
from syncbridge.reports.exception_wording import ids

pytestmark = pytest.mark.usefixtures("ledger")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
_COMMAND = re.compile(r"syncbridge ((?:orders|exceptions|returns|stock|flow|queue) [a-z]+|doctor)((?: [A-Z0-9]+| --[a-z-]+(?: [A-Z]+)?)*)")
BEYOND_A_DATABASE = str(2**70)


def opened(ledger: Ledger, kind: str, evidence: dict[str, object], order_id: int | None = None) -> int:
    with ledger.work() as work:
        found = open_exception(
            work.connection, kind, f"test:{kind}", at=NOW, cause="a cause", evidence=evidence, order_id=order_id
        )
        work.commit()
    return found


@pytest.mark.parametrize(
    "command",
    [
        f"exceptions show {BEYOND_A_DATABASE}",
        f"exceptions resolve {BEYOND_A_DATABASE} --reason x",
        f"exceptions retry {BEYOND_A_DATABASE}",
        f"returns decide {BEYOND_A_DATABASE} --refuse --reason x",
        f"returns decide 1 --refund --reason x --unit {BEYOND_A_DATABASE}",
        f"returns announce 7 --reason too_small --unit {BEYOND_A_DATABASE}",
        f"orders cancel 7 --reason x --unit {BEYOND_A_DATABASE}",
    ],
)
def test_a_number_that_no_database_has_is_wrong_use_and_no_crash(run: Run, configured: Path, command: str) -> None:
    answer = run(*command.split())
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert answer.err


def test_the_steps_carry_the_numbers_to_type(run: Run, story: Story, ledger: Ledger) -> None:
    story.order(7)
    number = opened(ledger, "return_decision", {"receipt": 31, "rma": "RMA-1"}, order_id=7)
    out = run("exceptions", "show", str(number)).out
    assert "syncbridge returns decide 31 --refund --reason TEXT" in out
    late = opened(ledger, "tracking_late", {}, order_id=7)
    assert f"To resolve it: syncbridge exceptions resolve {late} --reason TEXT." in run("exceptions", "show", str(late)).out
    invalid = story.invalid(7)
    for out in (run("exceptions", "show", str(invalid)).out, run("orders", "show", "7").out):
        assert "syncbridge orders rerun 7." in out
        assert "rerun ORDER" not in out
    assert "exceptions resolve" not in run("exceptions", "show", str(invalid)).out, "the order would be forgotten"


def test_a_settled_exception_asks_for_nothing(run: Run, configured: Path, ledger: Ledger) -> None:
    number = opened(ledger, "tracking_late", {})
    assert run("exceptions", "resolve", str(number), "--reason", "told").code == 0
    assert "exceptions resolve" not in run("exceptions", "show", str(number)).out


def test_every_command_in_the_steps_exists_and_takes_what_is_written(run: Run) -> None:
    """Each command is asked for its help: a verb or an option that does not exist is wrong use."""
    written = {
        (verb, option)
        for kind in KINDS.values()
        for step in kind.steps
        for verb, rest in _COMMAND.findall(step)
        for option in ["", *re.findall(r"--[a-z-]+", rest)]
    }
    assert len({verb for verb, _option in written}) > 5
    for verb in {verb for verb, _option in written}:
        answer = run(*verb.split(), "--help")
        assert answer.code == 0, verb
        assert not {option for of, option in written if of == verb and option not in answer.out}, verb


def test_many_ids_are_told_as_spans() -> None:
    assert ids([7, 9]) == "7, 9"
    assert ids([*range(11, 20), 3, 25, 26]) == "3, 11 to 19, 25 to 26 (12 in all)"
    assert ids(list(range(100, 1100))) == "100 to 1099 (1,000 in all)"
    assert ids([2, 4, 6, 8, 10, 12, 14, 16, 18]) == "2, 4, 6, 8, 10, 12, 14, 16, 18 (9 in all)"


def test_a_long_list_of_units_stays_readable(run: Run, configured: Path, story: Story, ledger: Ledger) -> None:
    story.order(7, units=60)
    number = opened(ledger, "cancellation_too_late", {"units": [700 + n for n in range(60)]}, order_id=7)
    assert "700 to 759 (60 in all)" in run("exceptions", "show", str(number)).out
    assert "units: 700 to 759 (60 in all)" in run("orders", "show", "7").out
    out = run("orders", "cancel", "7", "--reason", "wrong address", "--dry-run").out
    assert "700 to 759 (60 in all)" in out
    assert max(map(len, out.splitlines())) < 120


def test_a_cause_may_be_given_as_the_list_shows_it(run: Run, configured: Path, story: Story) -> None:
    story.order(7)
    story.invalid(7)
    for cause in ("SKU_UNKNOWN: 85123a", "order_invalid: SKU_UNKNOWN: 85123a"):
        answer = run("exceptions", "retry", "--cause", cause, "--dry-run", "--json")
        assert answer.code == 0, cause
        assert [one["order_id"] for one in answer.json["orders"]] == [7]


def test_the_exception_that_alone_holds_an_order_cannot_be_closed_by_hand(
    run: Run, configured: Path, story: Story
) -> None:
    """Otherwise its units would be on no order and under no exception, and nobody would know."""
    story.order(7)
    number = story.invalid(7)
    for dry in ([], ["--dry-run"]):
        answer = run("exceptions", "resolve", str(number), "--reason", "seen", *dry)
        assert answer.code == 1
        assert "SCY-NB-7 is at no back end" in answer.err
        assert "syncbridge orders rerun 7, or syncbridge orders cancel 7 --reason TEXT" in answer.err
    assert run("exceptions", "list", "--json").json["exceptions"][0]["id"] == number
    story.exception("order_stuck", "fulfilment:SCY-NB-7", "scend: not picked up", 7)
    assert run("exceptions", "resolve", str(number), "--reason", "the other one stays").code == 0


@pytest.mark.parametrize("kind", ["order", "copy_cancel", "order_cancel", "shipment", "cancellation", "return", "return_announce"])
def test_late_work_is_pointed_to_a_flow_that_exists(kind: str) -> None:
    assert running_checks.flow_of(kind) in FLOWS


def test_the_doctor_names_that_flow(run: Run, configured: Path, story: Story, ledger: Ledger) -> None:
    story.order(7)
    with ledger.work() as work:
        late = datetime.now(UTC) - timedelta(hours=1)
        intents.add(
            work.connection, kind="order_cancel", target=ACCOUNT, key="c7", order_id=7, at=late, due_at=late,
        )  # fmt: skip
        work.commit()
    assert "syncbridge flow run cancel_ask" in run("doctor").out


def test_after_a_rerun_one_order_is_named_and_nothing_is_promised_of_redis(run: Run, configured: Path, story: Story) -> None:
    """Redis does not answer here: whoever reads that the workers were told would wait for them."""
    story.order(7)
    story.invalid(7)
    out = run("orders", "rerun", "7").out
    assert "have been told" not in out
    assert "syncbridge orders show 7" in out


def test_a_vendor_that_cannot_be_reached_points_to_its_address(run: Run, configured: Path) -> None:
    found = {one["check"]: one["way_out"] for one in run("doctor", "--json").json["findings"]}
    assert "scayle.base_url" in found["scayle"]
    assert "scend.base_url" in found["scend"]


@pytest.mark.parametrize(("encoding", "option"), [("ascii", ""), ("cp1252", ""), ("ascii", "--json")])
def test_a_terminal_of_another_encoding_loses_signs_and_not_the_answer(
    encoding: str, option: str, ledger: Ledger, sqlite_ledger_url: str
) -> None:
    """A process of its own: the encoding belongs to its streams."""
    name = "Zoë \u4e2d \U0001f600…"
    number = opened(ledger, "order_refused", {"answer": name})
    command = [sys.executable, "-m", "syncbridge.cli", "exceptions", "show", str(number), *filter(None, [option])]
    surroundings = {**os.environ, "PYTHONIOENCODING": encoding, "DATABASE_URL": sqlite_ledger_url}
    done = subprocess.run(command, env=surroundings, capture_output=True, check=True, timeout=240)
    text = done.stdout.decode(encoding)
    if option:
        assert json.loads(text)["evidence"]["answer"] == name
    else:
        assert "order_refused" in text
        assert "What to do" in text
