"""OrderWise's usual words in ours (sections of its contract in brackets). An installation can rename them: `orderwise.maps`."""

from __future__ import annotations

from syncbridge.domain.backend import Condition, Disposition, FulfilmentStatus, ReturnStatus

STATUS_MAP: dict[str, FulfilmentStatus] = {
    "Awaiting despatch": FulfilmentStatus.ACCEPTED,
    "On hold": FulfilmentStatus.NEEDS_ATTENTION,
    "Cancelled": FulfilmentStatus.CANCELLED,
    "Partially despatched": FulfilmentStatus.PARTIALLY_DESPATCHED,
    "Completed": FulfilmentStatus.DESPATCHED,
    "Invoice Waiting to be Printed": FulfilmentStatus.DESPATCHED,
}
"""OrderWise's usual status texts in our words [12.4]. An installation can rename them."""

RETURN_STATUS_MAP: dict[str, ReturnStatus] = {
    "Awaiting goods": ReturnStatus.ANNOUNCED,
    "Partially received": ReturnStatus.RECEIVING,
    "Received": ReturnStatus.RECEIVED,
    "Completed": ReturnStatus.RECEIVED,
    "Cancelled": ReturnStatus.CANCELLED,
}
"""[12.9]"""

CONDITION_MAP: dict[str, Condition] = {
    "Resaleable": Condition.RESALEABLE,
    "Damaged": Condition.DAMAGED,
    "Scrap": Condition.UNSELLABLE,
}
"""[12.10]"""

DISPOSITIONS: dict[Condition, Disposition] = {
    Condition.RESALEABLE: Disposition.RESTOCK,
    Condition.DAMAGED: Disposition.QUARANTINE,
    Condition.UNSELLABLE: Disposition.SCRAP,
}
"""OrderWise names no place for returned goods; it follows from their condition. Chosen."""
