"""Reading the configuration: the file, the environment, and every fault in both at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from syncbridge.config.advice import warnings
from syncbridge.config.agreement import merchant_faults, scend_faults, timing_faults
from syncbridge.config.configuration import Configuration
from syncbridge.config.console import ConsoleSettings
from syncbridge.config.environment import Environment, default_state_dir
from syncbridge.config.merchants import MerchantSettings
from syncbridge.config.operations import (
    LimitSettings,
    OwnersSettings,
    RetentionSettings,
    ReturnSettings,
    ScheduleSettings,
    StockSettings,
)
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.config.orderwise_agreement import orderwise_faults
from syncbridge.config.reading import read_section, suggestion
from syncbridge.config.scend import ScendSettings
from syncbridge.config.shops import ScayleSettings
from syncbridge.domain.errors import ConfigurationFaults

STAND_IN_URL = "https://unknown.invalid"
SECTIONS = ("scayle", "merchants", "scend", "orderwise", "schedule", "limits", "stock", "returns", "retention", "owners", "console")

ALWAYS_NEEDED = ("SCAYLE_ACCESS_TOKEN", "SCAYLE_INBOUND_USERNAME", "SCAYLE_INBOUND_PASSWORD")
NEEDED_BY_BACKEND = {
    "scend": ("SCEND_API_TOKEN",),
    "orderwise": ("ORDERWISE_USERNAME", "ORDERWISE_PASSWORD"),
}

_NAMED = re.compile(rf"\b(?:{'|'.join(SECTIONS)})\.[a-z_]+(?:\.[a-z_]+)*")


def load(environ: Mapping[str, str], *, path: Path | None = None) -> Configuration:
    """Read the file (`path`, else SYNCBRIDGE_CONFIG) and the environment, and check both.

    Raises ConfigurationFaults with every fault found, each starting with the name of what is wrong.
    """
    faults: list[str] = []
    environment = read_environment(environ, faults)
    source = path or (environment.config_file if environment else None) or _raw_path(environ)
    document = _read_file(source, faults)

    raw_merchants = document.get("merchants", [])
    backends = _backends(raw_merchants)
    scayle = scend = orderwise = None
    if "scayle" in document:
        scayle = read_section(ScayleSettings, document["scayle"], "scayle", faults, {"base_url": STAND_IN_URL})
    if "scend" in document:
        account = {"base_url": STAND_IN_URL, "account_code": "unknown"}
        scend = read_section(ScendSettings, document["scend"], "scend", faults, account)
    if "orderwise" in document:
        session = {"base_url": STAND_IN_URL, "name": "unknown", "session_id": 1, "customer": {"id": 0}}
        orderwise = read_section(OrderWiseSettings, document["orderwise"], "orderwise", faults, session)
    merchants = _merchants(raw_merchants, faults)
    schedule = read_section(ScheduleSettings, document.get("schedule", {}), "schedule", faults)
    limits = read_section(LimitSettings, document.get("limits", {}), "limits", faults)
    stock = read_section(StockSettings, document.get("stock", {}), "stock", faults)
    returns = read_section(ReturnSettings, document.get("returns", {}), "returns", faults)
    retention = read_section(RetentionSettings, document.get("retention", {}), "retention", faults)
    owners = read_section(OwnersSettings, document.get("owners", {}), "owners", faults)
    console = read_section(ConsoleSettings, document.get("console", {}), "console", faults)

    if document:
        faults += _missing_parts(document, backends)
    for unknown in sorted(document.keys() - set(SECTIONS)):
        faults.append(f"{unknown}: unknown section{suggestion(unknown, SECTIONS)}")
    faults += _missing_secrets(environ, backends)
    between = [*merchant_faults(merchants, scayle)]
    if scend is not None:
        between += scend_faults(merchants, scend, scayle)
    if orderwise is not None:
        between += orderwise_faults(merchants, orderwise, scayle)
    if schedule is not None and limits is not None:
        between += timing_faults(schedule, limits)
    faults += _not_already_reported(between, faults)

    if (
        faults
        or source is None
        or environment is None
        or scayle is None
        or schedule is None
        or limits is None
        or stock is None
        or returns is None
        or retention is None
        or owners is None
        or console is None
    ):
        raise ConfigurationFaults(faults)
    return Configuration(
        source=source,
        environment=environment,
        scayle=scayle,
        merchants=tuple(merchants.values()),
        scend=scend if "scend" in backends else None,
        schedule=schedule,
        limits=limits,
        stock=stock,
        returns=returns,
        retention=retention,
        owners=owners,
        console=console,
        orderwise=orderwise if "orderwise" in backends else None,
        warnings=tuple(warnings(scayle, scend, orderwise, merchants, environment)),
    )


def read_environment(environ: Mapping[str, str], faults: list[str]) -> Environment | None:
    """Read the environment alone, for what needs no file (logging, `db upgrade`); faults are appended.

    Unset and blank variables are the same.
    """
    values: dict[str, Any] = {
        name: value.strip()
        for field in Environment.model_fields.values()
        if (name := field.alias) and (value := environ.get(name, "")).strip()
    }
    if "SYNCBRIDGE_STATE_DIR" not in values and (home := environ.get("XDG_STATE_HOME", "").strip()):
        values["SYNCBRIDGE_STATE_DIR"] = Path(home) / "syncbridge"
    if "SYNCBRIDGE_STATE_DIR" not in values and (home := environ.get("HOME", "").strip()):
        values["SYNCBRIDGE_STATE_DIR"] = default_state_dir(Path(home))
    return read_section(Environment, values, "", faults)


def _raw_path(environ: Mapping[str, str]) -> Path | None:
    text = environ.get("SYNCBRIDGE_CONFIG", "").strip()
    return Path(text) if text else None


def _read_file(source: Path | None, faults: list[str]) -> dict[str, Any]:
    if source is None:
        faults.append("SYNCBRIDGE_CONFIG: missing: name a TOML file; deploy/syncbridge.example.toml is a complete one")
        return {}
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        faults.append(f"SYNCBRIDGE_CONFIG: {source} cannot be read: {error.strerror or error}")
    except UnicodeDecodeError as error:
        faults.append(f"SYNCBRIDGE_CONFIG: {source} is not UTF-8: {error.reason} at byte {error.start}")
    except tomllib.TOMLDecodeError as error:
        faults.append(f"SYNCBRIDGE_CONFIG: {source} is not TOML: {error}")
    return {}


def _merchants(raw: object, faults: list[str]) -> dict[int, MerchantSettings]:
    """The merchants that could be read, by their place in the file."""
    if not isinstance(raw, list):
        faults.append("merchants: must be written as [[merchants]], once for each")
        return {}
    merchants = {}
    for place, entry in enumerate(raw):
        stand_ins = {"key": f"unknown-{place}", "warehouses": [{"key": f"W{place}", "code": f"W{place}"}]}
        merchant = read_section(MerchantSettings, entry, f"merchants[{place}]", faults, stand_ins)
        if merchant is not None:
            merchants[place] = merchant
    return merchants


def _backends(raw: object) -> set[str]:
    """The back ends in use, also of merchants with other faults, so that their secrets are asked for too."""
    entries = raw if isinstance(raw, list) else []
    return {str(entry["backend"]) for entry in entries if isinstance(entry, dict) and "backend" in entry}


def _missing_parts(document: Mapping[str, Any], backends: set[str]) -> list[str]:
    faults = []
    if "scayle" not in document:
        faults.append("scayle: missing section")
    if not document.get("merchants"):
        faults.append("merchants: missing: at least one [[merchants]] is needed")
    faults += [
        f"{backend}: missing section, although a merchant has backend = {backend!r}"
        for backend in sorted(backends & NEEDED_BY_BACKEND.keys())
        if backend not in document
    ]
    return faults


def _missing_secrets(environ: Mapping[str, str], backends: set[str]) -> list[str]:
    needed = [*ALWAYS_NEEDED]
    for backend in sorted(backends & NEEDED_BY_BACKEND.keys()):
        needed += NEEDED_BY_BACKEND[backend]
    return [f"{name}: missing" for name in needed if not environ.get(name, "").strip()]


def _not_already_reported(found: list[str], faults: list[str]) -> list[str]:
    """What sections say about one another, less what concerns a key that is at fault in itself."""
    wrong = [fault.partition(": ")[0] for fault in faults]

    def is_new(fault: str) -> bool:
        # Both the key that is blamed and a key that it is held against may be at fault in themselves.
        names = {fault.partition(": ")[0], *_NAMED.findall(fault)}
        return not any(other == name or other.startswith((f"{name}.", f"{name}[")) for other in wrong for name in names)

    return [fault for fault in found if is_new(fault)]
