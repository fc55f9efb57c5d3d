"""Kinds of exceptions about stock: figures that are held, missing, refused or changed by others."""

from __future__ import annotations

from syncbridge.domain.exception_kinds.kind import HOUR, Kind, Owner, Severity

KINDS = (
    Kind(
        "stock_held",
        "A stock run would change so much that it was held",
        Owner.WAREHOUSE,
        Severity.CRITICAL,
        HOUR,
        (
            "The shop keeps the old numbers meanwhile; syncbridge stock diff lists what would change.",
            "Of first numbers, which nobody had told the shop, the evidence has examples with what the shop holds.",
            "Ask the warehouse whether the figures are real (a failed count, a wrong import).",
            "If they are: syncbridge stock release ACCOUNT --reason TEXT. If not, it closes when they come back.",
        ),
    ),
    Kind(
        "stock_missing",
        "The shop sells a SKU of which the back end shows no stock",
        Owner.ECOMMERCE,
        Severity.HIGH,
        4 * HOUR,
        (
            "Nobody vouches for its number any more: it falls with every sale and never rises, but it is not zeroed.",
            "If the goods are there: have the warehouse set the SKU up, or map it in sku_map of the merchant and restart.",
            "If not: set it inactive in the back end and its number goes to 0, or take it off sale in SCAYLE.",
            "This closes by itself when the back end shows the SKU again, or when nothing of it is for sale.",
        ),
    ),
    Kind(
        "stock_waits",
        "Stock waits for an order that cannot be taken in",
        Owner.IT,
        Severity.CRITICAL,
        HOUR,
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
        4 * HOUR,
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
        HOUR,
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
        24 * HOUR,
        (
            "The SKU is not in SCAYLE, or its warehouse or merchant is not: set it up there, or map it in sku_map and restart.",
            "It is tried again every hour, and every five minutes while it is on sale; this closes once SCAYLE takes the number.",
        ),
    ),
    Kind(
        "stock_edited",
        "Somebody edited stock in the SCAYLE panel",
        Owner.ECOMMERCE,
        Severity.NORMAL,
        24 * HOUR,
        (
            "The number was put right from the warehouse's figure; the evidence has both.",
            "Use a buffer in the configuration to keep units from sale. Then resolve this.",
        ),
    ),
)
