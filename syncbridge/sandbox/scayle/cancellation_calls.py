"""A shopper cancels: SCAYLE asks each merchant concerned, synchronously, before it cancels anything."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.journal import Journal
from syncbridge.sandbox.scayle.answers import Json, encode, stamp
from syncbridge.sandbox.scayle.delegation import Delegations
from syncbridge.sandbox.scayle.lifecycle import Lifecycle
from syncbridge.sandbox.scayle.organisation import Organisation
from syncbridge.sandbox.scayle.scheduler import CallResult, Outgoing, Scheduler
from syncbridge.sandbox.scayle.settings import Behaviour
from syncbridge.sandbox.scayle.state import OrderRecord, Store, Unit


@dataclass(slots=True, eq=False)
class CancellationRequest:
    """One question to one merchant: may these warehouses of this order be cancelled?"""

    id: int
    order: OrderRecord
    merchant: str
    warehouse_ids: list[int]
    body: bytes
    state: str = "asking"
    attempts: int = 0
    calls: list[Json] = field(default_factory=list)
    cancelled_items: list[int] = field(default_factory=list)

    def row(self) -> Json:
        """Describe the request for the oracle; states: asking, successful, refused, given_up."""
        return {
            "id": self.id,
            "orderId": self.order.id,
            "merchant": self.merchant,
            "warehouseIds": self.warehouse_ids,
            "state": self.state,
            "attempts": self.attempts,
            "calls": self.calls,
            "cancelledItems": self.cancelled_items,
        }


class CancellationCalls:
    """Ask merchants, repeat until an answer has the documented form, and act on it."""

    def __init__(
        self,
        clock: SandboxClock,
        behaviour: Behaviour,
        journal: Journal,
        scheduler: Scheduler,
        outgoing: Outgoing,
        organisation: Organisation,
        store: Store,
        lifecycle: Lifecycle,
        delegations: Delegations,
    ) -> None:
        self._clock = clock
        self._behaviour = behaviour
        self._journal = journal
        self._scheduler = scheduler
        self._outgoing = outgoing
        self._organisation = organisation
        self._store = store
        self._lifecycle = lifecycle
        self._delegations = delegations
        self.requests: dict[int, CancellationRequest] = {}

    def ask(
        self, order: OrderRecord, merchants: Iterable[str] | None, warehouses: Iterable[int] | None
    ) -> list[CancellationRequest]:
        """Make one request for each merchant with open units, limited to some merchants or warehouses."""
        only_merchants = None if merchants is None else frozenset(merchants)
        only_warehouses = None if warehouses is None else frozenset(warehouses)
        asked: dict[str, set[int]] = {}
        for unit in order.units.values():
            number = unit.document.get("warehouseId")
            if not unit.is_open or (only_merchants is not None and unit.merchant not in only_merchants):
                continue
            if only_warehouses is not None and number not in only_warehouses:
                continue
            asked.setdefault(unit.merchant, set()).update([number] if number is not None else [])
        return [self._request(order, merchant, sorted(ids)) for merchant, ids in sorted(asked.items())]

    def _request(self, order: OrderRecord, merchant: str, warehouse_ids: list[int]) -> CancellationRequest:
        body = {
            "orderReferenceKey": order.reference_key,
            "fulfillingMerchantKey": merchant,
            "merchantKey": merchant,
            "companyId": order.company_id,
            "warehouseIds": warehouse_ids,
        }
        number = self._store.number("cancellation request")
        request = CancellationRequest(number, order, merchant, warehouse_ids, encode(body))
        self.requests[number] = request
        self._journal.fact("cancellation.asked", orderId=order.id, merchant=merchant, requestId=number)
        return request

    def start(self, request: CancellationRequest) -> None:
        """Ask in the background, now."""
        self._scheduler.after(0, partial(self.attempt, request))

    async def attempt(self, request: CancellationRequest) -> None:
        """Make the call once, act on the answer, or plan the next try."""
        if request.state != "asking":
            return
        await self._call(request)
        if request.state == "asking":
            self._schedule_retry(request)

    async def repeat(self, request: CancellationRequest) -> Json:
        """Ask the same again although it may be answered already; the merchant must answer alike."""
        return await self._call(request)

    async def _call(self, request: CancellationRequest) -> Json:
        merchant = self._organisation.merchants.look(request.merchant)
        url = merchant["cancellationUrl"] if merchant is not None else None
        request.attempts += 1
        started = stamp(self._clock.now())
        if url:
            timeout = self._behaviour.seconds("cancellationTimeoutSeconds")
            result = await self._outgoing.post(url, request.body, timeout, "cancellation")
            outcome, answer = self._judge(request, result)
        else:
            # Nobody can be asked, so nobody can object.
            result = CallResult(None, "", "the merchant has no cancellationUrl", 0.0)
            outcome, answer = "successful", None
        call: Json = {
            "attempt": request.attempts,
            "at": started,
            "latencyMilliseconds": result.latency_milliseconds,
            "status": result.status,
            "answer": answer,
            "error": result.error,
            "outcome": outcome,
        }
        request.calls.append(call)
        if request.state == "asking" and outcome in ("successful", "refused"):
            self._finish(request, outcome)
        return call

    def _judge(self, request: CancellationRequest, result: CallResult) -> tuple[str, Any]:
        """Documented: anything but 201 with the schema is repeated; only `successful` cancels."""
        try:
            answer = json.loads(result.text)
        except ValueError:
            answer = result.text[:2000]
        if result.status != 201 or not isinstance(answer, dict):
            return "repeat", answer
        verdict = answer.get("cancellationResult")
        if (
            not isinstance(verdict, str)
            or answer.get("orderReferenceKey") not in request.order.reference_keys
        ):
            return "repeat", answer
        return ("successful" if verdict == "successful" else "refused"), answer

    def _finish(self, request: CancellationRequest, outcome: str) -> None:
        request.state = outcome
        order = request.order
        self._journal.fact(
            f"cancellation.{outcome}", orderId=order.id, merchant=request.merchant, requestId=request.id
        )
        if outcome != "successful":
            return
        units = self._units_of(request)
        request.cancelled_items = [unit.id for unit in units]
        if units:
            self._lifecycle.cancelled(order, units, request.merchant)
            self._delegations.cancelled(order)

    def _units_of(self, request: CancellationRequest) -> list[Unit]:
        ids = frozenset(request.warehouse_ids)
        return [
            unit
            for unit in request.order.units.values()
            if unit.is_open
            and unit.merchant == request.merchant
            and (not ids or unit.document.get("warehouseId") in ids)
        ]

    def _schedule_retry(self, request: CancellationRequest) -> None:
        schedule = self._behaviour["cancellationRetrySeconds"]
        if request.attempts > len(schedule):
            request.state = "given_up"
            self._journal.fact(
                "cancellation.given_up",
                orderId=request.order.id,
                merchant=request.merchant,
                requestId=request.id,
            )
            return
        wait = schedule[request.attempts - 1] * self._behaviour.seconds("cancellationTimeScale")
        self._scheduler.after(wait, partial(self.attempt, request))
