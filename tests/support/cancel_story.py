"""Cancelling, as tests tell it: the shopper presses the button, the warehouse goes on, SCAYLE asks again."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import requests
from flow_world import ANSWER_SECONDS, World
from order_story import in_scend, reference, rows, statuses, unit_ids
from sqlalchemy import select

from syncbridge.flows import cancel_ask, cancel_call, cancellation_push
from syncbridge.flows.cancel_call import CallOutcome
from syncbridge.ledger.tables import cancellations
from syncbridge.ports.backend import Capabilities, FulfilmentBackend

ADMIN = {"X-Access-Token": "sandbox-token"}


def ask_merchants(one: World, *merchants: str) -> None:
    """From now on SCAYLE asks these merchants before it cancels."""
    for merchant in merchants or ("scend",):
        answer = requests.put(
            f"{one.scayle}/api/admin/v1/merchants/key={merchant}",
            json={"referenceKey": merchant, "cancellationUrl": f"{one.inbound}/scayle/{merchant}/cancellations"},
            headers=ADMIN,
            timeout=10,
        )
        assert answer.status_code == 200, answer.text


def shopper_cancels(one: World, order_id: int, **narrowed: Any) -> list[Any]:
    """Cancel as the shopper and wait until every merchant has answered once; return SCAYLE's requests."""
    return list(one.post(one.scayle, f"orders/{order_id}/cancel", {"wait": True, **narrowed})["cancellations"])


def asked_again(one: World, order_id: int, times: int = 1) -> list[Any]:
    """Have SCAYLE ask once more; return the answers."""
    return list(one.post(one.scayle, f"orders/{order_id}/cancel-again", {"times": times})["calls"])


def call(one: World, order_id: int, merchant: str = "scend", seconds: float = ANSWER_SECONDS, **changes: Any) -> CallOutcome:
    """Make the cancellation call for an order ourselves, without SCAYLE."""
    body = {
        "orderReferenceKey": f"NB-GB-{order_id}",
        "fulfillingMerchantKey": merchant,
        "merchantKey": merchant,
        "companyId": 1,
        "warehouseIds": [12],
        **changes,
    }
    return cancel_call.receive(one.context, merchant, json.dumps(body).encode(), time.monotonic() + seconds)


def result(outcome: CallOutcome) -> tuple[int, Any]:
    return outcome.status, outcome.body.get("cancellationResult")


YES = (201, "successful")
NO = (201, "failed")
LATER = (503, None)


def verdicts(requests_made: list[Any]) -> list[str]:
    return [one["state"] for one in requests_made]


def warehouse_status(one: World, order_id: int) -> list[str]:
    return [held["status"] for held in in_scend(one, order_id)]


def advance_in_scend(one: World, order_id: int, to: str) -> None:
    one.warehouse(reference(order_id), "advance", {"to": to})


def wishes(one: World, order_id: int) -> list[Any]:
    """Return the cancellations of an order as the ledger has them."""
    return rows(one, cancellations, order_id)


def all_wishes(one: World) -> list[Any]:
    with one.context.ledger.reading() as connection:
        return list(connection.execute(select(cancellations).order_by(cancellations.c.id)))


def ask_and_tell(one: World, order_id: int) -> None:
    """Ask the back ends what is due, then tell SCAYLE what is due."""
    cancel_ask.run(one.context)
    cancellation_push.run(one.context, order_id=order_id)


def cancelled_in_scayle(one: World, order_id: int) -> Counter[str]:
    return statuses(one, order_id)


class With:
    """A back end that can do other things than it says."""

    def __init__(self, backend: FulfilmentBackend, capabilities: Capabilities) -> None:
        self._backend = backend
        self.capabilities = capabilities

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def able_to(one: World, merchant: str = "scend", **capabilities: Any) -> World:
    backends = dict(one.context.backends)
    backends[merchant] = With(backends[merchant], Capabilities(**capabilities))  # type: ignore[assignment]  # it passes all on
    return replace(one, context=replace(one.context, backends=backends))


__all__ = ["unit_ids"]
