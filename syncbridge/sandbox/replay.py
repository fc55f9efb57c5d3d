"""Replaying real orders: placing them in a SCAYLE stand-in at a chosen speed.

    outcome = replay("http://127.0.0.1:8101", Path("2010-12-07.csv.gz"), orders_per_second=5)

The source is a CSV day in the columns of the *Online Retail* data set, plain or gzip, or a folder of SCAYLE orders; the
rules by which they become orders are those of `day_orders` and `folder_orders`. Orders are placed and paid through the
stand-in's control plane, as shoppers would; from then on SCAYLE delegates them.

The replay clock: the first order is placed at once. With `orders_per_second` the others follow evenly; with
`times_real_time` the gaps of the day are kept, that many times shorter. Only the sequence and the gaps of the invoice
dates matter: an order is dated by the stand-in's own clock at the moment it is placed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from syncbridge.sandbox.day_orders import DIRTY_SHARE, UNITS_PER_LINE, replay_of_day
from syncbridge.sandbox.expectations import Expectation, WarehouseRules, catalogue, expectation
from syncbridge.sandbox.folder_orders import replay_of_folder
from syncbridge.sandbox.replay_order import Replay, ReplayOrder, ShopSetting
from syncbridge.sandbox.retail_day import read_day

AMPLE_STOCK = 1_000_000
"""Units of every product in the warehouse, for a replay that is not about stock."""

PLACE_TIMEOUT_SECONDS = 120.0
"""A stand-in answers in moments; all that it knows of a long run, on a machine that does much else, takes longer."""


class ReplayRefused(RuntimeError):
    """The stand-in cannot be reached or does not understand; the text says what it answered."""


@dataclass(frozen=True)
class Placed:
    """One order that the stand-in took, or refused (`order_id` None and the reason in `refusal`)."""

    order: ReplayOrder
    order_id: int | None
    expectation: Expectation
    refusal: str = ""


@dataclass
class ReplayOutcome:
    """What was placed so far. `seconds` is how long it took."""

    replay: Replay
    placed: list[Placed] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def expectations(self) -> dict[int, Expectation]:
        """What has to become of each order, by SCAYLE order id."""
        return {one.order_id: one.expectation for one in self.placed if one.order_id is not None}

    @property
    def refused(self) -> tuple[Placed, ...]:
        """Orders that the shop itself did not take."""
        return tuple(one for one in self.placed if one.order_id is None)

    @property
    def personal_data(self) -> tuple[str, ...]:
        """Every text that must turn up in no log and not in Redis."""
        return tuple(sorted({text for one in self.placed for text in one.order.personal_data}))

    def to_json(self) -> dict[str, Any]:
        """Write it for a report or for `syncbridge replay --json`."""
        return {
            "source": self.replay.source,
            "orders": len(self.placed),
            "units": sum(one.order.units for one in self.placed),
            "seconds": round(self.seconds, 3),
            "refused": [{"order": one.order.name, "reason": one.refusal} for one in self.refused],
            "heldCredits": list(self.replay.held_credits),
            "stockAdjustments": list(self.replay.adjustments),
            "carriageOnly": list(self.replay.carriage_only),
            "heldRows": list(self.replay.held_lines),
            "beyondMaximum": [one.order.name for one in self.placed if one.order.beyond_maximum],
            "placed": [
                {
                    "order": one.order.name,
                    "orderId": one.order_id,
                    "units": one.order.units,
                    **one.expectation.to_json(),
                }
                for one in self.placed
                if one.order_id is not None
            ],
        }


Progress = Callable[[ReplayOutcome], None]


def load(
    source: Path,
    *,
    units_per_line: int | None = UNITS_PER_LINE,
    limit: int | None = None,
    seed: int = 1,
    dirty_share: Decimal = DIRTY_SHARE,
    setting: ShopSetting | None = None,
) -> Replay:
    """Make orders from a CSV day or from a folder of SCAYLE orders; `units_per_line` None is no cap.

    Raises UnreadableDay, which names the file and the column; FileNotFoundError; ValueError for a senseless option.
    """
    if limit is not None and limit < 1:
        raise ValueError("the limit on orders must be at least 1")
    if source.is_dir():
        return replay_of_folder(source, setting).limited(limit)
    day = read_day(source)
    whole = replay_of_day(
        day, units_per_line=units_per_line, seed=seed, dirty_share=dirty_share, setting=setting
    )
    return whole.limited(limit)


def replay(
    base_url: str,
    source: Path | Replay,
    *,
    orders_per_second: float | None = None,
    times_real_time: float | None = None,
    units_per_line: int | None = UNITS_PER_LINE,
    limit: int | None = None,
    seed: int = 1,
    control_token: str | None = None,
    rules: WarehouseRules | None = None,
    setting: ShopSetting | None = None,
    foretell: Callable[[ReplayOrder], Expectation] | None = None,
    progress: Progress | None = None,
    max_seconds: float | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> ReplayOutcome:
    """Place every order of `source` in the SCAYLE stand-in at `base_url` and return what was placed.

    Give `orders_per_second` or `times_real_time` (1 is the pace of the day), or neither to go as fast as the stand-in
    takes them. `foretell` says what has to become of an order, where `rules` of one warehouse do not. `max_seconds` bounds the whole: the gaps are then shortened to fit, never the orders left out. `progress`
    is called after each order; `stop` is asked before each one. Variants that the shop lacks are made first.

    Raises ReplayRefused when the stand-in cannot be reached; what `load` raises; ValueError for two speeds at once.
    """
    if orders_per_second is not None and times_real_time is not None:
        raise ValueError("give orders_per_second or times_real_time, not both")
    work = (
        source
        if isinstance(source, Replay)
        else load(source, units_per_line=units_per_line, limit=limit, seed=seed, setting=setting)
    )
    rules = rules or WarehouseRules()
    due = _timetable(work.orders, orders_per_second, times_real_time, max_seconds)
    outcome = ReplayOutcome(work)
    with ControlPlane(base_url, control_token) as shop:
        shop.ensure_variants(variants(work))
        started = time.monotonic()
        for order, moment in zip(work.orders, due, strict=True):
            while not stop() and (wait := started + moment - time.monotonic()) > 0:
                time.sleep(min(wait, 0.2))
            if stop():
                break
            order_id, refusal = shop.place(order)
            foretold = foretell(order) if foretell is not None else expectation(order, rules)
            outcome.placed.append(Placed(order, order_id, foretold, refusal))
            outcome.seconds = time.monotonic() - started
            if progress is not None:
                progress(outcome)
    return outcome


def products(replay: Replay, rules: WarehouseRules | None = None) -> list[dict[str, Any]]:
    """Return the Scend products for a replay: every SKU that Scend can hold, with the name the day gives it."""
    names = _names(replay)
    return [{"sku": sku, "description": names[sku][:100] or sku} for sku in catalogue(replay.skus, rules)]


def stock(
    replay: Replay, warehouse_code: str, rules: WarehouseRules | None = None, *, spare: int | None = None
) -> list[dict[str, Any]]:
    """Return Scend stock for each of the replay's products: ample, or twice what the replay sells and `spare` units."""
    sold: Counter[str] = Counter()
    for order in replay.orders:
        for line in order.lines:
            sold[line.sku] += line.units
    return [
        {
            "sku": sku,
            "warehouseCode": warehouse_code,
            "physical": AMPLE_STOCK if spare is None else 2 * sold[sku] + spare,
        }
        for sku in catalogue(replay.skus, rules)
    ]


def variants(replay: Replay) -> list[dict[str, Any]]:
    """Return the SCAYLE variants for a replay: every SKU that an order names, however dirty it is."""
    return [{"sku": sku, "name": name or sku} for sku, name in _names(replay).items()]


def _names(replay: Replay) -> dict[str, str]:
    names: dict[str, str] = {}
    for order in replay.orders:
        for line in order.lines:
            names[line.sku] = names.get(line.sku) or line.name
    return dict(sorted(names.items()))


def _timetable(
    orders: Sequence[ReplayOrder],
    orders_per_second: float | None,
    times_real_time: float | None,
    max_seconds: float | None,
) -> list[float]:
    """Return the moment of each order in seconds after the first."""
    for speed in (orders_per_second, times_real_time, max_seconds):
        if speed is not None and not speed > 0:
            raise ValueError("a speed and a bound must be above 0")
    if orders_per_second is not None:
        due = [place / orders_per_second for place in range(len(orders))]
    elif times_real_time is not None:
        due = [order.after.total_seconds() / times_real_time for order in orders]
    else:
        due = [0.0] * len(orders)
    if max_seconds is not None and due and due[-1] > max_seconds:
        due = [moment * max_seconds / due[-1] for moment in due]
    return due


class ControlPlane:
    """The control plane of a stand-in, as a replay and a demo need it. Use as a context manager."""

    def __init__(self, base_url: str, token: str | None = None, prefix: str = "/_sandbox") -> None:
        self._base = base_url.rstrip("/") + prefix
        self._session = requests.Session()
        # A stand-in is on this machine: a proxy from the environment would only be in the way.
        self._session.trust_env = False
        if token:
            self._session.headers["X-Sandbox-Token"] = token

    def __enter__(self) -> ControlPlane:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection go."""
        self._session.close()

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Make one control call and return its JSON. Raises ReplayRefused for no answer and for 4xx and 5xx."""
        answer = self._send(method, path, body, query)
        if answer.status_code >= 400:
            raise ReplayRefused(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else None

    def ensure_variants(self, wanted: list[dict[str, Any]]) -> None:
        """Make the variants that the shop lacks."""
        self.call("POST", "/seed", {"products": wanted})

    def place(self, order: ReplayOrder) -> tuple[int | None, str]:
        """Place and pay one order; return its id, or None and why the shop did not take it."""
        answer = self._send("POST", "/orders", order.body, {})
        if answer.status_code in (400, 409, 422):
            return None, f"{answer.status_code} {answer.text[:300]}"
        if answer.status_code >= 400:
            raise ReplayRefused(f"POST /orders: {answer.status_code} {answer.text[:300]}")
        return int(answer.json()["id"]), ""

    def pages(self, path: str, member: str, limit: int = 1000) -> Iterator[dict[str, Any]]:
        """Go through rows that are paged by their number `n`."""
        after = 0
        while True:
            rows = self.call("GET", path, after=after, limit=limit)[member]
            yield from rows
            if len(rows) < limit:
                return
            after = rows[-1]["n"]

    def _send(self, method: str, path: str, body: Any, query: dict[str, Any]) -> requests.Response:
        try:
            return self._session.request(
                method, self._base + path, json=body, params=query or None, timeout=PLACE_TIMEOUT_SECONDS
            )
        except requests.RequestException as error:
            raise ReplayRefused(f"{self._base} cannot be reached: {type(error).__name__}") from error
