"""Returns as the ledger holds them: our authorisations, and what back ends received without one."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, and_, cast, exists, func, or_, select, update

from syncbridge.domain.backend import BackendReturn, ReturnStatus
from syncbridge.domain.returns import (
    OPEN_RETURNS,
    ReturnReason,
    ReturnSource,
    ReturnState,
    new_rma_number,
)
from syncbridge.domain.states import UnitState
from syncbridge.ledger.statements import insert_row, update_where
from syncbridge.ledger.tables import (
    exceptions,
    order_units,
    receipts,
    returns,
    transmissions,
)


@dataclass(frozen=True)
class Return:
    """A return. `units` are the order item ids that are to come; empty where nobody announced them.

    `linked_by` says how it found its order: "rma", "label", "tracking", "reference"; empty where it has not.
    `given_rma` is a number of the back end that is none of ours. `codes` came with goods that found no order yet.
    """

    id: int
    rma_number: str
    source: ReturnSource
    account: str
    order_id: int | None
    fulfilment_order_id: int | None
    units: tuple[int, ...]
    reason: str
    state: ReturnState
    linked_by: str
    linked_parcel: int | None
    given_rma: str
    reference: str
    backend_id: str | None
    backend_version: int | None
    codes: tuple[str, ...]
    expected_at: datetime | None
    created_at: datetime

    @property
    def announced(self) -> bool:
        """Whether it is an authorisation of ours, so that it says what may come."""
        return self.source is not ReturnSource.UNANNOUNCED


_COLUMNS = tuple(returns.c[name] for name in Return.__dataclass_fields__)


def _return(row: Any) -> Return:
    values = dict(row._mapping)
    values |= {
        "source": ReturnSource(values["source"]),
        "state": ReturnState(values["state"]),
        "units": tuple(values["units"]),
        "codes": tuple(values["codes"] or ()),
    }
    return Return(**values)


def add(
    connection: Connection,
    *,
    account: str,
    source: ReturnSource,
    order_id: int | None,
    fulfilment_order_id: int | None,
    units: Sequence[int],
    reason: ReturnReason,
    state: ReturnState,
    created_by: str,
    at: datetime,
    given_rma: str = "",
    reference: str = "",
    backend_id: str | None = None,
    codes: Collection[str] = (),
) -> Return:
    """Record a return under a fresh number of ours."""
    rma = new_rma_number(at, secrets.randbits(80))
    insert_row(
        connection,
        returns,
        {
            "rma_number": rma,
            "source": source.value,
            "account": account,
            "order_id": order_id,
            "fulfilment_order_id": fulfilment_order_id,
            "units": sorted(units),
            "reason": reason.value,
            "state": state.value,
            "linked_by": "",
            "given_rma": given_rma[:64],
            "reference": reference[:64],
            "backend_id": backend_id,
            "created_by": created_by[:100],
            "codes": sorted(codes) or None,
            "expected_at": at if state is ReturnState.EXPECTED else None,
            "created_at": at,
            "updated_at": at,
        },
    )
    return by_rma(connection, rma)


def find_by_rma(connection: Connection, rma_number: str) -> Return | None:
    """Return the return with one of our numbers, or None."""
    row = connection.execute(select(*_COLUMNS).where(returns.c.rma_number == rma_number)).first()
    return None if row is None else _return(row)


def by_rma(connection: Connection, rma_number: str) -> Return:
    """Return the return with one of our numbers; raises KeyError for any other."""
    found = find_by_rma(connection, rma_number)
    if found is None:
        raise KeyError(rma_number)
    return found


def by_id(connection: Connection, return_id: int) -> Return:
    return _return(connection.execute(select(*_COLUMNS).where(returns.c.id == return_id)).one())


def find_by_backend_id(connection: Connection, account: str, backend_id: str) -> Return | None:
    """Return what we hold of a back end's return, or None."""
    row = connection.execute(
        select(*_COLUMNS).where(returns.c.account == account, returns.c.backend_id == backend_id)
    ).first()
    return None if row is None else _return(row)


def of_order(connection: Connection, order_id: int) -> list[Return]:
    """Return every return of an order, oldest first."""
    rows = connection.execute(select(*_COLUMNS).where(returns.c.order_id == order_id).order_by(returns.c.id)).all()
    return [_return(row) for row in rows]


def waiting(connection: Connection, limit: int) -> list[Return]:
    """Return the authorisations whose goods had not left when they were made and may have since, oldest first.

    Those of which every unit is still in its warehouse are left out: they may be many, and stay for long.
    """
    moved = exists().where(
        order_units.c.fulfilment_order_id == returns.c.fulfilment_order_id,
        order_units.c.state != UnitState.OPEN.value,
        # As text on both engines; another unit whose number contains this one costs a look.
        cast(returns.c.units, String).contains(cast(order_units.c.order_item_id, String)),
    )
    rows = connection.execute(
        select(*_COLUMNS)
        .where(returns.c.state == ReturnState.WAITING.value, moved)
        .order_by(returns.c.created_at)
        .limit(limit)
    ).all()
    return [_return(row) for row in rows]


def overdue(connection: Connection, before: datetime, kind: str, limit: int) -> list[Return]:
    """Return our authorisations that old under which not all has come and that were never an exception of this kind.

    What is short of one that the warehouse has closed is told when it does so.
    """
    told = (
        select(exceptions.c.id)
        .where(exceptions.c.kind == kind, exceptions.c.subject == "return:" + returns.c.rma_number)
        .exists()
    )
    came = (
        select(func.coalesce(func.sum(receipts.c.quantity), 0))
        .where(receipts.c.return_id == returns.c.id)
        .scalar_subquery()
    )
    postgresql = connection.dialect.name == "postgresql"
    announced = (func.jsonb_array_length if postgresql else func.json_array_length)(returns.c.units)
    rows = connection.execute(
        select(*_COLUMNS)
        .where(
            or_(
                returns.c.state == ReturnState.EXPECTED.value,
                and_(returns.c.state == ReturnState.ARRIVED.value, came < announced),
            ),
            returns.c.source != ReturnSource.UNANNOUNCED.value,
            func.coalesce(returns.c.expected_at, returns.c.created_at) <= before,
            ~told,
        )
        .order_by(returns.c.id)
        .limit(limit)
    ).all()
    return [_return(row) for row in rows]


def expected_units(connection: Connection, order_id: int) -> dict[int, tuple[str, ...]]:
    """Return which of our open authorisations wait for which units of an order."""
    found: dict[int, tuple[str, ...]] = {}
    for one in of_order(connection, order_id):
        if one.announced and one.state in OPEN_RETURNS:
            for unit in one.units:
                found[unit] = (*found.get(unit, ()), one.rma_number)
    return found


def change(
    connection: Connection, one: Return, new: ReturnState, at: datetime, *, units: Sequence[int] | None = None
) -> bool:
    """Move a return on from the state that we saw it in; false when somebody else was quicker."""
    values: dict[str, Any] = {"state": new.value, "updated_at": at}
    if units is not None:
        values["units"] = sorted(units)
    if new is ReturnState.EXPECTED:
        values["expected_at"] = at
    return update_where(connection, returns, {"id": one.id, "state": one.state.value}, values) == 1


_STATES = {
    ReturnStatus.RECEIVING: ReturnState.ARRIVED,
    ReturnStatus.RECEIVED: ReturnState.CLOSED,
    ReturnStatus.CANCELLED: ReturnState.WITHDRAWN,
}


def note(connection: Connection, one: Return, seen: BackendReturn, at: datetime) -> bool:
    """Note a back end's version of a return; false when the stored one is as new."""
    state = _STATES.get(seen.status, one.state)
    if state is ReturnState.WITHDRAWN and (seen.receipts or one.state in (ReturnState.ARRIVED, ReturnState.CLOSED)):
        state = one.state
    if seen.receipts and state in (ReturnState.WAITING, ReturnState.EXPECTED):
        state = ReturnState.ARRIVED
    values: dict[str, Any] = {
        "backend_id": seen.return_id,
        "backend_status": seen.raw_status[:32],
        "backend_version": seen.version,
        "state": state.value,
        "reference": one.reference or seen.reference[:64],
        "updated_at": at,
    }
    newer = connection.execute(
        update(returns)
        .where(
            returns.c.id == one.id,
            or_(returns.c.backend_version.is_(None), returns.c.backend_version < seen.version),
        )
        .values(**values)
    )
    return newer.rowcount == 1


def arrived(connection: Connection, return_id: int, received_at: datetime, at: datetime) -> None:
    """Note that goods of a return came, whatever its version says: a receipt that is new is a fact."""
    connection.execute(
        update(returns)
        .where(
            returns.c.id == return_id,
            or_(returns.c.first_received_at.is_(None), returns.c.first_received_at > received_at),
        )
        .values(first_received_at=received_at, updated_at=at)
    )
    connection.execute(
        update(returns)
        .where(
            returns.c.id == return_id,
            returns.c.state.in_([state.value for state in ReturnState if state not in _ARRIVED]),
        )
        .values(state=ReturnState.ARRIVED.value, updated_at=at)
    )


_ARRIVED = (ReturnState.ARRIVED, ReturnState.CLOSED)


def of_announcement(connection: Connection, transmission_id: int) -> Return:
    """Return the return that an announcement's transmission stands for."""
    key = connection.execute(
        select(transmissions.c.key).where(transmissions.c.id == transmission_id)
    ).scalar_one()
    return by_rma(connection, key)
