"""Kinds of exceptions about what left the warehouse, and what the shop was to be told of it."""

from __future__ import annotations

from syncbridge.domain.exception_kinds.kind import HOUR, RERUN, Kind, Owner, Severity

KINDS = (
    Kind(
        "units_shipped_elsewhere",
        "SCAYLE shows units as shipped that we never sent to the warehouse",
        Owner.ECOMMERCE,
        Severity.CRITICAL,
        HOUR,
        (
            "Nothing was sent: somebody else shipped them, or SCAYLE closed the order by itself after 14 days.",
            "Find out in SCAYLE whether the customer has the goods, and refund or reorder what is missing.",
            "What is not to be sent any more: syncbridge orders cancel ORDER --unit ID --reason TEXT. " + RERUN,
        ),
    ),
    Kind(
        "reference_resurfaced",
        "A withdrawn order turned up in the warehouse",
        Owner.WAREHOUSE,
        Severity.CRITICAL,
        HOUR,
        ("Stop this order in the warehouse before it is picked: nobody waits for it.",),
    ),
    Kind(
        "despatch_unmatched",
        "Goods left the warehouse for an order that we do not know",
        Owner.WAREHOUSE,
        Severity.HIGH,
        4 * HOUR,
        (
            "Compare the despatch's reference with the order in SCAYLE.",
            "If it is another system's order, resolve this with that reason.",
        ),
    ),
    Kind(
        "despatch_wrong_goods",
        "A parcel holds goods or quantities that its order does not have",
        Owner.WAREHOUSE,
        Severity.HIGH,
        4 * HOUR,
        (
            "The parcel, SKU and quantities are listed; the rest of the parcel was told to SCAYLE.",
            "Find out what was sent; customer service offers the customer a return for the surplus.",
        ),
    ),
    Kind(
        "despatch_voided_after_told",
        "A despatch was voided after the customer was told of it",
        Owner.CUSTOMER_SERVICE,
        Severity.CRITICAL,
        HOUR,
        (
            "SCAYLE has invoiced these units and cannot take that back: do not cancel them there.",
            "Tell the customer; the new tracking number follows here when the parcel leaves again.",
        ),
    ),
    Kind(
        "despatched_again",
        "Units left a second time, or after SCAYLE was told that they are closed",
        Owner.CUSTOMER_SERVICE,
        Severity.CRITICAL,
        HOUR,
        (
            "No second shipment is sent to SCAYLE, so the customer is charged once.",
            "Give the customer the new tracking number that is listed here.",
        ),
    ),
    Kind(
        "tracking_late",
        "A tracking number came after the shipment was reported without one",
        Owner.CUSTOMER_SERVICE,
        Severity.NORMAL,
        24 * HOUR,
        ("Give the customer the tracking number if they ask for it, then resolve this.",),
    ),
    Kind(
        "carrier_unmapped",
        "The warehouse used a carrier that SCAYLE does not know",
        Owner.ECOMMERCE,
        Severity.HIGH,
        4 * HOUR,
        (
            "Add the carrier to carrier_map of this merchant in the configuration and restart.",
            "The shipment then goes out: " + RERUN,
        ),
    ),
    Kind(
        "shipment_refused",
        "SCAYLE refused a shipment",
        Owner.ECOMMERCE,
        Severity.CRITICAL,
        4 * HOUR,
        (
            "The customer has not been told and money has not been captured for these units.",
            "The evidence has SCAYLE's error key; syncbridge orders show ORDER has both sides. " + RERUN,
        ),
    ),
    Kind(
        "cancellation_refused",
        "SCAYLE refused to close units that the warehouse will not send",
        Owner.CUSTOMER_SERVICE,
        Severity.HIGH,
        4 * HOUR,
        ("Close the listed units in the SCAYLE panel, then resolve this.",),
    ),
    Kind(
        "force_close_near",
        "SCAYLE will soon close an order as shipped although units are still open",
        Owner.WAREHOUSE,
        Severity.CRITICAL,
        24 * HOUR,
        (
            "SCAYLE closes an order 14 days after delegation, and captures the money.",
            "Have the open units sent or given up in the warehouse before that.",
        ),
    ),
)
