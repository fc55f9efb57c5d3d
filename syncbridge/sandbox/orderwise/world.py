"""Everything the stand-in OrderWise knows: data sets behind application names, and the shared machinery."""

from __future__ import annotations

import base64
import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncbridge.sandbox.clock import SandboxClock, format_instant
from syncbridge.sandbox.faults import FaultPlan
from syncbridge.sandbox.journal import Journal
from syncbridge.sandbox.orderwise.exports import Definition
from syncbridge.sandbox.orderwise.local_time import WallClock
from syncbridge.sandbox.orderwise.orders import STATUS_TEXTS, Despatch, Order, OrderLine, identity
from syncbridge.sandbox.orderwise.returns import CustomerReturn, Receipt
from syncbridge.sandbox.orderwise.settings import Settings
from syncbridge.sandbox.orderwise.stamped_feed import StampedFeed
from syncbridge.sandbox.orderwise.stock import StockBook, Variant
from syncbridge.sandbox.scheduler import Scheduler
from syncbridge.sandbox.token_bucket import TokenBucket

MOST_TOKENS = 10_000
"""Tokens after which the expired ones are forgotten (guessed; some clients mint one for every call)."""

FIRST_NUMBERS = {
    "order": 98121,
    "orderNumber": 3622,
    "line": 441207,
    "despatch": 70311,
    "return": 6120,
    "returnLine": 15507,
    "receipt": 9034,
    "batch": 318,
    "purchaseOrder": 20417,
    "variant": 9001,
    "customer": 9001,
}
"""Where the numbering starts: each kind elsewhere, so that an id of one kind taken for another finds nothing."""


def compared(text: str) -> str:
    """Return a text as the database compares it: without trailing spaces and whatever its case."""
    return text.rstrip(" ").casefold()


@dataclass(frozen=True)
class User:
    """An API user; `modules` None may do everything, else 403 for a module that is not ticked."""

    name: str
    password: str
    modules: frozenset[str] | None = None


@dataclass
class Token:
    """A token: whose it is, until when it holds (epoch seconds), and its bucket where calls are limited."""

    user: User
    expires: float
    bucket: TokenBucket


@dataclass
class Deferred:
    """An order that was taken and is not imported yet."""

    session: int
    ecommerce_number: str
    body: Any
    submitted: str
    due: float
    state: str = "waiting"
    order_id: int | None = None
    reason: str | None = None


@dataclass
class Lists:
    """The code lists and records that orders and batches refer to, by id or code."""

    sessions: dict[int, dict[str, Any]] = field(default_factory=dict)
    values: dict[int, dict[int, dict[str, Any]]] = field(default_factory=dict)
    locations: dict[int, dict[str, Any]] = field(default_factory=dict)
    couriers: dict[int, dict[str, str]] = field(default_factory=dict)
    dissurs: dict[str, dict[str, Any]] = field(default_factory=dict)
    nominals: set[str] = field(default_factory=set)
    departments: set[str] = field(default_factory=set)
    cost_centres: set[str] = field(default_factory=set)
    closed_periods: set[str] = field(default_factory=set)

    def value(self, list_id: int, value_id: int | None) -> dict[str, Any] | None:
        """Return one entry of a value list, or None."""
        return None if value_id is None else self.values.get(list_id, {}).get(value_id)


class DataSet:
    """One company's data. `live` and `test` are two of them."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.users: dict[str, User] = {}
        self.tokens: dict[str, Token] = {}
        self.lists = Lists()
        self.customers: dict[int, dict[str, Any]] = {}
        self.customers_by_account: dict[str, dict[str, Any]] = {}
        self.contacts: dict[int, list[dict[str, Any]]] = {}
        self.addresses: dict[int, list[dict[str, Any]]] = {}
        self.activities: dict[int, list[dict[str, Any]]] = {}
        self.products: dict[int, dict[str, Any]] = {}
        self.variants: dict[int, Variant] = {}
        self.variants_by_code: dict[str, list[Variant]] = {}
        self.stock = StockBook(self.stamp, self._wake_stock_job)
        self.orders: dict[int, Order] = {}
        self.orders_by_reference: dict[str, list[Order]] = {}
        self.orders_by_web_number: dict[tuple[int, str], list[Order]] = {}
        self.deferred: list[Deferred] = []
        self.waiting_web_numbers: dict[tuple[int, str], int] = {}
        self.despatches: dict[int, Despatch] = {}
        self.despatch_feed: StampedFeed[Despatch] = StampedFeed()
        self.returns: dict[int, CustomerReturn] = {}
        self.return_by_reference: dict[str, CustomerReturn] = {}
        self.receipts: dict[int, Receipt] = {}
        self.receipt_feed: StampedFeed[Receipt] = StampedFeed()
        self.batches: dict[str, dict[str, Any]] = {}
        self.purchase_orders: list[dict[str, Any]] = []
        self.exports: dict[int, Definition] = {}
        self._numbers = dict(FIRST_NUMBERS)
        self._job_due: float | None = None

    def number(self, kind: str) -> int:
        """Return the next number of a kind."""
        self._numbers[kind] += 1
        return self._numbers[kind] - 1

    def stamp(self, seconds_ago: float = 0.0) -> datetime:
        """Return the local time that a row changed now is stamped with."""
        return self.world.wall.now(seconds_ago)

    def fact(self, kind: str, **details: Any) -> None:
        """Append a fact of the trade."""
        self.world.journal.fact(kind, **{"account": self.name, **details})

    def name_of(self, order: Order) -> dict[str, Any]:
        """Name an order in a fact."""
        return identity(order, self.name)

    def status_text(self, status: int) -> str:
        """Return what a status is called here: the installation may have renamed it."""
        return self.world.settings.status_texts.get(status, STATUS_TEXTS[status])

    def order_text(self, order: Order) -> str:
        """Return what the order's status is called."""
        return order.forced_text or self.status_text(order.status)

    def line_text(self, line: OrderLine) -> str:
        """Return what the line's status is called."""
        return self.status_text(line.status)

    def find_variants(self, code: str) -> list[Variant]:
        """Return the variants whose code the database takes for equal: more than one if they differ by case only."""
        return self.variants_by_code.get(compared(code), [])

    def variant(self, code: str) -> Variant | None:
        """Return the variant of a code: the exact one, else the only one that compares as equal, else None."""
        found = self.find_variants(code)
        exact = [one for one in found if one.code.rstrip(" ") == code.rstrip(" ")]
        return exact[0] if exact else found[0] if len(found) == 1 else None

    def customer_of_account(self, account: str) -> dict[str, Any] | None:
        """Return the customer of an account code, as the database compares texts, or None."""
        return self.customers_by_account.get(compared(account))

    def orders_of(self, reference: str) -> list[Order]:
        """Return the orders of a customer order reference, as the database compares texts."""
        return self.orders_by_reference.get(compared(reference), [])

    def mint(self, user: User) -> str:
        """Make a token."""
        settings, now = self.world.settings, self.world.clock.timestamp()
        if len(self.tokens) > MOST_TOKENS:
            self.tokens = {token: one for token, one in self.tokens.items() if one.expires > now}
        raw = f"owsandbox-{self.name}-{secrets.token_hex(12)}".encode()
        token = base64.b64encode(raw).decode().rstrip("=")
        bucket = TokenBucket(settings.rate_capacity, settings.rate_per_second or 1.0, now)
        self.tokens[token] = Token(user, now + settings.token_seconds, bucket)
        return token

    def settle(self) -> None:
        """Finish an operation: let the stock job know."""
        self.stock.settle()

    def restart_stock_job(self) -> None:
        """Let the job run in its new interval; what was planned for the old one finds nothing to do."""
        self._job_due = None
        self.stock.settle()

    def _wake_stock_job(self) -> None:
        interval = self.world.settings.recalculation_seconds
        if interval <= 0:
            self.stock.recalculate()
            return
        due = (math.floor(self.world.clock.timestamp() / interval) + 1) * interval
        # A clock that was set back leaves the planned run far in the future; an earlier one takes its place.
        if self._job_due is None or due < self._job_due:
            self._job_due = due
            self.world.scheduler.at(due, self._run_stock_job)

    def _run_stock_job(self) -> None:
        self._job_due = None
        self.stock.recalculate()


class World:
    """The whole state of the sandbox. Everything happens on one event loop, so nothing is locked."""

    def __init__(
        self,
        clock: SandboxClock,
        plan: FaultPlan,
        journal: Journal,
        settings: Settings,
        applications: Mapping[str, str],
        zone: str,
    ) -> None:
        self.clock = clock
        self.wall = WallClock(clock, zone)
        self.plan = plan
        self.journal = journal
        self.settings = settings
        self.applications = dict(applications)
        self.scheduler = Scheduler(clock)
        self.order_listeners: list[Callable[[DataSet, Order], None]] = []
        self.clear()

    def clear(self) -> None:
        """Forget all state."""
        self.scheduler.clear()
        self.data_sets = {name: DataSet(self, name) for name in dict.fromkeys(self.applications.values())}

    def data_set(self, name: str | None) -> DataSet | None:
        """Return a data set by its name; without a name the first, which is the live one."""
        return next(iter(self.data_sets.values())) if name is None else self.data_sets.get(name)

    def now_text(self) -> str:
        """Return sandbox time in UTC, as facts and the oracle write it."""
        return format_instant(self.clock.now())

    def order_changed(self, data: DataSet, order: Order) -> None:
        """Tell the automatic warehouse that an order moved."""
        for listener in self.order_listeners:
            listener(data, order)
