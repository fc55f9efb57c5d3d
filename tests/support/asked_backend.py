"""Scend over its stand-in, behaving as a back end that has no feed of its orders and makes them when it likes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from flow_world import World

from syncbridge.domain.backend import BackendOrder, CancelAnswer, CancelState, CancelWish
from syncbridge.domain.errors import AlreadyExists, CallEvidence
from syncbridge.ports.backend import BackendTiming, Capabilities, Capability


@dataclass
class AskedBackend:
    """A back end that only answers.

    `later`: creations are accepted and made once `make` is called. `copies` are ids of further live orders by reference;
    `stuck` are those of them that cannot be cancelled any more. `versions`: whether it counts any.
    """

    scend: Any
    timing: BackendTiming
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(order_feed=False))
    lookup_batch: int = 3
    versions: bool = False
    later: bool = False
    waiting: list[str] = field(default_factory=list)
    creations: int = 0
    asked: list[tuple[tuple[str, ...], bool]] = field(default_factory=list)
    copies: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    cancelled: list[str] = field(default_factory=list)
    differing: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Any:
        assert name != "orders_changed", "it has no feed of its orders"
        return getattr(self.scend, name)

    def create_order(self, body: str) -> BackendOrder | None:
        self.creations += 1
        if not self.later:
            return self._shown(self.scend.create_order(body))
        if body in self.waiting:
            raise AlreadyExists("known", CallEvidence("asked", "create order", 409))
        self.waiting.append(body)
        return None

    def make(self) -> None:
        """Make what was accepted."""
        for body in self.waiting:
            self.scend.create_order(body)
        self.waiting.clear()

    def find_orders(self, references: Sequence[str], *, urgent: bool = True) -> dict[str, BackendOrder]:
        self.asked.append((tuple(references), urgent))
        found = self.scend.find_orders(references)
        return {reference: self._shown(order) for reference, order in found.items()}

    def _shown(self, order: BackendOrder) -> BackendOrder:
        copies = tuple(one for one in self.copies.get(order.reference, ()) if one not in self.cancelled)
        return replace(order, version=order.version if self.versions else 0, copies=copies)

    def differences(self, body: str, found: BackendOrder) -> tuple[str, ...]:
        found_differences: tuple[str, ...] = self.scend.differences(body, found)
        return self.differing or found_differences

    def compose_cancel(self, wish: CancelWish) -> str:
        return wish.backend_id

    def send_cancel(self, body: str) -> CancelAnswer:
        if body in self.stuck:
            return CancelAnswer(CancelState.REFUSED, "Picking")
        self.cancelled.append(body)
        return CancelAnswer(CancelState.CANCELLED, "Cancelled")


def asked_world(one: World, **changes: Any) -> tuple[World, AskedBackend]:
    """Return the same world with such a back end; `timing` are changes of its timing."""
    scend = one.context.backends["scend"]
    timing = replace(scend.timing, unique_references=False, **changes.pop("timing", {}))
    backend = AskedBackend(scend, timing, **changes)
    made: Any = backend
    return replace(one, context=replace(one.context, backends={"scend": made})), backend


IMPORT_TIMEOUT = timedelta(minutes=30)


def manual() -> Capabilities:
    """Return capabilities under which a person cancels."""
    return Capabilities(cancel=Capability.MANUAL, order_feed=False)
