"""An order that a back end holds more than once: one stays live, a person is told, and the copies are cancelled.

Copies come from others, or from a request that landed long after we gave it up. The one with the lowest id counts; each
other one is an outward write of its own, recorded before anything is asked of the back end. Where the order itself was
cancelled, none of them counts any more. Where nobody knows what its status means, none is touched: it may be the live one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from syncbridge.domain.backend import BackendOrder, CancelState, CancelWish, FulfilmentStatus
from syncbridge.domain.errors import Busy, VendorError
from syncbridge.flows.context import Context
from syncbridge.flows.write import Found, Prepared, Renewed, Sighting, Trouble, Unwanted
from syncbridge.ledger import due_times, history, intents, ordered_units, transmission_reads
from syncbridge.ledger.claims import Claim
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, is_open, open_evidence, open_exception
from syncbridge.ledger.order_parts import Part
from syncbridge.ports.backend import Capability, FulfilmentBackend

KIND = "copy_cancel"
EXCEPTION = "order_duplicated"
NO_COPY = "it is no copy of a live order any more"
UNCLEAR = timedelta(minutes=5)
"""After so long a copy is looked at again whose order has a status that nobody knows. Chosen: a person has to translate it."""


def note_copies(
    context: Context, connection: Connection, part: Part, order: BackendOrder, at: datetime, *, created: bool = False
) -> None:
    """Tell a person of an order's live copies and have them cancelled; that is over once none is live any more."""
    backend = context.backend_named(part.account)
    if not order.copies and (created or backend.timing.unique_references):
        return
    subject = f"fulfilment:{part.reference}"
    told = is_open(connection, EXCEPTION, subject)
    known = transmission_reads.keys_of(connection, part.id, KIND) if order.copies or told else frozenset()
    copies = order.copies
    if _is_left_over(connection, part, order, known):
        copies = (*copies, order.backend_id)
    if not copies:
        if told:
            close_exceptions(connection, subject, EXCEPTION, at=at, resolution="the back end shows one live order")
            # A copy that could not be cancelled is live no more: its write finds that out.
            due_times.look_soon(connection, part.id, KIND, at=at)
        return
    fresh = [copy for copy in copies if _key(part.reference, copy) not in known]
    # A person does it, or has to say first what its status means.
    by_hand = backend.capabilities.cancel is not Capability.API or order.status is FulfilmentStatus.UNKNOWN
    if told and (not fresh or (by_hand and _told_of(connection, part) >= set(copies))):
        return
    open_exception(
        connection,
        EXCEPTION,
        subject,
        at=at,
        cause="more than one live order under one reference",
        evidence={"reference": part.reference, "order": order.backend_id, "copies": sorted(copies)},
        order_id=part.order_id,
    )
    if by_hand:
        return
    for copy in fresh:
        intents.add(
            connection,
            kind=KIND,
            target=part.account,
            key=_key(part.reference, copy),
            order_id=part.order_id,
            fulfilment_order_id=part.id,
            at=at,
            due_at=at,
        )
    if fresh:
        context.doorbell.ring("order_push", part.account)


def _told_of(connection: Connection, part: Part) -> set[str]:
    """Return the copies of which a person was told."""
    told = open_evidence(connection, EXCEPTION, f"fulfilment:{part.reference}")
    return {copy for evidence in told if evidence.get("reference") == part.reference for copy in evidence.get("copies", ())}


def _is_left_over(connection: Connection, part: Part, order: BackendOrder, known: frozenset[str]) -> bool:
    """Say whether nobody waits any more for what a back end shows as the order that counts.

    It is a copy of an order that was cancelled, which could not be cancelled or turned up since; or its goods left with a
    copy of it.
    """
    copy = _key(part.reference, order.backend_id) in known
    if order.status is not FulfilmentStatus.DESPATCHED:
        untouched = order.status is not FulfilmentStatus.UNKNOWN and not any(line.despatched for line in order.lines)
        copy = copy or part.backend_id not in (None, order.backend_id) or bool(order.copies and untouched)
    return copy and order.status is not FulfilmentStatus.CANCELLED and not ordered_units.open_units(connection, part.id)


def _key(reference: str, copy: str) -> str:
    return f"{reference}/{copy}"[:128]


class CopyCancelWrite:
    """The `copy_cancel` write: cancels one copy of an order. Asking twice does no harm."""

    kind = KIND
    harmless_repeat = True

    def __init__(self, context: Context, backend: FulfilmentBackend) -> None:
        self._context = context
        self._backend = backend
        self.target = backend.account
        self.lookup_lag = backend.timing.lookup_lag
        self.landing = backend.timing.landing

    def gather(self) -> None:
        """A copy is stopped at once, before it is picked."""

    def look_up(self, claims: Sequence[Claim]) -> Found:
        references = list(dict.fromkeys(_reference(claim) for claim in claims))
        found: dict[str, BackendOrder] = {}
        batch = self._backend.lookup_batch
        for start in range(0, len(references), batch):
            found |= self._backend.find_orders(references[start : start + batch])
        return {
            claim.id: Unwanted(NO_COPY) if _copy(claim) == order.backend_id else Sighting(order)
            for claim in claims
            if (order := found.get(_reference(claim))) is not None
            and _copy(claim) not in order.copies
            and not self._is_unwanted(claim, order)
        }

    def prepare(self, claim: Claim) -> Prepared | Trouble | Unwanted:
        found = self._backend.find_orders([_reference(claim)]).get(_reference(claim))
        if found is None or not (_copy(claim) in found.copies or self._is_unwanted(claim, found)):
            # It may have become the one that counts: the other was cancelled by somebody.
            return Unwanted(NO_COPY)
        if found.status is FulfilmentStatus.UNKNOWN:
            raise Busy("it is not known whether the order that counts is live", after=UNCLEAR)
        wish = CancelWish(_reference(claim), _copy(claim), f"a copy of {found.backend_id}")
        return Prepared(self._backend.compose_cancel(wish))

    def _is_unwanted(self, claim: Claim, found: BackendOrder) -> bool:
        """Say whether it is what counts there of an order of which nobody waits for anything any more."""
        if claim.fulfilment_order_id is None or _copy(claim) != found.backend_id:
            return False
        if found.status is FulfilmentStatus.DESPATCHED:
            # It left: its despatch is heard, and others may be copies of it.
            return False
        with self._context.ledger.reading() as connection:
            return not ordered_units.open_units(connection, claim.fulfilment_order_id)

    def renew(self, claim: Claim) -> Unwanted | Renewed | Trouble | None:
        """A copy stays a copy."""
        return None

    def abandon(self, connection: Connection, claim: Claim, at: datetime) -> None:
        """There is nothing to cancel: it is gone, it left, or it is the order that counts."""
        gone = "the back end shows it as no copy that is live"
        close_exceptions(connection, self.subject(claim), EXCEPTION, at=at, resolution=gone)

    def freeze(self, connection: Connection, claim: Claim, prepared: Prepared, at: datetime) -> None:
        """The body says everything."""

    def send(self, body: str) -> Sighting | None:
        answer = self._backend.send_cancel(body)
        if answer.state is CancelState.REFUSED:
            return Sighting(answer, (f"too late to cancel: {answer.raw_status}",))
        return Sighting(answer) if answer.state is CancelState.CANCELLED else None

    def settle(self, connection: Connection, claim: Claim, sighting: Sighting, at: datetime) -> None:
        history.record(
            connection, claim.order_id, claim.target, "copy_cancelled", at=at, subject=claim.key
        )
        gone = "the back end shows it as live no more"
        close_exceptions(connection, self.subject(claim), EXCEPTION, at=at, resolution=gone)
        assert claim.fulfilment_order_id is not None
        if not ordered_units.open_units(connection, claim.fulfilment_order_id):
            # The order is finished there, so nobody asks about it any more; another copy has an exception of its own.
            close_exceptions(connection, f"fulfilment:{_reference(claim)}", EXCEPTION, at=at, resolution=gone)
            # One that had left already may be the order that counts now: its own write finds that out.
            due_times.look_soon(connection, claim.fulfilment_order_id, KIND, at=at)

    def subject(self, claim: Claim) -> str:
        return f"copy:{claim.key}"[:128]

    def refusal_kind(self, error: VendorError) -> str:
        return EXCEPTION

    def conflict_kind(self) -> str:
        return EXCEPTION


def _reference(claim: Claim) -> str:
    return claim.key.rpartition("/")[0]


def _copy(claim: Claim) -> str:
    return claim.key.rpartition("/")[2]
