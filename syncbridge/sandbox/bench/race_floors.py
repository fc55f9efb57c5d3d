"""The warehouses of a cancel race: what their people do in a trial, through the stand-ins' control planes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from syncbridge.sandbox.replay import ControlPlane, ReplayRefused


@dataclass(frozen=True)
class Ending:
    """How an order ended in its warehouse."""

    cancelled: bool
    despatched: bool


class Floor(Protocol):
    """One warehouse: what its people do in a trial, and what it holds afterwards."""

    name: str

    def ready(self, reference: str) -> bool:
        """Bring a fresh order to where a picker may take it; false while it is not there."""
        ...

    def begin(self, reference: str) -> None:
        """Let a picker begin, in trials in which the cancellation meets a running pick."""
        ...

    def pick(self, reference: str) -> None:
        """Finish picking, unless it was cancelled before."""
        ...

    def go_on(self, reference: str, grant: bool) -> bool:
        """Grant or decline what was requested, and despatch what is not cancelled; true once nothing is left to do."""
        ...

    def ending(self, reference: str) -> Ending: ...


class _Floor:
    """What both stand-ins' control planes have in common."""

    def __init__(self, plane: Callable[[], ControlPlane]) -> None:
        self._plane = plane

    def ending(self, reference: str) -> Ending:
        """Return how the order ended; one that was never made there counts as cancelled."""
        order = self._order(reference)
        if order is None:
            return Ending(cancelled=True, despatched=False)
        sent = sum(line["quantityDespatched"] for line in order["lines"])
        return Ending(order["status"] == "CANCELLED", sent > 0)

    def _order(self, reference: str) -> Any:
        try:
            return self._plane().call("GET", f"/orders/by-reference/{reference}")
        except ReplayRefused:
            return None

    def _do(self, reference: str, verb: str, body: dict[str, Any]) -> None:
        self._plane().call("POST", f"/orders/by-reference/{reference}/{verb}", body)

    def _quietly(self, reference: str, verb: str, body: dict[str, Any]) -> None:
        """Do it if the order's state allows it; that it does not is what a race is about."""
        with suppress(ReplayRefused):
            self._do(reference, verb, body)


class ScendFloor(_Floor):
    """Scend's warehouse, through its stand-in's control plane."""

    name = "scend"

    def ready(self, reference: str) -> bool:
        try:
            self._do(reference, "advance", {"to": "ALLOCATED"})
        except ReplayRefused:
            return self._order(reference) is not None
        return True

    def begin(self, reference: str) -> None:
        self._quietly(reference, "advance", {"to": "PICKING"})

    def pick(self, reference: str) -> None:
        self._quietly(reference, "advance", {"to": "PICKED"})

    def go_on(self, reference: str, grant: bool) -> bool:
        order = self._order(reference)
        if order is None:
            return False
        if order["cancellation"]["state"] == "REQUESTED":
            self._quietly(reference, "cancellation", {"decision": "ACCEPT" if grant else "DECLINE"})
        self._quietly(reference, "advance", {"to": "PACKED"})
        order = self._order(reference) or order
        if order["status"] == "PACKED":
            self._quietly(reference, "despatch", {"carrierCode": "ROYAL_MAIL", "parcels": [_parcel(order)]})
        order = self._order(reference)
        return order is not None and order["status"] in ("CANCELLED", "DESPATCHED")


class OrderWiseFloor(_Floor):
    """OrderWise's warehouse, through its stand-in's control plane: picking is its cut-off, and nobody decides later."""

    name = "orderwise"

    def ready(self, reference: str) -> bool:
        return self._order(reference) is not None

    def begin(self, reference: str) -> None:
        """Allocation is no cut-off."""
        self._quietly(reference, "advance", {"to": "ALLOCATED"})

    def pick(self, reference: str) -> None:
        self._quietly(reference, "advance", {"to": "PICKING"})

    def go_on(self, reference: str, grant: bool) -> bool:
        order = self._order(reference)
        if order is None:
            return False
        if order["status"] == "PICKING":
            self._quietly(reference, "despatch", {"consignments": [f"RACE{reference}"], "force": True})
            order = self._order(reference)
        return order is not None and order["status"] in ("CANCELLED", "DESPATCHED", "INVOICED")


def _parcel(order: Any) -> dict[str, Any]:
    lines = [{"sku": line["sku"], "quantity": line["quantityAllocated"]} for line in order["lines"]]
    return {"lines": lines, "trackingNumber": f"RACE{order['clientReference']}"}


class Planes:
    """A control plane for each thread, because its session is not to be shared."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        self._base_url = base_url
        self._token = token
        self._mine = threading.local()
        self._made: list[ControlPlane] = []

    def __call__(self) -> ControlPlane:
        if not hasattr(self._mine, "plane"):
            self._mine.plane = ControlPlane(self._base_url, self._token)
            self._made.append(self._mine.plane)
        found: ControlPlane = self._mine.plane
        return found

    def close(self) -> None:
        for plane in self._made:
            plane.close()


FLOORS: dict[str, Callable[[Callable[[], ControlPlane]], Floor]] = {
    "scend": ScendFloor,
    "orderwise": OrderWiseFloor,
}
"""The warehouses that take part, by their merchant."""
