"""The order state machine as SCAYLE documents it, and the status codes by which the API shows it."""

from __future__ import annotations

from syncbridge.sandbox.scayle.answers import Json

TRANSITIONS: dict[tuple[str, str], str] = {
    ("CREATED", "buy"): "PENDED",
    ("PENDED", "payment_authorised"): "CONFIRMED",
    ("PENDED", "payment_failed"): "CREATED",
    ("CONFIRMED", "merchant_accepted"): "DELEGATED",
    ("CONFIRMED", "nothing_left"): "ABORTED",
    ("DELEGATED", "nothing_left"): "ABORTED",
    ("DELEGATED", "all_covered"): "SHIPPED",
    ("DELEGATED", "force_closed"): "SHIPPED",
    ("SHIPPED", "invoiced"): "INVOICED",
    ("ABORTED", "cleaned_up"): "CANCELLED",
}
"""(state, trigger) to state; whatever is not listed cannot happen. INVOICED and CANCELLED are final."""

FINAL_STATES = frozenset({"INVOICED", "CANCELLED"})

OVERALL = {
    "CREATED": "order_open",
    "PENDED": "payment_pending",
    "CONFIRMED": "payment_reserved",
    "DELEGATED": "payment_reserved",
    "SHIPPED": "invoice_partially_completed",
    "INVOICED": "invoice_completed",
    "ABORTED": "cancellation_pending",
    "CANCELLED": "cancellation_completed",
}
"""Overall `status` by state (inferred, except that CONFIRMED and DELEGATED read "Payment Reserved")."""

BILLING = {
    "CREATED": "billing_open",
    "PENDED": "billing_pending",
    "CONFIRMED": "billing_payment_pending",
    "DELEGATED": "billing_payment_pending",
    "SHIPPED": "billing_payment_pending",
    "INVOICED": "billing_completed",
    "ABORTED": "billing_payment_pending",
    "CANCELLED": "billing_payment_cancelled",
}

NAMES = {
    "order_created": "Created",
    "order_pended": "Pended",
    "order_confirmed": "Confirmed",
    "order_delegated": "Delegated",
    "order_shipped": "Shipped",
    "order_invoiced": "Invoiced",
    "order_aborted": "Aborted",
    "order_cancelled": "Cancelled",
    "order_imported": "Imported",
    "order_invoice_error": "Invoice error",
    "billing_open": "Open",
    "billing_pending": "Payment pending",
    "billing_payment_pending": "Payment reserved",
    "billing_completed": "Completed",
    "billing_payment_cancelled": "Payment cancelled",
    "billing_partially_refunded": "Partially refunded",
    "billing_refunded": "Refunded",
    "shipping_open": "Open",
    "shipping_ordered": "Ordered",
    "shipping_delivered": "Goods sent",
    "shipping_undeliverable": "Undeliverable",
    "shipping_partially_undeliverable": "Partially undeliverable",
    "shipping_cancelled": "Cancelled",
    "shipping_returned": "Returned",
    "shipping_partially_returned": "Partially returned",
}
"""Labels; in real life they follow the locale, so nobody may branch on them."""


class IllegalTransition(Exception):
    """The state machine has no such step."""


def next_state(state: str, trigger: str) -> str:
    """Return the state after `trigger`; raises IllegalTransition when the machine has no such step."""
    try:
        return TRANSITIONS[state, trigger]
    except KeyError:
        raise IllegalTransition(f"{trigger} does not lead out of {state}") from None


def overall_status(state: str, anything_shipped: bool) -> str:
    """Return the overall `status`."""
    if state == "DELEGATED" and anything_shipped:
        return "invoice_partially_completed"
    return OVERALL[state]


def shipping_code(state: str, shipped: int, returned: int, failed: int, cancelled: int) -> str:
    """Return the shipping facet from the numbers of units shipped, returned, undeliverable and cancelled."""
    if shipped:
        if returned:
            return "shipping_returned" if returned == shipped else "shipping_partially_returned"
        return "shipping_partially_undeliverable" if failed else "shipping_delivered"
    if state in ("ABORTED", "CANCELLED"):
        return "shipping_undeliverable" if failed and not cancelled else "shipping_cancelled"
    return "shipping_ordered" if state == "DELEGATED" else "shipping_open"


def billing_code(state: str, captured: int, refunded: int, capture_pending: bool) -> str:
    """Return the billing facet; amounts in minor units."""
    if refunded:
        return "billing_refunded" if refunded >= captured else "billing_partially_refunded"
    if state == "INVOICED" and capture_pending:
        return "billing_payment_pending"
    return BILLING[state]


def facet(code: str) -> Json:
    """Return `{code, name}`."""
    return {"code": code, "name": NAMES.get(code, code)}
