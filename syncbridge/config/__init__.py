"""One TOML file plus the environment, read once at the edge and handed on as values."""

from __future__ import annotations

from syncbridge.config.configuration import Configuration
from syncbridge.config.description import describe, masked_url
from syncbridge.config.environment import Environment
from syncbridge.config.loading import load, read_environment
from syncbridge.config.merchants import BufferSettings, MerchantSettings, WarehouseSettings
from syncbridge.config.operations import (
    LimitSettings,
    OwnerSettings,
    OwnersSettings,
    RetentionSettings,
    ReturnSettings,
    ScheduleSettings,
)
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.config.scend import AddressLimits, ContentRequired, OrderLimits, ScendSettings
from syncbridge.config.shops import ScayleSettings, ShopSettings
from syncbridge.domain.errors import ConfigurationFaults

__all__ = [
    "AddressLimits",
    "BufferSettings",
    "Configuration",
    "ConfigurationFaults",
    "ContentRequired",
    "Environment",
    "LimitSettings",
    "MerchantSettings",
    "OrderLimits",
    "OrderWiseSettings",
    "OwnerSettings",
    "OwnersSettings",
    "RetentionSettings",
    "ReturnSettings",
    "ScayleSettings",
    "ScendSettings",
    "ScheduleSettings",
    "ShopSettings",
    "WarehouseSettings",
    "describe",
    "load",
    "masked_url",
    "read_environment",
]
