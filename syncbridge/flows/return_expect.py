"""Expecting returns: our authorisations, made and stored before anything is sent, and held until the goods have left.

An authorisation belongs to one fulfilment order. One whose goods are still in the warehouse waits for their despatch,
so that a cancellation that came too late has its return ready when the parcel is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from syncbridge.domain.backend import ReturnLine
from syncbridge.domain.returns import OPEN_RETURNS, ReturnReason, ReturnSource, ReturnState
from syncbridge.domain.states import UnitState
from syncbridge.flows.context import Context
from syncbridge.flows.feed import defect
from syncbridge.ledger import (
    audit,
    coming_back,
    history,
    intents,
    late_cancellations,
    order_locks,
    order_parts,
    returns,
)
from syncbridge.ledger.coming_back import LineOfUnit
from syncbridge.ledger.engine import Connection, DatabaseAway
from syncbridge.ledger.exceptions import close_exceptions, open_exception
from syncbridge.ledger.late_cancellations import WaitingReturn
from syncbridge.ledger.returns import Return
from syncbridge.ports.backend import Capability

KIND = "return_announce"
_BATCH = 200
_AFLOAT = (UnitState.OPEN, UnitState.DESPATCHED)


class NotReturnable(ValueError):
    """The units cannot be announced; the text says which and why."""


@dataclass(frozen=True)
class Announced:
    """What came of the wish to announce a return: one authorisation per fulfilment order; what is expected already."""

    returns: tuple[Return, ...]
    already: tuple[Return, ...] = ()


def take_up_cancellations(context: Context) -> int:
    """Expect the goods of every cancellation that came too late; return how many cancellations that were."""
    with context.ledger.reading() as connection:
        late = late_cancellations.waiting_for_return(connection, _BATCH)
    return sum(
        _isolated(context, f"order:{one.order_id}", partial(_take_up, context, one)) for one in late
    )


def _take_up(context: Context, late: WaitingReturn, connection: Connection, at: datetime) -> bool:
    expect(
        context,
        connection,
        late.order_id,
        late.units,
        source=ReturnSource.TOO_LATE_CANCELLATION,
        reason=ReturnReason.TOO_LATE_TO_CANCEL,
        created_by="syncbridge",
        at=at,
    )
    late_cancellations.return_announced(connection, late.id, late.units, at)
    return True


def _isolated(context: Context, subject: str, act: Callable[[Connection, datetime], bool]) -> bool:
    """Commit what one item comes to where it says that it changed; one that fails is told and stops no other."""
    about = f"return_expect:{subject}"
    at = context.now()
    try:
        with context.ledger.work() as work:
            changed = act(work.connection, at)
            if changed:
                close_exceptions(work.connection, about, "defect", at=at, resolution="it went through")
                work.commit()
    except DatabaseAway:
        raise
    except Exception as error:  # noqa: BLE001  # one bad item never stops the batch
        with context.ledger.work() as work:
            defect(work.connection, about, KIND, error, at)
            work.commit()
        return False
    return changed


def expect(
    context: Context,
    connection: Connection,
    order_id: int,
    units: Iterable[int],
    *,
    source: ReturnSource,
    reason: ReturnReason,
    created_by: str,
    at: datetime,
) -> Announced:
    """Record that units are to come back, inside the caller's transaction: one authorisation per fulfilment order.

    Units that an open authorisation expects already, that came back, or that will never leave are left out. Units that have
    not left wait (see `release`).
    """
    order_locks.lock_order(connection, order_id)
    wanted = set(units)
    already = [
        one
        for one in returns.of_order(connection, order_id)
        if one.announced and one.state in OPEN_RETURNS and wanted & set(one.units)
    ]
    wanted -= {unit for one in already for unit in one.units}
    by_part: dict[int, list[LineOfUnit]] = {}
    for row in coming_back.lines_of_units(connection, sorted(wanted)):
        if row.state is UnitState.OPEN or row.out:
            by_part.setdefault(row.part_id, []).append(row)
    made: list[Return] = []
    for part_id, rows in sorted(by_part.items()):
        part = order_parts.part_of(connection, part_id)
        if part.order_id != order_id:
            raise NotReturnable(f"a unit is none of order {order_id}")
        one = returns.add(
            connection,
            account=part.account,
            source=source,
            order_id=order_id,
            fulfilment_order_id=part_id,
            units=[row.order_item_id for row in rows],
            reason=reason,
            state=ReturnState.WAITING,
            created_by=created_by,
            at=at,
        )
        history.record(
            connection,
            order_id,
            "syncbridge",
            "return_expected",
            at=at,
            subject=one.rma_number,
            source=source.value,
            reason=reason.value,
            units=list(one.units),
        )
        made += _release(context, connection, one, at)
    return Announced(tuple(made), tuple(already))


def announce(
    context: Context,
    order_id: int,
    units: Sequence[int],
    *,
    reason: ReturnReason,
    actor: str,
    dry_run: bool = False,
) -> Announced:
    """Announce a return by hand; raises NotReturnable where one of the units cannot come back. Nothing is sent yet."""
    at = context.now()
    with context.ledger.work() as work:
        order_locks.lock_order(work.connection, order_id)
        states = coming_back.states_of(work.connection, units)
        wrong = [f"{unit} is {states[unit]}" if unit in states else f"{unit} is not known" for unit in units
                 if states.get(unit) not in _AFLOAT]  # fmt: skip
        if wrong or not units:
            raise NotReturnable("; ".join(wrong) or "name at least one unit")
        made = expect(
            context,
            work.connection,
            order_id,
            units,
            source=ReturnSource.CUSTOMER_SERVICE,
            reason=reason,
            created_by=actor,
            at=at,
        )
        if dry_run or not made.returns:
            return made
        audit.record(
            work.connection,
            actor=actor,
            action="returns announce",
            subject=f"order:{order_id}",
            reason=reason.value,
            before={"units": {str(unit): state.value for unit, state in states.items()}},
            after={"rma": [one.rma_number for one in made.returns]},
            at=at,
        )
        work.commit()
    context.doorbell.ring(KIND)
    return made


def release(context: Context) -> int:
    """Announce what waited for its despatch, as far as it has left; return how many authorisations moved."""
    with context.ledger.reading() as connection:
        waiting = returns.waiting(connection, _BATCH)
    return sum(_isolated(context, one.rma_number, partial(_moved, context, one)) for one in waiting)


def _moved(context: Context, one: Return, connection: Connection, at: datetime) -> bool:
    return _release(context, connection, one, at)[0].state is not ReturnState.WAITING


def missing(connection: Connection, one: Return) -> dict[str, int]:
    """Return how many units of each SKU were announced and did not come under this number."""
    announced = Counter(row.sku for row in coming_back.lines_of_units(connection, one.units))
    for (_line, sku), quantity in coming_back.received_by_line(connection, one.id).items():
        announced[sku] -= quantity
    return {sku: units for sku, units in announced.items() if units > 0}


def _release(context: Context, connection: Connection, one: Return, at: datetime) -> list[Return]:
    """Have a waiting authorisation announced for the units that left; what has not left waits under a number of its own."""
    units = coming_back.lines_of_units(connection, one.units)
    left = [unit.order_item_id for unit in units if unit.out]
    still = [unit.order_item_id for unit in units if unit.state is UnitState.OPEN]
    if not left and still:
        return [one]
    if not left:
        returns.change(connection, one, ReturnState.WITHDRAWN, at)
        return [returns.by_rma(connection, one.rma_number)]
    if not returns.change(connection, one, ReturnState.EXPECTED, at, units=left):
        return [returns.by_rma(connection, one.rma_number)]
    made = [returns.by_rma(connection, one.rma_number)]
    if still:
        made.append(
            returns.add(
                connection,
                account=one.account,
                source=one.source,
                order_id=one.order_id,
                fulfilment_order_id=one.fulfilment_order_id,
                units=still,
                reason=ReturnReason(one.reason),
                state=ReturnState.WAITING,
                created_by="syncbridge",
                at=at,
            )
        )
    _tell(context, connection, made[0], at)
    return made


def _tell(context: Context, connection: Connection, one: Return, at: datetime) -> None:
    assert one.order_id is not None
    capability = context.backend_named(one.account).capabilities.returns
    if capability is Capability.API:
        intents.add(
            connection,
            kind=KIND,
            target=one.account,
            key=one.rma_number,
            order_id=one.order_id,
            fulfilment_order_id=one.fulfilment_order_id,
            at=at,
            due_at=at,
        )
    elif capability is Capability.MANUAL:
        rows = coming_back.lines_of_units(connection, one.units)
        assert one.fulfilment_order_id is not None
        part = order_parts.part_of(connection, one.fulfilment_order_id)
        open_exception(
            connection,
            "return_by_hand",
            f"return:{one.rma_number}",
            at=at,
            cause=f"announce returns to {one.account} by hand",
            evidence={
                "rma": one.rma_number,
                "back_end": one.account,
                "reference": part.reference,
                "backend_id": part.backend_id or "",
                "reason": one.reason,
                "lines": [
                    {"line": line.order_line_number, "sku": line.sku, "quantity": line.quantity}
                    for line in lines_to_announce(rows, one.reason)
                ],
            },
            order_id=one.order_id,
        )


def lines_to_announce(units: Sequence[LineOfUnit], reason: str) -> tuple[ReturnLine, ...]:
    """One line per line of the order, numbered by it."""
    lines: dict[tuple[int, str], int] = {}
    for unit in units:
        if unit.line_number is not None:
            lines[unit.line_number, unit.sku] = lines.get((unit.line_number, unit.sku), 0) + 1
    return tuple(
        ReturnLine(place, number, sku, quantity, reason)
        for place, ((number, sku), quantity) in enumerate(sorted(lines.items()), start=1)
    )
