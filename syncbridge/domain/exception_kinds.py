"""Every kind of exception: who owns it, how urgent it is and what to do. The one table; manuals are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Owner(StrEnum):
    """The team that has to act."""

    ECOMMERCE = "ecommerce"
    WAREHOUSE = "warehouse"
    CUSTOMER_SERVICE = "customer_service"
    FINANCE = "finance"
    IT = "it"


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"


@dataclass(frozen=True)
class Kind:
    """A kind of exception. `within` is the time in which its owner should have dealt with it."""

    name: str
    title: str
    owner: Owner
    severity: Severity
    within: timedelta
    steps: tuple[str, ...]


_HOUR = timedelta(hours=1)
_RERUN = "Then: syncbridge orders rerun ORDER."

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "message_unreadable",
            "A message that could be an order cannot be read",
            Owner.IT,
            Severity.CRITICAL,
            _HOUR,
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
            _HOUR,
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
            _HOUR,
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
            4 * _HOUR,
            (
                "Read the listed faults: each names the field and the way out.",
                "Correct it in SCAYLE where it can be corrected. " + _RERUN,
            ),
        ),
        Kind(
            "order_invalid",
            "An order cannot be sent to the warehouse as it is",
            Owner.ECOMMERCE,
            Severity.HIGH,
            4 * _HOUR,
            (
                "Read the listed faults: all faults of the order are there, each with field and way out.",
                "An address cannot be changed in SCAYLE after confirmation: ask the customer, then cancel and reorder.",
                "A SKU is mended by the SKU map in the configuration or by setting it up in the warehouse. " + _RERUN,
            ),
        ),
        Kind(
            "order_refused",
            "The warehouse refused an order",
            Owner.ECOMMERCE,
            Severity.HIGH,
            4 * _HOUR,
            (
                "The evidence has the warehouse's own codes and fields; nothing was created there.",
                "Correct what they name. " + _RERUN,
            ),
        ),
        Kind(
            "order_conflict",
            "The warehouse holds another order under our reference",
            Owner.IT,
            Severity.CRITICAL,
            _HOUR,
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
            4 * _HOUR,
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
            24 * _HOUR,
            ("Compare the totals in the evidence line by line; SCAYLE is the truth for prices.",),
        ),
        Kind(
            "order_stuck",
            "An order has not reached the warehouse in time",
            Owner.IT,
            Severity.CRITICAL,
            _HOUR,
            (
                "syncbridge orders show ORDER tells what each attempt met.",
                "syncbridge doctor tells whether the vendor answers. The order goes on by itself when it does.",
            ),
        ),
        Kind(
            "order_cancelled_by_warehouse",
            "The warehouse cancelled an order or gave up part of it",
            Owner.CUSTOMER_SERVICE,
            Severity.HIGH,
            4 * _HOUR,
            (
                "SCAYLE has been told for the listed units, so the customer is not charged for them.",
                "Tell the customer if SCAYLE's own message is not enough, then resolve this.",
            ),
        ),
        Kind(
            "reference_resurfaced",
            "A withdrawn order turned up in the warehouse",
            Owner.WAREHOUSE,
            Severity.CRITICAL,
            _HOUR,
            ("Stop this order in the warehouse before it is picked: nobody waits for it.",),
        ),
        Kind(
            "despatch_unmatched",
            "Goods left the warehouse for an order that we do not know",
            Owner.WAREHOUSE,
            Severity.HIGH,
            4 * _HOUR,
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
            4 * _HOUR,
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
            _HOUR,
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
            _HOUR,
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
            24 * _HOUR,
            ("Give the customer the tracking number if they ask for it, then resolve this.",),
        ),
        Kind(
            "carrier_unmapped",
            "The warehouse used a carrier that SCAYLE does not know",
            Owner.ECOMMERCE,
            Severity.HIGH,
            4 * _HOUR,
            (
                "Add the carrier to carrier_map of this merchant in the configuration and restart.",
                "The shipment then goes out: " + _RERUN,
            ),
        ),
        Kind(
            "shipment_refused",
            "SCAYLE refused a shipment",
            Owner.ECOMMERCE,
            Severity.CRITICAL,
            4 * _HOUR,
            (
                "The customer has not been told and money has not been captured for these units.",
                "The evidence has SCAYLE's error key; syncbridge orders show ORDER has both sides. " + _RERUN,
            ),
        ),
        Kind(
            "cancellation_refused",
            "SCAYLE refused to close units that the warehouse will not send",
            Owner.CUSTOMER_SERVICE,
            Severity.HIGH,
            4 * _HOUR,
            ("Close the listed units in the SCAYLE panel, then resolve this.",),
        ),
        Kind(
            "force_close_near",
            "SCAYLE will soon close an order as shipped although units are still open",
            Owner.WAREHOUSE,
            Severity.CRITICAL,
            24 * _HOUR,
            (
                "SCAYLE closes an order 14 days after delegation, and captures the money.",
                "Have the open units sent or given up in the warehouse before that.",
            ),
        ),
        Kind(
            "stock_held",
            "A stock run would change so much that it was held",
            Owner.WAREHOUSE,
            Severity.CRITICAL,
            _HOUR,
            (
                "The shop keeps the old numbers meanwhile; syncbridge stock diff lists what would change.",
                "Ask the warehouse whether the figures are real (a failed count, a wrong import).",
                "If they are: syncbridge stock release ACCOUNT --reason TEXT. If not, it closes when they come back.",
            ),
        ),
        Kind(
            "stock_ignored",
            "SCAYLE keeps ignoring the stock of a SKU",
            Owner.ECOMMERCE,
            Severity.HIGH,
            4 * _HOUR,
            (
                "SCAYLE holds a newer stamp than ours: somebody or something else writes stock for this SKU.",
                "Compare the stamps in the evidence with the clocks (syncbridge doctor) and stop the other writer.",
            ),
        ),
        Kind(
            "clock_skew",
            "Our clock is far from the shop's",
            Owner.IT,
            Severity.CRITICAL,
            _HOUR,
            (
                "Synchronise this computer's clock (NTP); syncbridge doctor shows the distance.",
                "Stock is stamped with the earlier of both clocks meanwhile: never too new, perhaps waiting.",
                "It closes by itself once the clocks agree.",
            ),
        ),
        Kind(
            "stock_refused",
            "SCAYLE does not take the stock of a SKU",
            Owner.ECOMMERCE,
            Severity.NORMAL,
            24 * _HOUR,
            (
                "The SKU is not in SCAYLE, or its warehouse or merchant is not: set it up there, or map it in sku_map.",
                "It is tried again every hour; this closes once SCAYLE takes the number.",
            ),
        ),
        Kind(
            "stock_edited",
            "Somebody edited stock in the SCAYLE panel",
            Owner.ECOMMERCE,
            Severity.NORMAL,
            24 * _HOUR,
            (
                "The number was put right from the warehouse's figure; the evidence has both.",
                "Use a buffer in the configuration to keep units from sale. Then resolve this.",
            ),
        ),
        Kind(
            "vendor_refuses_us",
            "A vendor refuses our credentials or address",
            Owner.IT,
            Severity.CRITICAL,
            _HOUR,
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
            _HOUR,
            ("The cursor stays where it was, so nothing is skipped. The evidence has the vendor's answer.",),
        ),
        Kind(
            "defect",
            "syncbridge met something that it does not understand",
            Owner.IT,
            Severity.CRITICAL,
            4 * _HOUR,
            (
                "The log has the traceback under the identifier in the evidence.",
                "The row waits; after a correction: " + _RERUN,
            ),
        ),
    )
}


def owner_of(kind: str, fault_codes: frozenset[str] = frozenset()) -> Owner:
    """Return who owns an exception: an order with nothing but address faults is customer service's."""
    if kind == "order_invalid" and fault_codes and fault_codes <= ADDRESS_CODES:
        return Owner.CUSTOMER_SERVICE
    return KINDS[kind].owner


ADDRESS_CODES = frozenset({"ADDRESS_INCOMPLETE", "POSTCODE_INVALID", "FIELD_TOO_LONG", "INVALID_CHARACTERS"})
