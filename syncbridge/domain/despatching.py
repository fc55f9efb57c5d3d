"""Which concrete units left in which parcel, and which parcels the shop is told of as one shipment. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from syncbridge.domain.backend import Parcel, ParcelLine


@dataclass(frozen=True)
class OpenLine:
    """A line of a back end's order and its units that nothing has closed yet, in any order."""

    line_number: int
    sku: str
    open_units: tuple[int, ...]


@dataclass(frozen=True)
class WrongGoods:
    """Goods in a parcel that its order does not have: a foreign SKU, or more than is open."""

    parcel_id: str
    line_number: int
    sku: str
    surplus: int
    problem: str


@dataclass(frozen=True)
class Consignment:
    """Parcels that the shop is told of as one shipment, with the units in them."""

    parcel_ids: tuple[str, ...]
    tracking_number: str
    unit_ids: tuple[int, ...]


def allocate(
    parcels: Sequence[Parcel], lines: Mapping[int, OpenLine]
) -> tuple[tuple[Consignment, ...], tuple[WrongGoods, ...]]:
    """Give every parcel its units, lowest order item id first, and name what does not fit.

    A parcel's row is matched by line number, or by a SKU that only one line has where the back end gives none; where that
    line's SKU is another one, the goods are wrong. SKUs are compared trimmed and without regard to case. Parcels
    that share a tracking number are one consignment; parcels without a number stay apart. A parcel of which no
    unit fits makes no consignment.
    """
    left = {number: sorted(line.open_units) for number, line in lines.items()}
    wrong: list[WrongGoods] = []
    groups: dict[str, list[tuple[str, list[int]]]] = {}
    for parcel in parcels:
        taken: list[int] = []
        for row in parcel.lines:
            line = _line_of(row, lines)
            if line is None or _compared(line.sku) != _compared(row.sku):
                problem = "not a line of the order" if line is None else f"the line is for {line.sku}"
                wrong.append(WrongGoods(parcel.parcel_id, row.line_number, row.sku, row.quantity, problem))
                continue
            units = left[line.line_number]
            taken += units[: row.quantity]
            surplus = row.quantity - len(units)
            del units[: row.quantity]
            if surplus > 0:
                wrong.append(
                    WrongGoods(parcel.parcel_id, row.line_number, row.sku, surplus, "more than the order has open")
                )
        key = f"tracking:{parcel.tracking_number}" if parcel.tracking_number else f"parcel:{parcel.parcel_id}"
        groups.setdefault(key, []).append((parcel.parcel_id, taken))
    tracking = {parcel.parcel_id: parcel.tracking_number for parcel in parcels}
    consignments = tuple(
        Consignment(
            tuple(parcel_id for parcel_id, _units in members),
            tracking[members[0][0]],
            tuple(sorted(unit for _parcel_id, units in members for unit in units)),
        )
        for members in groups.values()
    )
    return tuple(one for one in consignments if one.unit_ids), tuple(wrong)


def _line_of(row: ParcelLine, lines: Mapping[int, OpenLine]) -> OpenLine | None:
    """Return the line that a parcel's row is for; without a number (0) the only one of its SKU, if there is one."""
    if row.line_number:
        return lines.get(row.line_number)
    same = [line for line in lines.values() if _compared(line.sku) == _compared(row.sku)]
    return same[0] if len(same) == 1 else None


def _compared(sku: str) -> str:
    """Return a SKU as it is compared on a line of one order: a back end may spell it in other letters, or with blanks."""
    return sku.strip().casefold()


def added_since(
    parcels: Sequence[Parcel],
    told: Sequence[tuple[Collection[str], Mapping[int, int]]],
    open_units: Mapping[int, int],
) -> tuple[Parcel, ...]:
    """Return parcels that the shop was told of with the goods that were put into them since.

    `told` is what it was told of this despatch: parcel ids, and units by line. Only units that the order still has open
    (`open_units` by line) can be news: anything beyond was surplus before, or is somebody else's. Goods that only moved
    from one of these parcels to another are none.
    """
    left = [Counter(heard) for _names, heard in told]
    more: Counter[int] = Counter()
    inside = [parcel for parcel in parcels if any(parcel.parcel_id in names for names, _heard in told)]
    for parcel in inside:
        for line in parcel.lines:
            more[line.line_number] += line.quantity
    for heard in left:
        more.subtract(heard)
    found: list[Parcel] = []
    room = Counter({line: min(units, open_units.get(line, 0)) for line, units in more.items()})
    for parcel in inside:
        mine = [heard for (names, _), heard in zip(told, left, strict=True) if parcel.parcel_id in names]
        lines: list[ParcelLine] = []
        for line in parcel.lines:
            quantity = line.quantity
            for heard in mine:
                known = min(quantity, max(0, heard[line.line_number]))
                heard[line.line_number] -= known
                quantity -= known
            quantity = min(quantity, max(0, room[line.line_number]))
            room[line.line_number] -= quantity
            if quantity:
                lines.append(replace(line, quantity=quantity))
        if lines:
            found.append(replace(parcel, lines=tuple(lines)))
    return tuple(found)


def not_heard_of(
    parcels: Sequence[Parcel], heard_of: Mapping[int, int], names: Collection[str]
) -> tuple[tuple[Parcel, ...], dict[str, str]]:
    """Return the parcels with goods that the shop has not heard of, and the numbers of those that it knows otherwise.

    `heard_of` is how many units of each line the shop was told of for this despatch, under the parcel ids `names`. A
    back end may give parcels other names once their numbers come, and divide their goods anew: units that are in none of
    the parcels of those names any more are in the others, line by line. They are not goods that left again.
    """
    left = Counter(heard_of)
    for parcel in parcels:
        if parcel.parcel_id in names:
            for line in parcel.lines:
                left[line.line_number] -= line.quantity
    fresh: list[Parcel] = []
    renamed: dict[str, str] = {}
    for parcel in parcels:
        if parcel.parcel_id in names:
            continue
        lines: list[ParcelLine] = []
        for line in parcel.lines:
            known = min(line.quantity, max(0, left[line.line_number]))
            left[line.line_number] -= known
            if known:
                renamed[parcel.parcel_id] = parcel.tracking_number
            if line.quantity > known:
                lines.append(replace(line, quantity=line.quantity - known))
        if lines or parcel.parcel_id not in renamed:
            fresh.append(replace(parcel, lines=tuple(lines)))
    return tuple(fresh), renamed
