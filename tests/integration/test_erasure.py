"""Personal data is erased in time, and never while anything about the order is open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_world import World, line, parcel, world
from sqlalchemy import select

from syncbridge.domain.returns import ReturnReason
from syncbridge.flows import (
    cancel_ask,
    cancel_order,
    cancellation_push,
    despatch_pull,
    housekeep,
    intake,
    order_push,
    resolve,
    return_announce,
    return_expect,
    shipment_push,
    status_pull,
)
from syncbridge.ledger.tables import (
    audit,
    cancellations,
    exceptions,
    history,
    inbox,
    order_units,
    orders,
    transmissions,
)

TEE = "TEE-ORG-BLK-M"


@pytest.fixture
def one(ledger_url: str, tmp_path: Path) -> Iterator[World]:
    with world(ledger_url, tmp_path) as made:
        yield made


def traces(one: World, order_id: int) -> list[object]:
    """Return every kept text that could hold the customer's name."""
    with one.context.ledger.reading() as connection:
        found = [
            *connection.execute(select(orders.c.document).where(orders.c.id == order_id)).scalars(),
            *connection.execute(select(transmissions.c.body).where(transmissions.c.order_id == order_id)).scalars(),
            *connection.execute(select(inbox.c.raw).where(inbox.c.order_id == order_id)).scalars(),
        ]
    return [text for text in found if text is not None]


def test_a_finished_order_is_erased_in_time_and_an_open_one_is_not(one: World) -> None:
    finished, waiting = (one.delegated(one.place(line(TEE))) for _ in range(2))
    order_push.run(one.context)
    one.warehouse(f"SCY-NB-{finished}", "advance", {"to": "PACKED"})
    one.warehouse(f"SCY-NB-{finished}", "despatch", parcel([(TEE, 1)]))
    despatch_pull.run(one.context)
    shipment_push.run(one.context)
    with one.context.ledger.reading() as connection:
        (raw,) = connection.execute(select(inbox.c.raw).where(inbox.c.order_id == finished)).scalars()
    assert raw is not None
    assert len(traces(one, finished)) >= 3

    assert housekeep.run(one.context)["orders_erased"] == 0
    one.advance(days=91)
    assert housekeep.run(one.context)["orders_erased"] == 1
    assert traces(one, finished) == []
    assert len(traces(one, waiting)) >= 3

    assert intake.receive_delegation(one.context, "scend", bytes(raw)).status == 201
    assert len(one.backend_orders()) == 2, "a late repeat is still recognised"


def test_an_order_whose_goods_are_on_their_way_back_is_kept_while_they_may_come(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    order_push.run(one.context)
    one.warehouse(f"SCY-NB-{order_id}", "advance", {"to": "PACKED"})
    one.warehouse(f"SCY-NB-{order_id}", "despatch", parcel([(TEE, 1)]))
    despatch_pull.run(one.context)
    shipment_push.run(one.context)
    one.advance(days=60)
    units = [unit["itemId"] for unit in one.units(order_id)]
    return_expect.announce(one.context, order_id, units, reason=ReturnReason.FAULTY, actor="test")
    return_announce.run(one.context)
    one.advance(days=31)
    assert housekeep.run(one.context)["orders_erased"] == 0
    one.advance(days=60)
    assert housekeep.run(one.context)["orders_erased"] == 1


def test_what_a_person_wrote_as_a_reason_is_nowhere_after_its_time_and_never_in_evidence(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE, 2)))
    order_push.run(one.context)
    with one.context.ledger.reading() as connection:
        unit = min(connection.execute(select(order_units.c.order_item_id).where(order_units.c.order_id == order_id)).scalars())
    written = "Zoe Quellmalz rang"
    cancel_order.run(one.context, order_id, actor="ops", reason=written, units=[unit])
    with one.context.ledger.reading() as connection:
        (told,) = connection.execute(select(exceptions).where(exceptions.c.kind == "cancellation_partial")).all()
    assert "Quellmalz" not in f"{told.cause} {told.evidence}"
    resolve.run(one.context, told.id, told.kind, told.subject, actor="ops", reason=written)
    cancel_order.run(one.context, order_id, actor="ops", reason=written)
    for _ in range(3):
        cancel_ask.run(one.context)
        status_pull.run(one.context)
        cancellation_push.run(one.context)
        one.advance(minutes=2)

    def kept() -> str:
        with one.context.ledger.reading() as connection:
            rows = [connection.execute(select(table)).all() for table in (audit, cancellations, exceptions, history, transmissions)]
        return str(rows)

    assert "Quellmalz" in kept()
    one.advance(days=91)
    assert housekeep.run(one.context)["orders_erased"] == 1
    assert "Quellmalz" not in kept()
