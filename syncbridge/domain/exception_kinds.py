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
            "order_import_timeout",
            "The warehouse accepted an order and has not made it in time",
            Owner.ECOMMERCE,
            Severity.CRITICAL,
            _HOUR,
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
            _HOUR,
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
            _HOUR,
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
            4 * _HOUR,
            (
                "SCAYLE has been told for the listed units, so the customer is not charged for them.",
                "Tell the customer if SCAYLE's own message is not enough, then resolve this.",
            ),
        ),
        Kind(
            "cancellation_too_late",
            "A cancellation came too late: the goods are sent all the same",
            Owner.CUSTOMER_SERVICE,
            Severity.HIGH,
            4 * _HOUR,
            (
                "The warehouse is past its cut-off for the listed units; SCAYLE was, or will be, told that it is too late.",
                "Tell the customer that the parcel is on its way and may be refused at the door or sent back.",
                "Once the goods have left, a return is announced by itself, so that the parcel comes back to something.",
                "This closes by itself if the warehouse cancels them after all. Otherwise resolve it when the customer knows.",
            ),
        ),
        Kind(
            "cancellation_impossible",
            "An order was to be cancelled in a back end that cancels nothing",
            Owner.CUSTOMER_SERVICE,
            Severity.HIGH,
            4 * _HOUR,
            (
                "Cancelling is switched off for this back end (capabilities.cancel); SCAYLE was, or will be, told no.",
                "If the goods must not leave, ask the warehouse itself, with the listed reference, before it packs them.",
                "Otherwise tell the customer that the parcel may be refused at the door or sent back.",
                "Once the goods have left, a return is announced by itself. This closes if the warehouse cancels them.",
            ),
        ),
        Kind(
            "cancellation_undecided",
            "A cancellation has waited too long for its answer",
            Owner.CUSTOMER_SERVICE,
            Severity.HIGH,
            _HOUR,
            (
                "The evidence says what it waits for. requested: ask the warehouse whether it still stops the order.",
                "asked: the order or its state in the back end is not known yet; syncbridge orders show ORDER says why.",
                "Until then SCAYLE gets no answer, and the shopper sees the order as it was: tell them that it is being looked into.",
                "This closes by itself once the cancellation is decided, whichever way.",
            ),
        ),
        Kind(
            "cancellation_manual",
            "An order has to be cancelled in the back end by hand",
            Owner.WAREHOUSE,
            Severity.HIGH,
            _HOUR,
            (
                "The back end takes no cancellations from other systems: cancel the order with the listed reference there.",
                "If it is too late, leave it: syncbridge sees the despatch and customer service is told.",
                "This closes by itself once the back end shows the order as cancelled. SCAYLE is told only then.",
            ),
        ),
        Kind(
            "cancellation_partial",
            "Some units of an order have to be taken out by hand",
            Owner.WAREHOUSE,
            Severity.HIGH,
            _HOUR,
            (
                "The warehouse's system cancels whole orders only; the evidence names the order and the units of each SKU.",
                "Ask the warehouse to take those out of the order before it is packed; the other units are to be sent.",
                "This closes by itself once the warehouse shows them as cancelled. If they leave, customer service is told.",
            ),
        ),
        Kind(
            "cancellation_mixed",
            "A cancellation succeeded in one warehouse and came too late in another",
            Owner.CUSTOMER_SERVICE,
            Severity.HIGH,
            4 * _HOUR,
            (
                "SCAYLE was told of the cancelled units as the merchant's cancellation, so they are not charged.",
                "The other units are sent: tell the customer which, and that they may be sent back. Then resolve this.",
                "It closes by itself if they are cancelled after all.",
            ),
        ),
        Kind(
            "cancellation_not_taken",
            "The back end did not take a cancellation",
            Owner.IT,
            Severity.HIGH,
            _HOUR,
            (
                "Its answer is in the evidence. Have the order cancelled there by hand if it has not left yet.",
                "Correct what the answer names. " + _RERUN,
            ),
        ),
        Kind(
            "cancellation_odd",
            "A cancellation call does not say clearly what to cancel",
            Owner.IT,
            Severity.HIGH,
            _HOUR,
            (
                "The evidence names the order reference and what is unclear: several orders, or an unknown warehouse.",
                "Nothing was cancelled, and SCAYLE keeps asking. Mend it in SCAYLE or in [[merchants]] warehouses.",
                "This closes by itself with the next question that is clear.",
                "Or cancel by hand: syncbridge orders cancel ORDER --reason TEXT.",
            ),
        ),
        Kind(
            "despatched_although_cancelled",
            "Units left although they were cancelled",
            Owner.CUSTOMER_SERVICE,
            Severity.CRITICAL,
            _HOUR,
            (
                "SCAYLE has them as cancelled, so the customer is not charged and gets no shipping mail for them.",
                "The parcel and its tracking number are listed: agree with the customer that it is refused or sent back.",
                "A return is announced by itself. Find out with the warehouse why it was sent.",
            ),
        ),
        Kind(
            "units_shipped_elsewhere",
            "SCAYLE shows units as shipped that we never sent to the warehouse",
            Owner.ECOMMERCE,
            Severity.CRITICAL,
            _HOUR,
            (
                "Nothing was sent: somebody else shipped them, or SCAYLE closed the order by itself after 14 days.",
                "Find out in SCAYLE whether the customer has the goods, and refund or reorder what is missing.",
                "What is not to be sent any more: syncbridge orders cancel ORDER --unit ID --reason TEXT. " + _RERUN,
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
            "return_by_hand",
            "A return has to be announced to the warehouse by hand",
            Owner.CUSTOMER_SERVICE,
            Severity.NORMAL,
            24 * _HOUR,
            (
                "The warehouse takes no announcements from syncbridge: enter the listed return there, under this RMA number.",
                "This closes by itself once the warehouse shows it. Goods that come back under the number are refunded by themselves.",
            ),
        ),
        Kind(
            "return_announce_refused",
            "The warehouse refused a return announcement",
            Owner.CUSTOMER_SERVICE,
            Severity.NORMAL,
            24 * _HOUR,
            (
                "The evidence has the warehouse's code; nothing was announced there.",
                "Goods that come all the same are matched by their return label. " + _RERUN,
            ),
        ),
        Kind(
            "return_unknown_rma",
            "Goods came back under an RMA number that is none of ours",
            Owner.CUSTOMER_SERVICE,
            Severity.HIGH,
            24 * _HOUR,
            (
                "No money has moved. Find out whose goods they are (the evidence has the warehouse's figures).",
                "If they are units of ours: syncbridge returns decide RECEIPT --unit ID --refund --reason TEXT.",
                "If not: syncbridge returns decide RECEIPT --refuse --reason TEXT.",
            ),
        ),
        Kind(
            "return_unknown_order",
            "Goods came back, and nobody can say from which order",
            Owner.CUSTOMER_SERVICE,
            Severity.HIGH,
            24 * _HOUR,
            (
                "No money has moved. Ask the warehouse what the parcel says; a return label's code or a reference is enough.",
                "Then: syncbridge returns decide RECEIPT --unit ID --refund --reason TEXT, or --refuse.",
            ),
        ),
        Kind(
            "return_held",
            "Goods came back and are held for a look",
            Owner.CUSTOMER_SERVICE,
            Severity.NORMAL,
            24 * _HOUR,
            (
                "No money has moved: the cause says what is unclear, or that the configuration holds such returns.",
                "Choose the units: syncbridge returns decide RECEIPT --unit ID --refund --reason TEXT, or --refuse.",
            ),
        ),
        Kind(
            "return_wrong_goods",
            "Goods came back that their order does not have",
            Owner.CUSTOMER_SERVICE,
            Severity.HIGH,
            24 * _HOUR,
            (
                "No money has moved for them. The SKU and what the order has are listed.",
                "Settle it with the customer; a refund all the same: syncbridge returns decide RECEIPT --unit ID --refund.",
                "Otherwise: syncbridge returns decide RECEIPT --refuse --reason TEXT.",
            ),
        ),
        Kind(
            "return_over",
            "More goods came back than were announced or sent",
            Owner.CUSTOMER_SERVICE,
            Severity.HIGH,
            24 * _HOUR,
            (
                "What was announced is being refunded; no money has moved for the surplus.",
                "If the customer may return more: syncbridge returns decide RECEIPT --unit ID --refund --reason TEXT.",
                "Otherwise: syncbridge returns decide RECEIPT --refuse --reason TEXT.",
            ),
        ),
        Kind(
            "return_short",
            "The warehouse closed a return, and less came than was announced",
            Owner.CUSTOMER_SERVICE,
            Severity.NORMAL,
            24 * _HOUR,
            (
                "What came is refunded as its condition decides; the rest is not. Ask the customer where the rest is.",
                "This closes by itself if it comes later.",
            ),
        ),
        Kind(
            "return_repeated",
            "Goods came back for units that were returned before",
            Owner.CUSTOMER_SERVICE,
            Severity.HIGH,
            24 * _HOUR,
            (
                "No second refund is sent, ever. Find out with the warehouse what the second parcel was.",
                "Then: syncbridge returns decide RECEIPT --refuse --reason TEXT.",
            ),
        ),
        Kind(
            "return_not_despatched",
            "Goods came back that by all we know never left",
            Owner.WAREHOUSE,
            Severity.HIGH,
            24 * _HOUR,
            (
                "No money has moved. Ask the warehouse under which despatch they left.",
                "This closes by itself when the despatch is heard; otherwise: syncbridge returns decide RECEIPT --refuse.",
            ),
        ),
        Kind(
            "return_key_missing",
            "A return has no return key: SCAYLE does not know the shipment",
            Owner.ECOMMERCE,
            Severity.HIGH,
            24 * _HOUR,
            (
                "SCAYLE finds a returned unit by the key that its shipment gave, and has none: nothing was refunded.",
                "Settle the shipment first (syncbridge orders show ORDER); the return then goes by itself.",
                "If SCAYLE refused the key itself, return the unit in its panel. " + _RERUN,
            ),
        ),
        Kind(
            "return_decision",
            "Goods came back in a condition on which a person decides",
            Owner.CUSTOMER_SERVICE,
            Severity.NORMAL,
            24 * _HOUR,
            (
                "No money has moved. The condition and what the warehouse did with the goods are listed.",
                "Refund: syncbridge returns decide RECEIPT --refund --reason TEXT.",
                "Or not: syncbridge returns decide RECEIPT --refuse --reason TEXT.",
                "This closes by itself if somebody returns the units in SCAYLE's panel.",
            ),
        ),
        Kind(
            "return_refused",
            "SCAYLE refused a return",
            Owner.ECOMMERCE,
            Severity.CRITICAL,
            4 * _HOUR,
            (
                "The customer has not been refunded for the listed units, although the goods are back.",
                "The evidence has SCAYLE's error key; syncbridge orders show ORDER has both sides. " + _RERUN,
            ),
        ),
        Kind(
            "return_overdue",
            "An announced return has not arrived",
            Owner.CUSTOMER_SERVICE,
            Severity.NORMAL,
            48 * _HOUR,
            (
                "What is listed as missing did not come under this RMA number in the time that is allowed (returns.overdue_days).",
                "Ask the customer, then resolve this; it closes by itself if the goods come.",
            ),
        ),
        Kind(
            "refund_overdue",
            "Goods came back, and no refund is to be seen",
            Owner.FINANCE,
            Severity.HIGH,
            24 * _HOUR,
            (
                "syncbridge orders show ORDER tells whether SCAYLE has the return; a unit shown as returned is only booked.",
                "If it has: look at the refund with the payment provider. It closes by itself when SCAYLE shows the refund.",
            ),
        ),
        Kind(
            "refund_without_goods",
            "SCAYLE refunded a unit that never came back",
            Owner.CUSTOMER_SERVICE,
            Severity.HIGH,
            48 * _HOUR,
            (
                "Somebody booked the return in SCAYLE; the warehouse has received nothing so far.",
                "Ask the customer for the goods, or resolve this with the reason of the goodwill.",
            ),
        ),
        Kind(
            "refund_mismatch",
            "SCAYLE refunded another amount than was paid",
            Owner.FINANCE,
            Severity.CRITICAL,
            24 * _HOUR,
            (
                "The evidence has what was refunded, and what was paid for these units (vouchers deducted).",
                "Correct it with the payment provider or in SCAYLE, then resolve this.",
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
            "stock_missing",
            "The shop sells a SKU of which the back end shows no stock",
            Owner.ECOMMERCE,
            Severity.HIGH,
            4 * _HOUR,
            (
                "Nobody vouches for its number any more: it falls with every sale and never rises, but it is not zeroed.",
                "If the goods are there: have the warehouse set the SKU up, or map it in sku_map of the merchant.",
                "If not: set it inactive in the back end and its number goes to 0, or take it off sale in SCAYLE.",
                "This closes by itself when the back end shows the SKU again, or when nothing of it is for sale.",
            ),
        ),
        Kind(
            "stock_waits",
            "Stock waits for an order that cannot be taken in",
            Owner.IT,
            Severity.CRITICAL,
            _HOUR,
            (
                "Stock is not published past this order's confirmation, since its units cannot be deducted.",
                "The defect of the same order has the cause; once the order is taken in, stock goes on by itself.",
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
            "A clock is far from ours",
            Owner.IT,
            Severity.CRITICAL,
            _HOUR,
            (
                "Synchronise this computer's clock (NTP); syncbridge doctor shows the distance.",
                "If a back end dates its stock in the future, its clock or its time zone is wrong: tell who runs it.",
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
