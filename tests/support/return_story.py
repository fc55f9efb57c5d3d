"""Goods that come back, as tests play them: the warehouse's receipts, SCAYLE's refunds, and what must hold of both."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import requests
from flow_world import POLL_SECONDS, World
from order_story import leave, packed, pull, reference, rows, tell, unit_ids
from sqlalchemy import select
from werkzeug.serving import make_server

from syncbridge.domain.returns import ReturnReason
from syncbridge.flows import (
    return_announce,
    return_check,
    return_expect,
    return_pull,
    return_push,
    webhooks,
)
from syncbridge.ledger.returns import Return
from syncbridge.ledger.tables import parcels, receipts, returned_units, returns
from syncbridge.ports.shop import UnitReturn


def shipped(one: World, *lines: dict[str, Any], **more: Any) -> int:
    """An order whose goods have all left, and SCAYLE shows it."""
    order_id = packed(one, *lines, **more)
    leave(one, order_id)
    pull(one)
    tell(one, order_id)
    assert {unit["status"] for unit in one.units(order_id)} == {"delivered"}
    return order_id


def announced(one: World, order_id: int, *units: int, reason: ReturnReason = ReturnReason.TOO_SMALL) -> Return:
    """Announce units (without any: all of the order) and have the warehouse know of it."""
    wanted = units or tuple(unit_ids(one, order_id))
    (made,) = return_expect.announce(one.context, order_id, wanted, reason=reason, actor="test").returns
    return_announce.run(one.context, order_id=order_id)
    return made


def receive(
    one: World,
    rma: str,
    *goods: tuple[str, int],
    condition: str = "RESALEABLE",
    close: bool = True,
    **more: Any,
) -> Any:
    """Have the warehouse book goods under an RMA number, and close the return."""
    lines = [{"sku": sku, "quantity": units, "conditionCode": condition, **more} for sku, units in goods]
    return one.post(one.scend, f"returns/by-rma/{rma}/receive", {"lines": lines, "close": close})


def blind(one: World, *goods: tuple[str, int], close: bool = False, **more: Any) -> Any:
    """Have a parcel come back that nobody announced; `returnTracking`, `clientReference`, `note` say what it carries."""
    note = more.pop("note", None)
    lines = [{"sku": sku, "quantity": units, "note": note} for sku, units in goods]
    return one.post(one.scend, "returns/unannounced", {"lines": lines, "close": close, **more})


def come_back(one: World, order_id: int | None = None) -> None:
    """Read the feed of returns, and tell SCAYLE."""
    return_pull.run(one.context)
    return_push.run(one.context, order_id=order_id)


def check(one: World) -> dict[str, int]:
    return return_check.run(one.context)


def refunds(one: World, order_id: int) -> list[Any]:
    """Return SCAYLE's own refunds of an order."""
    return [row for row in one.state(one.scayle, "refunds")["refunds"] if row["orderId"] == order_id]


def refunded_units(one: World, order_id: int) -> list[int]:
    return sorted(row["itemId"] for row in refunds(one, order_id))


def booked(one: World, order_id: int) -> list[Any]:
    """Return the return messages that SCAYLE took."""
    return [row for row in one.state(one.scayle, "returns")["returns"] if row["orderId"] == order_id]


def in_scend(one: World, order_id: int) -> list[Any]:
    """Return the warehouse's returns of an order."""
    held = one.state(one.scend, "returns")["returns"]
    return [row for row in held if row["clientReference"] == reference(order_id)]


def of_rma(one: World, rma: str) -> Any:
    (found,) = [row for row in one.state(one.scend, "returns")["returns"] if row["rmaNumber"] == rma]
    return found


def money_holds(one: World, order_id: int) -> None:
    """I2 and I5 from SCAYLE's own records: no unit twice, and no more than was paid."""
    paid = {unit["itemId"]: unit["paid"] for unit in one.units(order_id)}
    back: Counter[int] = Counter()
    for row in refunds(one, order_id):
        back[row["itemId"]] += row["amount"]
    assert all(back[unit] <= paid[unit] for unit in paid), (back, paid)
    assert max(Counter(row["itemId"] for row in booked(one, order_id)).values(), default=0) <= 1
    captured = sum(row["amount"] + row["giftCardAmount"] for row in one.state(one.scayle, "captures")["captures"]
                   if row["orderId"] == order_id)  # fmt: skip
    assert sum(back.values()) <= captured


def return_in_panel(one: World, *units: int) -> None:
    """Book a return in SCAYLE behind our back, as a person in its panel can."""
    shop = one.context.shop
    at = one.context.now()
    shop.send_return(shop.compose_return([UnitReturn(unit, "scend", at, "goodwill") for unit in units]))


def held_returns(one: World, order_id: int) -> list[Any]:
    return rows(one, returns, order_id)


def the_receipts(one: World, return_id: int | None = None) -> list[Any]:
    query = select(receipts).order_by(receipts.c.id)
    if return_id is not None:
        query = query.where(receipts.c.return_id == return_id)
    with one.context.ledger.reading() as connection:
        return list(connection.execute(query))


def receipt_of(one: World, returned: Any) -> Any:
    """Return our row of the last receipt line of a return of the warehouse."""
    line = returned["receipts"][-1]["lines"][-1]["receiptLineId"]
    (found,) = [row for row in the_receipts(one) if row.receipt_line_id == line]
    return found


def unit_rows(one: World, order_id: int) -> dict[int, Any]:
    with one.context.ledger.reading() as connection:
        found = connection.execute(select(returned_units).where(returned_units.c.order_id == order_id)).all()
    return {row.order_item_id: row for row in found}


def label(one: World, order_id: int) -> str:
    """Return the code on the return label of the order's (first) parcel."""
    (shipment, *_more) = [
        row for row in one.state(one.scayle, "shipments")["shipments"] if row["orderId"] == order_id
    ]
    with one.context.ledger.reading() as connection:
        code = connection.execute(
            select(parcels.c.return_ident_code).where(parcels.c.shipment_key == shipment["shipmentKey"])
        ).scalar_one()
    assert code == shipment["returnIdentCode"]
    return str(code)


@contextmanager
def subscribed(one: World, *events: str) -> Iterator[list[str]]:
    """Have SCAYLE deliver events to the flow, as the web process would; yields the topics that came."""
    came: list[str] = []

    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        came.append(one.context.shop.parse_webhook(raw).topic)
        webhooks.receive_scayle(one.context, raw)
        start("204 ", [])
        return []

    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    ids = []
    try:
        for event in events:
            answer = requests.post(
                f"{one.scayle}/api/admin/v1/webhooks/subscriptions",
                json={"event": event, "version": 1, "url": f"http://127.0.0.1:{server.server_port}/"},
                headers={"X-Access-Token": "sandbox-token"},
                timeout=10,
            )
            answer.raise_for_status()
            ids.append(answer.json()["id"])
        yield came
    finally:
        for number in ids:
            requests.delete(
                f"{one.scayle}/api/admin/v1/webhooks/subscriptions/{number}",
                headers={"X-Access-Token": "sandbox-token"},
                timeout=10,
            )
        server.shutdown()
        thread.join()
        server.server_close()


def states(one: World, order_id: int) -> Sequence[str]:
    return [row.state for row in held_returns(one, order_id)]
