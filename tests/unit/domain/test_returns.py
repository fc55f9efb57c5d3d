"""Which units goods are, and what is decided about them: tables and properties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncbridge.config.operations import ReturnSettings
from syncbridge.domain.backend import Condition, Disposition
from syncbridge.domain.returns import (
    Arrival,
    Decision,
    Hindrance,
    SentUnit,
    codes_in,
    decide,
    match,
    new_rma_number,
)
from syncbridge.domain.states import UnitState

AT = datetime(2026, 3, 9, 10, 15, tzinfo=UTC)
OUT = UnitState.DESPATCHED


def sent(unit: int, line: int = 1, sku: str = "TEE", **changes: Any) -> SentUnit:
    return SentUnit(unit, line, sku, **{"state": OUT, "shown": True, **changes})


TABLE = {
    "resaleable/restock": Decision.RESTOCK,
    "faulty/*": Decision.WRITE_OFF,
    "*/scrap": Decision.ASK,
}


@pytest.mark.parametrize(
    ("condition", "disposition", "decision"),
    [
        (Condition.RESALEABLE, Disposition.RESTOCK, Decision.RESTOCK),
        (Condition.RESALEABLE, Disposition.QUARANTINE, Decision.ASK),
        (Condition.FAULTY, Disposition.QUARANTINE, Decision.WRITE_OFF),
        (Condition.FAULTY, Disposition.SCRAP, Decision.WRITE_OFF),
        (Condition.WORN, Disposition.SCRAP, Decision.ASK),
        (Condition.WORN, Disposition.RESTOCK, Decision.ASK),
        (Condition.UNKNOWN, Disposition.RESTOCK, Decision.ASK),
        (Condition.FAULTY, Disposition.UNKNOWN, Decision.ASK),
    ],
)
def test_the_more_exact_line_of_the_table_decides(
    condition: Condition, disposition: Disposition, decision: Decision
) -> None:
    assert decide(TABLE, condition, disposition) is decision


@pytest.mark.parametrize("condition", Condition)
@pytest.mark.parametrize("disposition", Disposition)
def test_nothing_unknown_is_refunded_by_itself(condition: Condition, disposition: Disposition) -> None:
    everything = {"*/*": Decision.RESTOCK}
    unknown = Condition.UNKNOWN is condition or Disposition.UNKNOWN is disposition
    assert decide(everything, condition, disposition) is (Decision.ASK if unknown else Decision.RESTOCK)
    assert decide({}, condition, disposition) is Decision.ASK


@pytest.mark.parametrize(
    ("key", "decision", "words"),
    [
        ("resaleable", "ask", "no condition/disposition"),
        ("shiny/restock", "ask", "no condition/disposition"),
        ("unknown/*", "refund_and_restock", "no condition/disposition"),
        ("resaleable/*", "refused", "nothing is refused without a person"),
        ("resaleable/*", "give_away", "refund_and_restock"),
    ],
)
def test_a_table_that_says_nothing_sensible_is_refused(key: str, decision: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ReturnSettings(decisions={key: decision})  # type: ignore[dict-item]  # as the file would say it


# ---- numbers and codes


def test_a_number_is_a_ulid_of_its_time() -> None:
    assert new_rma_number(AT, 0) == "RMA-01KK91FJ500000000000000000"
    assert new_rma_number(AT, 2**80 - 1)[-16:] == "ZZZZZZZZZZZZZZZZ"
    later = new_rma_number(AT + timedelta(milliseconds=1), 0)
    assert new_rma_number(AT, 2**80 - 1) < later


@given(st.integers(0, 2**80 - 1), st.integers(0, 2**80 - 1))
def test_different_chance_gives_different_numbers_of_one_length(one: int, other: int) -> None:
    first, second = new_rma_number(AT, one), new_rma_number(AT, other)
    assert (first == second) is (one == other)
    assert len(first) == 30


def test_only_words_that_may_be_codes_are_kept_of_a_note() -> None:
    note = "RI-0A1B2C3D4E5F60718293, from Zoe Nwosu (Mill Lane 4a), order SCY-NB-7041983"
    assert codes_in([note, "RM123456789GB"]) == ("RI-0A1B2C3D4E5F60718293", "SCY-NB-7041983", "RM123456789GB")


# ---- matching


MATCHES: list[tuple[str, Arrival, list[SentUnit], dict[str, Any], tuple[int, ...], Hindrance | None]] = [
    ("lowest id first", Arrival(1, "TEE", 1), [sent(3), sent(2)], {}, (2,), None),
    ("by SKU where no line is named", Arrival(None, "TEE", 1), [sent(3), sent(2, sku="HAT", line=2)], {}, (3,), None),
    ("a line with another SKU", Arrival(1, "HAT", 1), [sent(1), sent(2, 2, "HAT")], {}, (), Hindrance.WRONG_SKU),
    ("a SKU that is not there", Arrival(None, "SOCK", 1), [sent(1)], {}, (), Hindrance.WRONG_SKU),
    ("a line that is not there", Arrival(9, "TEE", 1), [sent(1)], {}, (), Hindrance.WRONG_SKU),
    ("another case of one SKU", Arrival(None, "tee", 1), [sent(1), sent(2, 2, "HAT")], {}, (1,), None),
    ("another case of two SKUs", Arrival(None, "tee", 1), [sent(1), sent(2, 2, "Tee")], {}, (), Hindrance.WRONG_SKU),
    ("more than there is", Arrival(1, "TEE", 2), [sent(1)], {}, (1,), Hindrance.OVER),
    ("more than is allowed", Arrival(1, "TEE", 2), [sent(1), sent(2)], {"most": 1}, (1,), Hindrance.OVER),
    ("nothing is allowed", Arrival(1, "TEE", 1), [sent(1)], {"most": 0}, (), Hindrance.OVER),
    ("returned before", Arrival(1, "TEE", 1), [sent(1, state=UnitState.RETURNED, received=True)], {}, (),
     Hindrance.RETURNED_ALREADY),
    ("still here", Arrival(1, "TEE", 1), [sent(1, state=UnitState.OPEN, shown=False)], {}, (), Hindrance.NOT_DESPATCHED),
    ("cancelled", Arrival(1, "TEE", 1), [sent(1, state=UnitState.CANCELLED)], {}, (), Hindrance.NOT_DESPATCHED),
    ("not shown", Arrival(1, "TEE", 1), [sent(1, shown=False)], {}, (), Hindrance.NO_RETURN_KEY),
    ("half of it waits", Arrival(1, "TEE", 2), [sent(1), sent(2, shown=False)], {}, (1,), Hindrance.NO_RETURN_KEY),
    ("refunded without goods comes first", Arrival(1, "TEE", 1), [sent(1), sent(2, refunded=True)], {}, (2,), None),
    ("then what this number names", Arrival(1, "TEE", 1), [sent(1), sent(2)],
     {"named": frozenset({2})}, (2,), None),
    ("and last what another waits for", Arrival(1, "TEE", 1), [sent(1, expected_by=("RMA-B",)), sent(2)],
     {"named": frozenset({3})}, (2,), None),
    ("strayed under its own number", Arrival(1, "TEE", 1),
     [sent(1), sent(2, state=UnitState.CANCELLED, strayed=True)], {"named": frozenset({2})}, (2,), None),
    ("strayed, but the number names the other", Arrival(1, "TEE", 1),
     [sent(1), sent(2, state=UnitState.CANCELLED, strayed=True)], {"named": frozenset({1})}, (1,), None),
    ("strayed or paid, nobody can say", Arrival(1, "TEE", 1),
     [sent(1), sent(2, state=UnitState.CANCELLED, strayed=True)], {}, (), Hindrance.AMBIGUOUS),
    ("strayed, and no other is out", Arrival(1, "TEE", 1),
     [sent(1, received=True), sent(2, state=UnitState.CANCELLED, strayed=True)], {}, (2,), None),
    ("two lines, guessed", Arrival(None, "TEE", 1), [sent(1), sent(2, line=2)], {"single_line": True}, (),
     Hindrance.AMBIGUOUS),
    ("two lines, one of them back", Arrival(None, "TEE", 1),
     [sent(1, state=UnitState.RETURNED, received=True), sent(2, line=2)], {"single_line": True}, (2,), None),
]  # fmt: skip


@pytest.mark.parametrize(("arrival", "units", "more", "taken", "hindrance"), [row[1:] for row in MATCHES],
                         ids=[row[0] for row in MATCHES])  # fmt: skip
def test_goods_find_their_units(
    arrival: Arrival, units: list[SentUnit], more: dict[str, Any], taken: tuple[int, ...], hindrance: Hindrance | None
) -> None:
    found = match(arrival, units, **more)
    assert (found.unit_ids, found.hindrance) == (taken, hindrance)
    assert found.surplus == arrival.quantity - len(taken)


LINES = {1: "TEE", 2: "HAT", 3: "TEE"}
UNITS = st.builds(
    lambda line_number, **known: SentUnit(line_number=line_number, sku=LINES[line_number], **known),
    order_item_id=st.integers(1, 99),
    line_number=st.sampled_from(sorted(LINES)),
    state=st.sampled_from(UnitState),
    shown=st.booleans(),
    received=st.booleans(),
    refunded=st.booleans(),
    strayed=st.booleans(),
)


@given(
    st.lists(UNITS, max_size=12, unique_by=lambda unit: unit.order_item_id),
    st.builds(Arrival, st.one_of(st.none(), st.integers(1, 4)), st.sampled_from(["TEE", "HAT", "SOCK"]), st.integers(1, 5)),
    st.one_of(st.none(), st.integers(0, 4)),
)
def test_whatever_comes_only_units_that_are_out_are_taken(
    units: list[SentUnit], arrival: Arrival, most: int | None
) -> None:
    found = match(arrival, units, most=most)
    by_id = {unit.order_item_id: unit for unit in units}
    assert len(found.unit_ids) + found.surplus == arrival.quantity
    assert len(set(found.unit_ids)) == len(found.unit_ids)
    assert all((by_id[unit].returnable or by_id[unit].strayed) and by_id[unit].sku == arrival.sku for unit in found.unit_ids)
    assert (found.hindrance is not None) is (found.surplus > 0)
    if most is not None:
        assert len(found.unit_ids) <= most
