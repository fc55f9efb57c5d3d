"""Kinds of exceptions about orders: messages that cannot be taken in, orders that cannot be sent, or go astray."""

from __future__ import annotations

from syncbridge.domain.exception_kinds.kind import HOUR, RERUN, Kind, Owner, Severity

KINDS = (
    Kind(
        "message_unreadable",
        "A message that could be an order cannot be read",
        Owner.IT,
        Severity.CRITICAL,
        HOUR,
        (
            "The body is kept: syncbridge exceptions show names the inbox row and what is wrong with it.",
            "SCAYLE repeats a refused delegation for about two days and then cancels the order.",
            "Mend what the evidence names at the sender; the next repeat goes through by itself.",
        ),
    ),
    Kind(
        "unknown_merchant",
        "An order came for a merchant that is not configured",
        Owner.IT,
        Severity.CRITICAL,
        HOUR,
        (
            "Compare the merchant's delegation URL in SCAYLE with [[merchants]] key in the configuration.",
            "Correct one of them; SCAYLE repeats the call by itself for about two days.",
        ),
    ),
    Kind(
        "order_too_large",
        "An order has more units or bytes than syncbridge supports",
        Owner.ECOMMERCE,
        Severity.CRITICAL,
        HOUR,
        (
            "Nothing of this order was sent to the warehouse.",
            "Agree with customer service to cancel it in SCAYLE and have it ordered again in parts.",
        ),
    ),
    Kind(
        "delegation_odd",
        "An order was taken in, but something about the call is not as agreed",
        Owner.ECOMMERCE,
        Severity.HIGH,
        4 * HOUR,
        (
            "Read the listed faults: each names the field and the way out.",
            "Correct it in SCAYLE where it can be corrected. " + RERUN,
        ),
    ),
    Kind(
        "order_invalid",
        "An order cannot be sent to the warehouse as it is",
        Owner.ECOMMERCE,
        Severity.HIGH,
        4 * HOUR,
        (
            "Read the listed faults: all faults of the order are there, each with field and way out.",
            "An address cannot be changed in SCAYLE after confirmation: ask the customer, then cancel and reorder.",
            "A SKU is mended by setting it up in the warehouse, or by the SKU map in the configuration and a restart. " + RERUN,
        ),
    ),
    Kind(
        "order_refused",
        "The warehouse refused an order",
        Owner.ECOMMERCE,
        Severity.HIGH,
        4 * HOUR,
        (
            "The evidence has the warehouse's own codes and fields; nothing was created there.",
            "Correct what they name. " + RERUN,
        ),
    ),
    Kind(
        "order_conflict",
        "The warehouse holds another order under our reference",
        Owner.IT,
        Severity.CRITICAL,
        HOUR,
        (
            "Do not send this order again: compare both orders first (the differing fields are listed).",
            "Ask the warehouse who made the other order and which of the two is to be sent.",
        ),
    ),
    Kind(
        "order_quarantined",
        "The warehouse holds an order back until somebody corrects it",
        Owner.CUSTOMER_SERVICE,
        Severity.HIGH,
        4 * HOUR,
        (
            "The warehouse's reasons are listed, one per field or line.",
            "Have the address or the SKU corrected in the warehouse and the order released there.",
            "This closes by itself once the warehouse shows the order as accepted.",
        ),
    ),
    Kind(
        "total_mismatch",
        "The warehouse's order total is not the shop's",
        Owner.FINANCE,
        Severity.HIGH,
        24 * HOUR,
        ("Compare the totals in the evidence line by line; SCAYLE is the truth for prices.",),
    ),
    Kind(
        "order_stuck",
        "An order has not reached the warehouse in time",
        Owner.IT,
        Severity.CRITICAL,
        HOUR,
        (
            "syncbridge orders show ORDER tells what each attempt met.",
            "syncbridge doctor tells whether the vendor answers. The order goes on by itself when it does.",
        ),
    ),
    Kind(
        "order_import_timeout",
        "The warehouse accepted an order and has not made it in time",
        Owner.ECOMMERCE,
        Severity.CRITICAL,
        HOUR,
        (
            "It is not sent again by itself, because it may still be made: find out what became of it there.",
            "If it turns up, this closes by itself.",
            ("If it is certain that it will never come: syncbridge exceptions resolve ID --reason TEXT, and after "
            "that syncbridge orders rerun ORDER sends it once more."),
        ),
    ),
    Kind(
        "order_duplicated",
        "The warehouse holds an order more than once",
        Owner.WAREHOUSE,
        Severity.CRITICAL,
        HOUR,
        (
            "The evidence names the order that counts and its copies; each copy is cancelled where that is possible.",
            "Stop every copy that is still live in the warehouse before it is picked.",
            "This closes by itself once no copy is live any more.",
        ),
    ),
    Kind(
        "order_vanished",
        "The warehouse does not know an order any more that it had",
        Owner.WAREHOUSE,
        Severity.CRITICAL,
        HOUR,
        (
            "Somebody may have deleted it there, or given it another reference: find out, and have it restored.",
            "This closes by itself once the order is shown again.",
            "If it is not to be sent any more, cancel its units in SCAYLE and resolve this.",
        ),
    ),
    Kind(
        "order_cancelled_by_warehouse",
        "The warehouse cancelled an order or gave up part of it",
        Owner.CUSTOMER_SERVICE,
        Severity.HIGH,
        4 * HOUR,
        (
            "SCAYLE has been told for the listed units, so the customer is not charged for them.",
            "Tell the customer if SCAYLE's own message is not enough, then resolve this.",
        ),
    ),
)
