"""A return on the terminal: where it stands, what came, each unit's way to its refund, what needs a person."""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import partial

from syncbridge.cli.output import clean, paragraph, say, table
from syncbridge.reports.fact_wording import span
from syncbridge.reports.return_lists import ReturnDossier
from syncbridge.reports.return_wording import LINKS, refund, return_in_shop


def print_return(found: ReturnDossier, zone: tzinfo, zone_name: str, now: datetime) -> None:
    """Print all about a return, times in a zone."""
    head, time = found.head, partial(_time, zone)
    say(f"{head.rma_number}   {head.state}, {head.source.replace('_', ' ')}, {head.reason.replace('_', ' ')}")
    order = f"order {head.order_id}" if head.order_id is not None else "of no order that we know"
    say(f"  {order}, {head.account}, made {time(head.created_at)} {zone_name} ({span(now - head.created_at)} ago)")
    there = f"{head.backend_id}: {head.backend_status}" if head.backend_id else "not there yet"
    say(f"  in the back end {clean(there)}" + (f", announcement {found.announcement}" if found.announcement else ""))
    for text in (
        LINKS.get(found.linked_by, ""),
        f"under the number {clean(found.given_rma)}, which is none of ours" if found.given_rma else "",
        f"reference {clean(found.reference)}" if found.reference else "",
    ):
        if text:
            say(f"  {text}")
    if found.receipts:
        say()
        say("What came")
        table(
            ("RECEIPT", f"RECEIVED ({zone_name})", "SKU", "UNITS", "CONDITION", "DISPOSITION", "STATE", "DECISION"),
            [
                (
                    one.receipt,
                    time(one.received_at),
                    one.sku,
                    one.quantity if not one.left else f"{one.quantity}, {one.left} unmatched",
                    one.condition,
                    one.disposition,
                    one.state,
                    one.decision.replace("_", " ") or None,
                )
                for one in found.receipts
            ],
            right=("RECEIPT",),
            indent=2,
        )
    if found.units:
        say()
        say("Units")
        table(
            ("UNIT", "SKU", "STATE", "PAID", "RETURN IN SCAYLE", "REFUND"),
            [
                (one.order_item_id, one.sku, one.state, one.paid, return_in_shop(one, time), refund(one, time))
                for one in found.units
            ],
            right=("PAID",),
            indent=2,
        )
    if found.exceptions:
        say()
        say("Needs a person")
        for one in found.exceptions:
            paragraph(f"#{one.id} {one.title} ({one.owner}, {one.severity}, open {span(now - one.opened_at)})", 2)
            paragraph(clean(one.cause), 5)
            for step in one.steps:
                paragraph(f"- {step}", 5)


def _time(zone: tzinfo, instant: datetime | None) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M:%S}" if instant is not None else "-"
