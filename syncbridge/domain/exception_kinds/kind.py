"""A kind of exception: who owns it, how urgent it is and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Owner(StrEnum):
    """The team that has to act."""

    ECOMMERCE = "ecommerce"
    WAREHOUSE = "warehouse"
    CUSTOMER_SERVICE = "customer_service"
    FINANCE = "finance"
    IT = "it"


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"


@dataclass(frozen=True)
class Kind:
    """A kind of exception. `within` is the time in which its owner should have dealt with it."""

    name: str
    title: str
    owner: Owner
    severity: Severity
    within: timedelta
    steps: tuple[str, ...]


HOUR = timedelta(hours=1)
RERUN = "Then: syncbridge orders rerun ORDER."
