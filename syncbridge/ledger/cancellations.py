"""Cancellations asked for or learnt: one row each, which every repeat of the same scope meets again.

The only module that changes a cancellation. In a transaction that also touches an order's writes and parts, the
cancellation is taken last, so that two such transactions never wait for each other.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, text, update

from syncbridge.domain.cancellation import SUCCESSFUL, Cancellation, PartOutcome, Source
from syncbridge.domain.states import CancellationState, require_cancellation
from syncbridge.ledger.statements import insert_row, select_where, update_where
from syncbridge.ledger.tables import cancellations


def serialise(connection: Connection, *names: str) -> None:
    """Make whoever else asks for one of these names wait until this transaction ends.

    Used where two transactions look for what the other is about to insert: an order, and the wish to cancel it.
    On SQLite a transaction that may write is alone anyway.
    """
    if connection.dialect.name == "postgresql":
        for number in sorted({zlib.crc32(name.encode()) for name in names if name}):
            connection.execute(text("SELECT pg_advisory_xact_lock(:family, :number)"),
                               {"family": _FAMILY, "number": number - 2**31})


_FAMILY = 20_101
"""Keeps our advisory locks apart from anybody else's in the same database."""


def meet(
    connection: Connection,
    *,
    scope: str,
    source: Source,
    order_id: int | None,
    reference_key: str,
    merchant: str,
    warehouses: Sequence[str],
    units: Sequence[int] | None,
    reason: str,
    at: datetime,
    expires_at: datetime | None = None,
    tries: int = 1,
) -> tuple[Cancellation, bool]:
    """Record a cancellation, or count a repeat of it; return it, locked, and whether it is new.

    With `tries=0` nothing is cancelled yet: all of its parts have to be checked first.
    """
    row = {
        "scope": scope,
        "source": source.value,
        "reference_key": reference_key,
        "order_id": order_id,
        "merchant": merchant,
        "warehouses": sorted(warehouses),
        "units": None if units is None else sorted(units),
        "reason": reason[:200],
        "state": CancellationState.ASKED.value,
        "outcomes": [],
        "tries": tries,
        "asked": 1,
        "answer": "",
        "asked_at": at,
        "last_asked_at": at,
        "expires_at": expires_at,
        "announce_return": False,
        "return_units": [],
        "updated_at": at,
    }
    added = insert_row(connection, cancellations, row, unless=("scope",))
    if added is None:
        connection.execute(
            update(cancellations)
            .where(cancellations.c.scope == scope)
            .values(asked=cancellations.c.asked + 1, last_asked_at=at, updated_at=at, expires_at=expires_at)
        )
    query = select(cancellations).where(cancellations.c.scope == scope)
    found = connection.execute(query.with_for_update(key_share=True)).one()
    return _cancellation(found), added is not None


def by_id(connection: Connection, cancellation_id: int, *, lock: bool = False) -> Cancellation:
    query = select(cancellations).where(cancellations.c.id == cancellation_id)
    return _cancellation(connection.execute(query.with_for_update(key_share=True) if lock else query).one())


def of_order(connection: Connection, order_id: int) -> list[Cancellation]:
    """Return every cancellation of an order, oldest first."""
    rows = connection.execute(
        select(cancellations).where(cancellations.c.order_id == order_id).order_by(cancellations.c.id)
    )
    return [_cancellation(row) for row in rows]


def open_for_order(connection: Connection, order_id: int) -> list[Cancellation]:
    """Return the undecided cancellations of an order, locked, oldest first."""
    rows = connection.execute(
        select(cancellations)
        .where(cancellations.c.order_id == order_id, cancellations.c.state.in_(_OPEN))
        .order_by(cancellations.c.id)
        .with_for_update(key_share=True)
    )
    return [_cancellation(row) for row in rows]


def still_asked(connection: Connection, limit: int) -> list[int]:
    """Return the cancellations of known orders of which something can still be done, longest untouched first.

    Those that wait for a warehouse or a person are not among them: their outcome comes with the order's status.
    """
    return list(
        connection.execute(
            select(cancellations.c.id)
            .where(
                cancellations.c.state == CancellationState.ASKED.value,
                cancellations.c.order_id.is_not(None),
                cancellations.c.tries > 0,
            )
            .order_by(cancellations.c.updated_at, cancellations.c.id)
            .limit(limit)
        ).scalars()
    )


_OPEN = tuple(state.value for state in CancellationState if state.is_open)


@dataclass(frozen=True)
class Undecided:
    """A cancellation without an outcome. What a person has to do for it is an exception of its own, and not among these."""

    id: int
    order_id: int | None
    state: str
    source: str
    reference_key: str
    merchant: str
    asked_at: datetime


def undecided_since(connection: Connection, before: datetime, at: datetime, limit: int = 200) -> list[Undecided]:
    """Return the cancellations asked for before an instant that nobody has decided, oldest first; expired ones are none."""
    columns = [cancellations.c[name] for name in Undecided.__dataclass_fields__]
    rows = connection.execute(
        select(*columns)
        .where(
            cancellations.c.state.in_((CancellationState.ASKED.value, CancellationState.REQUESTED.value)),
            cancellations.c.asked_at <= before,
            or_(cancellations.c.expires_at.is_(None), cancellations.c.expires_at > at),
        )
        .order_by(cancellations.c.asked_at, cancellations.c.id)
        .limit(limit)
    )
    return [Undecided(**row._mapping) for row in rows]


def decided_among(connection: Connection, numbers: Sequence[int]) -> list[int]:
    """Return which of these cancellations have an outcome."""
    query = select(cancellations.c.id).where(cancellations.c.id.in_(numbers), cancellations.c.state.not_in(_OPEN))
    return list(connection.execute(query).scalars()) if numbers else []


def awaiting(
    connection: Connection, order_id: int, reference_key: str, at: datetime
) -> list[Cancellation]:
    """Return, locked, what was asked of an order before these parts of it came, and still counts.

    Asked for every order that comes in, and nearly always in vain: so it is two cheap questions.
    """
    columns = ("id", "order_id")
    found = select_where(connection, cancellations, columns, {"order_id": order_id})
    if reference_key:
        named = select_where(connection, cancellations, columns, {"reference_key": reference_key})
        found += [row for row in named if row.order_id is None]
    rows = [by_id(connection, number, lock=True) for number in sorted({row.id for row in found})]
    return [one for one in rows if _counts_for_new_parts(one, at)]


def _counts_for_new_parts(one: Cancellation, at: datetime) -> bool:
    if one.source is Source.OPERATOR:
        return one.units is None
    if one.source is not Source.CALL:
        return False
    success = one.state is CancellationState.CANCELLED
    return success or (one.state.is_open and (one.expires_at is None or one.expires_at > at))


def store(connection: Connection, old: Cancellation, new: Cancellation, at: datetime) -> str:
    """Store what changed of a locked cancellation; return the reason of its transition, if it made one."""
    why = "" if old.state is new.state else require_cancellation(old.state, new.state)
    values: dict[str, Any] = {
        "order_id": new.order_id,
        "state": new.state.value,
        "outcomes": [one.as_json() for one in new.outcomes],
        "tries": new.tries,
        "updated_at": at,
    }
    if why:
        values["decided_at"] = None if new.state.is_open else at
    if new.units is not None:
        values["units"] = sorted(new.units)
    changed = update_where(connection, cancellations, {"id": new.id, "state": old.state.value}, values)
    if changed != 1:
        raise ValueError(f"cancellation {new.id} is not {old.state} any more")
    return why


def touch(connection: Connection, cancellation_id: int, at: datetime) -> None:
    """Note that it was looked at, so that the others have their turn."""
    update_where(connection, cancellations, {"id": cancellation_id}, {"updated_at": at})


def note_answer(connection: Connection, cancellation_id: int, answer: str, at: datetime) -> None:
    """Note what the shop is answered; "successful" is never taken back."""
    connection.execute(
        update(cancellations)
        .where(cancellations.c.id == cancellation_id, cancellations.c.answer != SUCCESSFUL)
        .values(answer=answer[:64], answered_at=at, updated_at=at)
    )


def note_given_up(
    connection: Connection,
    key: str,
    order_id: int,
    merchant: str,
    warehouse: str,
    part_id: int,
    units: Sequence[int],
    initiator: str,
    at: datetime,
) -> None:
    """Keep what a warehouse gave up by itself beside what others asked for; it is decided as it is learnt."""
    cancellation, _fresh = meet(
        connection,
        scope=f"warehouse:{key}"[:400],
        source=Source.WAREHOUSE,
        order_id=order_id,
        reference_key="",
        merchant=merchant,
        warehouses=(warehouse,) if warehouse else (),
        units=units,
        reason=f"given up by {initiator.lower()}",
        at=at,
    )
    done = cancellation.with_outcome(PartOutcome(part_id, CancellationState.CANCELLED, "", tuple(sorted(units))))
    store(connection, cancellation, done, at)


def _cancellation(row: Any) -> Cancellation:
    return Cancellation(
        id=row.id,
        scope=row.scope,
        source=Source(row.source),
        reference_key=row.reference_key,
        order_id=row.order_id,
        merchant=row.merchant,
        warehouses=tuple(row.warehouses),
        units=None if row.units is None else tuple(row.units),
        reason=row.reason,
        state=CancellationState(row.state),
        outcomes=tuple(
            PartOutcome(one["part"], CancellationState(one["state"]), one["status"], tuple(one["units"]))
            for one in row.outcomes
        ),
        tries=row.tries,
        answer=row.answer,
        last_asked_at=row.last_asked_at,
        expires_at=row.expires_at,
        announce_return=row.announce_return,
        return_units=tuple(row.return_units),
    )
