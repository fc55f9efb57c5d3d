"""Buffers in the configuration: what cannot be meant is refused, and the first pattern that fits wins."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from syncbridge.config.merchants import BufferSettings


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"fast_movers": {"from_per_minute": 1, "floor": 30, "ceiling": 20}}, "floor"),
        ({"default": -1}, "default"),
        ({"default": 10**12}, "default"),
        ({"skus": {"TEE": -1}}, "skus"),
        ({"percent": 101}, "percent"),
        ({"fast_movers": {"from_per_minute": 0}}, "from_per_minute"),
    ],
)
def test_a_buffer_that_cannot_be_meant_is_refused(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        BufferSettings.model_validate(settings)


def test_of_two_patterns_that_fit_the_first_in_the_file_wins_and_a_sku_beats_both() -> None:
    rule = BufferSettings(default=9, patterns={"TEE-*": 1, "*-M": 2}, skus={"TEE-L": 3}, percent=Decimal("2.5")).rule

    def units(sku: str, available: int = 0) -> int:
        return rule.units(sku, available, sold_per_minute=Decimal(0), age=timedelta())

    assert [units(sku) for sku in ("TEE-M", "CAP-M", "TEE-L", "CAP-L")] == [1, 2, 3, 9]
    assert [units("TEE-M", available) for available in (1, 40, 41)] == [2, 2, 3], "2.5 %, rounded up"
