"""The demo's processes: how each is started, and how long it may take to stop."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from syncbridge.sandbox.demo.addresses import ACCOUNT, HOST, SCAYLE_PATH, SCEND_PATH, Addresses

ORDER_QUEUES, BULK_QUEUES = "cancellations,orders,despatches,returns", "stock,finance,housekeeping"
QUEUES = f"{ORDER_QUEUES},{BULK_QUEUES}"


@dataclass(frozen=True)
class Program:
    """One process that the supervisor keeps alive. `count` of it run side by side, numbered from 0.

    `start_retries`: how often it may fail to stay up for a second before it is given up.
    """

    name: str
    command: tuple[str, ...]
    count: int = 1
    stop_seconds: int = 10
    start_retries: int = 3


def stand_ins(addresses: Addresses, seed: int, erp_seed: Path | None = None) -> tuple[Program, ...]:
    """Return the vendors' processes; with a seed file for it, OrderWise is one of them."""
    common = f"--host {HOST} --control-token {addresses.control_token} --seed {seed}"
    scayle = (
        f"--port {addresses.scayle_port} --token {addresses.scayle_token} --base-path {SCAYLE_PATH} {common}"
    )
    scend = f"--port {addresses.scend_port} --token {addresses.scend_token} --base-path {SCEND_PATH} {common}"
    programs = (
        Program("scayle", _python("syncbridge.sandbox.scayle", scayle)),
        Program("scend", _python("syncbridge.sandbox.scend", f"{scend} --account {ACCOUNT}")),
    )
    if erp_seed is None:
        return programs
    erp = f"--port {addresses.orderwise_port} {common} --seed-file"
    return (*programs, Program("orderwise", _python("syncbridge.sandbox.orderwise", erp, str(erp_seed))))


def web(addresses: Addresses) -> Program:
    """Return the process that vendors call."""
    options = (
        f"syncbridge.web.wsgi:app --bind {HOST}:{addresses.web_port} --worker-class gthread --workers 2 --threads 8 "
        "--timeout 30 --graceful-timeout 2 --keep-alive 65 --no-control-socket"
    )
    return Program("web", _python("gunicorn", options))


def workers(events: bool) -> Program:
    """Return two workers that take every queue. `events` feeds Flower, at half of Celery's top speed."""
    return _worker("worker", 2, QUEUES, 2, events)


def divided_workers(events: bool = False) -> tuple[Program, ...]:
    """Return workers that share the queues out as in production: two for orders, one for what comes in bulk."""
    return _worker("worker", 2, ORDER_QUEUES, 2, events), _worker("bulk", 1, BULK_QUEUES, 1, events)


def _worker(name: str, count: int, queues: str, concurrency: int, events: bool = False) -> Program:
    number = "%(process_num)d" if count > 1 else ""
    options = (
        f"-A tasks.app worker --pool prefork --concurrency {concurrency} --queues {queues} "
        f"--hostname {name}{number}@%%h --without-gossip --without-mingle --loglevel INFO"
    )
    # Celery's soft shutdown waits out its whole 15 s; when the demo stops them, nobody needs their work any more.
    command = _python("celery", f"{options} --events" if events else options)
    return Program(name, command, count=count, stop_seconds=1)


def beat(folder: Path) -> Program:
    """Return the clock that starts flows on time."""
    options = "-A tasks.app beat --pidfile= --loglevel INFO --schedule"
    return Program("beat", _python("celery", options, str(folder / "beat")))


def flower(addresses: Addresses) -> Program:
    """Return the look into the queues, behind a password."""
    options = f"-A tasks.app flower --address={HOST} --port={addresses.flower_port}"
    closed = Path(__file__).parents[3] / "deploy" / "flowerconfig.py"
    more = (f"--conf={closed}",) if closed.is_file() else ()
    return Program("flower", _python("celery", options, *more))


def _python(module: str, options: str, *more: str) -> tuple[str, ...]:
    """Return a command of this interpreter; `options` is split at blanks, `more` is not."""
    return (sys.executable, "-m", module, *options.split(), *more)
