"""`syncbridge sandbox`, `replay` and `demo`, and the root command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cli_story import Run

from syncbridge.sandbox import demo as sandbox_demo
from syncbridge.sandbox import scayle
from syncbridge.sandbox.demo.options import SHIPPED_DAY, DemoOptions
from syncbridge.sandbox.replay import ControlPlane
from syncbridge.sandbox.scayle.settings import LaunchSettings
from syncbridge.sandbox.threaded import ThreadedServer

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(("vendor", "option"), [("scayle", "--tenant"), ("scend", "--rate-per-second"), ("orderwise", "--lenient-auth")])
def test_a_stand_ins_help_shows_its_options_and_its_control_plane(
    run: Run, capfd: pytest.CaptureFixture[str], vendor: str, option: str
) -> None:
    answer = run("sandbox", "serve", vendor, "--help")
    assert answer.code == 0
    assert option in answer.out
    assert "/_sandbox/" in answer.out


@pytest.mark.parametrize(("arguments", "code"), [((), 2), (("--help",), 0), (("nonsense",), 2), (("scend", "--wat"), 2)])
def test_serving_needs_a_vendor_that_exists(run: Run, arguments: tuple[str, ...], code: int) -> None:
    assert run("sandbox", "serve", *arguments).code == code


def test_a_dry_replay_says_what_would_be_placed(run: Run) -> None:
    answer = run("replay", str(SHIPPED_DAY), "--dry-run", "--limit", "3")
    assert (answer.code, answer.out.startswith("3 orders with ")) == (0, True)
    capped = run("replay", str(SHIPPED_DAY), "--dry-run", "--json").json
    full = run("replay", str(SHIPPED_DAY), "--dry-run", "--full", "--json").json
    assert capped["orders"] == full["orders"]
    assert capped["units"] < full["units"]


def test_orders_are_placed_in_a_stand_in(run: Run) -> None:
    with ThreadedServer(scayle.build_app(LaunchSettings(control_token="key"))) as url:
        answer = run("replay", str(SHIPPED_DAY), "--to", url, "--limit", "2", "--control-token", "key", "--json")
        assert answer.code == 0, answer.err
        assert answer.json["orders"] == 2
        assert len(answer.json["placed"]) + len(answer.json["refused"]) == 2
        refused = run("replay", str(SHIPPED_DAY), "--to", url, "--limit", "1", "--control-token", "wrong")
        assert refused.code == 1
        assert "did not take the orders" in refused.err


def test_orders_can_be_shared_out_over_both_back_ends(run: Run) -> None:
    with ThreadedServer(scayle.build_app(LaunchSettings(control_token="key"))) as url:
        options = ("--to", url, "--limit", "12", "--control-token", "key", "--both", "--json")
        answer = run("replay", str(SHIPPED_DAY), *options)
        assert answer.code == 0, answer.err
        with ControlPlane(url, "key") as shop:
            units = shop.call("GET", "/state", section="units")["units"]
    sellers: dict[int, set[str]] = {unit["orderId"]: set() for unit in units}
    for unit in units:
        sellers[unit["orderId"]].add(unit["merchant"])
    assert {tuple(sorted(names)) for names in sellers.values()} == {("scend",), ("orderwise",), ("orderwise", "scend")}


def test_a_stand_in_that_is_away_is_a_sentence(run: Run) -> None:
    answer = run("replay", str(SHIPPED_DAY), "--to", "http://127.0.0.1:1", "--limit", "1")
    assert answer.code == 1
    assert "cannot be reached" in answer.err


def test_a_day_that_cannot_be_read_names_the_file(run: Run, tmp_path: Path) -> None:
    assert run("replay", str(tmp_path / "none.csv"), "--dry-run").code == 1
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("A,B\n1,2\n")
    answer = run("replay", str(wrong), "--dry-run")
    assert answer.code == 1
    assert "wrong.csv" in answer.err


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--to", "http://127.0.0.1:1", "--orders-per-second", "1", "--times-real-time", "1"),
        ("--dry-run", "--full", "--units-per-line", "3"),
        ("--dry-run", "--limit", "0"),
    ],
)
def test_wrong_use_of_replay_is_exit_2(run: Run, options: tuple[str, ...]) -> None:
    assert run("replay", str(SHIPPED_DAY), *options).code == 2


def test_the_demos_options_reach_it_and_its_verdict_is_the_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[DemoOptions] = []

    def run_demo(options: DemoOptions, *_more: Any) -> int:
        seen.append(options)
        return 1

    monkeypatch.setattr(sandbox_demo, "run_demo", run_demo)
    assert run("demo").code == 1
    report = tmp_path / "verdict.json"
    run("demo", "--keep", "--report", str(report), "--seed", "7", "--orders-limit", "5", "--rate", "2", "--full", "--no-faults")
    assert seen == [
        DemoOptions(),
        DemoOptions(keep=True, report=report, seed=7, orders_limit=5, rate=2.0, units_per_line=None, faults=False),
    ]
    assert run("demo", "--source", str(tmp_path / "none.csv")).code == 1
    assert run("demo", "--full", "--units-per-line", "2").code == 2


def test_help_and_version_are_quick_and_name_every_command(run: Run) -> None:
    out = run("--help").out
    for command in ("demo", "doctor", "config", "db", "flow", "orders", "exceptions", "queue", "sandbox", "replay"):
        assert f"\n  {command} " in out
    assert run("--version").out.startswith("syncbridge 0.")
    assert run("nonsense").code == 2


def started(*arguments: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "syncbridge.cli", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def test_help_imports_nothing_heavy() -> None:
    """Measured 0.3 s; the bound is the imports, since a busy machine's seconds say little."""
    probe = (
        "import sys; from syncbridge.cli import app; "
        "print([m for m in ('sqlalchemy', 'celery', 'aiohttp', 'requests', 'alembic', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_reader_that_stops_reading_is_no_error() -> None:
    process = started("orders", "--help")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    process.wait(30)
    assert errors == ""


def test_a_stand_in_is_served_until_it_is_told_to_stop(tmp_path: Path) -> None:
    process = started("sandbox", "serve", "scend", "--port", "0", env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        assert process.stdout is not None
        until = time.monotonic() + 45
        line = process.stdout.readline()
        assert "listening on http://127.0.0.1:" in line
        assert time.monotonic() < until
    finally:
        process.terminate()
        _out, errors = process.communicate(timeout=45)
    assert "Traceback" not in errors
