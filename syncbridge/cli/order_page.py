"""An order on the terminal: where it stands, what needs a person, and then every fact in event order."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, tzinfo

from syncbridge.cli.output import clean, counts, paragraph, plural, say, table
from syncbridge.reports.exception_lists import ExceptionRow
from syncbridge.reports.exception_wording import evidence_of, filled_in, steps_of
from syncbridge.reports.fact_wording import span, wording
from syncbridge.reports.facts import Fact
from syncbridge.reports.order_dossier import Dossier, OrderHead, ParcelView


def print_dossier(dossier: Dossier, zone: tzinfo, zone_name: str, now: datetime) -> None:
    """Print all about an order; times in the zone."""
    _head(dossier, zone, zone_name)
    _parts(dossier)
    _units(dossier)
    _parcels(dossier, zone)
    _unfinished(dossier, now)
    _exceptions(dossier.exceptions, now)
    _facts(dossier.facts, zone, zone_name)


def _head(dossier: Dossier, zone: tzinfo, zone_name: str) -> None:
    order = dossier.order
    say(f"Order {dossier.order_id}" + ("" if order is None else f"   {clean(_title(order))}"))
    if order is None:
        say("  was never taken in: only what follows names it")
        return
    confirmed = f"confirmed {_time(order.confirmed_at, zone)}, " if order.confirmed_at else ""
    say(f"  {confirmed}taken in {_time(order.taken_in_at, zone)} by {order.source} ({zone_name})")
    if order.reference_keys:
        say(f"  reference key {clean(', '.join(order.reference_keys))}")


def _title(order: OrderHead) -> str:
    total = f"{order.total} {order.total.currency}" if order.total else "total not read yet"
    shop = f"shop {order.shop or '?'}/{order.country or '?'}"
    return ", ".join(part for part in (shop, total, f"SCAYLE: {order.shop_status}" if order.shop_status else "") if part)


def _parts(dossier: Dossier) -> None:
    if dossier.parts:
        _section("Parts")
        table(
            ("REFERENCE", "STATE", "BACK END", "STATUS THERE", "UNITS"),
            [
                (part.reference, part.state, part.account, part.backend_status, counts(part.units))
                for part in dossier.parts
            ],
            indent=2,
        )


def _units(dossier: Dossier) -> None:
    if not dossier.units:
        return
    keys = {one.parcel: one.shipment_key or one.number for one in dossier.parcels}
    groups = Counter(
        (unit.reference, unit.line_number, unit.sku, unit.state, keys.get(unit.parcel or 0)) for unit in dossier.units
    )
    several = len(dossier.parts) > 1
    _section(f"Units ({len(dossier.units):,})")
    columns = ("LINE", "UNITS", "STATE", "SHIPMENT", "SKU")
    rows = [
        (f"{reference} {line or ''}".strip() if several else line, count, state, shipment, sku or "(none)")
        for (reference, line, sku, state, shipment), count in groups.items()
    ]
    table(columns, rows, right=("UNITS",), indent=2)


def _parcels(dossier: Dossier, zone: tzinfo) -> None:
    if dossier.parcels:
        _section("Parcels")
        table(
            ("LEFT", "DESPATCH", "CARRIER", "UNITS", "SHIPMENT IN SCAYLE"),
            [
                (
                    _time(one.despatched_at, zone),
                    one.number,
                    one.carrier,
                    one.units,
                    _shipment(one),
                )
                for one in dossier.parcels
            ],
            right=("UNITS",),
            indent=2,
        )


def _shipment(parcel: ParcelView) -> str:
    key = parcel.shipment_key or parcel.tracking_number or "no tracking number yet"
    return f"{key}: {'voided' if parcel.voided_at else parcel.shipment_state or 'not intended'}"


def _unfinished(dossier: Dossier, now: datetime) -> None:
    if dossier.unfinished:
        _section("Still to be written")
        for write in dossier.unfinished:
            if write.due_at is None:
                when = "parked until an exception is dealt with"
            elif write.due_at <= now:
                when = f"due for {span(now - write.due_at)}"
            else:
                when = f"due in {span(write.due_at - now)}"
            why = f" ({clean(write.reason)})" if write.reason else ""
            attempts = plural(write.attempts, "attempt")
            paragraph(f"{write.kind} {write.key} to {write.target}: {write.state.value}, {attempts}, {when}{why}", 2)


def _exceptions(found: tuple[ExceptionRow, ...], now: datetime) -> None:
    if found:
        _section("Needs a person")
        for one in found:
            late = ", overdue" if one.is_overdue(now) else ""
            open_for = span(now - one.opened_at)
            paragraph(f"#{one.id} {one.title} ({one.owner}, {one.severity}, open {open_for}{late})", 2)
            paragraph(clean(one.cause), 5)
            for name, value in evidence_of(one):
                paragraph(f"{name}: {clean(value)}", 5)
            for fault in one.evidence.get("faults", ()):
                paragraph(
                    f"{clean(fault.get('field'))}: {clean(fault.get('problem'))}. {filled_in(one, clean(fault.get('way_out')))}", 5
                )
            for step in steps_of(one):
                paragraph(f"- {step}", 5)


def _facts(facts: tuple[Fact, ...], zone: tzinfo, zone_name: str) -> None:
    _section(f"What happened ({zone_name})")
    if not facts:
        say("  nothing is recorded")
        return
    # In a pipe every row carries its date, so that it stands alone; on a terminal the date heads its rows.
    heads = sys.stdout.isatty()
    rows: list[tuple[object, ...]] = []
    day = ""
    for fact, local in _localised(facts, zone):
        if heads and (today := f"{local:%Y-%m-%d}") != day:
            day = today
            rows.append((day, "", ""))
        shown = f"{local:%H:%M:%S.%f}"[:-3]
        rows.append((shown if heads else f"{local:%Y-%m-%d} {shown}", fact.system, wording(fact)))
    table(("TIME", "SYSTEM", "FACT"), rows, indent=2)


def _localised(facts: tuple[Fact, ...], zone: tzinfo) -> Iterator[tuple[Fact, datetime]]:
    for fact in facts:
        yield fact, fact.at.astimezone(zone)


def _section(title: str) -> None:
    say()
    say(title)


def _time(time: datetime, zone: tzinfo) -> str:
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M:%S}"
