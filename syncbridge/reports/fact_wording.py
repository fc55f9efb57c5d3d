"""Facts as sentences for people. What has no wording of its own is spelled out from its fields, so nothing is hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from syncbridge.domain.money import Money
from syncbridge.reports.facts import Fact

# Further apart than clocks and polling explain: then both times are worth showing.
LATE_NEWS = timedelta(seconds=5)


def wording(fact: Fact) -> str:
    """Return the fact in words, with what we learnt late marked as such."""
    text = _sentence(fact)
    late = fact.recorded_at - fact.at
    if late > LATE_NEWS:
        text += f" [heard {span(late)} later]"
    return text


def span(time: timedelta) -> str:
    """Return a length of time in its two largest units, such as "3h 05m"."""
    seconds = max(0, int(time.total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 60:
        return f"{seconds}s"
    if minutes < 60:
        return f"{minutes}m {seconds % 60:02d}s"
    if hours < 48:
        return f"{hours}h {minutes % 60:02d}m"
    return f"{days}d {hours % 24:02d}h"


def _sentence(fact: Fact) -> str:
    detail = fact.detail
    match fact.event:
        case "message_received":
            return f"message {detail['message']} came in ({fact.subject}, {detail['bytes']:,} bytes): {detail['outcome']}"
        case "message_repeated":
            return f"message {detail['message']} came again: {detail['times']} times in all, this was the last"
        case "attempt":
            return _attempt(fact)
        case "operator_action":
            return f"{detail['actor']}: {detail['action']}. Reason: {detail['reason'] or 'none given'}"
        case "order_confirmed":
            return "order confirmed in the shop"
        case "units_cancelled":
            return f"{_units(detail)} of {fact.subject} cancelled, {_asker(detail)}"
        case _ if fact.event in _CANCELLATIONS:
            named = f" ({fact.subject})" if fact.subject else ""
            return f"{_CANCELLATIONS[fact.event]}{named}: {detail.get('why', '')}"
        case _ if fact.event in _RETURNS:
            return _RETURNS[fact.event](fact)
        case "exception_opened":
            return f"exception opened: {detail.get('kind', '')} ({detail.get('cause', '')})"
        case "exception_resolved":
            return f"exception resolved: {detail.get('kind', '')}"
        case _ if {"was", "why"} <= detail.keys():
            return f"{fact.event.replace('_', ' ')} {fact.subject} (was {detail['was']}): {detail['why']}"
        case _:
            return _spelled_out(fact)


def _came_back(fact: Fact) -> str:
    detail = fact.detail
    state = f"{detail['condition']}, {detail['disposition']}"
    return f"{detail['quantity']} × {detail['sku']} came back ({state}), receipt {fact.subject}, {detail['rma']}"


_DECISIONS = {
    "refund_and_restock": "to be refunded, the goods restocked",
    "refund_and_write_off": "to be refunded, the goods written off",
    "ask": "a person decides about the money",
    "nothing_due": "cancelled before it left, so nothing is due",
}
_RETURNS: dict[str, Callable[[Fact], str]] = {
    "return_expected": lambda fact: (
        f"{_units(fact.detail)} to come back under {fact.subject} "
        f"({str(fact.detail['source']).replace('_', ' ')}, {str(fact.detail['reason']).replace('_', ' ')})"
    ),
    "goods_came_back": _came_back,
    "receipt_amended": lambda fact: (
        f"the warehouse says something else of receipt {fact.subject}: {_said(fact.detail['now'])} instead of "
        f"{_said(fact.detail['was'])}"
    ),
    "return_without_announcement": lambda fact: (
        f"a parcel came back without an announcement, known by its {fact.detail['found_by']} ({fact.subject})"
    ),
    "units_returned": lambda fact: (
        f"{_units(fact.detail)} returned by receipt {fact.subject}: "
        f"{_DECISIONS.get(str(fact.detail['decision']), fact.detail['decision'])}"
    ),
    "return_shown": lambda fact: f"SCAYLE shows {_units(fact.detail)} as returned",
    "returned_without_goods": lambda fact: f"SCAYLE shows {_units(fact.detail)} as returned, and no goods have come",
    "refund_acknowledged": lambda fact: f"SCAYLE shows the refund of {_units(fact.detail)}",
    "refund_shown": lambda fact: f"SCAYLE tells of a refund: {_units(fact.detail)}, {_amount(fact.detail)}",
}


def _said(goods: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in goods.items())


def _amount(detail: Mapping[str, Any]) -> str:
    minor, currency = detail.get("amount_minor"), str(detail.get("currency") or "")
    return f"{Money(minor, currency)} {currency}".strip() if isinstance(minor, int) else "no amount given"


# The shop's own cancellation messages are writes, and worded as such below.
_CANCELLATIONS = {
    "cancellation_asked": "the cancellation is asked for again",
    "cancellation_requested": "the cancellation waits for the warehouse",
    "cancellation_manual": "the cancellation waits for a person",
    "cancellation_cancelled": "the cancellation succeeded",
    "cancellation_refused": "the cancellation was refused",
    "cancellation_mixed": "the cancellation succeeded in part",
}
_ASKERS = {
    "call": "as SCAYLE asked",
    "event": "as SCAYLE's event told",
    "poll": "as SCAYLE's order shows",
    "operator": "as an operator asked",
    "warehouse": "by the warehouse",
}


def _asker(detail: Mapping[str, Any]) -> str:
    return _ASKERS.get(str(detail.get("asked_by") or detail.get("learnt_by") or "poll"), "as somebody asked")


def _units(detail: Mapping[str, Any]) -> str:
    units = detail.get("units") or []
    few = ", ".join(str(one) for one in units[:4])
    return f"unit{'' if len(units) == 1 else 's'} {few}{' and more' if len(units) > 4 else ''}" if units else "no open unit"


def _attempt(fact: Fact) -> str:
    detail = fact.detail
    outcome = str(detail["outcome"] or "no outcome recorded (yet)").replace("_", " ")
    circumstances = [
        f"HTTP {detail['status']}" if detail["status"] is not None else "",
        str(detail["code"] or ""),
        f"{detail['seconds']:.2f} s" if detail["seconds"] is not None else "",
        f"request {detail['vendor_request_id']}" if detail["vendor_request_id"] else "",
    ]
    known = ", ".join(one for one in circumstances if one)
    return f"{detail['write']} {fact.subject}, attempt {detail['number']}: {outcome}" + (f" ({known})" if known else "")


def _spelled_out(fact: Fact) -> str:
    text = fact.event.replace("_", " ")
    if fact.subject:
        text += f" {fact.subject}"
    fields = ", ".join(_fields(fact.detail))
    return f"{text}: {fields}" if fields else text


def _fields(detail: Mapping[str, Any]) -> Iterator[str]:
    for name, value in detail.items():
        if value in (None, "", [], {}):
            continue
        if isinstance(value, list):
            few = ", ".join(str(one) for one in value[:4])
            shown = few if len(value) <= 4 else f"{few}, … ({len(value)} in all)"
        else:
            shown = str(value)
        yield f"{name.replace('_', ' ')} {shown}"
