"""Many stock writes at once: handing them over in chunks, and finding out what became of each with few calls."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from connectors.scayle.client import SYSTEM, read_refusal
from connectors.scayle.stock_client import StockClient
from connectors.scayle.stock_mapping import document_of, failed_operation, texts_of, to_answer, unsaid
from connectors.scayle.stock_payloads import BulkProgress, BulkStatus, OperationStatus
from connectors.wire import unknown_value
from syncbridge.domain.errors import (
    Busy,
    CallEvidence,
    Misconfigured,
    OutcomeUnknown,
    RetryLater,
    VendorError,
)
from syncbridge.domain.stock import ShopStock, StockWrite

log = structlog.get_logger(__name__)

ENDED = frozenset({"processed", "failed", "cancelled", "aborted"})
RUNNING = frozenset({"new", "pending", "processing"})

OPERATIONS_READ = 25
"""The largest request of which `results` reads the operations. Chosen: 1.5 s of the quota; of a larger one it is cheaper to
hand everything over again in small requests, most of which then go well."""

Outcomes = dict[int, ShopStock | VendorError]


class BulkStock:
    """SCAYLE's bulk requests for stock (SCAYLE contract 11). Keeps nothing between calls, so any process may ask."""

    def __init__(self, client: StockClient, chunk: int) -> None:
        self._client = client
        self._chunk = chunk

    def start(self, writes: Sequence[StockWrite]) -> str:
        """Hand the writes over in chunks of one request, which SCAYLE begins with the last chunk; return its key.

        Where a chunk fails the request is cancelled, so that it does not wait for ever and count against SCAYLE's
        limits. What it may have done already is harmless to repeat: quantities are absolute and stamped. Raises
        ValueError for no writes at all.
        """
        if not writes:
            raise ValueError("a bulk request needs at least one write")
        key: str | None = None
        for first in range(0, len(writes), self._chunk):
            chunk = writes[first : first + self._chunk]
            last = first + self._chunk >= len(writes)
            try:
                key = self._client.add_to_bulk(chunk, first, request_key=key, last=last)
            except (VendorError, Busy):
                if key is not None:
                    self._give_up(key)
                raise
        assert key is not None
        return key

    def results(self, key: str, writes: Sequence[StockWrite]) -> Outcomes | None:
        """Return what became of every write, or None while SCAYLE still works on them.

        SCAYLE lists no results: the answer to each operation costs a call, at 1,000 a minute (globalRead). So:

        * All went well: one call. Each write counts as accepted, without a word about what is held now (quantity and
          time are None). Whether one was ignored as too old is told by `read_stock`, at 2,500 calls a minute.
        * Some failed, of at most `OPERATIONS_READ`: operations are read one by one until all that failed are found.
          Those on the way have their answers, the others count as accepted. Where calls are short, what was not read is
          OutcomeUnknown.
        * Some failed of more: every one is OutcomeUnknown. The same writes in smaller requests, or singly, tell which.

        Raises OutcomeUnknown where SCAYLE no longer has the request, else what any read raises.
        """
        status = self._client.bulk_status(key)
        progress = status.progress or BulkProgress()
        if not _ended(status, progress):
            return None
        complete = (progress.processed or 0) + (progress.failed or 0) == len(writes)
        outcomes: Outcomes = {}
        if complete and progress.failed == 0:
            return {index: unsaid(write) for index, write in enumerate(writes)}
        if len(writes) > OPERATIONS_READ:
            return {index: _not_read() for index in range(len(writes))}
        failures = progress.failed if complete else None
        self._read(key, writes, failures, outcomes)
        all_found = failures is not None and _failed(outcomes) >= failures
        for index, write in enumerate(writes):
            if index not in outcomes:
                outcomes[index] = unsaid(write) if all_found else _not_read()
        return outcomes

    def _read(self, key: str, writes: Sequence[StockWrite], failures: int | None, outcomes: Outcomes) -> None:
        found = 0
        for index, write in enumerate(writes):
            try:
                operation, request_id = self._client.operation(key, index)
                outcomes[index] = _outcome(operation, write, request_id)
            except (Busy, RetryLater, Misconfigured) as error:
                log.info("bulk_results_cut_short", key=key, read=index, error=type(error).__name__)
                return
            except VendorError as error:
                outcomes[index] = OutcomeUnknown("SCAYLE does not say what became of it", error.evidence)
            found += isinstance(outcomes[index], VendorError)
            if failures is not None and found >= failures:
                return

    def _give_up(self, key: str) -> None:
        try:
            self._client.cancel_bulk(key)
        except (VendorError, Busy) as error:
            log.warning("bulk_request_left_open", key=key, error=type(error).__name__)


def _ended(status: BulkStatus, progress: BulkProgress) -> bool:
    if status.status in ENDED:
        return True
    if status.status not in RUNNING:
        unknown_value("scayle.bulk.status", status.status)
        done = (progress.processed or 0) + (progress.failed or 0)
        return progress.total is not None and 0 < progress.total <= done
    return False


def _failed(outcomes: Outcomes) -> int:
    return sum(isinstance(outcome, VendorError) for outcome in outcomes.values())


def _not_read() -> OutcomeUnknown:
    return OutcomeUnknown(
        "the bulk request did not go well as a whole, and what became of this one was not read",
        CallEvidence(SYSTEM, "write stock in bulk"),
    )


def _outcome(operation: OperationStatus, write: StockWrite, request_id: str) -> ShopStock | VendorError:
    """Return what one operation came to, once its request has ended."""
    response = operation.response
    status = response.status_code if response else None
    body = response.body if response else None
    if operation.status == "new":
        evidence = CallEvidence(SYSTEM, "write stock in bulk", request_id=request_id)
        return RetryLater("the bulk request ended before this one was begun", evidence)
    if operation.status == "processed" and (status is None or 200 <= status < 300):
        try:
            return to_answer(document_of(body), write)
        except ValueError:
            return unsaid(write)
    refusal = read_refusal(texts_of(body))
    evidence = CallEvidence(
        SYSTEM,
        "write stock in bulk",
        status=status,
        code=refusal.code,
        request_id=request_id,
        excerpt=refusal.excerpt,
    )
    return failed_operation(status, refusal, evidence)
