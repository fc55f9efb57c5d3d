"""The usual designs' way for orders: taken from SCAYLE's delegation, sent to the warehouse at once, repeated until it holds them."""

from __future__ import annotations

import queue
import threading
from typing import Any

import requests
from aiohttp import web

from syncbridge.sandbox.flash_sale.channel import Channel
from syncbridge.sandbox.flash_sale.plain_warehouses import warehouse_of

AGAIN_SECONDS = 0.5


class OrderCourier:
    """Serve `app()` as the merchant's delegation address; `run` carries what comes until it is stopped."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue()
        self._seen: set[int] = set()
        self.carried = 0

    def app(self) -> web.Application:
        """Make the receiver."""
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_post("/orders", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["orderId"] not in self._seen:
            self._seen.add(body["orderId"])
            self._waiting.put(body)
        answer = {"referenceKey": str(body["orderId"]), "orderDelegationResult": "acknowledged"}
        return web.json_response(answer, status=201)

    @property
    def idle(self) -> bool:
        """Whether everything taken has been carried."""
        return self.carried == len(self._seen)

    def run(self, stop: threading.Event) -> None:
        """Carry orders until told to stop."""
        warehouse = warehouse_of(self._channel)
        while not stop.is_set():
            try:
                order = self._waiting.get(timeout=0.1)
            except queue.Empty:
                continue
            try:
                warehouse.send(order)
                self.carried += 1
            except requests.RequestException:
                self._waiting.put(order)
                stop.wait(AGAIN_SECONDS)
        warehouse.close()
