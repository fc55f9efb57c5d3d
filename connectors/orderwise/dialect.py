"""How OrderWise speaks HTTP: no error schema, no rate headers, a token that may end at any time (contract 2.2, 2.3, 11)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from connectors.dialect import Answer, Call, Refusal, retry_after_header
from connectors.orderwise.refusals import read_refusal, refused_text
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.domain.errors import (
    AlreadyExists,
    CallEvidence,
    Misconfigured,
    NeedsPerson,
    VendorError,
)
from syncbridge.ports.quota import QuotaReading

SYSTEM = "orderwise"
SCOPE = "installation"
"""All calls share one server, and often one line to the warehouse (contract 9.17)."""

EXPORT = "export"
"""The first word of every operation that runs an export definition."""
CREATE, CANCEL, RETURN = "create order", "cancel order", "announce return"
POST_BATCH, FIND_BATCH = "post financial batch", "find financial batch"


class TokenRefused(VendorError):
    """The token is no longer accepted; the call had no effect and may be repeated with a new one."""


class CancelRefused(VendorError):
    """The order is past the point where it can be cancelled; `status` is what OrderWise says it is in."""

    def __init__(self, message: str, evidence: CallEvidence, status: str) -> None:
        super().__init__(message, evidence)
        self.status = status


class OrderWiseDialect:
    """OrderWise's answers that mean something special. The token travels with the single call."""

    system = SYSTEM

    def __init__(self, settings: OrderWiseSettings) -> None:
        self._capacity = settings.burst
        self._refill = settings.max_requests_per_second

    def headers(self) -> Mapping[str, str]:
        return {}

    def is_failure(self, answer: Answer) -> bool:
        return not 200 <= answer.status < 300

    def refusal(self, answer: Answer) -> Refusal:
        return read_refusal(answer)

    def translate(
        self, call: Call, answer: Answer, refusal: Refusal, evidence: CallEvidence
    ) -> VendorError | None:
        status = answer.status
        if status == 401:
            return TokenRefused("the token is not accepted", evidence)
        if status == 404 and refusal.enveloped and call.operation.startswith(EXPORT):
            return Misconfigured("there is no export definition with the configured id", evidence)
        if status == 404 and refusal.enveloped and call.operation in (POST_BATCH, FIND_BATCH):
            # Finding nothing is an empty list (contract 12.11): a 404 means that there is no such endpoint.
            return Misconfigured("it takes no financial batches under orderwise.paths.financial_batch", evidence)
        if status == 409:
            if call.operation == POST_BATCH:
                return _batch_conflict(call, refusal, evidence)
            if call.operation == CANCEL:
                shown = str(refusal.context.get("orderstatus") or "").strip()
                return CancelRefused("the order is being processed", evidence, shown)
            if call.operation in (CREATE, RETURN):
                return AlreadyExists("OrderWise already holds this reference", evidence)
        if status in (400, 422):
            return NeedsPerson(refused_text(call, refusal), evidence)
        return None

    def had_no_effect(self, answer: Answer, refusal: Refusal) -> bool:
        """Nothing is known about the effect of a server error."""
        return False

    def credentials_refused(self, answer: Answer, refusal: Refusal) -> bool:
        """Never by one answer: a 401 may only mean that the token ended, and a 403 that one module is not ticked.

        The client says it once a fresh token, or the minting of one, is refused (contract 11).
        """
        return False

    def retry_after(self, answer: Answer) -> timedelta | None:
        return retry_after_header(answer)

    def quota(self, call: Call, answer: Answer) -> tuple[str, QuotaReading] | None:
        """No rate headers are known; only a 429 says something."""
        if answer.status != 429:
            return None
        return SCOPE, QuotaReading(
            limit=self._capacity,
            remaining=0,
            refill_per_second=self._refill,
            retry_after=retry_after_header(answer) or timedelta(seconds=1),
        )


def _batch_conflict(call: Call, refusal: Refusal, evidence: CallEvidence) -> VendorError | None:
    """Tell the two conflicts of a batch apart; only their words do (contract 12.11).

    Any other words mean that the reference is taken, which a look-up proves or disproves. A page proves nothing.
    """
    if not refusal.enveloped:
        return None
    words = " ".join(refusal.context.get("texts", ())).casefold()
    if "period" in words and "closed" in words:
        return NeedsPerson(refused_text(call, refusal), evidence)
    return AlreadyExists("OrderWise already holds this reference with different content", evidence)

