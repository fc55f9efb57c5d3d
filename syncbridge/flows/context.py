"""What every flow is handed: the ledger, the vendors behind their ports, and the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from syncbridge.config import Configuration
from syncbridge.config.merchants import MerchantSettings
from syncbridge.ledger.engine import Ledger
from syncbridge.ports.backend import FulfilmentBackend
from syncbridge.ports.processes import Clock, Coordinator, Doorbell
from syncbridge.ports.quota import Quota
from syncbridge.ports.shop import Shop

SHOP = "scayle"
"""The name of the shop as a target of writes."""


@dataclass(frozen=True)
class Context:
    """Made by bootstrap once a process. `backends` is keyed by the merchants' `backend` word."""

    clock: Clock
    ledger: Ledger
    shop: Shop
    backends: Mapping[str, FulfilmentBackend]
    configuration: Configuration
    coordinator: Coordinator
    quota: Quota
    doorbell: Doorbell
    chance: Callable[[], float]
    """A fresh random number in 0..1, for jitter."""
    sleep: Callable[[float], None]
    """Wait so many seconds; given, so that tests need not."""

    def now(self) -> datetime:
        return self.clock.now()

    @property
    def lease_life(self) -> timedelta:
        return timedelta(seconds=self.configuration.limits.lease_seconds)

    @property
    def lock_life(self) -> timedelta:
        return timedelta(seconds=self.configuration.limits.order_lock_seconds)

    def backend_of(self, merchant: MerchantSettings) -> FulfilmentBackend:
        return self.backends[merchant.backend]

    def backend_named(self, account: str) -> FulfilmentBackend:
        """Return the back end with this account name; raises KeyError for one that is not configured any more."""
        for backend in self.backends.values():
            if backend.account == account:
                return backend
        raise KeyError(account)

    def merchant(self, key: str) -> MerchantSettings | None:
        return self.configuration.merchant(key)
