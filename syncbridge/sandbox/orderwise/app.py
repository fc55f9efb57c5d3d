"""Putting the stand-in OrderWise together: routes, middlewares, start and stop."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.control_plane import RESET, add_shared_control, control_error_middleware
from syncbridge.sandbox.ending import end
from syncbridge.sandbox.faults import CONTROL_PREFIX, fault_middleware
from syncbridge.sandbox.journal import Journal, journal_middleware
from syncbridge.sandbox.orderwise import (
    api_orders,
    api_returns,
    api_stock,
    control,
    control_returns,
    customers,
    finance,
    oracle,
    variants,
)
from syncbridge.sandbox.orderwise.autoprogress import AutomaticWarehouse
from syncbridge.sandbox.orderwise.control import WAREHOUSE, impossible_is_409
from syncbridge.sandbox.orderwise.gate import (
    BODY_LIMIT,
    MODULES,
    WORLD,
    OrderWiseFaults,
    guard,
    render_fault,
)
from syncbridge.sandbox.orderwise.reference_data import APPLICATIONS, DEFAULT_SEED
from syncbridge.sandbox.orderwise.routing import CaselessResource
from syncbridge.sandbox.orderwise.seeding import seed
from syncbridge.sandbox.orderwise.settings import Settings
from syncbridge.sandbox.orderwise.world import World
from syncbridge.sandbox.serving import control_token_middleware

EXTRA_FAULTS = ("token_revoked",)
LATE_FAULTS = ("import_refused",)


@dataclass(frozen=True)
class Launch:
    """How a sandbox starts: its applications with their data sets, its seed, its switches, and the seed of its dice."""

    applications: Mapping[str, str] = field(default_factory=lambda: APPLICATIONS)
    zone: str = "Europe/London"
    control_token: str | None = None
    random_seed: int = 1
    catalogue: Mapping[str, Any] = field(default_factory=lambda: DEFAULT_SEED)
    settings: Mapping[str, Any] = field(default_factory=dict)


def build_app(launch: Launch | None = None) -> web.Application:
    """Build the application; raise ValueError for impossible settings."""
    launch = launch or Launch()
    clock = SandboxClock()
    plan = OrderWiseFaults(launch.random_seed, EXTRA_FAULTS, late_kinds=LATE_FAULTS)
    journal = Journal(clock)
    initial = Settings().changed(launch.settings)
    names = {name.casefold(): data for name, data in launch.applications.items()}
    world = World(clock, plan, journal, initial, names, launch.zone)
    warehouse = AutomaticWarehouse(world)
    app = web.Application(
        client_max_size=BODY_LIMIT,
        middlewares=[
            journal_middleware(journal),
            control_error_middleware,
            control_token_middleware(launch.control_token),
            impossible_is_409,
            fault_middleware(plan, "", render_fault),
            guard,
        ],
    )

    def fill() -> None:
        for data in world.data_sets.values():
            seed(data, copy.deepcopy(dict(launch.catalogue)))

    def reset() -> None:
        world.clear()
        plan.reset()
        clock.restore()
        journal.reset()
        world.settings = initial
        fill()

    app[WORLD], app[WAREHOUSE], app[RESET] = world, warehouse, reset
    app[MODULES] = {}
    _add_control_routes(app)
    add_shared_control(app, clock, plan, journal)
    _add_vendor_routes(app)
    fill()

    async def work(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(world.scheduler.run())
        yield
        await end([task])

    app.cleanup_ctx.append(work)
    return app


def _add_vendor_routes(app: web.Application) -> None:
    """Add what hangs below every application name, and note which module each route needs."""
    order, customer, variant = r"{orderId:\d{1,9}}", r"{customerId:\d{1,9}}", r"{variantId:\d{1,9}}"
    table: list[tuple[str, str, str | None, Handler]] = [
        ("GET", "/token/gettoken", None, api_orders.get_token),
        ("POST", "/sales/order", "Sales Orders", api_orders.post_order),
        ("GET", f"/sales/order/{order}/status", "Sales Orders", api_orders.get_status),
        ("POST", f"/sales/order/{order}/cancel", "Sales Orders", api_orders.post_cancel),
        (
            "POST",
            r"/system/export-definition/{exportId:\d{1,9}}",
            "API Export Definitions",
            api_orders.post_export,
        ),
        ("GET", "/customers", "Customers", customers.list_customers),
        ("GET", f"/customers/{customer}", "Customers", customers.get_customer),
        ("GET", f"/customers/{customer}/customer-contacts", "Customers", customers.list_contacts),
        ("GET", f"/customers/{customer}/delivery-addresses", "Customers", customers.list_addresses),
        ("GET", f"/crm/{customer}", "CRM", customers.get_crm),
        ("GET", f"/crm/{customer}/activities", "CRM", customers.list_activities),
        ("GET", "/products", "Products", api_stock.list_products),
        ("GET", r"/products/{productId:\d{1,9}}/variants", "Products", api_stock.list_product_variants),
        ("GET", "/product-prices", "Products", api_stock.list_product_prices),
        ("POST", "/variants", "Variants", variants.post_variant),
        ("GET", f"/variants/{variant}", "Variants", variants.get_variant),
        ("PUT", f"/variants/{variant}", "Variants", variants.put_variant),
        ("GET", "/stock/variants", "Stock", api_stock.list_stock_variants),
        ("GET", f"/stock/{variant}", "Stock", api_stock.get_stock),
        ("GET", f"/stock/{variant}/free-stock", "Stock", api_stock.get_free_stock),
        ("POST", "/stock/adjust-stock-in", "Stock", api_stock.post_adjust_in),
        ("POST", "/stock/adjust-stock-out", "Stock", api_stock.post_adjust_out),
        ("GET", r"/value-lists/{listId:\d{1,9}}", "System", api_stock.get_value_list),
        ("GET", "/system/stock-locations", "System", api_stock.list_locations),
        ("POST", "/purchasing/purchase-orders", "Purchasing", api_stock.post_purchase_order),
        ("POST", "/returns/customer-return", "Returns", api_returns.post_return),
        ("POST", "/accounts/financial-batch", "Payments", finance.post_batch),
        ("GET", "/accounts/financial-batch", "Payments", finance.list_batches),
        ("GET", "/docs", None, api_stock.get_docs),
    ]
    by_path: dict[str, CaselessResource] = {}
    for method, path, module, handler in table:
        resource = by_path.get(path)
        if resource is None:
            resource = by_path[path] = CaselessResource("/{application}" + path)
            app.router.register_resource(resource)
        resource.add_route(method, handler)
        app[MODULES][method, resource.canonical] = module


def _add_control_routes(app: web.Application) -> None:
    """Add `/_sandbox`."""
    order, by_reference = "/orders/{orderId}", "/orders/by-reference/{reference}"
    table: list[tuple[str, str, Handler]] = [
        ("POST", "/reset", control.post_reset),
        ("POST", "/seed", control.post_seed),
        ("GET", "/state", oracle.get_state),
        ("GET", "/summary", oracle.get_summary),
        ("GET", "/settings", control.get_settings),
        ("PUT", "/settings", control.put_settings),
        ("GET", by_reference, control.get_order),
        ("POST", by_reference + "/{verb}", control.post_order_verb),
        ("GET", order, control.get_order),
        ("POST", order + "/{verb}", control.post_order_verb),
        ("POST", "/imports/{reference}/{verb:import|refuse}", control.post_import),
        ("POST", "/despatches/{despatchId}/tracking", control.post_tracking),
        ("POST", "/returns/unlinked", control_returns.post_unlinked),
        ("POST", "/returns/by-rma/{rma}/{verb}", control_returns.post_return_verb),
        ("POST", "/returns/{returnId}/{verb}", control_returns.post_return_verb),
        ("POST", "/stock/adjust", control.post_adjust),
        ("POST", "/stock/recalculate", control.post_recalculate),
        ("POST", "/tokens/expire", control.post_expire_tokens),
        ("POST", "/periods/{verb:close|open}", control.post_period),
    ]
    for method, path, handler in table:
        app.router.add_route(method, CONTROL_PREFIX + path, handler)
