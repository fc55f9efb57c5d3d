"""Cancel ask: ask back ends to cancel what they hold, live where somebody waits for the answer, else by and by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from syncbridge.domain.backend import BackendOrder, CancelLine, CancelState, CancelWish, FulfilmentStatus
from syncbridge.domain.cancellation import Source
from syncbridge.domain.errors import Busy, VendorError
from syncbridge.flows import cancelling, status_pull
from syncbridge.flows.cancel_concern import Concern, concern
from syncbridge.flows.context import Context
from syncbridge.flows.each_backend import each_backend
from syncbridge.flows.feed import defect
from syncbridge.flows.outward import run_writes
from syncbridge.flows.write import (
    Found,
    Prepared,
    Renewed,
    Sighting,
    Summary,
    Trouble,
    Unwanted,
)
from syncbridge.ledger import cancel_writes, cancellations, order_parts, ordered_units, part_lines
from syncbridge.ledger.claims import Claim
from syncbridge.ledger.engine import Connection, DatabaseAway
from syncbridge.ledger.exceptions import close_exceptions
from syncbridge.ledger.order_parts import Part
from syncbridge.ports.backend import FulfilmentBackend

KIND = cancelling.KIND
BATCH = 100
"""How many undecided cancellations one run looks at. Chosen: those longest untouched come first, so all have a turn."""
LINES_MOVE = timedelta(seconds=5)
"""How long units of a line wait where others of the same order are being taken out. Chosen: an answer later."""


class OrderCancelWrite:
    """The `order_cancel` write: a whole order, or lines of it where the back end can do that.

    Its key ends in `:w` and the number of the cancellation; one without a cancellation (`:back`) stops an order that
    turned up although it was withdrawn. That it is cancelled, or that the floor decides later, is what is looked for.
    """

    kind = KIND

    def __init__(self, context: Context, backend: FulfilmentBackend) -> None:
        self._context = context
        self._backend = backend
        self.target = backend.account
        # A whole order can be asked for twice; units of a line could then go twice.
        self.harmless_repeat = not backend.capabilities.cancel_lines
        self.lookup_lag = backend.timing.lookup_lag
        self.landing = backend.timing.landing
        self._shown: dict[int, BackendOrder] = {}
        self._refused: dict[int, str] = {}
        self._answered: tuple[str, str] | None = None

    def gather(self) -> None:
        """Somebody may be waiting for the answer."""

    def look_up(self, claims: Sequence[Claim]) -> Found:
        references = {claim.id: self._part(claim).reference for claim in claims}
        wanted = list(dict.fromkeys(references.values()))
        shown: dict[str, BackendOrder] = {}
        for start in range(0, len(wanted), self._backend.lookup_batch):
            shown |= self._backend.find_orders(wanted[start : start + self._backend.lookup_batch])
        found: Found = {}
        for claim in claims:
            order = shown.get(references[claim.id])
            if order is not None and (verdict := self._verdict(claim, order)) is not None:
                found[claim.id] = verdict
        return found

    def _verdict(self, claim: Claim, order: BackendOrder) -> Sighting | Unwanted | None:
        """Judge what the back end shows: done, lodged, too late, or still to be asked for."""
        self._shown[claim.id] = order
        asked, about = self._about(claim)
        if order.status is FulfilmentStatus.CANCELLED or order.cancellation is CancelState.REQUESTED:
            return Sighting(order)
        if about is not None and not about.units:
            return Unwanted("nothing of it is left to cancel")
        by_lines = about is not None and not about.whole and self._backend.capabilities.cancel_lines
        if about is not None and by_lines and not (about.despatched and asked is Source.CALL):
            return None if self._lines(about, order) else Sighting(order)
        if by_lines or not order.cancellable:
            self._refused[claim.id] = order.raw_status
            return Unwanted(f"too late: the back end has it as {order.raw_status}")
        if about is not None and not about.whole:
            return Unwanted("only a part of it is to go, which takes a person there")
        return None

    def prepare(self, claim: Claim) -> Prepared | Trouble | Unwanted:
        part, (_asked, about) = self._part(claim), self._about(claim)
        order = self._shown.get(claim.id)
        backend_id = order.backend_id if order is not None else part.backend_id
        if not backend_id:
            return self._not_found(claim, part)
        whole = about is None or about.whole
        lines: tuple[CancelLine, ...] = ()
        if about is not None and not about.whole:
            # Read again under the order's lock: another cancellation may have taken units of a line since the look.
            order = self._backend.find_orders([part.reference]).get(part.reference)
            with self._context.ledger.reading() as connection:
                under_way = cancel_writes.is_under_way(connection, part.id, KIND, but=claim.id)
            lines = self._lines(about, order)
            if order is None:
                return self._not_found(claim, part)
            if under_way or not lines:
                raise Busy("its lines move: another cancellation of this order is under way", after=LINES_MOVE)
        wish = CancelWish(part.reference, backend_id, self._reason(claim), lines, whole=whole)
        return Prepared(self._backend.compose_cancel(wish))

    def _not_found(self, claim: Claim, part: Part) -> Trouble:
        return Trouble(
            "cancellation_not_taken",
            f"{claim.target}: the order cannot be found there",
            {"reference": part.reference, "back_end": claim.target},
        )

    def renew(self, claim: Claim) -> Unwanted | Renewed | None:
        """What is wanted cancelled stays wanted; what it takes by now is composed anew where it is lines."""
        _asked, about = self._about(claim)
        return None if about is None or about.whole else Renewed()

    def abandon(self, connection: Connection, claim: Claim, at: datetime) -> None:
        """Note a refusal. Without one there was nothing left to cancel."""
        status = self._refused.pop(claim.id, None)
        if self._answered is not None and self._answered[0] == claim.body:
            status = self._answered[1]
        number = _cancellation_id(claim)
        if status is not None and number is not None:
            part = order_parts.part_of(connection, claim.part_id)
            cancelling.note_refused(self._context, connection, number, part, status, at)

    def freeze(self, connection: Connection, claim: Claim, prepared: Prepared, at: datetime) -> None:
        """The body says everything."""

    def send(self, body: str) -> Sighting | Unwanted | None:
        self._answered = None
        answer = self._backend.send_cancel(body)
        if answer.state is CancelState.REFUSED:
            self._answered = (body, answer.raw_status)
            return Unwanted(f"too late: the back end has it as {answer.raw_status}")
        order = answer.order
        if order is None:
            return None
        lodged = order.cancellation is CancelState.REQUESTED or order.status is FulfilmentStatus.CANCELLED
        # An answer that the order itself does not show yet is looked up until it does.
        return Sighting(order) if lodged or any(line.cancelled for line in order.lines) else None

    def settle(self, connection: Connection, claim: Claim, sighting: Sighting, at: datetime) -> None:
        order = sighting.record
        assert isinstance(order, BackendOrder)
        status_pull.note(self._context, connection, claim.target, order, at)
        # The feed may have been quicker with this very version.
        cancelling.hear(self._context, connection, order_parts.part_of(connection, claim.part_id), order, at)

    def subject(self, claim: Claim) -> str:
        return f"{KIND}:{claim.key}"

    def refusal_kind(self, error: VendorError) -> str:
        return "cancellation_not_taken"

    def conflict_kind(self) -> str:
        return "cancellation_not_taken"

    def _part(self, claim: Claim) -> Part:
        with self._context.ledger.reading() as connection:
            return order_parts.part_of(connection, claim.part_id)

    def _about(self, claim: Claim) -> tuple[Source | None, Concern | None]:
        """Return who asked, and what the cancellation means for the order as the ledger has it now."""
        number = _cancellation_id(claim)
        if number is None:
            return None, None
        with self._context.ledger.reading() as connection:
            part = order_parts.part_of(connection, claim.part_id)
            places = ordered_units.units_of_order(connection, claim.order_id)
            cancellation = cancellations.by_id(connection, number)
            return cancellation.source, concern(cancellation, part, places)

    def _reason(self, claim: Claim) -> str:
        number = _cancellation_id(claim)
        if number is None:
            return "withdrawn before"
        with self._context.ledger.reading() as connection:
            return cancellations.by_id(connection, number).reason

    def _lines(self, about: Concern, order: BackendOrder | None) -> tuple[CancelLine, ...]:
        """Return what is still to be taken out of each line, beyond what the back end shows as cancelled."""
        with self._context.ledger.reading() as connection:
            known = part_lines.frozen_lines(connection, about.part.id)
        shown = {line.line_number: line.cancelled for line in order.lines} if order is not None else {}
        left = {line: target - shown.get(line, 0) for line, target in about.targets.items()}
        return tuple(
            CancelLine(line, known[line][0], quantity)
            for line, quantity in sorted(left.items())
            if quantity > 0 and line in known
        )


def run(context: Context, account: str | None = None, order_id: int | None = None) -> Summary:
    """Take every undecided cancellation a step further, then ask what is due of one back end, or of all."""
    if order_id is None:
        _advance_all(context)
    total = Summary()

    def ask(backend: FulfilmentBackend) -> int:
        if account not in (None, backend.account):
            return 0
        ring = partial(context.doorbell.ring, "cancel_ask", backend.account)
        done = run_writes(context, OrderCancelWrite(context, backend), ring=ring, order_id=order_id)
        total.add(done)
        return done.acknowledged

    each_backend(context, ask).counts()
    if total.acknowledged or total.withdrawn:
        context.doorbell.ring("cancellation_push")
    return total


def _advance_all(context: Context) -> None:
    """Look at every undecided cancellation again: whatever kept it may be over."""
    with context.ledger.reading() as connection:
        waiting = cancellations.still_asked(connection, BATCH)
    go_on(context, waiting)


def go_on(context: Context, numbers: Sequence[int]) -> None:
    """Take cancellations a step further, each by itself; one that cannot be is told and stops no other."""
    for number in numbers:
        subject, at = f"cancellation:{number}", context.now()
        try:
            with context.ledger.work() as work:
                cancelling.advance(context, work.connection, number, at)
                close_exceptions(work.connection, subject, "defect", at=at, resolution="it went on")
                work.commit()
        except DatabaseAway:
            raise
        except Exception as error:  # noqa: BLE001  # one bad item never stops the batch
            with context.ledger.work() as work:
                cancellations.touch(work.connection, number, at)
                defect(work.connection, subject, KIND, error, at)
                work.commit()


def _cancellation_id(claim: Claim) -> int | None:
    mark, _, number = claim.key.rpartition(":")[2].partition(".")
    return int(mark[1:]) if mark.startswith("w") and number else None
