"""Return announce: tell the warehouses which returns to expect, under numbers of ours that were stored before.

What is expected, and from when on it can be announced, is `return_expect`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from syncbridge.domain.backend import BackendReturn, ReturnRequest
from syncbridge.domain.errors import Busy, VendorError
from syncbridge.domain.returns import ReturnState
from syncbridge.domain.states import UnitState
from syncbridge.flows import return_expect
from syncbridge.flows.context import Context
from syncbridge.flows.outward import run_writes
from syncbridge.flows.return_expect import KIND, lines_to_announce
from syncbridge.flows.return_pull import note
from syncbridge.flows.write import Found, Prepared, Renewed, Sighting, Summary, Trouble, Unwanted
from syncbridge.ledger import (
    coming_back,
    order_parts,
    returns,
)
from syncbridge.ledger.claims import Claim
from syncbridge.ledger.engine import Connection
from syncbridge.ports.backend import Capability, FulfilmentBackend

# A voided despatch is packed again within the day; it costs nothing to look often. Chosen.
VOIDED_WAIT = timedelta(minutes=10)


class ReturnAnnounceWrite:
    """The `return_announce` write. The RMA number is unique there, so a repeat of the same body has no second effect."""

    kind = KIND
    harmless_repeat = True

    def __init__(self, context: Context, backend: FulfilmentBackend) -> None:
        self._context = context
        self._backend = backend
        self.target = backend.account
        self.lookup_lag = backend.timing.lookup_lag
        self.landing = backend.timing.landing

    def gather(self) -> None:
        """Announcements are few."""

    def look_up(self, claims: Sequence[Claim]) -> Found:
        asked = [claim for claim in claims if claim.uncertain or claim.attempts]
        if not asked:
            return {}
        held = self._backend.find_returns([claim.key for claim in asked])
        return {claim.id: Sighting(held[claim.key]) for claim in asked if claim.key in held}

    def prepare(self, claim: Claim) -> Prepared | Trouble | Unwanted:
        with self._context.ledger.reading() as connection:
            one = returns.of_announcement(connection, claim.id)
            rows = coming_back.lines_of_units(connection, one.units)
            assert one.fulfilment_order_id is not None
            part = order_parts.part_of(connection, one.fulfilment_order_id)
        if one.state is ReturnState.WITHDRAWN:
            return Unwanted("the return was withdrawn")
        left = [row for row in rows if row.out]
        if not left and any(row.state is UnitState.OPEN for row in rows):
            raise Busy("its despatch was voided: its goods are in the warehouse again", after=VOIDED_WAIT)
        if not left:
            return Unwanted("its goods came back before it was announced")
        merchant = self._context.merchant(part.merchant)
        warehouse = merchant.warehouse(part.warehouse) if merchant is not None else None
        return Prepared(
            self._backend.compose_return(
                ReturnRequest(
                    rma_number=one.rma_number,
                    reference=part.reference,
                    backend_order_id=part.backend_id or "",
                    warehouse_code=warehouse.code if warehouse is not None else "",
                    announced_at=one.created_at,
                    lines=lines_to_announce(left, one.reason),
                )
            )
        )

    def renew(self, claim: Claim) -> Unwanted | Renewed | None:
        """What was announced stays announced: the warehouse judges what comes."""
        return None

    def abandon(self, connection: Connection, claim: Claim, at: datetime) -> None:
        """The authorisation itself says whether anything is still expected."""

    def freeze(self, connection: Connection, claim: Claim, prepared: Prepared, at: datetime) -> None:
        """The number and the units were stored before."""

    def send(self, body: str) -> Sighting | None:
        return Sighting(self._backend.send_return(body))

    def settle(self, connection: Connection, claim: Claim, sighting: Sighting, at: datetime) -> None:
        seen = sighting.record
        assert isinstance(seen, BackendReturn)
        note(self._context, connection, self._backend.account, seen, at)

    def subject(self, claim: Claim) -> str:
        return f"return_announce:{claim.key}"

    def refusal_kind(self, error: VendorError) -> str:
        return "return_announce_refused"

    def conflict_kind(self) -> str:
        return "return_announce_refused"


def run(context: Context, order_id: int | None = None) -> Summary:
    """Make the authorisations that too-late cancellations need, release those whose goods left, and announce them."""
    return_expect.take_up_cancellations(context)
    return_expect.release(context)
    summary = Summary()
    for backend in context.backends.values():
        if backend.capabilities.returns is Capability.API:
            ring = partial(context.doorbell.ring, KIND)
            summary.add(run_writes(context, ReturnAnnounceWrite(context, backend), ring=ring, order_id=order_id))
    return summary
