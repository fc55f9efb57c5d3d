"""What a warehouse that works by itself will do to one order, drawn from the seed and the order's reference."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from syncbridge.sandbox.switches import AutoProgress


@dataclass(kw_only=True)
class Fate:
    """What the floor will do to one order; `waits` are sandbox seconds per step. Each stand-in adds its own."""

    waits: Mapping[str, float]
    partial: bool
    parcels: int
    late_tracking: bool
    shared_tracking: bool
    short_pick: bool
    was_short: bool = False


F = TypeVar("F", bound=Fate)


def draw(kind: type[F], settings: AutoProgress, reference: str, steps: Sequence[str], **own_shares: float) -> F:
    """Draw the fate of an order; the same seed and reference always give the same one.

    `steps` are drawn in their sequence, each from the setting `<step>_seconds`; `own_shares` are the probabilities of what
    only this kind of fate has.
    """
    dice = random.Random(f"{settings.seed}:{reference}")
    return kind(
        waits={step: dice.uniform(*getattr(settings, f"{step}_seconds")) / settings.speed for step in steps},
        partial=dice.random() < settings.partial_share,
        parcels=dice.choice((2, 3)) if dice.random() < settings.multi_parcel_share else 1,
        late_tracking=dice.random() < settings.late_tracking_share,
        shared_tracking=dice.random() < settings.shared_tracking_share,
        short_pick=dice.random() < settings.short_pick_share,
        **{name: dice.random() < share for name, share in own_shares.items()},
    )
