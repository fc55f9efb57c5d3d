"""Kinds of exceptions about cancellations: too late, undecided, or to be done by hand."""

from __future__ import annotations

from syncbridge.domain.exception_kinds.kind import HOUR, RERUN, Kind, Owner, Severity

KINDS = (
    Kind(
        "cancellation_too_late",
        "A cancellation came too late: the goods are sent all the same",
        Owner.CUSTOMER_SERVICE,
        Severity.HIGH,
        4 * HOUR,
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
        4 * HOUR,
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
        HOUR,
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
        HOUR,
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
        HOUR,
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
        4 * HOUR,
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
        HOUR,
        (
            "Its answer is in the evidence. Have the order cancelled there by hand if it has not left yet.",
            "Correct what the answer names. " + RERUN,
        ),
    ),
    Kind(
        "cancellation_odd",
        "A cancellation call does not say clearly what to cancel",
        Owner.IT,
        Severity.HIGH,
        HOUR,
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
        HOUR,
        (
            "SCAYLE has them as cancelled, so the customer is not charged and gets no shipping mail for them.",
            "The parcel and its tracking number are listed: agree with the customer that it is refused or sent back.",
            "A return is announced by itself. Find out with the warehouse why it was sent.",
        ),
    ),
)
