"""A cancellation as a value: who asked for what, and what it came to for each part of the order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from syncbridge.domain.states import CancellationState

SUCCESSFUL = "successful"
"""Stored as the answer once the shop was, or may have been, told that a cancellation succeeded: it stays so for ever."""


class Source(StrEnum):
    """Who asked for a cancellation, or how it was learnt."""

    CALL = "call"
    EVENT = "event"
    POLL = "poll"
    OPERATOR = "operator"
    WAREHOUSE = "warehouse"

    @property
    def is_the_shops(self) -> bool:
        """Whether the shop has closed the units already when we learn of it."""
        return self in (Source.EVENT, Source.POLL)


@dataclass(frozen=True)
class PartOutcome:
    """What a cancellation came to for one fulfilment order. `status` is what its back end said at that moment."""

    part: int
    state: CancellationState
    status: str = ""
    units: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"part": self.part, "state": self.state.value, "status": self.status, "units": list(self.units)}


@dataclass(frozen=True)
class Cancellation:
    """A row of the table. `units` is None where every unit in the scope is meant; without `order_id` a tombstone."""

    id: int
    scope: str
    source: Source
    reference_key: str
    order_id: int | None
    merchant: str
    warehouses: tuple[str, ...]
    units: tuple[int, ...] | None
    reason: str
    state: CancellationState
    outcomes: tuple[PartOutcome, ...]
    tries: int
    answer: str
    last_asked_at: datetime
    expires_at: datetime | None
    announce_return: bool
    return_units: tuple[int, ...]

    def concerns(self, merchant: str, warehouse: str) -> bool:
        """Say whether a part of this merchant and warehouse is in the scope."""
        if self.merchant not in ("", merchant):
            return False
        return not self.warehouses or not warehouse or warehouse in self.warehouses

    def outcome(self, part_id: int) -> PartOutcome | None:
        return next((one for one in self.outcomes if one.part == part_id), None)

    def with_outcome(self, outcome: PartOutcome) -> Cancellation:
        """Return it with one part's outcome put in, and the state that follows from all of them."""
        others = tuple(one for one in self.outcomes if one.part != outcome.part)
        outcomes = tuple(sorted((*others, outcome), key=lambda one: one.part))
        return replace(self, outcomes=outcomes, state=_together(outcomes))

    def expecting(self, parts: Mapping[int, Iterable[int]]) -> Cancellation:
        """Return it with these parts among those that it waits for: it is decided only once all of them are.

        Each comes with the units that are open when it is asked: they may leave before there is an answer.
        """
        known = {one.part for one in self.outcomes}
        asked = (
            PartOutcome(part, CancellationState.ASKED, units=tuple(units))
            for part, units in sorted(parts.items())
            if part not in known
        )
        outcomes = tuple(sorted((*self.outcomes, *asked), key=lambda one: one.part))
        return replace(self, outcomes=outcomes, state=_together(outcomes) if outcomes else self.state)


def _together(outcomes: Sequence[PartOutcome]) -> CancellationState:
    """Return the state of the whole: the least decided of its parts, or what the decided ones make together."""
    states = {one.state for one in outcomes}
    for open_state in (CancellationState.ASKED, CancellationState.REQUESTED, CancellationState.MANUAL):
        if open_state in states:
            return open_state
    return states.pop() if len(states) == 1 else CancellationState.MIXED
