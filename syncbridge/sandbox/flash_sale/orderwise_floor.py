"""The sale's warehouse on OrderWise's stand-in: two places for sale, and figures that a job recalculates.

An order holds its stock at once and shows in free stock only at the job's next run, as do counts, comebacks and whatever
leaves. Both places together hold what the script says: one with a fraction above it (goods sold by the metre are half a
metre short of another unit), the other now ordinary, now below zero by what another channel holds. Orders are sent from the
first place alone; those it cannot fill wait there for a transfer that does not come within the sale. Nothing is judged by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from syncbridge.sandbox.demo.second import COUNTRIES, ORDERWISE_PATH
from syncbridge.sandbox.flash_sale.channel import Channel
from syncbridge.sandbox.flash_sale.control import Control
from syncbridge.sandbox.flash_sale.floor import NO_LIMIT, Call
from syncbridge.sandbox.flash_sale.script import Comeback, Count, Script
from syncbridge.sandbox.orderwise.reference_data import COURIERS

RECALCULATION_SECONDS = 5.0
"""The stock job's interval: five minutes of a real sale. Chosen: no installation has published its own."""
STOCK_LAG_SECONDS = 6.0
"""Our `stock_lag_seconds`: the interval and a minute of a real sale for the job itself, as the setting is defined."""

WAREHOUSE_PACE: dict[str, Any] = {
    "enabled": True,
    "allocateSeconds": [2.0, 6.0],
    "pickSeconds": [4.0, 12.0],
    "despatchSeconds": [4.0, 12.0],
    # What is short waits beyond the end of the sale, instead of being given up: a cancelled unit would be free again.
    "shortCloseSeconds": [100_000.0, 100_000.0],
    "partialShare": 0.0,
    "multiParcelShare": 0.0,
    "lateTrackingShare": 0.0,
    "sharedTrackingShare": 0.0,
    "shortPickShare": 0.0,
}
"""As the other floor's, without the step that OrderWise does not know. No short picks, for the same reason."""

FIRST_FRACTION, SECOND_FRACTION = 0.5, 0.25
"""What lies at the two places beyond whole units: together less than one, so that nothing of it is for sale."""
HELD_ELSEWHERE = 2
"""Units that another channel has sold at the second place of every other article, where none lies."""

CONFIGURATION = """\
[orderwise]
base_url = "{api}{path}"
name = "acme"
session_id = 12
customer = {{ id = 4021 }}
capabilities = {{ cancel = "api", returns = "api" }}
# This installation imports at once, so that a lost order may be sent again by itself.
deferred_import = false
max_requests_per_second = {limit}
burst = {limit}
lookup_lag_seconds = 1
landing_seconds = 2
stock_lag_seconds = {lag:g}

[orderwise.maps]
delivery_method = {{ AUTO = 18 }}
payment_method = {{ creditcard = 7, gift_card = 8 }}
stock_location = {{ {sent_from} }}
sale_locations = {{ {sold_from} }}
country = {{ {countries} }}
"""


def places(channel: Channel) -> tuple[int, int]:
    """Return the stock locations of a channel: the one that its orders are sent from, and the other that sells too."""
    return places_of(channel.warehouse_code)


def places_of(warehouse_code: str) -> tuple[int, int]:
    """Return the locations behind a warehouse code: W2 is 21 and 22."""
    number = 10 * int(warehouse_code.removeprefix("W"))
    return number + 1, number + 2


def shelves(number: int, units: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Share the units of an article, the `number`th of the script, out over both places.

    Worked: 11 units of an even article are 8.5 and 3.25; of an odd one 13.5, and none of which 2 are sold elsewhere less 0.25.
    """
    if number % 2:
        return (
            {"physical": str(units + HELD_ELSEWHERE + FIRST_FRACTION)},
            {"physical": str(SECOND_FRACTION), "elsewhere": str(HELD_ELSEWHERE)},
        )
    second = units // 3
    return (
        {"physical": str(units - second + FIRST_FRACTION)},
        {"physical": str(second + SECOND_FRACTION)},
    )


class OrderWiseFloor:
    """Reserves at once, and says so minutes later."""

    key = "orderwise"
    title = "OrderWise"
    trails_seconds = RECALCULATION_SECONDS
    carriers = tuple(courier["name"] for courier in COURIERS.values())
    lost_answers: tuple[dict[str, Any], ...] = tuple(
        {
            "match": {"method": "POST", "pathRegex": "^/sales/order$"},
            "fault": kind,
            "times": None,
            "probability": share,
        }
        for kind, share in (("timeout_after", 0.05), ("timeout_before", 0.03))
    )
    silence: tuple[dict[str, Any], ...] = (
        {
            "match": {"pathRegex": "^/(system/export-definition/20[34]|stock/)"},
            "fault": "http",
            "status": 503,
            "times": None,
        },
    )

    def set_up(self, warehouse: Control, script: Script, channels: Sequence[Channel]) -> None:
        """Make the places, the variants and their stock; recalculated once, and from then on by the job."""
        warehouse.do(
            "PUT",
            "/settings",
            {
                "recalculationSeconds": RECALCULATION_SECONDS,
                "rateCapacity": NO_LIMIT,
                "ratePerSecond": NO_LIMIT,
                "autoProgress": {**WAREHOUSE_PACE, "seed": script.seed},
            },
        )
        skus = [one.sku(article) for one in channels for article in script.articles]
        locations = [number for one in channels for number in places(one)]
        warehouse.do(
            "POST",
            "/seed",
            {
                "locations": [{"id": number, "name": f"Place {number}"} for number in locations],
                "variants": [{"variantCode": sku, "description": sku, "taxRateId": 1} for sku in skus],
                "stock": [row for one in channels for row in _stock(script, one)],
            },
        )

    def count(self, channel: Channel, count: Count) -> Call:
        """Return what counts again at the place from which orders are sent."""
        return "/stock/adjust", {
            "variantCode": channel.sku(count.article),
            "stockLocationId": places(channel)[0],
            "delta": count.delta,
            "onlyWhatIsThere": True,
        }

    def comeback(self, channel: Channel, comeback: Comeback) -> Call:
        """Return what puts goods that came back on a shelf of the second place."""
        line = {
            "variantCode": channel.sku(comeback.article),
            "quantity": comeback.quantity,
            "condition": "Resaleable",
            "stockLocationId": places(channel)[1],
        }
        return "/returns/unlinked", {"lines": [line]}

    def configuration(self, address_of_api: str, warehouse_codes: Sequence[str]) -> str:
        """Return the section `[orderwise]`."""
        where = [(code, places_of(code)) for code in warehouse_codes]
        return CONFIGURATION.format(
            api=address_of_api,
            path=ORDERWISE_PATH,
            limit=NO_LIMIT,
            lag=STOCK_LAG_SECONDS,
            sent_from=", ".join(f"{code} = {first}" for code, (first, _) in where),
            sold_from=", ".join(f"{code} = [{first}, {second}]" for code, (first, second) in where),
            countries=", ".join(f'{code} = "{name}"' for code, name in COUNTRIES.items()),
        )


def _stock(script: Script, channel: Channel) -> Iterator[dict[str, Any]]:
    for number, article in enumerate(script.articles):
        for location, shelf in zip(places(channel), shelves(number, script.opening[article]), strict=True):
            yield {"variantCode": channel.sku(article), "stockLocationId": location, **shelf}
