"""Which concrete units left in which parcel, and which parcels the shop is told of as one shipment. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from syncbridge.domain.backend import Parcel


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

    A parcel's row is matched by line number; where that line's SKU is another one, the goods are wrong. Parcels
    that share a tracking number are one consignment; parcels without a number stay apart. A parcel of which no
    unit fits makes no consignment.
    """
    left = {number: sorted(line.open_units) for number, line in lines.items()}
    wrong: list[WrongGoods] = []
    groups: dict[str, list[tuple[str, list[int]]]] = {}
    for parcel in parcels:
        taken: list[int] = []
        for row in parcel.lines:
            line = lines.get(row.line_number)
            if line is None or line.sku != row.sku:
                problem = "not a line of the order" if line is None else f"the line is for {line.sku}"
                wrong.append(WrongGoods(parcel.parcel_id, row.line_number, row.sku, row.quantity, problem))
                continue
            units = left[row.line_number]
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
