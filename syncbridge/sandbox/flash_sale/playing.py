"""A channel's happenings, each at its time: shoppers, counts, comebacks, and the silences of the stock feed."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Any

from syncbridge.sandbox.demo.addresses import COUNTRY, SHOP_KEY
from syncbridge.sandbox.flash_sale.channel import Channel, Played
from syncbridge.sandbox.flash_sale.control import Control
from syncbridge.sandbox.flash_sale.floor import Floor
from syncbridge.sandbox.flash_sale.floors import FLOORS
from syncbridge.sandbox.flash_sale.script import Comeback, Count, Script, Shopper, Stall

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


def play(
    script: Script, channel: Channel, begins: datetime, stop: threading.Event, *, stalls: bool
) -> Played:
    """Let every happening take place at its time; return how late they were. `stalls`: this one switches the feed.

    Several channels may share a pair of stand-ins; the feed is one for all of them.
    """
    played, floor = Played(begins), FLOORS[channel.floor]
    shop = Control(channel.address.scayle, channel.address.control_token)
    warehouse = Control(channel.address.warehouse, channel.address.control_token)
    try:
        for happening in script.happenings:
            due = begins.timestamp() + happening.at
            while (wait := due - time.time()) > 0 and not stop.is_set():
                time.sleep(min(wait, 0.2))
            if stop.is_set():
                break
            if isinstance(happening, Stall):
                if stalls:
                    _stall(warehouse, floor, happening)
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
    floor = FLOORS[channel.floor]
    counts = isinstance(happening, Count)
    path, body = floor.count(channel, happening) if isinstance(happening, Count) else floor.comeback(channel, happening)
    status, answer = warehouse.ask("POST", path, body)
    if counts and status == 409:
        # Fewer lie there than the count would take: the count finds nothing then.
        played.skipped.append(f"{sku} {body['delta']:+d}: {answer.get('error')}")
    elif status >= 400:
        raise RuntimeError(f"{type(happening).__name__} {sku}: {status} {answer}")


def _stall(warehouse: Control, floor: Floor, stall: Stall) -> None:
    warehouse.do("DELETE", "/faults")
    warehouse.do("POST", "/faults", [*(floor.silence if stall.begins else []), *floor.lost_answers])
