"""Kinds of exceptions about the running of it all: vendors that refuse us, feeds that fail, defects."""

from __future__ import annotations

from syncbridge.domain.exception_kinds.kind import HOUR, RERUN, Kind, Owner, Severity

KINDS = (
    Kind(
        "vendor_refuses_us",
        "A vendor refuses our credentials or address",
        Owner.IT,
        Severity.CRITICAL,
        HOUR,
        (
            "Check the secret named in the evidence, its scopes and the base URL; then restart.",
            "Nothing is lost: everything waits and goes on by itself.",
        ),
    ),
    Kind(
        "feed_failing",
        "A vendor's feed cannot be read",
        Owner.IT,
        Severity.HIGH,
        HOUR,
        (
            "The cursor stays where it was, so nothing is skipped. The evidence has the vendor's answer.",
            "HTTP 401 or 403: check the vendor's secret and its scopes, then restart. syncbridge doctor tells whether it is right.",
            "Anything else: the feed is read again by itself; if it stays, ask the vendor with the request id.",
            "This closes by itself once the feed was read to its end.",
        ),
    ),
    Kind(
        "defect",
        "syncbridge met something that it does not understand",
        Owner.IT,
        Severity.CRITICAL,
        4 * HOUR,
        (
            "The log has the traceback under the identifier in the evidence.",
            "The row waits; after a correction: " + RERUN,
        ),
    ),
)
