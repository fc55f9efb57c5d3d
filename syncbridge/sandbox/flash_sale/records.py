"""What both vendors noted of a channel's sale: the only thing that is judged, and kept so that anybody can judge again."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from syncbridge.sandbox.flash_sale.channel import Channel, Played
from syncbridge.sandbox.flash_sale.control import Address, Control
from syncbridge.sandbox.flash_sale.script import Script, write_script

SHOP_FACTS = frozenset({"stock.written", "stock.ignored", "stock.blocked", "shop.sold_out"})
WAREHOUSE_FACTS = frozenset({"stock_adjusted", "receipt_booked", "order_created"})
"""What is kept of each side's journal; the rest says nothing about stock."""


@dataclass(frozen=True)
class SaleRecords:
    """A sale as the vendors saw it. Lists are rows as the stand-ins keep them, in their own order."""

    script: Script
    channel: Channel
    played: Played
    shop_facts: tuple[Mapping[str, Any], ...]
    warehouse_facts: tuple[Mapping[str, Any], ...]
    orders: tuple[Mapping[str, Any], ...]
    stock: tuple[Mapping[str, Any], ...]

    def write(self, folder: Path) -> Path:
        """Write a file that `read_file` understands, named for seed and channel; return its path."""
        document = {
            "seed": self.script.seed,
            "seconds": self.script.seconds,
            "articles": len(self.script.opening),
            # Addresses and secrets of a sale that is over serve nobody.
            "channel": {name: value for name, value in asdict(self.channel).items() if name != "address"},
            "begins": self.played.begins.isoformat(),
            "late": self.played.late,
            "skipped": self.played.skipped,
            "shopFacts": self.shop_facts,
            "warehouseFacts": self.warehouse_facts,
            "orders": self.orders,
            "stock": self.stock,
        }
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"seed-{self.script.seed}-{self.channel.floor}-{self.channel.key}.json.gz"
        path.write_bytes(gzip.compress(json.dumps(document).encode(), mtime=0))
        return path


def read_file(path: Path) -> SaleRecords:
    """Read what `write` wrote. Raises OSError, ValueError or KeyError for anything else."""
    document = json.loads(gzip.decompress(path.read_bytes()))
    return SaleRecords(
        write_script(document["seed"], document["seconds"], document["articles"]),
        Channel(address=Address("", ""), **document["channel"]),
        Played(datetime.fromisoformat(document["begins"]), document["late"], document["skipped"]),
        tuple(document["shopFacts"]),
        tuple(document["warehouseFacts"]),
        tuple(document["orders"]),
        tuple(document["stock"]),
    )


def read_records(script: Script, channel: Channel, played: Played) -> SaleRecords:
    """Ask both stand-ins of a channel what they noted of it."""
    skus = {channel.sku(article) for article in script.articles}
    shop = Control(channel.address.scayle, channel.address.control_token)
    warehouse = Control(channel.address.warehouse, channel.address.control_token)
    try:
        shop_facts = shop.do("GET", "/state", section="facts")["facts"]
        dump: dict[str, Any] = warehouse.do("GET", "/state", section="facts,orders,stock")
    finally:
        shop.close()
        warehouse.close()
    return SaleRecords(
        script,
        channel,
        played,
        # OrderWise's variants lie, empty, with every merchant of the installation: what others are told is theirs.
        tuple(
            fact
            for fact in shop_facts
            if fact["fact"] in SHOP_FACTS
            and fact["sku"] in skus
            and fact.get("merchant", channel.key) == channel.key
        ),
        tuple(fact for fact in dump["facts"] if fact["fact"] in WAREHOUSE_FACTS and _concerns(fact, skus)),
        tuple(
            {
                "clientReference": order["clientReference"],
                "status": order["status"],
                "lines": [
                    {name: line[name] for name in ("sku", "quantityOrdered", "quantityDespatched")}
                    for line in order["lines"]
                ],
            }
            for order in dump["orders"]
            if any(line["sku"] in skus for line in order["lines"])
        ),
        tuple(row for row in dump["stock"] if row["sku"] in skus),
    )


def _concerns(fact: Mapping[str, Any], skus: set[str]) -> bool:
    return fact.get("sku") in skus or any(line.get("sku") in skus for line in fact.get("lines") or ())
