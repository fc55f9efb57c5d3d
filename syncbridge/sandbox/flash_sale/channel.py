"""One strategy's share of a sale: a merchant, its warehouse, and SKUs that belong to nobody else."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests

from syncbridge.sandbox.demo.addresses import COUNTRY, SHOP_KEY
from syncbridge.sandbox.flash_sale.script import Comeback, Count, Goods, Script, Shopper, Stall

ADDRESS: dict[str, Any] = {
    "firstName": "Ines",
    "lastName": "Okafor",
    "gender": "n",
    "type": "personal",
    "street": "Mill Lane",
    "houseNumber": "18",
    "zipCode": "NR3 1QX",
    "city": "Norwich",
    "countryCode": "GBR",
    "phone": "+44 7700 900123",
}

STOCK_FEED = "/stock-levels"

LOST_ANSWERS: dict[str, list[dict[str, Any]]] = {
    "scayle": [
        {
            "match": {"method": "POST", "path": "/variants/"},
            "fault": kind,
            "times": None,
            "probability": share,
        }
        for kind, share in (("timeout_after", 0.04), ("timeout_before", 0.02))
    ],
    "scend": [
        {
            "match": {"method": "POST", "path": "/orders"},
            "fault": "timeout_after",
            "times": None,
            "probability": 0.05,
        },
        {
            "match": {"method": "POST", "path": "/orders"},
            "fault": "timeout_before",
            "times": None,
            "probability": 0.03,
        },
    ],
}
"""Answers that get lost, the call done or not, all through the sale."""

SILENCE: dict[str, Any] = {
    "match": {"method": "GET", "path": STOCK_FEED},
    "fault": "http",
    "status": 503,
    "times": None,
}


class Control:
    """A stand-in's control plane for one thread. Refusals are answers here: a sold-out shop is no failure."""

    def __init__(self, root: str, token: str | None = None) -> None:
        self.root = root.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        if token:
            self._session.headers["X-Sandbox-Token"] = token

    def close(self) -> None:
        """Let the connection go."""
        self._session.close()

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        """Return the status and the JSON of a control call."""
        answer = self._session.request(
            method, f"{self.root}/_sandbox{path}", json=body, params=query or None, timeout=30
        )
        return answer.status_code, answer.json()

    def do(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Make a control call that must succeed. Raises RuntimeError."""
        status, document = self.ask(method, path, body, **query)
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {document}")
        return document


@dataclass(frozen=True)
class Address:
    """The pair of stand-ins of a channel, by root URL, with the secrets of their APIs."""

    scayle: str
    scend: str
    scayle_token: str = "sandbox-token"  # noqa: S105 - the stand-in's default, no secret
    scend_token: str = "scend-sandbox-token"  # noqa: S105 - the stand-in's default, no secret
    control_token: str | None = None


@dataclass(frozen=True)
class Channel:
    """`key` names the merchant; `held_back` is the most its buffer rule keeps, `owner` who publishes its figures."""

    key: str
    title: str
    owner: str
    address: Address
    warehouse: str
    warehouse_code: str
    held_back: int = 0

    def sku(self, article: Goods) -> str:
        """Return the channel's own SKU of an article."""
        return f"{self.key.upper()}-{article}"


@dataclass
class Played:
    """How punctually a channel's happenings took place."""

    begins: datetime
    late: list[float] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def play(
    script: Script, channel: Channel, begins: datetime, stop: threading.Event, *, stalls: bool
) -> Played:
    """Let every happening take place at its time; return how late they were. `stalls`: this one switches the feed.

    Several channels may share a pair of stand-ins; the feed is one for all of them.
    """
    played = Played(begins)
    shop = Control(channel.address.scayle, channel.address.control_token)
    warehouse = Control(channel.address.scend, channel.address.control_token)
    try:
        for happening in script.happenings:
            due = begins.timestamp() + happening.at
            while (wait := due - time.time()) > 0 and not stop.is_set():
                time.sleep(min(wait, 0.2))
            if stop.is_set():
                break
            if isinstance(happening, Stall):
                if stalls:
                    _stall(warehouse, happening)
            else:
                _happen(happening, channel, shop, warehouse, played)
            played.late.append(time.time() - due)
    finally:
        shop.close()
        warehouse.close()
    return played


def _happen(
    happening: Shopper | Count | Comeback, channel: Channel, shop: Control, warehouse: Control, played: Played
) -> None:
    sku = channel.sku(happening.article)
    if isinstance(happening, Shopper):
        body = {
            "sku": sku,
            "quantity": happening.quantity,
            "merchant": channel.key,
            "warehouse": channel.warehouse,
            "shop": SHOP_KEY,
            "country": COUNTRY,
            "currency": "GBP",
            "billing": ADDRESS,
            "shipping": ADDRESS,
        }
        status, answer = shop.ask("POST", "/shop/buy", body)
        if status not in (201, 409):
            raise RuntimeError(f"buying {sku}: {status} {answer}")
        return
    if isinstance(happening, Count):
        body = {
            "sku": sku,
            "warehouseCode": channel.warehouse_code,
            "bucket": "physical",
            "delta": happening.delta,
        }
        status, answer = warehouse.ask("POST", "/stock/adjust", body)
        if status == 409:
            # Fewer lie there than the count would take: the count finds nothing then.
            played.skipped.append(f"{sku} {happening.delta:+d}: {answer.get('error')}")
            return
    else:
        line = {
            "sku": sku,
            "quantity": happening.quantity,
            "conditionCode": "RESALEABLE",
            "disposition": "RESTOCK",
        }
        body = {"warehouseCode": channel.warehouse_code, "lines": [line], "close": True}
        status, answer = warehouse.ask("POST", "/returns/unannounced", body)
    if status >= 400:
        raise RuntimeError(f"{type(happening).__name__} {sku}: {status} {answer}")


def _stall(warehouse: Control, stall: Stall) -> None:
    warehouse.do("DELETE", "/faults")
    warehouse.do("POST", "/faults", [*([SILENCE] if stall.begins else []), *LOST_ANSWERS["scend"]])
