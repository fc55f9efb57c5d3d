"""Re-running rings the workers after the last commit, once per target, and never for a dry run."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from cli_story import ACCOUNT, Story
from flow_world import Bell

from syncbridge.domain.states import SendState
from syncbridge.flows import rerun, resolve
from syncbridge.ledger import intents
from syncbridge.ledger.engine import Ledger


@pytest.fixture
def context(ledger: Ledger) -> Any:
    return SimpleNamespace(ledger=ledger, doorbell=Bell(), now=lambda: datetime(2026, 3, 2, 12, tzinfo=UTC))


def add_shipment(ledger: Ledger, order_id: int) -> None:
    with ledger.work() as work:
        intents.add(
            work.connection, kind="shipment", target="scayle", key=f"p{order_id}", order_id=order_id,
            at=datetime(2026, 3, 2, tzinfo=UTC), due_at=None,
        )  # fmt: skip
        work.commit()


def test_one_ring_per_target_and_flow(context: Any, story: Story, ledger: Ledger) -> None:
    for order_id in (7, 8):
        story.order(order_id)
        add_shipment(ledger, order_id)
    done = rerun.run(context, [7, 8, 7], actor="pat", reason="mended")
    assert [(one.order_id, len(one.writes)) for one in done] == [(7, 2), (8, 2)]
    assert sorted(context.doorbell.rings, key=str) == [("order_push", ACCOUNT), ("shipment_push",)]


def test_a_dry_run_rings_for_nothing(context: Any, story: Story) -> None:
    story.order(7)
    assert rerun.run(context, [7], actor="pat", reason="", dry_run=True)[0].writes
    assert context.doorbell.rings == []


def test_what_is_final_stays_final(context: Any, story: Story) -> None:
    story.order(7)
    story.acknowledged(7)
    assert rerun.run(context, [7], actor="pat", reason="again") == [rerun.Rerun(7, ())]
    assert context.doorbell.rings == []


def test_the_answer_tells_the_state_before(context: Any, story: Story) -> None:
    story.order(7)
    story.invalid(7)
    (write,) = rerun.run(context, [7], actor="pat", reason="mended")[0].writes
    assert (write.state, write.due_at, write.reason) == (SendState.PENDING, None, "SKU_UNKNOWN: 85123a")


def test_resolving_needs_a_reason(context: Any) -> None:
    with pytest.raises(ValueError, match="with a reason"):
        resolve.run(context, 1, "defect", "x", actor="pat", reason="  ")
