"""Filling a data set: lists, customers, variants and stock, thousands at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from syncbridge.sandbox.control_plane import ControlError
from syncbridge.sandbox.orderwise.customers import put_customer
from syncbridge.sandbox.orderwise.exports import DEFAULT_IDS, define, define_rows
from syncbridge.sandbox.orderwise.order_content import DELIVERY_METHODS, LOCATIONS, TAX_RATES
from syncbridge.sandbox.orderwise.reference_data import COURIERS
from syncbridge.sandbox.orderwise.stock import Variant
from syncbridge.sandbox.orderwise.variants import add_variant, new_record
from syncbridge.sandbox.orderwise.world import DataSet, User

PENNY = Decimal("0.01")


def seed(data: DataSet, given: Mapping[str, Any]) -> dict[str, int]:
    """Add or change what is given, and return how many entries of each kind were taken.

    Stock figures are absolute; what orders hold stays. Everything that was seeded is recalculated at once. Raises
    ControlError 400 at the first entry that cannot be understood; the entries before it are in effect.
    """
    unknown = set(given) - set(_SEEDERS) - {"dataSet"}
    if unknown:
        known = ", ".join(_SEEDERS)
        raise ControlError(400, f"unknown members {', '.join(sorted(unknown))}; known: {known}")
    for number, name in DEFAULT_IDS.items():
        data.exports.setdefault(number, define(name))
    taken = {}
    try:
        for member, seeder in _SEEDERS.items():
            for entry in given.get(member) or ():
                seeder(data, entry)
            taken[member] = len(given.get(member) or ())
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        problem = f"member {error} is missing" if isinstance(error, KeyError) else str(error) or repr(error)
        raise ControlError(400, f"{member}: {problem}") from error
    finally:
        if given.get("variants") or given.get("stock"):
            data.stock.recalculate()
    return taken


def decimal(value: Any) -> Decimal:
    """Take a number of the control plane, also one written as a text; raise ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError(f"{value!r} is not a number")  # noqa: TRY004 - all faults of an entry are ValueErrors
    return Decimal(value)


def _user(data: DataSet, entry: Mapping[str, Any]) -> None:
    modules = entry.get("modules")
    name = str(entry["username"])
    ticked = None if modules is None else frozenset(map(str, modules))
    data.users[name.casefold()] = User(name, str(entry["password"]), ticked)


def _session(data: DataSet, entry: Mapping[str, Any]) -> None:
    data.lists.sessions[int(entry["id"])] = dict(entry)


def _location(data: DataSet, entry: Mapping[str, Any]) -> None:
    number = int(entry["id"])
    data.lists.locations[number] = {"id": number, "name": str(entry["name"]), **entry}
    values = data.lists.values.setdefault(LOCATIONS, {})
    values[number] = {"id": number, "name": str(entry["name"]), "description": str(entry["name"])}


def _value_list(data: DataSet, entry: Mapping[str, Any]) -> None:
    listed = data.lists.values.setdefault(int(entry["list"]), {})
    for value in entry["values"]:
        kept = {"description": value.get("name"), **value, "id": int(value["id"])}
        if int(entry["list"]) == TAX_RATES:
            kept["rate"] = decimal(value["rate"])
        if int(entry["list"]) == DELIVERY_METHODS:
            data.lists.couriers.setdefault(kept["id"], COURIERS[18])
        listed[kept["id"]] = kept


def _courier(data: DataSet, entry: Mapping[str, Any]) -> None:
    texts = {name: str(entry.get(name) or "") for name in ("name", "prefix", "suffix")}
    data.lists.couriers[int(entry["deliveryMethodId"])] = texts


def _dissur(data: DataSet, entry: Mapping[str, Any]) -> None:
    data.lists.dissurs[str(entry["description"])] = dict(entry)


def _variant(data: DataSet, entry: Mapping[str, Any]) -> None:
    """Add or change a variant; prices need only one of rspIncVat and rspExcVat."""
    code = str(entry["variantCode"])
    known = next((one for one in data.find_variants(code) if one.code == code), None)
    variant = known or Variant(int(entry.get("variantId") or data.number("variant")), code, new_record(code))
    variant.tax_rate_id = int(entry.get("taxRateId", variant.tax_rate_id))
    rate = 1 + data.lists.values[TAX_RATES][variant.tax_rate_id]["rate"] / 100
    if "rspIncVat" in entry:
        variant.price_gross = decimal(entry["rspIncVat"])
        variant.price_net = (variant.price_gross / rate).quantize(PENNY, ROUND_HALF_UP)
    if "rspExcVat" in entry:
        variant.price_net = decimal(entry["rspExcVat"])
        if "rspIncVat" not in entry:
            variant.price_gross = (variant.price_net * rate).quantize(PENNY, ROUND_HALF_UP)
    variant.discontinued = bool(entry.get("discontinued", variant.discontinued))
    variant.disallowed = bool(entry.get("disallowed", variant.disallowed))
    variant.product_id = int(entry.get("productId", variant.product_id))
    record = variant.record
    record["variantInfo"]["description"] = str(
        entry.get("description") or record["variantInfo"]["description"]
    )
    record["variantInfo"]["eanCode"] = entry.get("eanCode", record["variantInfo"]["eanCode"])
    record["uom"] = str(entry.get("uom", record["uom"]))
    if "weight" in entry:
        record["variantDimensions"]["weight"] = decimal(entry["weight"])
    if known is None:
        add_variant(data, variant)
    variant.amended = data.stamp()
    if "components" in entry:
        _components(data, variant, entry["components"])
    data.stock.changed(variant)


def _components(data: DataSet, kit: Variant, entries: Any) -> None:
    parts = []
    for entry in entries:
        part = data.variant(str(entry["variantCode"]))
        if part is None:
            part = Variant(
                data.number("variant"), str(entry["variantCode"]), new_record(str(entry["variantCode"]))
            )
            add_variant(data, part)
        parts.append((part, decimal(entry["quantity"])))
        part.kits.append(kit)
    kit.components = tuple(parts)


def _stock(data: DataSet, entry: Mapping[str, Any]) -> None:
    variant = data.variant(str(entry["variantCode"]))
    if variant is None:
        raise ValueError(f"there is no variant {entry['variantCode']!r}; seed it first")
    location = int(entry.get("stockLocationId", next(iter(data.lists.locations))))
    if location not in data.lists.locations:
        raise ValueError(f"there is no stock location {location}")
    shelf = variant.shelf(location)
    shelf.physical = decimal(entry.get("physical", shelf.physical))
    shelf.elsewhere = decimal(entry.get("elsewhere", shelf.elsewhere))
    data.stock.changed(variant)


def _export(data: DataSet, entry: Mapping[str, Any]) -> None:
    """Define an export under an id of one's own: {id, name, rename} for one of ours, {id, parameters, rows} else."""
    if "rows" in entry:
        made = define_rows(entry.get("parameters") or (), entry["rows"])
    else:
        made = define(str(entry["name"]), entry.get("rename"))
    data.exports[int(entry["id"])] = made


_SEEDERS: dict[str, Callable[[DataSet, Any], None]] = {
    "users": _user,
    "sessions": _session,
    "locations": _location,
    "valueLists": _value_list,
    "couriers": _courier,
    "dissurs": _dissur,
    "nominals": lambda data, code: data.lists.nominals.add(str(code)),
    "departments": lambda data, code: data.lists.departments.add(str(code)),
    "costCentres": lambda data, code: data.lists.cost_centres.add(str(code)),
    "customers": put_customer,
    "variants": _variant,
    "stock": _stock,
    "exports": _export,
}
