"""The shopper's part of the control plane: placing, paying, cancelling, and repeating what SCAYLE says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from syncbridge.sandbox.control_plane import ControlError, control_body
from syncbridge.sandbox.faults import CONTROL_PREFIX
from syncbridge.sandbox.scayle.answers import ApiError, Json
from syncbridge.sandbox.scayle.state import OrderRecord
from syncbridge.sandbox.scayle.states import IllegalTransition
from syncbridge.sandbox.scayle.world import World

REPEAT_LIMIT = 200
"""Concurrent repeats of one call that a driver may ask for."""

Verb = Callable[[OrderRecord, Json], Awaitable[Json]]


class ShopperControl:
    """Handlers for `/_sandbox/orders` and what hangs below it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def register(self, app: web.Application) -> None:
        """Add the calls to the application."""
        app.router.add_post(f"{CONTROL_PREFIX}/orders", self.place)
        verbs: dict[str, Verb] = {
            "confirm": self.confirm,
            "payment-failed": self.payment_failed,
            "delegate": self.delegate,
            "redelegate": self.redelegate,
            "cancel": self.cancel,
            "cancel-again": self.cancel_again,
            "force-close": self.force_close,
            "capture": self.capture,
        }
        for name, verb in verbs.items():
            app.router.add_post(f"{CONTROL_PREFIX}/orders/{{id}}/{name}", self._bind(verb))

    def _bind(self, verb: Verb) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            text = request.match_info["id"]
            try:
                order = self._world.store.find(int(text) if text.isdigit() else text)
                document = await verb(order, await control_body(request))
            except ApiError as error:
                raise ControlError(error.status, error.message) from error
            except IllegalTransition as error:
                raise ControlError(409, str(error)) from error
            return web.json_response({**self._short(order), **document})

        return handle

    async def place(self, request: web.Request) -> web.Response:
        """Place one order, or a list of which every entry succeeds or fails on its own."""
        body: Any = await control_body(request)
        if isinstance(body, dict) and isinstance(body.get("orders"), list):
            body = body["orders"]
        if isinstance(body, list):
            results = []
            for position, brief in enumerate(body):
                try:
                    results.append(self._place(brief))
                except ControlError as error:
                    results.append({"error": str(error), "status": error.status, "position": position})
                if position % 50 == 49:
                    await asyncio.sleep(0)
            return web.json_response({"orders": results}, status=201)
        return web.json_response(self._place(body), status=201)

    def _place(self, brief: Any) -> Json:
        try:
            return self._short(self._world.place(brief))
        except ApiError as error:
            raise ControlError(error.status, f"{error.message} {error.context}") from error
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
            raise ControlError(400, f"the order cannot be read: {type(error).__name__}: {error}") from error

    @staticmethod
    def _short(order: OrderRecord) -> Json:
        return {
            "id": order.id,
            "referenceKey": order.reference_key,
            "state": order.state,
            "status": order.document["status"],
            "units": len(order.units),
            "withTax": (order.document.get("cost") or {}).get("withTax"),
        }

    async def confirm(self, order: OrderRecord, body: Json) -> Json:
        """Authorise payment; `confirmed` is false when virtual stock failed the order's verification."""
        return {"confirmed": self._world.confirm(order, body.get("delegationDelaySeconds"))}

    async def payment_failed(self, order: OrderRecord, body: Json) -> Json:
        """Payment was refused: back to CREATED."""
        self._world.lifecycle.fail_payment(order)
        return {}

    async def delegate(self, order: OrderRecord, body: Json) -> Json:
        """Send the delegations that wait, now."""
        return {"sending": [one.row() for one in self._world.delegations.send_now(order)]}

    async def redelegate(self, order: OrderRecord, body: Json) -> Json:
        """Send the same delegation again, several times at once, and show how each call ended."""
        times, merchant = int(body.get("times", 1)), body.get("merchant")
        if not 1 <= times <= REPEAT_LIMIT:
            raise ControlError(400, f"times takes 1 to {REPEAT_LIMIT}")
        chosen = [one for one in self._world.delegations.of_order(order) if merchant in (None, one.merchant)]
        if not chosen:
            raise ControlError(409, "the order has no such delegation")
        groups = await asyncio.gather(*(self._world.delegations.repeat(one, times) for one in chosen))
        return {"calls": [call for group in groups for call in group]}

    async def cancel(self, order: OrderRecord, body: Json) -> Json:
        """Ask the merchants concerned; with `wait` the first answers are in the result."""
        if order.state in ("CREATED", "PENDED"):
            raise ControlError(409, "the order is not real yet")
        requests = self._world.cancellations.ask(order, body.get("merchants"), body.get("warehouses"))
        if body.get("wait"):
            await asyncio.gather(*(self._world.cancellations.attempt(one) for one in requests))
        else:
            for one in requests:
                self._world.cancellations.start(one)
        return {"cancellations": [one.row() for one in requests]}

    async def cancel_again(self, order: OrderRecord, body: Json) -> Json:
        """Repeat the cancellation calls of an order, several times at once."""
        times = int(body.get("times", 1))
        requests = [one for one in self._world.cancellations.requests.values() if one.order is order]
        calls = [self._world.cancellations.repeat(one) for one in requests for _ in range(times)]
        return {"calls": list(await asyncio.gather(*calls))}

    async def force_close(self, order: OrderRecord, body: Json) -> Json:
        """Close the order as shipped although nothing was reported, as 14 days of silence would."""
        self._world.lifecycle.force_close(order)
        return {}

    async def capture(self, order: OrderRecord, body: Json) -> Json:
        """Let captures of this order fail, or let them through and capture what waits."""
        order.capture_fails = bool(body.get("fails", False))
        captured = 0 if order.capture_fails else self._world.billing.capture_pending(order)
        self._world.lifecycle.refresh(order)
        return {"captured": captured}
