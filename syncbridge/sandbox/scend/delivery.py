"""Sending webhooks: signed, retried, and now and then lost, doubled, late or wrongly signed (contract 2.16)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from syncbridge.sandbox.ending import end
from syncbridge.sandbox.scend.feeds import to_json
from syncbridge.sandbox.scend.stock import StockRow
from syncbridge.sandbox.scend.subscriptions import Subscription, sign
from syncbridge.sandbox.scend.world import Account, World

RETRY_DELAYS = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600)
"""Seconds after each failure; with the first attempt that makes eight."""
TIMEOUT_SECONDS = 15
AUTO_DISABLE_SECONDS = 5 * 24 * 3600
STOCK_BATCH_ROWS, STOCK_BATCH_SECONDS = 100, 30
SENDERS = 8
"""Deliveries under way at once (guessed)."""
KEPT_DELIVERIES = 10_000
"""Deliveries kept for inspection (guessed: about 50 MB); the counters go on for ever."""
REORDER_SECONDS = 2.0
"""How long a reordered webhook is held back unless the fault says otherwise."""


@dataclass
class Delivery:
    """One event on its way to one subscription."""

    account: Account
    subscription: Subscription
    event_id: str
    topic: str
    body: bytes
    state: str = "PENDING"
    attempts: list[dict[str, Any]] = field(default_factory=list)
    fault: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Describe the delivery for the control plane."""
        return {
            "account": self.account.code,
            "subscriptionId": self.subscription.id,
            "eventId": self.event_id,
            "topic": self.topic,
            "state": self.state,
            "fault": self.fault,
            "attempts": self.attempts,
        }


class Postman:
    """Turn events into deliveries and carry them out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None
        self._changed_rows: dict[Account, dict[StockRow, None]] = {}
        self.kept: OrderedDict[tuple[str, str], Delivery] = OrderedDict()
        self.counters: Counter[str] = Counter()
        world.event_listeners.append(self.publish)
        world.account_listeners.append(self._watch_stock)

    async def start(self) -> None:
        """Open the connection pool and start the senders."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))
        self._tasks = [asyncio.create_task(self._send_for_ever()) for _ in range(SENDERS)]

    async def stop(self) -> None:
        """Stop the senders and close the connections."""
        await end(self._tasks)
        if self._session is not None:
            await self._session.close()

    def clear(self) -> None:
        """Forget everything that was or would be sent."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._changed_rows.clear()
        self.kept.clear()
        self.counters.clear()

    def publish(self, account: Account, topic: str, data: bytes) -> None:
        """Send an event to every enabled subscription of its topic."""
        receivers = account.subscriptions.receivers(topic)
        if receivers:
            self._dispatch(account, topic, data, receivers)

    def ping(self, account: Account, subscription: Subscription) -> str:
        """Send a test event to one subscription, whatever its topics; return the event's id."""
        return self._dispatch(account, "ping", to_json({"message": "hello"}), [subscription])

    def redeliver(self, event_id: str) -> int:
        """Send a kept event again under the same id; return to how many subscriptions."""
        again = [delivery for (kept_id, _), delivery in self.kept.items() if kept_id == event_id]
        for delivery in again:
            self._queue.put_nowait(delivery)
        return len(again)

    def _dispatch(self, account: Account, topic: str, data: bytes, receivers: list[Subscription]) -> str:
        world = self._world
        event_id = world.new_id("evt")
        account.event_sequence += 1
        head = {
            "id": event_id,
            "type": topic,
            "apiVersion": "v1",
            "accountCode": account.code,
            "occurredAt": world.now_text(),
            "sequence": account.event_sequence,
        }
        body = to_json(head)[:-1] + b',"data":' + data + b"}"
        for subscription in receivers:
            delivery = Delivery(account, subscription, event_id, topic, body)
            self.kept[event_id, subscription.id] = delivery
            self.counters["created"] += 1
            self._first_attempt(delivery)
        while len(self.kept) > KEPT_DELIVERIES:
            self.kept.popitem(last=False)
        return event_id

    def _first_attempt(self, delivery: Delivery) -> None:
        fault = self._world.plan.take_webhook(delivery.topic)
        delivery.fault = fault.kind if fault is not None else None
        if fault is not None and fault.kind == "drop_webhook":
            self._finish(delivery, "DROPPED")
        elif fault is not None and fault.kind == "reorder_webhooks":
            seconds = fault.milliseconds / 1000 or REORDER_SECONDS
            self._world.scheduler.after(seconds, lambda: self._queue.put_nowait(delivery))
        else:
            self._queue.put_nowait(delivery)

    def _watch_stock(self, account: Account) -> None:
        account.stock.listeners.append(lambda rows: self._stock_changed(account, rows))

    def _stock_changed(self, account: Account, rows: list[StockRow]) -> None:
        """Gather changed rows until there are 100, or 30 seconds have passed since the first."""
        if not account.subscriptions.by_id or not account.subscriptions.receivers("stock.changed"):
            return
        waiting = self._changed_rows.setdefault(account, {})
        if not waiting:
            seconds = STOCK_BATCH_SECONDS * self._world.settings.webhook_time_scale
            self._world.scheduler.after(seconds, lambda: self.flush_stock(account))
        for row in rows:
            waiting[row] = None
            if len(waiting) >= STOCK_BATCH_ROWS:
                self.flush_stock(account)
                waiting = self._changed_rows.setdefault(account, {})

    def flush_stock(self, account: Account) -> None:
        """Send the gathered rows as they are now."""
        rows = self._changed_rows.pop(account, None)
        if rows:
            data = b'{"rows":[' + b",".join(row.raw() for row in rows) + b"]}"
            self.publish(account, "stock.changed", data)

    async def _send_for_ever(self) -> None:
        while True:
            delivery = await self._queue.get()
            await self._attempt(delivery)

    async def _attempt(self, delivery: Delivery) -> None:
        subscription = delivery.subscription
        gone = delivery.account.subscriptions.by_id.get(subscription.id) is not subscription
        if gone or subscription.status != "ENABLED":
            self._finish(delivery, "ABANDONED")
            return
        number = len(delivery.attempts) + 1
        outcome: int | str
        try:
            outcome = await self._post(delivery, number)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            outcome = type(error).__name__
        delivery.attempts.append({"at": self._world.now_text(), "attempt": number, "outcome": outcome})
        self.counters["attempts"] += 1
        if isinstance(outcome, int) and 200 <= outcome < 300:
            subscription.failing_since = None
            self._finish(delivery, "DELIVERED")
            if delivery.fault == "duplicate_webhook":
                delivery.fault = "duplicate_webhook sent"
                self._queue.put_nowait(delivery)
        elif delivery.state != "DELIVERED":
            self._failed(delivery, outcome)

    async def _post(self, delivery: Delivery, number: int) -> int:
        if self._session is None:
            raise RuntimeError("the postman was not started")
        world = self._world
        # Wall time even where the sandbox clock was moved: receivers compare the stamp with their own clock.
        stamp = int(time.time())
        secrets = delivery.subscription.secrets_at(world.clock.timestamp())
        signed = delivery.body
        if delivery.fault == "bad_signature" and number == 1:
            signed = b"not this body"
        headers = {
            "Content-Type": "application/json",
            "webhook-id": delivery.event_id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": " ".join(sign(one, delivery.event_id, stamp, signed) for one in secrets),
            "x-scend-topic": delivery.topic,
            "x-scend-attempt": str(number),
        }
        url = delivery.subscription.url
        async with self._session.post(
            url, data=delivery.body, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status

    def _failed(self, delivery: Delivery, outcome: int | str) -> None:
        world, subscription = self._world, delivery.subscription
        now = world.clock.timestamp()
        if subscription.failing_since is None:
            subscription.failing_since = now
        if outcome == 410 or now - subscription.failing_since >= AUTO_DISABLE_SECONDS:
            subscription.status = "DISABLED"
            world.journal.fact(
                "subscription_disabled", account=delivery.account.code, subscriptionId=subscription.id
            )
            self._finish(delivery, "FAILED")
            return
        failures = len(delivery.attempts)
        if failures > len(RETRY_DELAYS):
            self._finish(delivery, "FAILED")
            return
        delivery.state = "RETRYING"
        seconds = RETRY_DELAYS[failures - 1] * world.settings.webhook_time_scale
        world.scheduler.after(seconds, lambda: self._queue.put_nowait(delivery))

    def _finish(self, delivery: Delivery, state: str) -> None:
        delivery.state = state
        self.counters[state.lower()] += 1
