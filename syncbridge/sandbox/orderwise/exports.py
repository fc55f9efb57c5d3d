"""Export definitions: stored queries by id, their parameters, and the columns they give (contract 5, 12.3 to 12.10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from syncbridge.sandbox.orderwise import export_rows
from syncbridge.sandbox.orderwise.local_time import read_local
from syncbridge.sandbox.orderwise.refusals import Problems, Refusal
from syncbridge.sandbox.orderwise.stamped_feed import Row

if TYPE_CHECKING:
    from syncbridge.sandbox.orderwise.world import DataSet

Query = Callable[["DataSet", Mapping[str, Any]], list[Row]]


@dataclass(frozen=True)
class Definition:
    """A stored query; `parameters` maps the names that a caller uses (without `@`) to those that the query knows."""

    name: str
    parameters: Mapping[str, str]
    query: Query


def read_parameters(body: Any, definition: Definition) -> dict[str, Any]:
    """Read `[{"name", "value"}]` with or without `@`, whatever the case; the blank element is no parameter.

    Raises Refusal 400 for anything else and for a parameter that the query needs and does not get.
    """
    if not isinstance(body, list) or not body or not all(isinstance(one, dict) for one in body):
        message = 'The body is an array of {"name", "value"}; without parameters it is [{"name": "", "value": null}].'
        raise Refusal(400, message)
    given: dict[str, Any] = {}
    for one in body:
        name = one.get("name")
        if not isinstance(name, str) or "value" not in one:
            raise Refusal(400, "Every parameter has a name and a value.")
        if name.strip():
            given[name.strip().removeprefix("@").casefold()] = one["value"]
    problems = Problems()
    values = {}
    for called, known in definition.parameters.items():
        if given.get(called.casefold()) is None:
            problems.add(f"@{called}", "Must declare the scalar variable: the parameter is missing")
        else:
            values[known] = given[called.casefold()]
    problems.raise_if_any("The export failed.")
    return values


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Refusal(
            400, f"@{name}: conversion failed", [{"field": f"@{name}", "message": "must be a text"}]
        )
    return str(value)


def _since(values: Mapping[str, Any]) -> datetime:
    name = "amended_since"
    try:
        return read_local(_text(values, name))
    except ValueError as error:
        message = f"Conversion failed when converting date and/or time from character string: {error}"
        raise Refusal(400, message, [{"field": f"@{name}", "message": str(error)}]) from error


def _limit(values: Mapping[str, Any]) -> int:
    text = _text(values, "limit")
    if not text.isascii() or not text.isdecimal() or not int(text):
        message = "must be a whole number of 1 or more"
        raise Refusal(400, f"@limit: {message}", [{"field": "@limit", "message": message}])
    return int(text)


def _order_lookup(data: DataSet, values: Mapping[str, Any]) -> list[Row]:
    return export_rows.orders_of(data, _text(values, "reference"))


def _despatches(data: DataSet, values: Mapping[str, Any]) -> list[Row]:
    return data.despatch_feed.after(_since(values), _limit(values), export_rows.despatch_rows)


def _stock_changes(data: DataSet, values: Mapping[str, Any]) -> list[Row]:
    return data.stock.feed.after(_since(values), _limit(values), export_rows.stock_rows)


def _stock_snapshot(data: DataSet, values: Mapping[str, Any]) -> list[Row]:
    return [row for variant in data.variants.values() for row in export_rows.stock_rows(variant)]


def _item_by_code(data: DataSet, values: Mapping[str, Any]) -> list[Row]:
    return [export_rows.item_row(data, one) for one in data.find_variants(_text(values, "variant_code"))]


def _returned_goods(data: DataSet, values: Mapping[str, Any]) -> list[Row]:
    return data.receipt_feed.after(_since(values), _limit(values), export_rows.receipt_rows)


_QUERIES: dict[str, tuple[tuple[str, ...], Query]] = {
    "order_lookup": (("reference",), _order_lookup),
    "despatches": (("amended_since", "limit"), _despatches),
    "stock_changes": (("amended_since", "limit"), _stock_changes),
    "stock_snapshot": ((), _stock_snapshot),
    "item_by_code": (("variant_code",), _item_by_code),
    "returned_goods": (("amended_since", "limit"), _returned_goods),
}
DEFAULT_IDS = dict(zip(range(201, 207), _QUERIES, strict=True))


def define(name: str, renamed: Mapping[str, str] | None = None) -> Definition:
    """Return a definition by its name, with parameters called otherwise where `renamed` says so (old: new).

    Raises ValueError for an unknown name.
    """
    if name not in _QUERIES:
        raise ValueError(f"unknown export {name!r}; known: {', '.join(_QUERIES)}")
    known, query = _QUERIES[name]
    called = {(renamed or {}).get(one, one).removeprefix("@"): one for one in known}
    return Definition(name, called, query)


def define_rows(parameters: Sequence[str], rows: Sequence[Row]) -> Definition:
    """Return a definition that gives the same rows whatever it is asked, for exports that are not ours."""
    kept = [dict(row) for row in rows]
    return Definition(
        "rows", {name.removeprefix("@"): name for name in parameters}, lambda data, values: kept
    )
