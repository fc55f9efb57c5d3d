"""syncbridge as it runs in production, for one sale: web, workers, beat, Redis and ledger between two stand-ins.

One deployment serves three merchants that differ in their buffer rule alone, each with a warehouse and SKUs of its
own, so that one run prices every rule under the same load and the same faults.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from syncbridge.embedded.redis_server import EmbeddedRedis
from syncbridge.sandbox.bench.scene import workers
from syncbridge.sandbox.demo import programs, second
from syncbridge.sandbox.demo.addresses import (
    ACCOUNT,
    CARRIER,
    COUNTRY,
    SCAYLE_PATH,
    SHOP_KEY,
    find_addresses,
)
from syncbridge.sandbox.demo.commands import Commands
from syncbridge.sandbox.demo.installing import CHECKOUT, wait_for_web
from syncbridge.sandbox.demo.processes import DemoFailed, Processes, usual_environment
from syncbridge.sandbox.demo.stage import Stage
from syncbridge.sandbox.demo.vendors import Vendors
from syncbridge.sandbox.flash_sale.channel import Channel
from syncbridge.sandbox.flash_sale.control import Address
from syncbridge.sandbox.flash_sale.floors import FLOORS
from syncbridge.sandbox.flash_sale.script import LARGEST_LOSS, Script
from syncbridge.sandbox.flash_sale.stand_ins import set_up

OURS = "syncbridge"
SYNC_SECONDS = 2.0
"""Between two stock runs: two minutes of a real sale, four times the default of production."""


@dataclass(frozen=True)
class Rule:
    """A buffer rule: its configuration, the most units of an article that it keeps from the shop, and what it always keeps."""

    key: str
    title: str
    configuration: str
    held_back: int
    always_kept: int = 0


RECOMMENDED = "advised"
RULES = (
    Rule("none", "no buffer", "", 0),
    Rule(
        RECOMMENDED,
        "as recommended",
        "default = 1\nfast_movers = { from_per_minute = 1, safety = 1, floor = 1, ceiling = 20 }",
        3,
        1,
    ),
    Rule("fixed", f"{LARGEST_LOSS} kept back", f"default = {LARGEST_LOSS}", LARGEST_LOSS, LARGEST_LOSS),
    Rule(
        "fast",
        "fast movers",
        "fast_movers = { from_per_minute = 1, safety = 60, floor = 1, ceiling = 4 }",
        4,
    ),
)
"""`advised` is what deploy/syncbridge.example.toml recommends: a unit of everything, and more of what sells fast. `fixed` keeps
what the largest loss of a count takes.

The part for fast movers is speed times age of the figure, and both are measured by the wall: the speed over ten minutes, which is
the whole sale so far where in a real one it would be the last sixth of it; the age in seconds that stand for minutes. So with
`safety = 1` that part stays at its floor here. `fast` makes up for the age with `safety = 60` and shows the other end: an article that
sold fast once counts as fast to the end, so it costs more here than it would in a real sale.
"""


def title_of(rule: Rule) -> str:
    """Return the rule's name in tables."""
    return f"{OURS}, {rule.title}"


CONFIGURATION = """\
# Written by `python -m syncbridge.sandbox.flash_sale` for one run. A second stands for a minute.

[scayle]
base_url = "{address.scayle}{scayle_path}"
poll_grace_seconds = 2
poll_overlap_seconds = 8
delegation_delay_margin_seconds = 2
lookup_lag_seconds = 1
landing_seconds = 4

[[scayle.shops]]
key = "{shop}"
country = "{country}"
currencies = ["GBP"]
default = true
{merchants}
{warehouse}
[schedule]
sweep_seconds = 2
order_poll_seconds = 2
order_status_seconds = 1
despatch_pull_seconds = 5
stock_sync_seconds = {sync_seconds}
escalate_seconds = 5

[limits]
call_deadline_seconds = 4
lease_seconds = 6
order_lock_seconds = 6
"""

MERCHANT = """
[[merchants]]
key = "{channel.key}"
backend = "{channel.floor}"
reference_template = "S-{{merchant}}-{{order_id}}"
warehouses = [{{{{ key = "{channel.warehouse}", code = "{channel.warehouse_code}" }}}}]
service_map = {{{{ {carrier} = "AUTO" }}}}

[merchants.buffers]
{buffers}

[merchants.carrier_map]
{carrier_map}
"""


class Deployment:
    """Everything running, stock published. Use as a context manager: nothing is left when the block ends."""

    def __init__(
        self, script: Script, rules: tuple[Rule, ...], state_dir: Path | None = None, *, floor: str = "scend"
    ) -> None:
        self._script = script
        self._floor = FLOORS[floor]
        self._rules = rules
        self._state_dir = state_dir
        self._stack = ExitStack()
        found = find_addresses()
        self._ports = found
        self._second = floor == "orderwise"
        warehouse = (
            (found.orderwise, f"{found.orderwise_user}:{found.orderwise_password}")
            if self._second
            else (found.scend, found.scend_token)
        )
        self.address = Address(
            found.scayle, warehouse[0], found.scayle_token, warehouse[1], found.control_token
        )
        self.channels = tuple(
            Channel(
                rule.key,
                title_of(rule),
                OURS,
                self.address,
                f"WH-{rule.key.upper()}",
                f"W{place}",
                rule.held_back,
                rule.always_kept,
                floor,
            )
            for place, rule in enumerate(rules, 1)
        )

    def __enter__(self) -> Deployment:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        left: list[int] = []
        if hasattr(self, "processes"):
            self.processes.stop()
            left = self.processes.left_behind()
        self._stack.close()
        if left:
            raise DemoFailed(f"processes {left} would not end")

    def _start(self) -> None:
        folder = self._state_dir or Path(tempfile.mkdtemp(prefix="syncbridge-sale-"))
        self.stage = stage = Stage(folder)
        if self._state_dir is None:
            self._stack.callback(shutil.rmtree, stage.folder, ignore_errors=True)
        redis = self._stack.enter_context(EmbeddedRedis(stage.redis))
        self.processes = self._stack.enter_context(Processes(stage, usual_environment({}, CHECKOUT)))
        self.processes.guard(redis.pid)
        stage.configuration.write_text(self.configuration(), encoding="utf-8")
        if self._second:
            stage.erp_seed.write_text(second.seed_file(self._ports), encoding="utf-8")
        erp_seed = stage.erp_seed if self._second else None
        self.processes.start("vendors", programs.stand_ins(self._ports, self._script.seed, erp_seed), {})
        with Vendors(self._ports, both=self._second) as vendors:
            vendors.wait_until_ready()
        self._set_up_vendors()
        variables = stage.environment(self._ports, redis.url)
        self.commands = Commands(usual_environment(variables, CHECKOUT), stage.folder)
        self.commands.run("db", "upgrade")
        self.commands.run("flow", "run", "catalogue_pull")
        ours = (programs.web(self._ports), *workers(4, events=False), programs.beat(stage.folder))
        self.processes.start("ours", ours, variables)
        wait_for_web(self._ports.web, self.processes, stage)

    def configuration(self) -> str:
        """Return the TOML file."""
        carrier_map = "\n".join(f'"{carrier}" = "{CARRIER}"' for carrier in self._floor.carriers)
        merchants = "".join(
            MERCHANT.format(
                channel=channel, carrier=CARRIER, buffers=rule.configuration, carrier_map=carrier_map
            )
            .replace("{{", "{")
            .replace("}}", "}")
            for channel, rule in zip(self.channels, self._rules, strict=True)
        )
        return CONFIGURATION.format(
            address=self.address,
            scayle_path=SCAYLE_PATH,
            shop=SHOP_KEY,
            country=COUNTRY,
            merchants=merchants,
            warehouse=self._floor.configuration(
                self.address.warehouse, [channel.warehouse_code for channel in self.channels]
            ),
            sync_seconds=SYNC_SECONDS,
        )

    def _set_up_vendors(self) -> None:
        ports = self._ports
        set_up(
            self._script,
            self.address,
            self.channels,
            {one.key: ports.inbound(f"/scayle/{one.key}/orders") for one in self.channels},
            cancellation_urls={
                one.key: ports.inbound(f"/scayle/{one.key}/cancellations") for one in self.channels
            },
            shop_webhook_url=ports.inbound("/scayle/webhooks"),
            # OrderWise calls nobody: what is new there is found by asking.
            warehouse_subscription=None
            if self._second
            else {"url": f"{ports.web}/scend/webhooks/{ACCOUNT}", "secret": ports.webhook_secret},
        )
