"""Setting an installation up from nothing: vendors, ledger, catalogues and our own processes.

The demo and chaos both begin with it; what is placed, broken and judged afterwards is their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from syncbridge.embedded.redis_server import EmbeddedRedis
from syncbridge.sandbox.demo import programs
from syncbridge.sandbox.demo.addresses import Addresses
from syncbridge.sandbox.demo.commands import Commands
from syncbridge.sandbox.demo.processes import DemoFailed, Processes, usual_environment
from syncbridge.sandbox.demo.programs import Program
from syncbridge.sandbox.demo.stage import Stage
from syncbridge.sandbox.demo.vendors import Vendors
from syncbridge.sandbox.replay_order import Replay

CHECKOUT = Path(__file__).parents[3]
"""The folder that holds the three packages, installed or checked out."""

LONGEST_SOCKET_PATH = 100
"""Systems take 104 to 108 characters."""
WEB_SECONDS = 180.0
"""A machine that does much else needs a quarter of it."""


@dataclass(frozen=True)
class Site:
    """Where an installation is put and who sees to it. `database_url` empty: a ledger on SQLite in the stage's folder."""

    stage: Stage
    addresses: Addresses
    redis: EmbeddedRedis
    processes: Processes
    vendors: Vendors
    say: Callable[[str], None]
    seed: int
    database_url: str = ""


def install(site: Site, work: Replay, ours: tuple[Program, ...]) -> Commands:
    """Start the stand-ins with all that `work` needs, make the ledger, start `ours`; return the command line.

    Web answers when this returns. Raises DemoFailed with the last words of what did not start.
    """
    say, stage, addresses = site.say, site.stage, site.addresses
    say(f"working in {stage.folder}")
    stage.write_configuration(addresses, both=True)
    say(
        f"starting the stand-ins: SCAYLE {addresses.scayle}, Scend {addresses.scend}, OrderWise {addresses.orderwise}"
    )
    site.processes.start("vendors", programs.stand_ins(addresses, site.seed, stage.erp_seed), {})
    site.vendors.wait_until_ready()
    site.vendors.set_up(work, site.seed)
    variables = stage.environment(addresses, site.redis.url)
    if site.database_url:
        variables["DATABASE_URL"] = site.database_url
    commands = Commands(usual_environment(variables, CHECKOUT), stage.folder)
    stage.write_environment(variables)
    say("making the ledger: syncbridge db upgrade")
    commands.run("db", "upgrade")
    # As after a deployment: without it every first order asks the back ends about each of its SKUs.
    say("reading both catalogues: syncbridge flow run catalogue_pull")
    commands.run("flow", "run", "catalogue_pull")
    say(f"starting {', '.join(_named(one) for one in ours)}; web is at {addresses.web}")
    site.processes.start("ours", ours, variables)
    wait_for_web(addresses.web, site.processes, stage)
    return commands


def _named(program: Program) -> str:
    return program.name if program.count == 1 else f"{program.count} x {program.name}"


def wait_for_web(url: str, processes: Processes, stage: Stage) -> None:
    """Return once web answers at its address; raises DemoFailed with its last words where it does not in time."""
    deadline = time.monotonic() + WEB_SECONDS
    with requests.Session() as session:
        session.trust_env = False
        while True:
            processes.check()
            try:
                if session.get(f"{url}/healthz", timeout=2).status_code == 200:
                    return
            except requests.RequestException:
                pass
            if time.monotonic() > deadline:
                raise DemoFailed(f"web does not answer: {stage.last_words('web')}")
            time.sleep(0.2)
