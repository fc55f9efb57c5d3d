"""Every state that the ledger knows and every transition it allows, each with its reason.

The ledger guards a transition twice: against these tables, and by naming the expected state in its UPDATE.
"""

from __future__ import annotations

from enum import StrEnum


class SendState(StrEnum):
    """How far an outward write got. Trouble is not a state: it is an open exception."""

    PENDING = "pending"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    WITHDRAWN = "withdrawn"


class UnitState(StrEnum):
    """Where one sold unit is. Every unit is in exactly one of these."""

    OPEN = "open"
    DESPATCHED = "despatched"
    CANCELLED = "cancelled"
    UNFULFILLABLE = "unfulfillable"
    RETURNED = "returned"


class CancellationState(StrEnum):
    """How far a cancellation got. ASKED, REQUESTED and MANUAL are open; the rest is decided."""

    ASKED = "asked"
    REQUESTED = "requested"
    MANUAL = "manual"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    MIXED = "mixed"

    @property
    def is_open(self) -> bool:
        return self in (CancellationState.ASKED, CancellationState.REQUESTED, CancellationState.MANUAL)


class ExceptionState(StrEnum):
    """How far people got with an exception."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


SEND_TRANSITIONS: dict[tuple[SendState, SendState], str] = {
    (SendState.PENDING, SendState.SENT): "an attempt was claimed and its request is about to leave",
    (SendState.PENDING, SendState.ACKNOWLEDGED): "the vendor turned out to hold the record already",
    (SendState.PENDING, SendState.WITHDRAWN): "no longer wanted before anything left",
    (SendState.SENT, SendState.SENT): "another attempt with the same bytes",
    (SendState.SENT, SendState.ACKNOWLEDGED): "the vendor itself shows the record",
    (SendState.SENT, SendState.PENDING): "the call certainly had no effect",
    (SendState.SENT, SendState.WITHDRAWN): "proven absent and no longer wanted",
}

UNIT_TRANSITIONS: dict[tuple[UnitState, UnitState], str] = {
    (UnitState.OPEN, UnitState.DESPATCHED): "it left the warehouse",
    (UnitState.OPEN, UnitState.CANCELLED): "it was cancelled before it left",
    (UnitState.OPEN, UnitState.UNFULFILLABLE): "the warehouse will not send it",
    (UnitState.DESPATCHED, UnitState.OPEN): "its despatch was voided before the shop was told",
    (UnitState.DESPATCHED, UnitState.CANCELLED): "the shop had cancelled it before it was told that it left",
    (UnitState.DESPATCHED, UnitState.RETURNED): "the warehouse received it back",
}

_DECIDED = {
    CancellationState.CANCELLED: "nothing of it was sent, and nothing will be",
    CancellationState.REFUSED: "it was too late",
    CancellationState.MIXED: "a part of it was cancelled, for the rest it was too late",
}
CANCELLATION_TRANSITIONS: dict[tuple[CancellationState, CancellationState], str] = {
    (CancellationState.ASKED, CancellationState.REQUESTED): "the warehouse decides later",
    (CancellationState.ASKED, CancellationState.MANUAL): "a person has to do it",
    (CancellationState.REQUESTED, CancellationState.MANUAL): "a person has to do the rest",
    **{
        (old, new): why
        for old in (CancellationState.ASKED, CancellationState.REQUESTED, CancellationState.MANUAL)
        for new, why in _DECIDED.items()
    },
    (CancellationState.REFUSED, CancellationState.ASKED): "the back end's state changed, so it is asked again",
    (CancellationState.MIXED, CancellationState.ASKED): "the back end's state changed, so it is asked again",
    (CancellationState.CANCELLED, CancellationState.ASKED): "more units are to be cancelled",
    (CancellationState.REQUESTED, CancellationState.ASKED): "more units are to be cancelled",
    (CancellationState.MANUAL, CancellationState.ASKED): "more units are to be cancelled",
}

EXCEPTION_TRANSITIONS: dict[tuple[ExceptionState, ExceptionState], str] = {
    (ExceptionState.OPEN, ExceptionState.ACKNOWLEDGED): "a person took it",
    (ExceptionState.OPEN, ExceptionState.RESOLVED): "the proof arrived, or a person closed it with a reason",
    (ExceptionState.ACKNOWLEDGED, ExceptionState.RESOLVED): "the proof arrived, or a person closed it with a reason",
}


class IllegalTransition(Exception):
    """A caller asked for a transition that the tables do not have: a defect, never a vendor's doing."""


def require_send(old: SendState, new: SendState) -> str:
    """Return the reason of a transition of an outward write, or raise IllegalTransition."""
    try:
        return SEND_TRANSITIONS[old, new]
    except KeyError:
        raise IllegalTransition(f"{old} -> {new}") from None


def require_unit(old: UnitState, new: UnitState) -> str:
    """Return the reason of a transition of a unit, or raise IllegalTransition."""
    try:
        return UNIT_TRANSITIONS[old, new]
    except KeyError:
        raise IllegalTransition(f"unit {old} -> {new}") from None


def require_cancellation(old: CancellationState, new: CancellationState) -> str:
    """Return the reason of a transition of a cancellation, or raise IllegalTransition."""
    try:
        return CANCELLATION_TRANSITIONS[old, new]
    except KeyError:
        raise IllegalTransition(f"cancellation {old} -> {new}") from None
