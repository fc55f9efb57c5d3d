"""SCAYLE's order state machine as a table, and the codes by which the API shows it."""

from __future__ import annotations

import pytest

from syncbridge.sandbox.scayle import states
from syncbridge.sandbox.scayle.states import IllegalTransition, next_state

STATES = ("CREATED", "PENDED", "CONFIRMED", "DELEGATED", "SHIPPED", "INVOICED", "ABORTED", "CANCELLED")
TRIGGERS = sorted({trigger for _, trigger in states.TRANSITIONS})

LEGAL = {
    "CREATED": {"buy": "PENDED"},
    "PENDED": {"payment_authorised": "CONFIRMED", "payment_failed": "CREATED"},
    "CONFIRMED": {"merchant_accepted": "DELEGATED", "nothing_left": "ABORTED"},
    "DELEGATED": {"all_covered": "SHIPPED", "force_closed": "SHIPPED", "nothing_left": "ABORTED"},
    "SHIPPED": {"invoiced": "INVOICED"},
    "ABORTED": {"cleaned_up": "CANCELLED"},
    "INVOICED": {},
    "CANCELLED": {},
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("trigger", TRIGGERS)
def test_only_documented_transitions_exist(state: str, trigger: str) -> None:
    expected = LEGAL[state].get(trigger)
    if expected is None:
        with pytest.raises(IllegalTransition):
            next_state(state, trigger)
    else:
        assert next_state(state, trigger) == expected


@pytest.mark.parametrize(
    ("state", "shipped", "status"),
    [
        ("CREATED", False, "order_open"),
        ("PENDED", False, "payment_pending"),
        ("CONFIRMED", False, "payment_reserved"),
        ("DELEGATED", False, "payment_reserved"),
        ("DELEGATED", True, "invoice_partially_completed"),
        ("SHIPPED", True, "invoice_partially_completed"),
        ("INVOICED", True, "invoice_completed"),
        ("ABORTED", False, "cancellation_pending"),
        ("CANCELLED", False, "cancellation_completed"),
    ],
)
def test_overall_status_follows_the_state(state: str, shipped: bool, status: str) -> None:
    assert states.overall_status(state, shipped) == status


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ((0, 0, 0, 0), "shipping_ordered"),
        ((2, 0, 0, 0), "shipping_delivered"),
        ((2, 1, 0, 0), "shipping_partially_returned"),
        ((2, 2, 0, 0), "shipping_returned"),
        ((1, 0, 1, 0), "shipping_partially_undeliverable"),
    ],
)
def test_shipping_facet_counts_units(counts: tuple[int, int, int, int], code: str) -> None:
    assert states.shipping_code("DELEGATED", *counts) == code


def test_shipping_facet_of_an_order_that_nothing_left() -> None:
    assert states.shipping_code("CANCELLED", 0, 0, 2, 0) == "shipping_undeliverable"
    assert states.shipping_code("CANCELLED", 0, 0, 0, 2) == "shipping_cancelled"


@pytest.mark.parametrize(
    ("captured", "refunded", "code"),
    [
        (1000, 0, "billing_completed"),
        (1000, 400, "billing_partially_refunded"),
        (1000, 1000, "billing_refunded"),
    ],
)
def test_billing_facet_follows_the_money(captured: int, refunded: int, code: str) -> None:
    assert states.billing_code("INVOICED", captured, refunded, capture_pending=False) == code


def test_every_code_has_a_label() -> None:
    for code in (*states.BILLING.values(), *(f"order_{state.lower()}" for state in STATES)):
        assert code in states.NAMES
