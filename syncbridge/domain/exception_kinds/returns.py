"""Kinds of exceptions about goods that come back, and about their refunds."""

from __future__ import annotations

from syncbridge.domain.exception_kinds.kind import HOUR, RERUN, Kind, Owner, Severity

KINDS = (
    Kind(
        "return_by_hand",
        "A return has to be announced to the warehouse by hand",
        Owner.CUSTOMER_SERVICE,
        Severity.NORMAL,
        24 * HOUR,
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
        24 * HOUR,
        (
            "The evidence has the warehouse's code; nothing was announced there.",
            "Goods that come all the same are matched by their return label. " + RERUN,
        ),
    ),
    Kind(
        "return_unknown_rma",
        "Goods came back under an RMA number that is none of ours",
        Owner.CUSTOMER_SERVICE,
        Severity.HIGH,
        24 * HOUR,
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
        24 * HOUR,
        (
            "No money has moved. Ask the warehouse what the parcel says; a return label's code or a reference is enough.",
            "Under `elsewhere` stand units that another warehouse sent, where the parcel's codes lead to some.",
            "Then: syncbridge returns decide RECEIPT --unit ID --refund --reason TEXT, or --refuse.",
        ),
    ),
    Kind(
        "return_held",
        "Goods came back and are held for a look",
        Owner.CUSTOMER_SERVICE,
        Severity.NORMAL,
        24 * HOUR,
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
        24 * HOUR,
        (
            "No money has moved for them. The SKU and what that delivery had are listed; under `elsewhere`, what others had of it.",
            "Settle it with the customer; a refund all the same: syncbridge returns decide RECEIPT --unit ID --refund.",
            "Otherwise: syncbridge returns decide RECEIPT --refuse --reason TEXT.",
        ),
    ),
    Kind(
        "return_over",
        "More goods came back than were announced or sent",
        Owner.CUSTOMER_SERVICE,
        Severity.HIGH,
        24 * HOUR,
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
        24 * HOUR,
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
        24 * HOUR,
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
        24 * HOUR,
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
        24 * HOUR,
        (
            "SCAYLE finds a returned unit by the key that its shipment gave, and has none: nothing was refunded.",
            "Settle the shipment first (syncbridge orders show ORDER); the return then goes by itself.",
            "If SCAYLE refused the key itself, return the unit in its panel. " + RERUN,
        ),
    ),
    Kind(
        "return_decision",
        "Goods came back in a condition on which a person decides",
        Owner.CUSTOMER_SERVICE,
        Severity.NORMAL,
        24 * HOUR,
        (
            "No money has moved. The condition and what the warehouse did with the goods are listed.",
            "Refund: syncbridge returns decide RECEIPT --refund --reason TEXT.",
            "Or not: syncbridge returns decide RECEIPT --refuse --reason TEXT.",
            "This closes by itself if somebody returns the units in SCAYLE's panel.",
        ),
    ),
    Kind(
        "return_amended",
        "The warehouse changed a receipt whose goods were booked already",
        Owner.CUSTOMER_SERVICE,
        Severity.HIGH,
        24 * HOUR,
        (
            "No money has moved because of the change. The evidence has what the receipt said, and what it says now.",
            "Fewer units, or others: ask the warehouse which is right; a refund too much is settled with the customer.",
            "More units: have the warehouse book them as a receipt of their own. Then resolve this.",
        ),
    ),
    Kind(
        "return_refused",
        "SCAYLE refused a return",
        Owner.ECOMMERCE,
        Severity.CRITICAL,
        4 * HOUR,
        (
            "The customer has not been refunded for the listed units, although the goods are back.",
            "The evidence has SCAYLE's error key; syncbridge orders show ORDER has both sides. " + RERUN,
        ),
    ),
    Kind(
        "return_overdue",
        "An announced return has not arrived",
        Owner.CUSTOMER_SERVICE,
        Severity.NORMAL,
        48 * HOUR,
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
        24 * HOUR,
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
        48 * HOUR,
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
        24 * HOUR,
        (
            "The evidence has what was refunded, and what was paid for these units (vouchers deducted).",
            "Correct it with the payment provider or in SCAYLE, then resolve this.",
        ),
    ),
)
