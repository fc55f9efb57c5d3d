"""The demo's files: configuration, environment and process list, in one private folder."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from syncbridge.sandbox.demo import programs, second
from syncbridge.sandbox.demo.addresses import (
    ACCOUNT,
    BUFFER,
    CARRIER,
    COUNTRY,
    MERCHANT,
    RATE_CAPACITY,
    RATE_PER_SECOND,
    SCAYLE_PATH,
    SCEND_PATH,
    SHOP_KEY,
    WAREHOUSE,
    WAREHOUSE_CODE,
    Addresses,
)
from syncbridge.sandbox.demo.programs import Program, flower, stand_ins, web, workers

__all__ = ["CARRIERS", "Program", "Stage", "beat", "flower", "stand_ins", "web", "workers"]

CARRIERS = ("ROYAL_MAIL", "PARCELFORCE", "DPD_UK", "EVRI", "YODEL", "DHL", "UPS", "FEDEX", "OTHER")
"""What Scend may send with (contract 2.13)."""

CONFIGURATION = """\
# Written by `syncbridge demo` for one run. Times are shortened, so that a day takes minutes; nothing else differs.

[scayle]
base_url = "{scayle}{scayle_path}"
poll_grace_seconds = 8
delegation_delay_margin_seconds = 5
lookup_lag_seconds = 1
landing_seconds = 9

[[scayle.shops]]
key = "{shop}"
country = "{country}"
currencies = ["GBP"]
default = true

[[merchants]]
key = "{merchant}"
backend = "scend"
warehouses = [{{ key = "{warehouse}", code = "{warehouse_code}" }}]
# The warehouse chooses a service that goes to the country.
service_map = {{ {carrier} = "AUTO" }}

[merchants.buffers]
default = {buffer}

[merchants.carrier_map]
{carrier_map}

[scend]
base_url = "{scend}{scend_path}"
account_code = "{account}"
rate_capacity = {rate_capacity}
rate_per_second = {rate_per_second}
lookup_lag_seconds = 1
landing_seconds = 3

[scend.customs]
incoterm = "DAP"

[schedule]
sweep_seconds = 2
order_poll_seconds = 10
order_status_seconds = 5
despatch_pull_seconds = 4
stock_sync_seconds = 5
return_pull_seconds = 8
escalate_seconds = 5

[limits]
call_deadline_seconds = 8
lease_seconds = 10
order_lock_seconds = 10
"""


class Stage:
    """The folder of one demo: everything in it is readable by its owner only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.logs = self.folder / "logs"
        self.logs.mkdir(exist_ok=True)
        self.redis = self.folder / "redis"
        self.programs_folder = self.folder / "programs"
        self.programs_folder.mkdir(exist_ok=True)

    @property
    def configuration(self) -> Path:
        """The TOML file."""
        return self.folder / "syncbridge.toml"

    @property
    def environment_file(self) -> Path:
        """The environment, for a shell."""
        return self.folder / "environment.sh"

    @property
    def supervisor_configuration(self) -> Path:
        """The supervisor's file."""
        return self.folder / "supervisor.conf"

    @property
    def socket(self) -> Path:
        """Where the supervisor listens to us."""
        return self.folder / "supervisor.sock"

    @property
    def erp_seed(self) -> Path:
        """What the OrderWise stand-in starts with."""
        return self.folder / "orderwise.json"

    def write_configuration(self, addresses: Addresses, *, both: bool = False) -> None:
        """Write the TOML file; with `both` there is OrderWise beside Scend, and its seed is written too."""
        text = CONFIGURATION.format(
            scayle=addresses.scayle,
            scayle_path=SCAYLE_PATH,
            scend=addresses.scend,
            scend_path=SCEND_PATH,
            shop=SHOP_KEY,
            country=COUNTRY,
            merchant=MERCHANT,
            warehouse=WAREHOUSE,
            warehouse_code=WAREHOUSE_CODE,
            account=ACCOUNT,
            buffer=BUFFER,
            rate_capacity=RATE_CAPACITY,
            rate_per_second=RATE_PER_SECOND,
            carrier=CARRIER,
            carrier_map="\n".join(f'{carrier} = "{CARRIER}"' for carrier in CARRIERS),
        )
        if both:
            # At its end, because what follows a section's heading belongs to that section.
            text += second.configuration(addresses, BUFFER)
            self._write(self.erp_seed, second.seed_file(addresses))
        self._write(self.configuration, text)

    def environment(self, addresses: Addresses, redis_url: str) -> dict[str, str]:
        """Return what our processes get beyond the usual environment; settings of the caller's own are kept out."""
        return {
            "SYNCBRIDGE_CONFIG": str(self.configuration),
            "SYNCBRIDGE_STATE_DIR": str(self.folder),
            "DATABASE_URL": f"sqlite:///{self.folder / 'ledger.sqlite3'}",
            "REDIS_URL": redis_url,
            "SYNCBRIDGE_LOG_FORMAT": "json",
            "SYNCBRIDGE_LOG_LEVEL": "INFO",
            "ALERT_URLS": "",
            "SCAYLE_ACCESS_TOKEN": addresses.scayle_token,
            "SCAYLE_INBOUND_USERNAME": addresses.inbound_user,
            "SCAYLE_INBOUND_PASSWORD": addresses.inbound_password,
            "SCEND_API_TOKEN": addresses.scend_token,
            "SCEND_WEBHOOK_SECRET": addresses.webhook_secret,
            "ORDERWISE_USERNAME": addresses.orderwise_user,
            "ORDERWISE_PASSWORD": addresses.orderwise_password,
            "CONSOLE_USERS": addresses.console_users,
            "FLOWER_BASIC_AUTH": f"demo:{addresses.flower_password}",
            "FLOWER_READ_ONLY": "true",
            "PORT": str(addresses.web_port),
            # The platform's stop signal becomes Celery's soft shutdown.
            "REMAP_SIGTERM": "SIGQUIT",
        }

    def write_supervisor(self) -> None:
        """Write the supervisor's own part; programs are added as they are needed."""
        text = f"""\
[unix_http_server]
file={self.socket}
chmod=0600

[supervisord]
logfile={self.logs / "supervisor.log"}
pidfile={self.folder / "supervisor.pid"}
childlogdir={self.logs}
nodaemon=true
silent=true

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[include]
files = {self.programs_folder}/*.conf
"""
        self._write(self.supervisor_configuration, text)

    def write_programs(
        self, name: str, programs: tuple[Program, ...], environment: Mapping[str, str]
    ) -> None:
        """Write one file of programs, which the supervisor reads when told to."""
        sections = [_section(program, environment, self.logs) for program in programs]
        self._write(self.programs_folder / f"{name}.conf", "\n".join(sections))

    def write_environment(self, variables: Mapping[str, str]) -> None:
        """Write the environment as a file that a shell can read, so that people can run commands beside the demo."""
        lines = [
            f"export {name}={shlex.quote(value)}\n"
            for name, value in variables.items()
            if name != "REMAP_SIGTERM"
        ]
        # `make demo` activates nothing: a shell would not find our own command.
        lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"\n')
        self._write(self.environment_file, "".join(lines))

    def log_texts(self) -> dict[str, str]:
        """Return every log by name."""
        return {
            f"logs/{path.name}": path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(self.logs.glob("*.log"))
        }

    def redis_texts(self) -> dict[str, str]:
        """Return Redis's append-only files: everything that was ever written to it, also what is gone again."""
        return {
            f"redis/{path.name}": path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(self.redis.rglob("*.aof"))
        }

    def last_words(self, program: str, lines: int = 12) -> str:
        """Return the end of a program's log."""
        found = sorted(self.logs.glob(f"{program}*.log"))
        text = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in found)
        return "\n".join(text.splitlines()[-lines:]) or "it said nothing"

    def _write(self, path: Path, text: str) -> None:
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)


def beat(stage: Stage) -> Program:
    """Return the clock that starts flows on time; its notes are kept on the stage."""
    return programs.beat(stage.folder)


def _section(program: Program, environment: Mapping[str, str], logs: Path) -> str:
    numbered = program.count > 1
    name = f"{program.name}-%(process_num)d" if numbered else "%(program_name)s"
    variables = ",".join(f'{key}="{value.replace("%", "%%")}"' for key, value in environment.items())
    return f"""\
[program:{program.name}]
command={" ".join(_quoted(part) for part in program.command)}
process_name={name}
numprocs={program.count}
environment={variables}
autostart=true
autorestart=true
startsecs=1
startretries={program.start_retries}
stopsignal=TERM
stopwaitsecs={program.stop_seconds}
stopasgroup=false
killasgroup=true
redirect_stderr=true
stdout_logfile={logs}/{name if numbered else program.name}.log
stdout_logfile_maxbytes=0
"""


def _quoted(part: str) -> str:
    return part if part.isascii() and not any(sign in part for sign in " \"'\\;") else f'"{part}"'
