"""Returns: how goods that come back find the units they are, and what is decided about their money. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from syncbridge.domain.backend import Condition, Disposition
from syncbridge.domain.states import UnitState

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80


class ReturnSource(StrEnum):
    """Where a return authorisation came from."""

    CUSTOMER_SERVICE = "customer_service"
    TOO_LATE_CANCELLATION = "too_late_cancellation"
    UNANNOUNCED = "unannounced"


class ReturnReason(StrEnum):
    """Why goods come back, in our words; each connector maps them to its vendor's."""

    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    NOT_AS_DESCRIBED = "not_as_described"
    CHANGED_MIND = "changed_mind"
    FAULTY = "faulty"
    DAMAGED_IN_TRANSIT = "damaged_in_transit"
    WRONG_ITEM_SENT = "wrong_item_sent"
    LATE_DELIVERY = "late_delivery"
    TOO_LATE_TO_CANCEL = "too_late_to_cancel"
    OTHER = "other"


class ReturnState(StrEnum):
    """How far a return has got. WAITING: its goods have not left the warehouse yet, so nothing can be announced."""

    WAITING = "waiting"
    EXPECTED = "expected"
    ARRIVED = "arrived"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


OPEN_RETURNS = (ReturnState.WAITING, ReturnState.EXPECTED, ReturnState.ARRIVED)


class ReceiptState(StrEnum):
    """What became of a receipt line. WAITING is tried again by itself; HELD is a person's."""

    WAITING = "waiting"
    HELD = "held"
    MATCHED = "matched"
    REFUSED = "refused"


class Decision(StrEnum):
    """What is decided about the money of returned goods. Restock or not is the warehouse's doing and reaches the shop as stock.

    NOTHING_DUE: the unit was cancelled, and left all the same, so that nobody paid for it.
    """

    RESTOCK = "refund_and_restock"
    WRITE_OFF = "refund_and_write_off"
    ASK = "ask"
    REFUSED = "refused"
    NOTHING_DUE = "nothing_due"


def is_undecided(state: ReceiptState, decision: str) -> bool:
    """Say whether a person may decide about a receipt: its money is theirs to say, or it belongs to no unit by itself (yet)."""
    return decision == Decision.ASK or state in (ReceiptState.HELD, ReceiptState.WAITING)


REFUNDING = (Decision.RESTOCK, Decision.WRITE_OFF)

ANY = "*"


def decide(table: Mapping[str, Decision], condition: Condition, disposition: Disposition) -> Decision:
    """Look a condition and disposition up in the table: "faulty/scrap", then "faulty/*", then "*/scrap", then "*/*".

    What the table does not name, and what the warehouse could not name, is a person's.
    """
    if Condition.UNKNOWN is condition or Disposition.UNKNOWN is disposition:
        return Decision.ASK
    for key in (
        f"{condition}/{disposition}",
        f"{condition}/{ANY}",
        f"{ANY}/{disposition}",
        f"{ANY}/{ANY}",
    ):
        if key in table:
            return table[key]
    return Decision.ASK


def new_rma_number(at: datetime, chance: int) -> str:
    """Make a return authorisation number: "RMA-" and a ULID of the time and 80 random bits.

    `chance` are the random bits. A restored ledger must not give a number out again, hence no sequence.
    """
    value = (int(at.timestamp() * 1000) << _RANDOM_BITS) | (chance & ((1 << _RANDOM_BITS) - 1))
    signs = []
    for _ in range(26):
        value, sign = divmod(value, 32)
        signs.append(_CROCKFORD[sign])
    return "RMA-" + "".join(reversed(signs))


_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{5,63}")


def codes_in(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the words of free texts that may be a label's code or a number: six signs or more, with a digit.

    Everything else in such a text may be personal data, and is dropped.
    """
    found = (
        word
        for text in texts
        for word in _CODE.findall(text)
        if any(sign.isdigit() for sign in word)
    )
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class SentUnit:
    """A unit of a back end's order, as far as its return goes. `sku` is the back end's.

    `shown`: SCAYLE itself shows its shipment. `received`: its goods have come back. `refunded`: SCAYLE shows it as
    returned although nothing came back yet. `strayed`: it left although it was cancelled, so that no money is due for it.
    `expected_by` are return authorisations that are open for it.
    """

    order_item_id: int
    line_number: int | None
    sku: str
    state: UnitState
    shown: bool = False
    received: bool = False
    refunded: bool = False
    strayed: bool = False
    expected_by: tuple[str, ...] = ()

    @property
    def returnable(self) -> bool:
        return self.state is UnitState.DESPATCHED and self.shown and not self.received


class Hindrance(StrEnum):
    """Why goods that came back belong to no unit."""

    UNKNOWN_RMA = "unknown_rma"
    UNKNOWN_ORDER = "unknown_order"
    WRONG_SKU = "wrong_sku"
    OVER = "over"
    RETURNED_ALREADY = "returned_already"
    NOT_DESPATCHED = "not_despatched"
    NO_RETURN_KEY = "no_return_key"
    AMBIGUOUS = "ambiguous"
    NO_LINE = "no_line"
    UNANNOUNCED = "unannounced"


PASSING = frozenset({Hindrance.UNKNOWN_ORDER, Hindrance.NOT_DESPATCHED, Hindrance.NO_RETURN_KEY})
"""What may only mean that we have not heard everything yet."""


@dataclass(frozen=True)
class Arrival:
    """Goods that came back: so many units of a SKU, on a line of the order where the back end can say which."""

    line_number: int | None
    sku: str
    quantity: int


@dataclass(frozen=True)
class Match:
    """The units that goods turned out to be, and why the rest of them is none, where there is a rest.

    `strayed_ids` are those of them for which no money is due.
    """

    unit_ids: tuple[int, ...]
    surplus: int = 0
    hindrance: Hindrance | None = None
    strayed_ids: tuple[int, ...] = ()


def match(
    arrival: Arrival,
    units: Sequence[SentUnit],
    *,
    most: int | None = None,
    named: frozenset[int] | None = None,
    single_line: bool = False,
) -> Match:
    """Find the units that came back. `most` is how many of them the return authorisation still allows, if there is one;
    `named` are the units that it names.

    Units of a line are interchangeable, so which one is taken decides nothing but whose refund goes: one that SCAYLE
    refunded without goods comes first, because its money is gone; then those that this authorisation names; last those
    that another one waits for; and lowest order item id first. With `single_line` a SKU on several lines is ambiguous.

    Where units strayed, goods under an authorisation that names them are those; without one it is ambiguous whether a unit
    that was paid for or one that was not has come back, and only where no paid one is out it is certain.
    """
    line = [unit for unit in units if arrival.line_number in (None, unit.line_number)]
    same = _of_sku(line, arrival.sku)
    if not same:
        return Match((), arrival.quantity, Hindrance.WRONG_SKU)
    free = sorted((unit for unit in same if unit.returnable), key=lambda unit: _rank(unit, named or frozenset()))
    astray = sorted(unit.order_item_id for unit in same if unit.strayed and not unit.received)
    if single_line and len({unit.line_number for unit in free}) > 1:
        return Match((), arrival.quantity, Hindrance.AMBIGUOUS)
    if astray and free and named is None:
        return Match((), arrival.quantity, Hindrance.AMBIGUOUS)
    allowed = arrival.quantity if most is None else min(arrival.quantity, max(0, most))
    unpaid = tuple(unit for unit in astray if named is None or unit in named)[:allowed]
    paid = tuple(unit.order_item_id for unit in free[: allowed - len(unpaid)])
    taken = (*unpaid, *paid)
    surplus = arrival.quantity - len(taken)
    if not surplus:
        return Match(taken, strayed_ids=unpaid)
    return Match(taken, surplus, _why(same, taken, len(free) > len(paid)), unpaid)


def _of_sku(units: Sequence[SentUnit], sku: str) -> list[SentUnit]:
    """Return the units of a SKU: spelled exactly so, else in another case if that is one SKU only."""
    exact = [unit for unit in units if unit.sku == sku]
    if exact:
        return exact
    alike = [unit for unit in units if unit.sku.casefold() == sku.casefold()]
    return alike if len({unit.sku for unit in alike}) == 1 else []


def _rank(unit: SentUnit, named: frozenset[int]) -> tuple[bool, bool, bool, int]:
    mine = unit.order_item_id in named
    return not unit.refunded, not mine, bool(unit.expected_by), unit.order_item_id


def _why(same: Sequence[SentUnit], taken: tuple[int, ...], more_free: bool) -> Hindrance:
    if more_free:
        return Hindrance.OVER
    others = [unit for unit in same if unit.order_item_id not in taken]
    if any(unit.state is UnitState.DESPATCHED and not unit.shown for unit in others):
        return Hindrance.NO_RETURN_KEY
    if any(unit.state is UnitState.OPEN for unit in others):
        return Hindrance.NOT_DESPATCHED
    if taken:
        return Hindrance.OVER
    return Hindrance.RETURNED_ALREADY if any(unit.received for unit in others) else Hindrance.NOT_DESPATCHED
