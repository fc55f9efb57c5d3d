"""Delegating orders: one call for each merchant, answered within 15 s or tried again for two days."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.journal import Journal
from syncbridge.sandbox.scayle.answers import Json, encode, stamp
from syncbridge.sandbox.scayle.delegation_payload import DelegationPayload
from syncbridge.sandbox.scayle.lifecycle import Lifecycle
from syncbridge.sandbox.scayle.organisation import Organisation
from syncbridge.sandbox.scayle.scheduler import CallResult, Outgoing, Scheduler
from syncbridge.sandbox.scayle.settings import Behaviour
from syncbridge.sandbox.scayle.state import OrderRecord, Store, Unit
from syncbridge.sandbox.scayle.stock import Stock

WAITING = frozenset({"scheduled", "failed"})
"""Delegation states that still lead to a call; the others are acknowledged, cancelled, dropped, given_up."""


@dataclass(slots=True, eq=False)
class Delegation:
    """One merchant's part of an order. `part` 2 and later are delegations that bring further units."""

    id: int
    order: OrderRecord
    merchant: str
    part: int
    units: list[Unit]
    state: str = "scheduled"
    attempts: int = 0
    ticket: int = 0
    acknowledged_at: str | None = None
    body: bytes | None = None
    answers: list[str] = field(default_factory=list)

    def row(self) -> Json:
        """Describe the delegation for the oracle."""
        return {
            "id": self.id,
            "orderId": self.order.id,
            "merchant": self.merchant,
            "part": self.part,
            "items": [unit.id for unit in self.units],
            "state": self.state,
            "attempts": self.attempts,
            "acknowledgedAt": self.acknowledged_at,
        }


class Delegations:
    """Schedule, send, repeat and judge delegations. `calls` records every call with its outcome."""

    def __init__(
        self,
        clock: SandboxClock,
        behaviour: Behaviour,
        journal: Journal,
        scheduler: Scheduler,
        outgoing: Outgoing,
        organisation: Organisation,
        store: Store,
        stock: Stock,
        lifecycle: Lifecycle,
        payload: DelegationPayload,
    ) -> None:
        self._clock = clock
        self._behaviour = behaviour
        self._journal = journal
        self._scheduler = scheduler
        self._outgoing = outgoing
        self._organisation = organisation
        self._store = store
        self._stock = stock
        self._lifecycle = lifecycle
        self._payload = payload
        self._of_order: dict[int, list[Delegation]] = {}
        self.states: Counter[str] = Counter()
        self.calls: list[Json] = []

    def of_order(self, order: OrderRecord) -> list[Delegation]:
        """Return an order's delegations."""
        return self._of_order.get(order.id, [])

    def all(self) -> list[Json]:
        """Describe every delegation for the oracle."""
        return [delegation.row() for group in self._of_order.values() for delegation in group]

    # ---- making and sending

    def plan(self, order: OrderRecord, delay_seconds: float | None = None) -> None:
        """Split a confirmed order by merchant and part, and send each part after the delay (60 s)."""
        groups: dict[tuple[int, str], list[Unit]] = {}
        for unit in order.units.values():
            if unit.is_open:
                groups.setdefault((unit.part, unit.merchant), []).append(unit)
        delay = self._behaviour.seconds("delegationDelaySeconds") if delay_seconds is None else delay_seconds
        for (part, merchant), units in sorted(groups.items(), key=lambda pair: pair[0]):
            delegation = Delegation(self._store.number("delegation", 15_590), order, merchant, part, units)
            self._of_order.setdefault(order.id, []).append(delegation)
            self.states[delegation.state] += 1
            self._send_after(delay * part, delegation)

    def send_now(self, order: OrderRecord) -> list[Delegation]:
        """Send what is still waiting at once, without waiting for its time."""
        waiting = [one for one in self.of_order(order) if one.state in WAITING]
        for delegation in waiting:
            self._send_after(0, delegation)
        return waiting

    def _send_after(self, seconds: float, delegation: Delegation) -> None:
        # A newer plan replaces the older one, so that sending by hand never starts a second chain of retries.
        delegation.ticket += 1
        self._scheduler.after(seconds, partial(self._send, delegation, delegation.ticket))

    async def repeat(self, delegation: Delegation, times: int) -> list[Json]:
        """Send the same delegation again, `times` calls at once; return the recorded calls."""
        return list(await asyncio.gather(*(self._call(delegation, "repeat") for _ in range(times))))

    async def _send(self, delegation: Delegation, ticket: int) -> None:
        if delegation.state not in WAITING or ticket != delegation.ticket:
            return
        if not any(unit.is_open for unit in delegation.units):
            return
        if delegation.body is None and self._behaviour["virtualStock"] == "enforce":
            self._drop_unstocked(delegation)
            if not delegation.units:
                self._set_state(delegation, "dropped")
                return
        await self._call(delegation, "first")
        if delegation.state in WAITING and ticket == delegation.ticket:
            self._schedule_retry(delegation)

    def _drop_unstocked(self, delegation: Delegation) -> None:
        # Documented: lines without virtual stock are dropped before the call.
        short = self._stock.shortages(delegation.units)
        if short:
            missing = {unit.id for unit in short}
            delegation.units = [unit for unit in delegation.units if unit.id not in missing]
            self._lifecycle.dropped(delegation.order, short, "no virtual stock")

    async def _call(self, delegation: Delegation, kind: str) -> Json:
        """Make one call and judge its answer; the first acknowledgement counts, whoever brings it."""
        merchant = self._organisation.merchants.look(delegation.merchant)
        url = merchant["orderDelegationUrl"] if merchant is not None else None
        started = stamp(self._clock.now())
        if delegation.body is None:
            document = self._payload.body(
                delegation.id, delegation.order, delegation.merchant, delegation.units
            )
            delegation.body = encode(document)
        delegation.attempts += kind != "repeat"
        attempt = delegation.attempts
        if url:
            timeout = self._behaviour.seconds("delegationTimeoutSeconds")
            result = await self._outgoing.post(url, delegation.body, timeout, "delegation")
            outcome = self._judge(result)
        else:
            # Documented without detail: a merchant that never answers may count as acknowledged.
            result = CallResult(None, "", "the merchant has no orderDelegationUrl", 0.0)
            outcome = str(self._behaviour["delegationWithoutUrl"])
        call = self._record(delegation, kind, attempt, started, result, outcome)
        if outcome == "acknowledged":
            self._acknowledge(delegation)
        elif delegation.state == "scheduled":
            self._set_state(delegation, "failed")
        return call

    def _judge(self, result: CallResult) -> str:
        if result.status != 201:
            return "failed"
        if not self._behaviour.on("requireAcknowledged"):
            return "acknowledged"
        try:
            answer = json.loads(result.text)
        except ValueError:
            return "failed"
        good = isinstance(answer, dict) and answer.get("orderDelegationResult") == "acknowledged"
        return "acknowledged" if good else "failed"

    def _record(
        self, delegation: Delegation, kind: str, attempt: int, started: str, result: CallResult, outcome: str
    ) -> Json:
        call: Json = {
            "n": len(self.calls) + 1,
            "orderId": delegation.order.id,
            "delegationId": delegation.id,
            "merchant": delegation.merchant,
            "kind": kind if kind == "repeat" or attempt == 1 else "retry",
            "attempt": attempt,
            "at": started,
            "latencyMilliseconds": result.latency_milliseconds,
            "status": result.status,
            "answer": _readable(result.text),
            "error": result.error,
            "outcome": outcome,
        }
        self.calls.append(call)
        return call

    # ---- outcomes

    def _acknowledge(self, delegation: Delegation) -> None:
        if delegation.state == "acknowledged":
            return
        self._set_state(delegation, "acknowledged")
        delegation.acknowledged_at = stamp(self._clock.now())
        self._journal.fact(
            "delegation.acknowledged",
            orderId=delegation.order.id,
            merchant=delegation.merchant,
            delegationId=delegation.id,
            attempts=delegation.attempts,
        )
        taken = [unit for unit in delegation.units if unit.is_open]
        if taken and delegation.order.state in ("CONFIRMED", "DELEGATED"):
            self._lifecycle.accepted(delegation.order, taken)

    def accept_by_deed(self, order: OrderRecord, units: list[Unit]) -> None:
        """A merchant reports on units whose delegation is not acknowledged yet: it plainly holds them."""
        concerned = {unit.id for unit in units}
        for delegation in self.of_order(order):
            if delegation.state in WAITING and concerned & {unit.id for unit in delegation.units}:
                self._acknowledge(delegation)

    def cancelled(self, order: OrderRecord) -> None:
        """Stop an order's delegations whose units have all been cancelled."""
        for delegation in self.of_order(order):
            if delegation.state in WAITING and not any(unit.is_open for unit in delegation.units):
                self._set_state(delegation, "cancelled")

    def _schedule_retry(self, delegation: Delegation) -> None:
        schedule = self._behaviour["delegationRetrySeconds"]
        if delegation.attempts <= len(schedule):
            wait = schedule[delegation.attempts - 1] * self._behaviour.seconds("delegationTimeScale")
            self._send_after(wait, delegation)
            return
        self._set_state(delegation, "given_up")
        self._journal.fact(
            "delegation.given_up",
            orderId=delegation.order.id,
            merchant=delegation.merchant,
            delegationId=delegation.id,
            attempts=delegation.attempts,
        )
        # Project choice: its items become unavailable and the other merchants' parts go on.
        self._lifecycle.dropped(delegation.order, delegation.units, "the merchant never acknowledged")

    def _set_state(self, delegation: Delegation, state: str) -> None:
        self.states[delegation.state] -= 1
        self.states[state] += 1
        delegation.state = state

    def summary(self) -> Json:
        """Count delegations by state and calls by outcome, cheaply."""
        return {
            "delegationsByState": {state: count for state, count in self.states.items() if count},
            "delegationCalls": len(self.calls),
        }


def _readable(text: str) -> Any:
    """Return a JSON answer as a document and any other as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text[:2000]
