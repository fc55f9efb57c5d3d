"""The demo's own machinery: its files are valid, its processes are kept alive, and none outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from syncbridge.config import load
from syncbridge.sandbox.demo import DemoOptions, run_demo
from syncbridge.sandbox.demo.addresses import find_addresses
from syncbridge.sandbox.demo.installing import CHECKOUT
from syncbridge.sandbox.demo.mischief import scayle_faults, scend_faults
from syncbridge.sandbox.demo.processes import DemoFailed, Processes, usual_environment
from syncbridge.sandbox.demo.programs import Program, stand_ins
from syncbridge.sandbox.demo.screen import Screen
from syncbridge.sandbox.demo.stage import Stage
from syncbridge.sandbox.demo.vendors import SCAYLE_EVENTS
from syncbridge.sandbox.faults import FaultPlan
from syncbridge.sandbox.scayle.__main__ import parser as scayle_parser
from syncbridge.sandbox.scayle.webhooks import EVENTS
from syncbridge.sandbox.scend.__main__ import parser as scend_parser
from syncbridge.sandbox.scend.app import EXTRA_FAULTS, WEBHOOK_FAULTS

SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")


def eventually(condition: Callable[[], object], seconds: float = 45.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


# ------------------------------------------------------------------------------------------------------------- files


def test_the_shop_tells_the_demo_of_every_cancellation_and_refund() -> None:
    wanted = {"order-cancelled", "order-item-cancelled", "order-item-unshippable", "order-item-returned", "payment-refund"}
    assert wanted <= set(SCAYLE_EVENTS) <= set(EVENTS)


def test_the_configuration_is_one_that_syncbridge_accepts(tmp_path: Path) -> None:
    stage, addresses = Stage(tmp_path / "demo"), find_addresses()
    stage.write_configuration(addresses)
    environment = stage.environment(addresses, "redis://:secret@127.0.0.1:6379/0")
    configuration = load(environment)
    assert configuration.scayle.base_url == f"{addresses.scayle}/api/admin/v1"
    assert configuration.scend is not None
    assert configuration.scend.base_url == f"{addresses.scend}/v1"
    assert configuration.merchants[0].carrier_map.keys() >= set(configuration.scend.carriers)


def test_everything_in_the_folder_is_private(tmp_path: Path) -> None:
    stage, addresses = Stage(tmp_path / "demo"), find_addresses()
    stage.write_configuration(addresses)
    stage.write_supervisor()
    stage.write_programs("ours", (Program("p", SLEEPER),), {"SECRET": "100%"})
    assert stage.folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in stage.folder.rglob("*.conf"))
    assert 'SECRET="100%%"' in (stage.programs_folder / "ours.conf").read_text()


def test_ports_and_secrets_are_new_each_time() -> None:
    first, second = find_addresses(), find_addresses()
    assert len({first.scayle_port, first.scend_port, first.web_port, first.flower_port}) == 4
    assert first.scayle_token != second.scayle_token
    assert first.inbound_password in first.inbound("/x")


def test_the_stand_ins_understand_how_they_are_started() -> None:
    scayle, scend = stand_ins(find_addresses(), seed=7)
    assert scayle_parser().parse_args(list(scayle.command[3:])).seed == 7
    assert scend_parser().parse_args(list(scend.command[3:])).seed == 7


def test_the_faults_are_known_kinds_and_follow_the_seed() -> None:
    shop, warehouse = FaultPlan(), FaultPlan(0, EXTRA_FAULTS, WEBHOOK_FAULTS)
    for fault in scayle_faults(1):
        shop.add(fault)
    for fault in scend_faults(1):
        warehouse.add(fault)
    assert scend_faults(1) == scend_faults(1)
    assert scend_faults(1) != scend_faults(2)
    kinds = {fault["fault"] for fault in (*scayle_faults(1), *scend_faults(1))}
    assert kinds >= {
        "timeout_after",
        "rate_limit",
        "http",
        "timeout_before",
        "duplicate_webhook",
        "reorder_webhooks",
    }


def test_a_source_that_cannot_be_read_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("InvoiceNo\n")
    assert run_demo(DemoOptions(source=bad), Screen()) == 2
    assert "missing column StockCode" in capsys.readouterr().out
    assert run_demo(DemoOptions(source=tmp_path / "absent.csv"), Screen()) == 2


# --------------------------------------------------------------------------------------------------------- processes


@pytest.mark.processes
def test_a_killed_process_is_started_again_and_none_is_left(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "d")
    with Processes(stage, usual_environment({}, CHECKOUT)) as processes:
        processes.start("ours", (Program("sleeper", SLEEPER, count=2),), {})
        eventually(lambda: processes.look() == {"sleeper-0": "RUNNING", "sleeper-1": "RUNNING"})
        killed = processes.kill("sleeper-0")
        eventually(
            lambda: processes.look()["sleeper-0"] == "RUNNING" and processes.restarts == {"sleeper-0": 1}
        )
        assert not is_alive(killed)
        left = processes.left_behind()
        assert len(left) == 3
        processes.stop()
        assert processes.left_behind() == []
    assert not any(is_alive(pid) for pid in left)


@pytest.mark.processes
def test_a_process_that_does_not_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "d")
    broken = Program("broken", (sys.executable, "-c", "raise SystemExit(chr(110)+chr(111))"), start_retries=0)

    def failed(processes: Processes) -> bool:
        try:
            processes.check()
        except DemoFailed as error:
            return "broken does not start: no" in str(error)
        return False

    with Processes(stage, usual_environment({}, CHECKOUT)) as processes:
        processes.start("ours", (broken,), {})
        eventually(lambda: failed(processes))


@pytest.mark.processes
def test_nothing_is_left_when_the_demo_itself_is_killed(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        from syncbridge.sandbox.demo.processes import Processes, usual_environment
        from syncbridge.sandbox.demo.programs import Program
        from syncbridge.sandbox.demo.stage import Stage
        processes = Processes(Stage(Path({str(tmp_path / "d")!r})), usual_environment({{}}, Path({str(CHECKOUT)!r})))
        processes.__enter__()
        processes.guard()
        processes.start("ours", (Program("sleeper", {SLEEPER!r}),), {{}})
        while processes.look()["sleeper"] != "RUNNING":
            time.sleep(0.05)
        print(*processes.left_behind(), flush=True)
        time.sleep(600)
        """
    )
    demo = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=usual_environment({}, CHECKOUT)
    )
    try:
        assert demo.stdout is not None
        pids = [int(pid) for pid in demo.stdout.readline().split()]
        assert len(pids) == 2
    finally:
        demo.send_signal(signal.SIGKILL)
        demo.communicate()
    eventually(lambda: not any(is_alive(pid) for pid in pids))


def test_settings_of_the_caller_do_not_leak_into_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://production")
    monkeypatch.setenv("SCAYLE_ACCESS_TOKEN", "production")
    environment = usual_environment({"SCAYLE_ACCESS_TOKEN": "demo"}, CHECKOUT)
    assert "REDIS_URL" not in environment
    assert environment["SCAYLE_ACCESS_TOKEN"] == "demo"
