"""The judge: scores a run from the vendors' own records, and counts what became of every order.

It sees the stand-ins' state, the open exceptions that the command line exports, and whatever logs and Redis hold.
It never looks into the ledger, so that nothing it finds can be talked away there.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncbridge.sandbox import credit_score
from syncbridge.sandbox.credit_score import CreditEvidence
from syncbridge.sandbox.expectations import Expectation, Outcome
from syncbridge.sandbox.forward import forward_only
from syncbridge.sandbox.invariants import (
    no_duplicate,
    no_loss,
    nothing_from_nowhere,
    owed_units,
    units_conserve,
)
from syncbridge.sandbox.money_conserves import money_conserves
from syncbridge.sandbox.oversell import all_published, no_oversell
from syncbridge.sandbox.penny_gate import penny_gate
from syncbridge.sandbox.quiet import quiet
from syncbridge.sandbox.records import (
    CANCELLED_BY_SHOP,
    OPEN,
    DelegationCall,
    OpenException,
    RequestEntry,
    ShopRecord,
    WarehouseRecord,
)
from syncbridge.sandbox.score import Score, Violation, score

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Evidence:
    """Everything the judge is given.

    `others` are further back ends by their merchant, beside `warehouse` of `merchant`: each is judged by its own part of
    what the shop knows. `expectations` is by SCAYLE order id; `places` maps a log file or Redis to its text; `personal_data` are the texts
    to look for in them; `buffer`: the units of every SKU that the run's configuration keeps from the shop;
    `publishes_stock`: the run has to give the shop a figure for every SKU of the warehouse.
    `credits`: what was cancelled and sent back in the run.
    """

    shop: ShopRecord
    warehouse: WarehouseRecord
    exceptions: tuple[OpenException, ...]
    expectations: Mapping[int, Expectation]
    merchant: str = "scend"
    buffer: int = 0
    publishes_stock: bool = False
    personal_data: tuple[str, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    redis_lost_at: Sequence[datetime] = ()
    others: Mapping[str, WarehouseRecord] = field(default_factory=dict)
    credits: CreditEvidence | None = None

    @property
    def warehouses(self) -> dict[str, WarehouseRecord]:
        """Every back end by its merchant."""
        return {self.merchant: self.warehouse, **self.others}


@dataclass(frozen=True)
class Counts:
    """What became of the orders; all but `recovered` and `faults` count orders.

    `acknowledged`: on a live order with every unit. `split`: units of more than one merchant. `despatched`: nothing open in SCAYLE and something shipped.
    `exceptions`: under at least one open exception. `unexpected`: ended otherwise than the data foretold. `recovered`:
    hit by at least one failed request or delegation and yet ended as foretold. `faults`: failures the vendors played.
    """

    attempted: int
    split: int
    acknowledged: int
    despatched: int
    exceptions: int
    lost: int
    duplicated: int
    unexpected: int
    recovered: int
    faults: int
    units: int

    def to_json(self) -> dict[str, int]:
        """Write it for a report."""
        return dict(vars(self))


@dataclass(frozen=True)
class Verdict:
    """The scores, the counts, how fast delegations were answered (milliseconds by percentile), and counts by back end."""

    scores: tuple[Score, ...]
    counts: Counts
    delegation_milliseconds: Mapping[str, float]
    unexpected: tuple[Violation, ...]
    back_ends: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    credits: Mapping[str, Any] | None = None

    @property
    def held(self) -> bool:
        """Whether every invariant held and every order ended as the data foretold."""
        return all(one.held for one in self.scores) and not self.unexpected

    def to_json(self) -> dict[str, Any]:
        """Write it for a report."""
        return {
            "held": self.held,
            "counts": self.counts.to_json(),
            "backEnds": {name: dict(counts) for name, counts in self.back_ends.items()},
            "delegationMilliseconds": dict(self.delegation_milliseconds),
            "invariants": [one.to_json() for one in self.scores],
            "unexpected": [{"subject": one.subject, "text": one.text} for one in self.unexpected],
            **({"credits": dict(self.credits)} if self.credits is not None else {}),
        }


def judge(evidence: Evidence) -> Verdict:
    """Score I1 to I10 and the delegation answers, and count."""
    shop, exceptions, buffer = evidence.shop, evidence.exceptions, evidence.buffer
    loss = _over(evidence, lambda part, held, merchant: no_loss(part, held, exceptions, merchant))
    duplicates = _over(evidence, lambda part, held, _merchant: no_duplicate(part, held, exceptions))
    surprises = unexpected_outcomes(evidence)
    scores = (
        loss,
        duplicates,
        _over(evidence, nothing_from_nowhere),
        _over(evidence, lambda part, held, _merchant: units_conserve(part, held, exceptions)),
        money_conserves(shop),
        _over(evidence, lambda part, held, merchant: no_oversell(part, held, merchant, buffer)),
        forward_only(shop, evidence.history),
        penny_gate(shop, evidence.warehouses, exceptions),
        one_exception_each(exceptions),
        quiet(
            {"SCAYLE": shop.requests, **{one.name: one.requests for one in evidence.warehouses.values()}},
            evidence.places,
            evidence.personal_data,
            redis_lost_at=evidence.redis_lost_at,
        ),
        same_answer_every_time(shop.calls),
        *([_over(evidence, all_published)] if evidence.publishes_stock else []),
        *(credit_score.scores(shop, evidence.warehouses, evidence.credits) if evidence.credits else ()),
    )
    return Verdict(
        scores=scores,
        counts=_counts(evidence, loss, duplicates, surprises),
        delegation_milliseconds=latency(shop.calls),
        unexpected=tuple(violation for violation in surprises.values()),
        back_ends={
            one.name: _counts_of(shop.of(merchant), one) for merchant, one in evidence.warehouses.items()
        },
        credits=credit_score.to_json(shop, evidence.warehouses, evidence.credits) if evidence.credits else None,
    )


def _counts_of(shop: ShopRecord, warehouse: WarehouseRecord) -> dict[str, int]:
    """Count one back end's side of a run."""
    return {
        "orders": len(warehouse.orders),
        "liveOrders": sum(order.is_live for order in warehouse.orders),
        "units": sum(sum(order.units().values()) for order in warehouse.orders if order.is_live),
        "despatches": len(warehouse.despatches),
        "shipments": len(shop.shipments),
        "skusInStock": len({row.sku for row in warehouse.stock}),
        "requests": len(warehouse.requests),
        "faults": sum(warehouse.faults_injected.values()),
    }


def _over(evidence: Evidence, look: Callable[[ShopRecord, WarehouseRecord, str], Score]) -> Score:
    """Score every back end with its own part of what the shop knows, and make one score of them."""
    scores = [
        look(evidence.shop.of(merchant) if evidence.others else evidence.shop, warehouse, merchant)
        for merchant, warehouse in evidence.warehouses.items()
    ]
    first = scores[0]
    violations = [violation for one in scores for violation in one.violations]
    return score(first.name, first.title, sum(one.counted for one in scores), violations)


def one_exception_each(exceptions: Sequence[OpenException]) -> Score:
    """I9: at most one open exception of a kind for a subject, and each with an owner, a clock and a cause."""
    violations = [
        Violation(subject, f"{count} open exceptions of kind {kind}")
        for (kind, subject), count in Counter((one.kind, one.subject) for one in exceptions).items()
        if count > 1
    ]
    for one in exceptions:
        lacking = [
            what
            for what, value in (("owner", one.owner), ("due time", one.due), ("cause", one.cause))
            if not value
        ]
        if lacking:
            violations.append(
                Violation(f"exception {one.number} ({one.kind})", f"has no {', no '.join(lacking)}")
            )
    return score("I9", "One open exception", len(exceptions), violations)


def same_answer_every_time(calls: Sequence[DelegationCall]) -> Score:
    """The same delegation is answered alike every time once it was taken: status 201 and the same body."""
    answers: defaultdict[tuple[int, str, tuple[int, ...]], list[DelegationCall]] = defaultdict(list)
    for call in calls:
        answers[call.order_id, call.merchant, tuple(sorted(call.item_ids))].append(call)
    violations = []
    for (order_id, merchant, _), repeats in answers.items():
        bodies = {json.dumps(call.body, sort_keys=True) for call in repeats if call.status == 201}
        if len(bodies) > 1:
            text = f"{len(bodies)} different acknowledgements to merchant {merchant}"
            violations.append(Violation(f"order {order_id}", text))
    return score("Same answer", "Repeated delegations get one answer", len(calls), violations)


def latency(calls: Sequence[DelegationCall]) -> dict[str, float]:
    """Return the percentiles, in milliseconds, of how long acknowledged delegations took; empty without any."""
    times = sorted(
        call.milliseconds for call in calls if call.status == 201 and call.milliseconds is not None
    )
    if not times:
        return {}
    ranks = {f"p{percent}": times[max(0, -(-len(times) * percent // 100) - 1)] for percent in PERCENTILES}
    return {**ranks, "max": times[-1]}


def unexpected_outcomes(evidence: Evidence) -> dict[int, Violation]:
    """Compare what became of each order with what the data foretold.

    An order foretold to live must be on live orders whole and under no exception; exceptions about failures of the
    run itself have to have closed by now. Where the warehouse gave units up, which nothing in the data foretells, I1
    and I4 say whether somebody was told. An order foretold to fail must be under an exception that names it; where
    that exception lists faults, at least one of them must be foretold; its parts that are foretold to live must.
    """
    found = {}
    for order_id, foretold in evidence.expectations.items():
        about = [one for one in evidence.exceptions if one.names_order(order_id)]
        if evidence.credits is not None and order_id in evidence.credits.orders:
            about = [one for one in about if one.kind not in credit_score.EXPLAINED]
        name = evidence.shop.names.get(order_id) or str(order_id)
        text = _surprise(evidence, order_id, foretold, about)
        if text is not None:
            found[order_id] = Violation(f"order {order_id} ({name})", text)
    return found


def _surprise(
    evidence: Evidence, order_id: int, foretold: Expectation, about: Sequence[OpenException]
) -> str | None:
    if foretold.outcome is Outcome.LIVES:
        if any(order_id in given_up_orders(one) for one in evidence.warehouses.values()):
            return None
        if about:
            return f"should live, and is under {', '.join(f'{one.kind} ({one.cause})' for one in about)}"
        return (
            None
            if _is_acknowledged(evidence, order_id)
            else "should live, and is not whole on a live order"
        )
    for merchant in sorted(foretold.living_parts):
        if not _part_is_held(evidence, order_id, merchant):
            return f"the part of merchant {merchant} should live, and is not whole on a live order"
    if not about:
        return f"should be an exception ({', '.join(sorted(foretold.faults))}), and there is none"
    listed = frozenset().union(*(one.faults for one in about))
    if listed and not listed & foretold.faults:
        return (
            f"exception lists {', '.join(sorted(listed))}, foretold was {', '.join(sorted(foretold.faults))}"
        )
    return None


def given_up_orders(warehouse: WarehouseRecord) -> frozenset[int]:
    """Return the orders of which the warehouse gave up units: closed short, or cancelled by its own people."""
    return frozenset(
        order_id
        for order_id, orders in warehouse.by_shop_order.items()
        if any(line.cancelled for order in orders for line in order.lines)
    )


def _is_acknowledged(evidence: Evidence, order_id: int) -> bool:
    merchants = {unit.merchant for unit in evidence.shop.by_order.get(order_id, ())} & evidence.warehouses.keys()
    return bool(merchants) and all(_part_is_held(evidence, order_id, merchant) for merchant in merchants)


def _part_is_held(evidence: Evidence, order_id: int, merchant: str) -> bool:
    owed = owed_units(evidence.shop, order_id, merchant)
    if evidence.credits is not None and order_id in evidence.credits.orders:
        mine = [unit for unit in evidence.shop.by_order.get(order_id, ()) if unit.merchant == merchant]
        if mine and all(unit.status == "cancelled" for unit in mine):
            # Cancelled by its shopper before the warehouse had it, or after: nothing is owed any more.
            return True
    wanted = Counter(unit.sku for unit in owed if unit.status not in CANCELLED_BY_SHOP)
    for order in evidence.warehouses[merchant].by_shop_order.get(order_id, ()):
        if order.is_live and order.status not in ("QUARANTINED", "ON_HOLD"):
            wanted.subtract(order.units())
    return bool(owed) and all(count <= 0 for count in wanted.values())


def _counts(evidence: Evidence, loss: Score, duplicates: Score, surprises: Mapping[int, Violation]) -> Counts:
    shop = evidence.shop
    orders = set(evidence.expectations) or set(shop.by_order)
    hit = _orders_hit(evidence)
    return Counts(
        attempted=len(orders),
        split=sum(len({unit.merchant for unit in shop.by_order.get(order_id, ())}) > 1 for order_id in orders),
        acknowledged=sum(_is_acknowledged(evidence, order_id) for order_id in orders),
        despatched=sum(_is_despatched(shop, order_id) for order_id in orders),
        exceptions=sum(any(one.names_order(order_id) for one in evidence.exceptions) for order_id in orders),
        lost=len({one.subject for one in loss.violations}),
        duplicated=len({one.subject for one in duplicates.violations}),
        unexpected=len(surprises),
        recovered=len((hit & orders) - set(surprises)),
        faults=sum(shop.faults_injected.values())
        + sum(sum(one.faults_injected.values()) for one in evidence.warehouses.values()),
        units=sum(len(shop.by_order.get(order_id, ())) for order_id in orders),
    )


def _is_despatched(shop: ShopRecord, order_id: int) -> bool:
    units = shop.by_order.get(order_id, ())
    return any(unit.shipments for unit in units) and not any(unit.status in OPEN for unit in units)


def _orders_hit(evidence: Evidence) -> set[int]:
    """Find the orders that at least one failure struck: a delegation without 201, or a faulted request about them."""
    hit = {call.order_id for call in evidence.shop.calls if call.status != 201}
    ids = {str(order_id): order_id for order_id in evidence.expectations}
    warehouses = evidence.warehouses.values()
    backend_ids = {
        order.backend_id: order.order_id
        for one in warehouses
        for order in one.orders
        if order.order_id is not None
    }
    for entry in (*evidence.shop.requests, *(entry for one in warehouses for entry in one.requests)):
        if entry.fault is not None or entry.status is None or entry.status >= 500:
            hit |= _orders_in(entry, ids, backend_ids)
    return hit


def _orders_in(entry: RequestEntry, ids: Mapping[str, int], backend_ids: Mapping[str, int]) -> set[int]:
    found = set()
    for piece in (*entry.path.split("/"), *entry.query.replace("=", "-").replace("%2C", "-").split("-")):
        if piece in ids:
            found.add(ids[piece])
        elif piece in backend_ids:
            found.add(backend_ids[piece])
    return found
