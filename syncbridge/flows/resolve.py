"""Resolve: a person closes an exception with a reason, and the ledger keeps who and why."""

from __future__ import annotations

from syncbridge.domain.states import ExceptionState
from syncbridge.flows.context import Context
from syncbridge.ledger import audit, unfinished
from syncbridge.ledger.exceptions import close_exceptions, open_kinds_of

_ABOUT_A_PART = "fulfilment:"
# Of these the order is at the back end already, or somebody decides by resolving it that it may be sent again.
_NOT_ALL_THAT_HOLDS = ("order_conflict", "order_import_timeout", "order_duplicated")


class HoldsAnOrder(Exception):
    """Units that were sold would be on no order and under no exception; the text says which order."""


def run(
    context: Context,
    exception_id: int,
    kind: str,
    subject: str,
    *,
    actor: str,
    reason: str,
    dry_run: bool = False,
) -> bool:
    """Close the open exception of this kind and subject; false when none is open any more.

    It opens again, as a new one, when its cause is met again. With `dry_run` nothing is changed. Raises `HoldsAnOrder`
    where nothing else stands for an order that is at no back end.
    """
    if not reason.strip():
        raise ValueError("an exception is resolved with a reason")
    at = context.now()
    with context.ledger.work() as work:
        closed = close_exceptions(work.connection, subject, kind, at=at, resolution=f"{reason} ({actor})")
        reference = subject.removeprefix(_ABOUT_A_PART)
        if (
            closed
            and reference != subject
            and kind not in _NOT_ALL_THAT_HOLDS
            and not open_kinds_of(work.connection, subject)
            and unfinished.is_parked_order(work.connection, reference)
        ):
            raise HoldsAnOrder(f"{reference} is at no back end, and this exception is all that holds its units")
        if closed and not dry_run:
            audit.record(
                work.connection,
                actor=actor,
                action="exceptions resolve",
                subject=f"exception:{exception_id}",
                reason=reason,
                before={"kind": kind, "subject": subject, "state": "not resolved"},
                after={"state": ExceptionState.RESOLVED.value},
                at=at,
            )
            work.commit()
    return closed > 0
