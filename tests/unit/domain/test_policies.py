"""Policies as tables: waiting, transitions, and what must be right about an order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncbridge.domain.errors import (
    Busy,
    CallEvidence,
    Misconfigured,
    NeedsPerson,
    OutcomeUnknown,
    RetryLater,
)
from syncbridge.domain.orders import Address, ShopOrder, ShopUnit, ShopUnitState
from syncbridge.domain.retry import BASE, CAP, FIRST_LOOK, HINT_LIMIT, MISCONFIGURED, wait_after
from syncbridge.domain.states import (
    EXCEPTION_TRANSITIONS,
    SEND_TRANSITIONS,
    UNIT_TRANSITIONS,
    CancellationState,
    ExceptionState,
    IllegalTransition,
    SendState,
    UnitState,
    require_cancellation,
    require_send,
    require_unit,
)
from syncbridge.domain.validation import faults_of_order

EVIDENCE = CallEvidence("scend", "create order")
SECOND = timedelta(seconds=1)

# ---- waiting


@pytest.mark.parametrize(
    ("attempt", "error", "chance", "wait"),
    [
        (1, RetryLater("", EVIDENCE), 1.0, 1 * SECOND),
        (3, RetryLater("", EVIDENCE), 0.5, 2 * SECOND),
        (5, RetryLater("", EVIDENCE), 1.0, 16 * SECOND),
        (6, RetryLater("", EVIDENCE), 1.0, CAP),
        (10_000, RetryLater("", EVIDENCE), 1.0, CAP),
        (1, RetryLater("", EVIDENCE), 0.0, timedelta(milliseconds=200)),
        (9, RetryLater("", EVIDENCE, after=7 * SECOND), 0.0, 7 * SECOND),
        (9, RetryLater("", EVIDENCE, after=7 * SECOND), 1.0, 8 * SECOND),
        (1, RetryLater("", EVIDENCE, after=timedelta(days=9)), 0.0, HINT_LIMIT),
        (9, OutcomeUnknown("", EVIDENCE), 0.7, FIRST_LOOK),
        (9, Misconfigured("", EVIDENCE), 0.7, MISCONFIGURED),
        (9, Busy("", 3 * SECOND), 0.7, 3 * SECOND),
        (1, Busy("", timedelta(days=1)), 0.7, HINT_LIMIT),
        (2, ZeroDivisionError(), 1.0, 2 * SECOND),
    ],
)
def test_the_wait_after_a_failure(attempt: int, error: Exception, chance: float, wait: timedelta) -> None:
    assert wait_after(attempt, error, chance) == wait


ERRORS = st.one_of(
    st.builds(
        RetryLater,
        st.just(""),
        st.just(EVIDENCE),
        st.none() | st.timedeltas(timedelta(0), timedelta(days=30)),
    ),
    st.builds(Busy, st.just(""), st.timedeltas(timedelta(0), timedelta(days=30))),
    st.just(OutcomeUnknown("", EVIDENCE)),
    st.just(Misconfigured("", EVIDENCE)),
    st.just(NeedsPerson("", EVIDENCE)),
)


@given(st.integers(1, 10**9), ERRORS, st.floats(0, 1))
def test_a_wait_is_never_negative_and_never_longer_than_the_longest_hint(
    attempt: int, error: Exception, chance: float
) -> None:
    assert timedelta(0) <= wait_after(attempt, error, chance) <= HINT_LIMIT + BASE


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_without_a_hint_work_resumes_well_within_a_minute(attempt: int, chance: float) -> None:
    assert wait_after(attempt, RetryLater("", EVIDENCE), chance) <= timedelta(seconds=20)


# ---- transitions

P, S, A, W = SendState
LEGAL_SENDS = {(P, S), (P, A), (P, W), (S, S), (S, A), (S, P), (S, W)}
LEGAL_UNITS = {
    (UnitState.OPEN, UnitState.DESPATCHED),
    (UnitState.OPEN, UnitState.CANCELLED),
    (UnitState.OPEN, UnitState.UNFULFILLABLE),
    (UnitState.DESPATCHED, UnitState.OPEN),
    (UnitState.DESPATCHED, UnitState.CANCELLED),
    (UnitState.DESPATCHED, UnitState.RETURNED),
}
_ASKED, _REQUESTED, _MANUAL = CancellationState.ASKED, CancellationState.REQUESTED, CancellationState.MANUAL
_DECIDED = (CancellationState.CANCELLED, CancellationState.REFUSED, CancellationState.MIXED)
LEGAL_CANCELLATIONS = {
    *product((_ASKED, _REQUESTED, _MANUAL), _DECIDED),
    *product((*_DECIDED, _REQUESTED, _MANUAL), (_ASKED,)),
    (_ASKED, _REQUESTED),
    (_ASKED, _MANUAL),
    (_REQUESTED, _MANUAL),
}


@pytest.mark.parametrize(("old", "new"), list(product(SendState, SendState)))
def test_transitions_of_a_write(old: SendState, new: SendState) -> None:
    if (old, new) in LEGAL_SENDS:
        assert require_send(old, new)
    else:
        with pytest.raises(IllegalTransition):
            require_send(old, new)


@pytest.mark.parametrize(("old", "new"), list(product(UnitState, UnitState)))
def test_transitions_of_a_unit(old: UnitState, new: UnitState) -> None:
    if (old, new) in LEGAL_UNITS:
        assert require_unit(old, new)
    else:
        with pytest.raises(IllegalTransition):
            require_unit(old, new)


@pytest.mark.parametrize(("old", "new"), list(product(CancellationState, CancellationState)))
def test_transitions_of_a_cancellation(old: CancellationState, new: CancellationState) -> None:
    if (old, new) in LEGAL_CANCELLATIONS:
        assert require_cancellation(old, new)
    else:
        with pytest.raises(IllegalTransition):
            require_cancellation(old, new)


def test_what_is_final_is_never_left() -> None:
    assert not {old for old, _new in SEND_TRANSITIONS} & {SendState.ACKNOWLEDGED, SendState.WITHDRAWN}
    assert not {old for old, _new in UNIT_TRANSITIONS} & {
        UnitState.CANCELLED,
        UnitState.UNFULFILLABLE,
        UnitState.RETURNED,
    }
    assert not {old for old, _new in EXCEPTION_TRANSITIONS} & {ExceptionState.RESOLVED}
    assert all([*SEND_TRANSITIONS.values(), *UNIT_TRANSITIONS.values(), *EXCEPTION_TRANSITIONS.values()])


# ---- validation

UNIT = ShopUnit(1, "TEE", "m", "w", price_minor=1000)
ORDER = ShopOrder(
    7, "nb", "GB", "GBP", (UNIT, replace(UNIT, order_item_id=2)), delivery=Address(city="Leeds"), carrier="ROYALMAIL_GB",
    total_minor=2395, fees_minor={"delivery": 395},
)  # fmt: skip
GONE = replace(UNIT, order_item_id=3, state=ShopUnitState.CANCELLED)


@pytest.mark.parametrize(
    ("changes", "known", "codes"),
    [
        ({}, {}, []),
        ({"currency": "EUR"}, {}, ["CURRENCY_NOT_SERVED"]),
        ({"currency": ""}, {}, ["CURRENCY_NOT_SERVED"]),
        ({"delivery": None}, {}, []),  # what an address needs is the back end's to say
        ({}, {"warehouse_known": False}, ["WAREHOUSE_UNKNOWN"]),
        ({}, {"service_known": False}, ["SERVICE_UNMAPPED"]),
        ({"total_minor": 2394}, {}, ["TOTAL_MISMATCH"]),
        ({"total_minor": None}, {}, []),
        ({"total_minor": 1, "complete": False}, {}, []),
        ({"total_minor": 1, "external_prices": True}, {}, []),
        ({"units": (*ORDER.units, GONE)}, {}, []),
        ({"units": (*ORDER.units, GONE), "total_minor": 3395}, {}, []),
        ({"units": (*ORDER.units, replace(UNIT, order_item_id=3))}, {}, ["TOTAL_MISMATCH"]),
        ({"units": (replace(UNIT, price_minor=None),)}, {}, ["PRICE_MISSING"]),
        ({"units": (replace(UNIT, sku=""),), "total_minor": 1395}, {}, ["SKU_MISSING"]),
        ({"units": (replace(UNIT, price_minor=-1),), "total_minor": 394}, {}, ["PRICE_NEGATIVE"]),
        (
            {"currency": "SEK", "delivery": None, "total_minor": 1},
            {"warehouse_known": False, "service_known": False},
            ["CURRENCY_NOT_SERVED", "WAREHOUSE_UNKNOWN", "SERVICE_UNMAPPED", "TOTAL_MISMATCH"],
        ),
    ],
)
def test_every_fault_of_an_order_is_found_at_once(
    changes: dict[str, object], known: dict[str, bool], codes: list[str]
) -> None:
    order = replace(ORDER, **changes)  # type: ignore[arg-type]  # fields by name, as the table has them
    faults = faults_of_order(
        order,
        order.units,
        currencies=frozenset({"GBP"}),
        warehouse="w",
        **{"warehouse_known": True, "service_known": True, **known},
    )
    assert [fault.code for fault in faults] == codes
    assert all(fault.field and fault.problem and fault.way_out for fault in faults)
