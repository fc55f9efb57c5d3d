"""Order push: one fulfilment order to its back end, once, whole or not at all.

Look the reference up, compose the order as the shop has it now, create it, note what the back end says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from syncbridge.domain.backend import BackendOrder
from syncbridge.domain.errors import Busy, VendorError
from syncbridge.flows import cancelling, status_pull
from syncbridge.flows.context import Context
from syncbridge.flows.duplicates import CopyCancelWrite
from syncbridge.flows.each_backend import each_backend
from syncbridge.flows.order_compose import Composed, compose
from syncbridge.flows.order_reading import SHIPPED, read_order, units_to_send
from syncbridge.flows.outward import run_writes
from syncbridge.flows.write import (
    RENEWED,
    Found,
    Prepared,
    Renewed,
    Sighting,
    Summary,
    Trouble,
    Unwanted,
    each,
)
from syncbridge.ledger import order_parts, ordered_units, part_lines
from syncbridge.ledger.claims import Claim
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import resolved_since
from syncbridge.ports.backend import FulfilmentBackend

KIND = "order"
# Where calls are scarce a look-up should serve several orders: so long we let them gather (measured against
# Scend's 2 calls a second: one order a second then costs about 1.3 calls instead of 2).
GATHER_SECONDS = 2.0
FAILURES_IN_A_ROW = 3
"""After so many look-ups in a row that fail the back end counts as away. Chosen."""


class OrderWrite:
    """The `order` write: creates a fulfilment order in one back end."""

    kind = KIND

    def __init__(self, context: Context, backend: FulfilmentBackend) -> None:
        self._context = context
        self._backend = backend
        self.target = backend.account
        timing = backend.timing
        self.harmless_repeat = timing.unique_references and timing.import_timeout is None
        self.lookup_lag = timing.lookup_lag
        self.landing = max(timing.landing, timing.import_timeout or timing.landing)
        self._composed_for_comparison: dict[int, Prepared] = {}

    def gather(self) -> None:
        if self._backend.calls_are_scarce():
            self._context.sleep(GATHER_SECONDS)

    def look_up(self, claims: Sequence[Claim]) -> Found:
        found: dict[str, BackendOrder] = {}
        unread: dict[int, VendorError | Busy] = {}
        batch = self._backend.lookup_batch
        for start in range(0, len(claims), batch):
            asked = claims[start : start + batch]
            try:
                found |= self._backend.find_orders([claim.key for claim in asked])
            except VendorError as error:
                if len(claims) == 1 or not _may_be_one_orders(error):
                    raise
                unread |= self._look_up_singly(asked, found)
        seen = each(
            [claim for claim in claims if claim.key in found],
            lambda claim: Sighting(found[claim.key], self._differences(claim, found[claim.key])),
        )
        absent = {claim.id: claim.part_id for claim in claims if claim.key not in found and claim.id not in unread}
        with self._context.ledger.reading() as connection:
            unwanted = cancelling.unwanted(connection, absent.values())
        return seen | unread | {
            claim: Unwanted("cancelled before the back end had it") for claim, part in absent.items() if part in unwanted
        }

    def _look_up_singly(self, claims: Sequence[Claim], found: dict[str, BackendOrder]) -> dict[int, VendorError | Busy]:
        """Look each up by itself, so that one that cannot be read keeps no other from it; return those not read.

        After a few failures in a row the vendor counts as away, and the rest shares its error.
        """
        unread: dict[int, VendorError | Busy] = {}
        failures = 0
        away: VendorError | Busy | None = None
        for claim in claims:
            if away is None:
                try:
                    found |= self._backend.find_orders([claim.key])
                    failures = 0
                    continue
                except (VendorError, Busy) as error:
                    unread[claim.id] = error
                    failures += 1
                    if failures >= FAILURES_IN_A_ROW or isinstance(error, Busy):
                        away = error
            else:
                unread[claim.id] = away
        return unread

    def _differences(self, claim: Claim, found: BackendOrder) -> tuple[str, ...]:
        """Compare a found order with what we want; a row that was never frozen is composed for it."""
        body = claim.body
        if body is None:
            prepared = self.prepare(claim)
            if not isinstance(prepared, Prepared):
                return ("the order cannot be composed here",)
            self._composed_for_comparison[claim.id] = prepared
            body = prepared.body
        return self._backend.differences(body, found)

    def prepare(self, claim: Claim) -> Prepared | Trouble | Unwanted:
        return compose(self._context, self._backend, claim)

    def renew(self, claim: Claim) -> Unwanted | Renewed | Trouble | None:
        """Leave out what the shop cancelled since the body was frozen; anything else stays as it was frozen.

        Where an accepted order may be made any time, only a person can say that it never will be.
        """
        context = self._context
        with context.ledger.reading() as connection:
            if self._may_still_be_made(connection, claim):
                return Trouble(
                    "order_import_timeout",
                    f"{claim.target}: accepted and not made in time",
                    {
                        "reference": claim.key,
                        "sent": claim.last_sent_at.isoformat() if claim.last_sent_at else "",
                        "waited_seconds": int(self.landing.total_seconds()),
                    },
                )
            part = order_parts.part_of(connection, claim.part_id)
            open_units = ordered_units.open_units(connection, part.id)
            frozen = sum(quantity for _sku, quantity in part_lines.frozen_lines(connection, part.id).values())
        units, missing = units_to_send(context, part, open_units, read_order(context, part))
        if not units and not missing:
            return Unwanted("the shop cancelled every unit, and the warehouse has none of them")
        if any(unit.state in SHIPPED for unit in units):
            return RENEWED
        return RENEWED if len(units) + len(missing) < max(frozen, len(open_units)) else None

    def _may_still_be_made(self, connection: Connection, claim: Claim) -> bool:
        """Say so unless a person has settled the exception about it since it was sent: that is the word to repeat it."""
        if self._backend.timing.import_timeout is None or claim.last_sent_at is None:
            return False
        return not resolved_since(connection, "order_import_timeout", self.subject(claim), claim.last_sent_at)

    def abandon(self, connection: Connection, claim: Claim, at: datetime) -> None:
        """Whoever asked for its cancellation has that now; units that the shop cancelled were closed before."""
        cancelling.note_absent(self._context, connection, order_parts.part_of(connection, claim.part_id), at)

    def freeze(self, connection: Connection, claim: Claim, prepared: Prepared, at: datetime) -> None:
        composed = prepared.details
        assert isinstance(composed, Composed)
        request = composed.request
        total = request.totals.grand_minor if request.totals else None
        part_lines.store_lines(connection, claim.part_id, request.lines, total, at)

    def send(self, body: str) -> Sighting | None:
        created = self._backend.create_order(body)
        if created is None:
            return None
        return Sighting(created, self._backend.differences(body, created))

    def settle(self, connection: Connection, claim: Claim, sighting: Sighting, at: datetime) -> None:
        assert isinstance(sighting.record, BackendOrder)
        if prepared := self._composed_for_comparison.pop(claim.id, None):
            # Found although nothing of ours was ever sent: its lines have to be known for its despatches.
            self.freeze(connection, claim, prepared, at)
        status_pull.note(
            self._context, connection, claim.target, sighting.record, at, created=claim.attempts == 1
        )

    def subject(self, claim: Claim) -> str:
        return f"fulfilment:{claim.key}"

    def refusal_kind(self, error: VendorError) -> str:
        return "order_refused"

    def conflict_kind(self) -> str:
        return "order_conflict"


def run(context: Context, account: str | None = None, order_id: int | None = None) -> Summary:
    """Push what is due to one back end (or to all), or one order's parts only; copies found there are cancelled."""
    total = Summary()

    def push(backend: FulfilmentBackend) -> int:
        if account not in (None, backend.account):
            return 0
        ring = partial(context.doorbell.ring, "order_push", backend.account)
        orders_done = run_writes(context, OrderWrite(context, backend), ring=ring, order_id=order_id)
        total.add(orders_done)
        if not backend.timing.unique_references:
            total.add(run_writes(context, CopyCancelWrite(context, backend), ring=ring, order_id=order_id))
        return orders_done.acknowledged

    each_backend(context, push).counts()
    return total


def _may_be_one_orders(error: VendorError) -> bool:
    """Say whether a failed look-up may be one order's trouble: a server's failure, not a refusal, a quota or no answer."""
    status = error.evidence.status
    return status is not None and (status < 400 or status >= 500)
