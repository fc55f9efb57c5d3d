"""OrderWise behind the `FinanceBackend` port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.orderwise.client import OrderWiseClient
from connectors.orderwise.decimal_json import read_json
from connectors.orderwise.dialect import FIND_BATCH, POST_BATCH, SYSTEM
from connectors.orderwise.financial_batch import batch_faults, compose_batch
from connectors.orderwise.payloads import BatchDocument, trimmed
from syncbridge.config.orderwise import OrderWiseSettings, folded
from syncbridge.domain.errors import CallEvidence, NeedsPerson
from syncbridge.domain.finance import Batch, PostedBatch, PostingType
from syncbridge.domain.orders import Fault
from syncbridge.ports.backend import Capability


class OrderWiseFinance:
    """OrderWise's ledger. Safe for threads; shares the client, and so the token and the quota, with the warehouse."""

    def __init__(self, settings: OrderWiseSettings, client: OrderWiseClient) -> None:
        self._settings = settings
        self._client = client
        self._capability = Capability(settings.capabilities.financial)
        self._types = frozenset(settings.finance.types)

    @property
    def account(self) -> str:
        return f"{SYSTEM}:{self._settings.name}"

    @property
    def capability(self) -> Capability:
        return self._capability

    @property
    def posting_types(self) -> frozenset[PostingType]:
        return self._types

    def batch_faults(self, batch: Batch) -> tuple[Fault, ...]:
        return batch_faults(batch, self._settings)

    def compose_batch(self, batch: Batch) -> str:
        return compose_batch(batch, self._settings)

    def send_batch(self, body: str) -> PostedBatch:
        """Post a frozen batch. Where a person posts, or nobody, nothing leaves: NeedsPerson says what they have to do."""
        frozen = read_json(body.encode())
        if self._capability is not Capability.API:
            raise NeedsPerson(self._not_sent(frozen), CallEvidence(SYSTEM, POST_BATCH))
        return _posted(self._client.post_batch(body, frozen["batchRef"], len(frozen["transactions"])))

    def _not_sent(self, frozen: Mapping[str, Any]) -> str:
        why = f"orderwise.capabilities.financial is {self._capability.value}"
        if self._capability is Capability.OFF:
            return f"{why}: nothing is posted to OrderWise"
        totals = frozen["controlTotals"]
        return (
            f"{why}: enter batch {frozen['batchRef']} there by hand, {totals['count']} postings, {frozen['currency']} "
            f"net {totals['net']}, tax {totals['tax']}, gross {totals['gross']}"
        )

    def find_batch(self, reference: str) -> PostedBatch | None:
        """Return the batch under a reference, or None. Raises NeedsPerson if OrderWise has several."""
        found = [row for row in self._client.batches(reference) if folded(trimmed(row.batch_ref)) == folded(reference)]
        if len({row.batch_id for row in found}) > 1:
            ids = ", ".join(sorted(str(row.batch_id) for row in found))
            raise NeedsPerson(
                f"OrderWise has this reference as the batches {ids}: finance must take out all but one",
                CallEvidence(SYSTEM, FIND_BATCH),
            )
        return _posted(found[0]) if found else None


def _posted(document: BatchDocument) -> PostedBatch:
    return PostedBatch(
        batch_id=str(document.batch_id),
        reference=trimmed(document.batch_ref),
        raw_status=trimmed(document.batch_status),
        accepted=document.accepted,
    )
