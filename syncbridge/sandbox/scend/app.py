"""Putting the stand-in Scend together: routes, scopes, middlewares, start and stop."""

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
from syncbridge.sandbox.faults import CONTROL_PREFIX, FaultPlan, fault_middleware
from syncbridge.sandbox.journal import Journal, journal_middleware
from syncbridge.sandbox.scend import api_orders, api_reads, api_returns, api_webhooks, control, oracle
from syncbridge.sandbox.scend.api_webhooks import POSTMAN
from syncbridge.sandbox.scend.autoprogress import AutomaticWarehouse
from syncbridge.sandbox.scend.control import WAREHOUSE, impossible_is_409
from syncbridge.sandbox.scend.delivery import Postman
from syncbridge.sandbox.scend.gate import BODY_LIMIT, SCOPES, WORLD, ScopeTable, guard, identify, render_fault
from syncbridge.sandbox.scend.pages import BASE_PATH
from syncbridge.sandbox.scend.reference_data import DEFAULT_SEED, DEFAULT_TOKEN
from syncbridge.sandbox.scend.seeding import seed
from syncbridge.sandbox.scend.settings import Settings
from syncbridge.sandbox.scend.world import World
from syncbridge.sandbox.serving import control_token_middleware

EXTRA_FAULTS = ("token_revoked",)
LATE_FAULTS = ("cursor_expired", "in_progress")
WEBHOOK_FAULTS = ("duplicate_webhook", "reorder_webhooks", "drop_webhook", "bad_signature")


@dataclass(frozen=True)
class Launch:
    """How a sandbox starts: its tokens, its seed catalogue, its switches, and the seed of its dice."""

    tokens: tuple[str, ...] = (DEFAULT_TOKEN,)
    base_path: str = "/v1"
    control_token: str | None = None
    random_seed: int = 1
    catalogue: Mapping[str, Any] = field(default_factory=lambda: DEFAULT_SEED)
    settings: Mapping[str, Any] = field(default_factory=dict)


def build_app(launch: Launch | None = None) -> web.Application:
    """Build the application; raise ValueError for impossible settings."""
    launch = launch or Launch()
    clock = SandboxClock()
    plan = FaultPlan(launch.random_seed, EXTRA_FAULTS, WEBHOOK_FAULTS, LATE_FAULTS)
    journal = Journal(clock)
    initial = Settings().changed(launch.settings)
    world = World(clock, plan, journal, initial)
    postman = Postman(world)
    warehouse = AutomaticWarehouse(world)
    app = web.Application(
        client_max_size=BODY_LIMIT,
        middlewares=[
            journal_middleware(journal),
            control_error_middleware,
            control_token_middleware(launch.control_token),
            impossible_is_409,
            identify,
            fault_middleware(plan, launch.base_path, render_fault),
            guard,
        ],
    )

    def fill() -> None:
        seed(world, copy.deepcopy(dict(launch.catalogue)))
        for token in launch.tokens:
            world.add_token({"token": token})

    def reset() -> None:
        world.clear()
        postman.clear()
        warehouse.clear()
        plan.reset()
        clock.restore()
        journal.reset()
        world.settings = initial
        fill()

    app[WORLD], app[POSTMAN], app[WAREHOUSE], app[RESET] = world, postman, warehouse, reset
    app[BASE_PATH] = launch.base_path
    app[SCOPES] = _add_vendor_routes(app, launch.base_path)
    _add_control_routes(app)
    add_shared_control(app, clock, plan, journal)
    fill()

    async def work(_: web.Application) -> AsyncIterator[None]:
        await postman.start()
        task = asyncio.create_task(world.scheduler.run())
        yield
        await end([task])
        await postman.stop()

    app.cleanup_ctx.append(work)
    return app


def _add_vendor_routes(app: web.Application, base: str) -> ScopeTable:
    """Add contract 2.2, and return which scope each route needs."""
    table: list[tuple[str, str, str | None, Handler]] = [
        ("GET", "/ping", None, api_reads.get_ping),
        ("POST", "/orders", "orders:write", api_orders.post_order),
        ("GET", "/orders", "orders:read", api_orders.list_orders),
        ("GET", "/orders/{orderId}", "orders:read", api_orders.get_order),
        ("PATCH", "/orders/{orderId}/delivery-address", "orders:write", api_orders.patch_delivery_address),
        ("POST", "/orders/{orderId}/release", "orders:write", api_orders.post_release),
        ("POST", "/orders/{orderId}/cancel", "orders:write", api_orders.post_cancel),
        ("GET", "/stock-levels", "stock:read", api_reads.list_stock),
        ("GET", "/stock-levels/{sku}", "stock:read", api_reads.get_stock),
        ("GET", "/despatches", "despatches:read", api_reads.list_despatches),
        ("GET", "/despatches/{despatchId}", "despatches:read", api_reads.get_despatch),
        ("POST", "/returns", "returns:write", api_returns.post_return),
        ("GET", "/returns", "returns:read", api_returns.list_returns),
        ("GET", "/returns/{returnId}", "returns:read", api_returns.get_return),
        ("POST", "/returns/{returnId}/cancel", "returns:write", api_returns.post_cancel_return),
        ("GET", "/products", "products:read", api_reads.list_products),
        ("GET", "/products/{sku}", "products:read", api_reads.get_product),
        ("GET", "/shipping-services", "orders:read", api_reads.list_services),
        ("POST", "/webhook-subscriptions", "webhooks:write", api_webhooks.post_subscription),
        ("GET", "/webhook-subscriptions", "webhooks:write", api_webhooks.list_subscriptions),
        ("GET", "/webhook-subscriptions/{subscriptionId}", "webhooks:write", api_webhooks.get_subscription),
        (
            "DELETE",
            "/webhook-subscriptions/{subscriptionId}",
            "webhooks:write",
            api_webhooks.delete_subscription,
        ),
        ("POST", "/webhook-subscriptions/{subscriptionId}/ping", "webhooks:write", api_webhooks.post_ping),
        (
            "POST",
            "/webhook-subscriptions/{subscriptionId}/rotate-secret",
            "webhooks:write",
            api_webhooks.post_rotate_secret,
        ),
    ]
    scopes: ScopeTable = {}
    for method, path, scope, handler in table:
        app.router.add_route(method, base + path, handler)
        scopes[method, base + path] = scope
    return scopes


def _add_control_routes(app: web.Application) -> None:
    """Add `/_sandbox`."""
    order, by_reference = "/orders/{orderId}", "/orders/by-reference/{reference}"
    returned, by_rma = "/returns/{returnId}", "/returns/by-rma/{rma}"
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
        ("POST", "/despatches/{despatchId}/tracking", control.post_tracking),
        ("POST", "/despatches/{despatchId}/void", control.post_void),
        ("POST", "/returns/unannounced", control.post_unannounced),
        ("POST", by_rma + "/receive", control.post_receive),
        ("POST", by_rma + "/advance", control.post_advance_return),
        ("POST", returned + "/receive", control.post_receive),
        ("POST", returned + "/advance", control.post_advance_return),
        ("POST", "/stock/adjust", control.post_adjust),
        ("POST", "/webhooks/subscriptions", control.post_subscription),
        ("GET", "/webhooks/deliveries", control.get_deliveries),
        ("POST", "/webhooks/deliveries/{eventId}/redeliver", control.post_redeliver),
        ("POST", "/webhooks/flush-stock", control.post_flush_stock),
    ]
    for method, path, handler in table:
        app.router.add_route(method, CONTROL_PREFIX + path, handler)
