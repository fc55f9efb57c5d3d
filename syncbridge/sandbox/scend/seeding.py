"""Filling the sandbox: accounts, tokens, services, products and stock, thousands at a time (contract 2.19)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncbridge.sandbox.control_plane import ControlError
from syncbridge.sandbox.scend.reference_data import DEFAULT_WAREHOUSES
from syncbridge.sandbox.scend.stock import ADJUSTABLE, Impossible
from syncbridge.sandbox.scend.world import Account, World

MEMBERS = ("accounts", "tokens", "services", "products", "stock")


def seed(world: World, given: Mapping[str, Any]) -> dict[str, int]:
    """Add or change what is given, and return how many entries of each kind were taken.

    Products and stock name their account with `accountCode`, else the first account is meant. Stock figures
    are absolute; what orders hold (`reserved`, `picked`) stays. Raises ControlError 400 at the first entry that
    cannot be understood; the entries before it are in effect.
    """
    unknown = set(given) - set(MEMBERS)
    if unknown:
        raise ControlError(400, f"unknown members {', '.join(sorted(unknown))}; known: {', '.join(MEMBERS)}")
    try:
        for account in given.get("accounts") or ():
            code, warehouses = account["accountCode"], account.get("warehouses") or DEFAULT_WAREHOUSES
            world.add_account(str(code), warehouses)
        for token in given.get("tokens") or ():
            world.add_token(token)
        for service in given.get("services") or ():
            world.services[service["code"]] = {
                "name": service["code"],
                "carrierCodes": ["OTHER"],
                "countries": ["GB"],
                "carrierCutoffLocal": "15:00",
                "active": True,
                **service,
            }
        for product in given.get("products") or ():
            _seed_product(world, product)
        for row in given.get("stock") or ():
            _seed_stock(world, row)
    except (KeyError, TypeError, ValueError, AttributeError, Impossible) as error:
        problem = f"member {error} is missing" if isinstance(error, KeyError) else str(error)
        raise ControlError(400, problem) from error
    finally:
        for open_account in world.accounts.values():
            open_account.stock.settle()
    return {name: len(given.get(name) or ()) for name in MEMBERS}


def account_of(world: World, code: str | None) -> Account:
    """Return the named account, or the first; raise ControlError 404 if there is none of that name."""
    if code is None:
        return world.first_account()
    account = world.accounts.get(code)
    if account is None:
        raise ControlError(404, f"there is no account {code!r}")
    return account


def _seed_product(world: World, product: Mapping[str, Any]) -> None:
    given = dict(product)
    account = account_of(world, given.pop("accountCode", None))
    account.catalogue.put(world.new_id("prd"), given)
    account.stock.refresh_active(str(given["sku"]))


def _seed_stock(world: World, row: Mapping[str, Any]) -> None:
    account = account_of(world, row.get("accountCode"))
    warehouse = row.get("warehouseCode") or account.default_warehouse
    if warehouse not in account.warehouses:
        raise ControlError(400, f"{warehouse!r} is not a warehouse of {account.code}")
    unknown = set(row) - {"accountCode", "sku", "warehouseCode", "nextInboundDate", *ADJUSTABLE}
    if unknown:
        raise ValueError(f"stock {row['sku']}: unknown members {', '.join(sorted(unknown))}")
    sku = row["sku"]
    if account.catalogue.find(sku) is None:
        raise ValueError(f"stock {sku}: there is no such product; seed it first")
    found = account.stock.ensure(sku, warehouse)
    values = {name: row[name] for name in (*ADJUSTABLE, "nextInboundDate") if name in row}
    account.stock.put(found, values)


def adjust(world: World, given: Mapping[str, Any]) -> dict[str, Any]:
    """Change one bucket of one stock row by a delta; return the row. Raises ControlError 400 or Impossible."""
    account = account_of(world, given.get("accountCode"))
    sku, bucket, delta = given.get("sku"), given.get("bucket", "physical"), given.get("delta")
    if bucket not in ADJUSTABLE:
        raise ControlError(400, f"bucket is one of {', '.join(ADJUSTABLE)}; the others follow the orders")
    if not isinstance(delta, int) or isinstance(delta, bool):
        raise ControlError(400, "delta is a whole number")
    if not isinstance(sku, str) or account.catalogue.find(sku) is None:
        raise ControlError(404, f"there is no product {sku!r}")
    row = account.stock.ensure(sku, given.get("warehouseCode") or account.default_warehouse)
    try:
        account.stock.move(row, **{bucket: delta})
        world.journal.fact("stock_adjusted", account=account.code, sku=sku, bucket=bucket, delta=delta)
    finally:
        account.stock.settle()
    return row.document
