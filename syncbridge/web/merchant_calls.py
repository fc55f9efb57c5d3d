"""What holds for every call that SCAYLE makes to one of our merchants, `/scayle/{merchant}/…`.

SCAYLE repeats what is not answered as documented, so whatever goes wrong on our side is answered 503 and costs nothing but time. What
is wrong with the call itself is answered 4xx, and its body is kept wherever it could matter.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from flask import Response, request
from prometheus_client import Histogram

from syncbridge.flows.context import Context
from syncbridge.flows.refused_messages import record_refused
from syncbridge.ledger.gauges import is_database_trouble
from syncbridge.log import context as log_context
from syncbridge.web.auth import refuse_stranger
from syncbridge.web.bodies import Body, read_body
from syncbridge.web.failures import where
from syncbridge.web.parts import Parts
from syncbridge.web.replies import refusal, try_again

log = structlog.get_logger(__name__)

_LONGEST_STRANGE_NAME = 40


@dataclass(frozen=True)
class MerchantCall:
    """One kind of call: its name, what it is timed by, the exception of a body that is too large, and what answers it.

    `answer` gets the context, the merchant's key and the raw body; whatever it raises is answered 503.
    """

    parts: Parts
    name: str
    seconds: Histogram
    too_large: str
    answer: Callable[[Context, str, bytes], Response]

    def take(self, merchant: str) -> Response:
        """Answer the request at hand."""
        settings = self.parts.configuration()
        if (stranger := refuse_stranger(request, settings)) is not None:
            return stranger
        begun = time.perf_counter()
        try:
            key = _known_or_plain(self.parts, merchant)
            with log_context(merchant=key):
                return self._take(key, read_body(request, settings.scayle.max_body_bytes))
        finally:
            self.seconds.observe(time.perf_counter() - begun)

    def _take(self, merchant: str, body: Body) -> Response:
        try:
            context = self.parts.context()
            if body.too_large:
                return self._refuse_too_large(context, merchant, body)
            return self.answer(context, merchant, body.raw)
        except Exception as error:  # noqa: BLE001 - whatever happens, SCAYLE must be told to ask again
            log.error("merchant_call_failed", call=self.name, error=type(error).__name__, at=where(error), bytes=body.size_bytes)
            if not is_database_trouble(error):
                self._keep_all_the_same(merchant, body, error)
            return try_again()

    def _refuse_too_large(self, context: Context, merchant: str, body: Body) -> Response:
        limit = self.parts.configuration().scayle.max_body_bytes
        reason = f"a body of {body.size_bytes} bytes; at most {limit} are read"
        self._keep(context, merchant, body, reason, self.too_large)
        log.warning("merchant_call_refused", call=self.name, status=413, bytes=body.size_bytes)
        return refusal(413, "BODY_TOO_LARGE", f"The body is larger than {limit} bytes.", limit=limit)

    def _keep_all_the_same(self, merchant: str, body: Body, error: Exception) -> None:
        """Keep a body on which our own code failed: its repeats will fail as well, and after days SCAYLE gives up."""
        try:
            self._keep(
                self.parts.context(), merchant, body, f"answering it failed: {type(error).__name__}", "defect"
            )
        except Exception as second:  # noqa: BLE001 - the log line above is the record then
            log.error("merchant_call_not_kept", call=self.name, error=type(second).__name__, at=where(second))

    def _keep(self, context: Context, merchant: str, body: Body, reason: str, kind: str) -> None:
        record_refused(
            context, f"{self.name}:{merchant}", body.raw, reason, kind=kind, size_bytes=body.size_bytes
        )


def _known_or_plain(parts: Parts, merchant: str) -> str:
    """Return the merchant's key as configured; of an unknown one only what is fit for a database and a log."""
    if parts.configuration().merchant(merchant) is not None:
        return merchant
    return re.sub(r"[^A-Za-z0-9._-]", "?", merchant)[:_LONGEST_STRANGE_NAME]
