"""The whole configuration as one frozen value: what the file says, what the environment says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from syncbridge.config.console import ConsoleSettings
from syncbridge.config.environment import Environment
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
from syncbridge.config.scend import ScendSettings
from syncbridge.config.shops import ScayleSettings


@dataclass(frozen=True)
class Configuration:
    """Checked and complete: whoever holds one need not check again.

    `scend` and `orderwise` are None when no merchant uses them. `warnings` are legal choices that an operator should know of.
    """

    source: Path
    environment: Environment
    scayle: ScayleSettings
    merchants: tuple[MerchantSettings, ...]
    scend: ScendSettings | None
    schedule: ScheduleSettings
    limits: LimitSettings
    stock: StockSettings
    retention: RetentionSettings
    owners: OwnersSettings
    warnings: tuple[str, ...] = ()
    returns: ReturnSettings = field(default_factory=ReturnSettings)
    orderwise: OrderWiseSettings | None = None
    console: ConsoleSettings = field(default_factory=ConsoleSettings)

    def merchant(self, key: str) -> MerchantSettings | None:
        """The merchant with this SCAYLE key, or None: nobody sells from an unknown one."""
        return next((merchant for merchant in self.merchants if merchant.key == key), None)

    def currencies(self, merchant: MerchantSettings) -> frozenset[str]:
        """The currencies in which orders for this merchant are taken in."""
        served = frozenset(currency for shop in self.scayle.shops for currency in shop.currencies)
        return served & frozenset(merchant.currencies) if merchant.currencies else served

    def timeouts(self, section: ScayleSettings | ScendSettings | OrderWiseSettings) -> tuple[float, float]:
        """Connect and read timeout in seconds for a vendor's client, neither above the deadline of a whole call."""
        deadline = self.limits.call_deadline_seconds
        return min(section.connect_timeout_seconds, deadline), min(section.read_timeout_seconds, deadline)
