"""Orders for the SCAYLE stand-in, read from a folder of SCAYLE's own order documents.

Each `*.json` file holds one Admin API order (SCAYLE contract 3.1), a list of them, or a page (`{"entities": […]}`). They
are placed as new orders as they stand, ids included where they have some; states, packages and dates are the stand-in's
business. An order whose id is taken is refused by it and listed. Gaps between orders follow `createdAt`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from syncbridge.sandbox.replay_order import DeliveryAddress, OrderLine, Replay, ReplayOrder, ShopSetting
from syncbridge.sandbox.retail_day import UnreadableDay
from syncbridge.sandbox.scayle.countries import to_alpha2

Json = dict[str, Any]


def replay_of_folder(folder: Path, setting: ShopSetting | None = None) -> Replay:
    """Read every order of a folder, sorted by time of creation and then by file name.

    `setting` fills in what a document does not say (merchant, warehouse, carrier). Raises UnreadableDay naming the file.
    """
    setting = setting or ShopSetting()
    found = [
        (_created(document), name, document)
        for path in sorted(folder.glob("*.json"))
        for name, document in _documents(path)
    ]
    if not found:
        raise UnreadableDay(f"{folder}: no order in any *.json file")
    found.sort(key=lambda entry: entry[0])
    first = found[0][0]
    orders = [_order(name, created - first, document, setting) for created, name, document in found]
    return Replay(source=str(folder), orders=tuple(orders))


def _documents(path: Path) -> Iterator[tuple[str, Json]]:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise UnreadableDay(f"{path.name}: not JSON: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("entities"), list):
        content = content["entities"]
    documents = content if isinstance(content, list) else [content]
    for number, document in enumerate(documents, start=1):
        where = path.name if len(documents) == 1 else f"{path.name}#{number}"
        if not isinstance(document, dict):
            raise UnreadableDay(f"{where}: an order must be a JSON object")
        if not isinstance(document.get("items"), list) or not document["items"]:
            raise UnreadableDay(f"{where}: the order has no items")
        yield f"{document.get('referenceKey') or document.get('id') or where}", document


def _created(document: Json) -> datetime:
    for member in ("createdAt", "confirmedAt"):
        try:
            instant = datetime.fromisoformat(str(document.get(member)))
        except ValueError:
            continue
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    return datetime.fromtimestamp(0, UTC)


def _order(name: str, after: timedelta, document: Json, setting: ShopSetting) -> ReplayOrder:
    shipping = _member(_member(document, "address"), "shipping")
    customer = _member(document, "customer")
    items = [item for item in document["items"] if isinstance(item, dict)]
    lines = _grouped([_line(item) for item in items])
    address = _address(shipping, customer)
    # Everything is taken over as it stands; the stand-in resets states, dates and packages.
    body: Json = {
        "raw": document,
        "merchant": setting.merchant,
        "warehouse": setting.warehouse,
        "confirm": True,
    }
    if not isinstance(document.get("shopCountry"), dict):
        body |= {"shop": setting.shop_key, "country": setting.country_code}
    texts = (
        address.email,
        address.recipient,
        address.phone,
        f"{address.street} {address.house_number}".strip(),
    )
    return ReplayOrder(
        name=name,
        after=after,
        lines=lines,
        address=address,
        carrier=setting.carrier,
        body=body,
        personal_data=tuple(text for text in texts if len(text) >= 5),
    )


def _line(item: Json) -> OrderLine:
    price = _member(item, "price")
    rate = Decimal(str(_member(_member(price, "tax"), "vat").get("rate") or 0))
    gross = int(price.get("withTax") or 0)
    net = price.get("withoutTax")
    return OrderLine(
        sku=str(_member(item, "variant").get("referenceKey") or ""),
        units=1,
        gross_minor=gross,
        net_minor=int(net) if net is not None else gross,
        rate=rate,
        name=str(_member(item, "product").get("name") or ""),
    )


def _grouped(units: list[OrderLine]) -> tuple[OrderLine, ...]:
    """Put equal units together, in the sequence in which they first appear."""
    counts: dict[OrderLine, int] = {}
    for unit in units:
        counts[unit] = counts.get(unit, 0) + 1
    return tuple(
        OrderLine(one.sku, count, one.gross_minor, one.net_minor, one.rate, one.name)
        for one, count in counts.items()
    )


def _address(shipping: Json, customer: Json) -> DeliveryAddress:
    recipient = _member(shipping, "recipient")
    names = (recipient.get("firstName"), recipient.get("lastName"))
    return DeliveryAddress(
        recipient=" ".join(str(name) for name in names if name),
        street=_text(shipping, "street"),
        house_number=_text(shipping, "houseNumber"),
        additional=_text(shipping, "additional"),
        postcode=_text(shipping, "zipCode"),
        city=_text(shipping, "city"),
        region=_text(shipping, "state"),
        country=alpha2(_text(shipping, "countryCode")),
        phone=_text(shipping, "phone") or _text(customer, "phone"),
        email=_text(customer, "email"),
    )


def alpha2(code: str) -> str:
    """Return the alpha-2 code of an address's country, which SCAYLE writes as alpha-3; empty when unknown."""
    short = to_alpha2(code)
    return short if len(short) == 2 else ""


def _text(document: Json, member: str) -> str:
    value = document.get(member)
    return "" if value is None else str(value)


def _member(document: Json, member: str) -> Json:
    """Return a nested object; anything else, PHP's empty list included, is an empty one."""
    value = document.get(member)
    return value if isinstance(value, dict) else {}
