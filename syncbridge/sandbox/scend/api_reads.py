"""Endpoints that only read: ping, stock, despatches, products, services (contract 2.2, rows 1, 8 to 11, 16 to 18)."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from syncbridge.sandbox.scend.errors import detail, not_found, validation_failed
from syncbridge.sandbox.scend.feeds import Row, to_json
from syncbridge.sandbox.scend.fields import sku_problem
from syncbridge.sandbox.scend.gate import ACCOUNT, TOKEN, WORLD
from syncbridge.sandbox.scend.pages import Filters, answer_list, join_rows, json_answer
from syncbridge.sandbox.scend.stock import StockRow
from syncbridge.sandbox.scend.world import Despatch


async def get_ping(request: web.Request) -> web.Response:
    """Answer whose credentials these are."""
    body = {
        "status": "ok",
        "accountCode": request[ACCOUNT].code,
        "environment": "sandbox",
        "serverTime": request.app[WORLD].now_text(),
        "scopes": list(request[TOKEN].scopes),
    }
    return json_answer(to_json(body))


async def list_stock(request: web.Request) -> web.Response:
    """Answer the stock feed."""
    stock = request[ACCOUNT].stock

    def by_sku(filters: Filters) -> Iterable[StockRow] | None:
        return stock.rows_of(filters["sku"]) if "sku" in filters else None

    return answer_list(
        request,
        stock.feed,
        {"sku": None, "warehouseCode": None},
        matches=_matches,
        candidates=by_sku if not request.app[WORLD].settings.stock_lag_seconds else lambda _: None,
        lag_seconds=request.app[WORLD].settings.stock_lag_seconds,
    )


def _matches(row: Row, filters: Filters) -> bool:
    return all(row.document[name] in values for name, values in filters.items())


def _wanted_sku(request: web.Request) -> str:
    sku = request.match_info["sku"]
    problem = sku_problem(sku)
    if problem is not None:
        raise validation_failed([detail("SKU_FORMAT", "sku", sku, problem)])
    return sku


async def get_stock(request: web.Request) -> web.Response:
    """Answer one SKU in all warehouses."""
    account, sku = request[ACCOUNT], _wanted_sku(request)
    rows = account.stock.rows_of([sku])
    if not rows and account.catalogue.find(sku) is None:
        raise not_found("The SKU", [detail("SKU_UNKNOWN", "sku", sku, "SKU is not set up for this account.")])
    return json_answer(b'{"data":' + join_rows(rows) + b"}")


async def list_despatches(request: web.Request) -> web.Response:
    """Answer the despatches feed."""
    account, world = request[ACCOUNT], request.app[WORLD]

    def by_order(filters: Filters) -> Iterable[Despatch] | None:
        if "clientReference" in filters:
            groups = [account.despatches_by_reference.get(one, []) for one in filters["clientReference"]]
            return [despatch for group in groups for despatch in group]
        if "orderId" in filters:
            orders = [world.orders[one] for one in filters["orderId"] if one in world.orders]
            return [despatch for order in orders if order.account is account for despatch in order.despatches]
        return None

    return answer_list(
        request,
        account.despatches,
        {"clientReference": None, "orderId": None, "warehouseCode": None},
        matches=_matches,
        candidates=by_order,
    )


async def get_despatch(request: web.Request) -> web.Response:
    """Answer one despatch."""
    despatch = request[ACCOUNT].despatches.rows.get(request.match_info["despatchId"])
    if despatch is None:
        raise not_found("The despatch")
    return json_answer(despatch.raw())


async def list_products(request: web.Request) -> web.Response:
    """Answer the catalogue feed, or the products of several SKUs."""
    catalogue = request[ACCOUNT].catalogue

    def by_sku(filters: Filters) -> Iterable[Row] | None:
        return [row for sku in filters["sku"] if (row := catalogue.find(sku)) is not None]

    return answer_list(request, catalogue.feed, {"sku": None}, matches=_matches, candidates=by_sku)


async def get_product(request: web.Request) -> web.Response:
    """Answer one product."""
    sku = _wanted_sku(request)
    product = request[ACCOUNT].catalogue.find(sku)
    if product is None:
        raise not_found("The SKU", [detail("SKU_UNKNOWN", "sku", sku, "SKU is not set up for this account.")])
    return json_answer(product.raw())


async def list_services(request: web.Request) -> web.Response:
    """Answer all shipping services; not paged."""
    return json_answer(to_json({"data": list(request.app[WORLD].services.values())}))
