"""The port of the ledger package to which batches of postings go."""

from __future__ import annotations

from typing import Protocol

from syncbridge.domain.finance import Batch, PostedBatch, PostingType
from syncbridge.domain.orders import Fault
from syncbridge.ports.backend import Capability


class FinanceBackend(Protocol):
    """The one ledger package of a deployment. Every method may raise a `VendorError` or `Busy`, unless it is pure."""

    @property
    def account(self) -> str:
        """The name of this target in our ledger, such as "orderwise:ACME-UK"."""
        ...

    @property
    def capability(self) -> Capability:
        """How batches are posted. With `manual` a person does it, and `batch_faults` and `compose_batch` still serve."""
        ...

    @property
    def posting_types(self) -> frozenset[PostingType]:
        """What is to be posted; a posting of another type is a fault of its batch."""
        ...

    def batch_faults(self, batch: Batch) -> tuple[Fault, ...]:
        """Return everything that would be refused about the batch, all at once. Pure."""
        ...

    def compose_batch(self, batch: Batch) -> str:
        """Return the exact body, for the caller to freeze. Pure; raises ValueError for a batch with faults."""
        ...

    def send_batch(self, body: str) -> PostedBatch:
        """Post a frozen batch, whole or not at all; the same body again has no further effect.

        Raises AlreadyExists where the reference is taken with different content, NeedsPerson where a period is closed, a
        code is unknown or `capability` is not `api`, and OutcomeUnknown where `find_batch` has to tell.
        """
        ...

    def find_batch(self, reference: str) -> PostedBatch | None:
        """Return what is posted under a reference, or None. Raises NeedsPerson where it is several batches."""
        ...
