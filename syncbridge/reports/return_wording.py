"""Returns in words, the same on the terminal and in the console."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from syncbridge.domain.returns import Decision, ReceiptState, is_undecided
from syncbridge.ledger.refunds import COST_NOTHING
from syncbridge.reports.return_lists import ReceiptView, ReturnedUnitView

LINKS = {
    "rma": "found by one of our RMA numbers",
    "label": "found by the return label's code",
    "tracking": "found by the tracking number it went out with",
    "reference": "found by the order's reference",
    "person": "a person said which order it is of",
}
"""How a return found its order."""


def return_in_shop(unit: ReturnedUnitView, time: Callable[[datetime | None], str]) -> str | None:
    """Say how far telling SCAYLE of a unit's return got; `time` writes an instant."""
    if unit.shown_at is not None:
        return f"shown {time(unit.shown_at)}"
    if unit.decision == Decision.REFUSED:
        return "refused"
    return unit.return_write or ("waits for a person" if unit.decision == Decision.ASK else None)


def refund(unit: ReturnedUnitView, time: Callable[[datetime | None], str]) -> str | None:
    """Say whether SCAYLE shows a unit's refund; `time` writes an instant."""
    if unit.refunded_by == COST_NOTHING:
        return "nothing to refund: it cost nothing"
    if unit.refunded_at is not None:
        return f"shown {time(unit.refunded_at)} by {unit.refunded_by}"
    return "not shown yet" if unit.shown_at is not None else None


def can_be_decided(receipt: ReceiptView) -> bool:
    """Say whether a person may decide about a receipt."""
    return is_undecided(ReceiptState(receipt.state), receipt.decision)
