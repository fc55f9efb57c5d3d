"""The judge: scores a run from the vendors' own records, and counts what became of every order.

It sees the stand-ins' state, the open exceptions that the command line exports, and whatever logs and Redis hold.
It never looks into the ledger, so that nothing it finds can be talked away there.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from syncbridge.sandbox import credit_score
from syncbridge.sandbox.evidence import Evidence
from syncbridge.sandbox.exception_records import OpenException
from syncbridge.sandbox.forward import forward_only
from syncbridge.sandbox.invariants import no_duplicate, no_loss, nothing_from_nowhere, units_conserve
from syncbridge.sandbox.money_conserves import money_conserves
from syncbridge.sandbox.order_counts import count_back_end, count_orders
from syncbridge.sandbox.oversell import all_published, no_oversell
from syncbridge.sandbox.penny_gate import penny_gate
from syncbridge.sandbox.quiet import quiet
from syncbridge.sandbox.score import Score, Violation, score
from syncbridge.sandbox.shop_records import DelegationCall, ShopRecord
from syncbridge.sandbox.unexpected import unexpected_outcomes
from syncbridge.sandbox.verdict import Verdict
from syncbridge.sandbox.warehouse_records import WarehouseRecord

PERCENTILES = (50, 95, 99)


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
        counts=count_orders(evidence, loss, duplicates, surprises),
        delegation_milliseconds=latency(shop.calls),
        unexpected=tuple(violation for violation in surprises.values()),
        back_ends={
            one.name: count_back_end(shop.of(merchant), one) for merchant, one in evidence.warehouses.items()
        },
        credits=credit_score.to_json(shop, evidence.warehouses, evidence.credits) if evidence.credits else None,
    )


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
