"""How an automatic warehouse divides an order over despatches and parcels, and numbers them, repeatably."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def first_part(units: Mapping[int, int]) -> dict[int, int]:
    """Return what the first of two despatches carries: half the lines, or half the units of a single line."""
    numbers = sorted(units)
    if len(numbers) > 1:
        return {number: units[number] for number in numbers[: len(numbers) // 2]}
    return {numbers[0]: max(1, units[numbers[0]] // 2)}


def split_over_parcels(units: Mapping[int, int], parcels: int) -> list[dict[int, int]]:
    """Spread units over up to so many parcels, whole lines as far as there are enough of them."""
    if parcels == 1 or sum(units.values()) == 1:
        return [dict(units)]
    split: list[dict[int, int]] = [{} for _ in range(min(parcels, sum(units.values())))]
    if len(units) >= len(split):
        for index, number in enumerate(sorted(units)):
            split[index % len(split)][number] = units[number]
        return split
    single = [number for number in sorted(units) for _ in range(units[number])]
    for index, number in enumerate(single):
        part = split[index % len(split)]
        part[number] = part.get(number, 0) + 1
    return split


def tracking_number(seed: str) -> str:
    """Return a made-up tracking number of 14 digits, the same for the same parcel in every run."""
    digits = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "big") % 10**12
    return f"15{digits:012d}"
