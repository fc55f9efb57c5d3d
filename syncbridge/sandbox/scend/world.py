"""Everything the stand-in Scend knows: accounts with their feeds, tokens, services, and the shared machinery."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from syncbridge.sandbox.clock import SandboxClock, format_instant
from syncbridge.sandbox.faults import FaultPlan
from syncbridge.sandbox.journal import Journal
from syncbridge.sandbox.scend.cursors import CursorCodec
from syncbridge.sandbox.scend.feeds import Feed, Row
from syncbridge.sandbox.scend.products import Catalogue
from syncbridge.sandbox.scend.reference_data import ALL_SCOPES
from syncbridge.sandbox.scend.settings import Settings
from syncbridge.sandbox.scend.stock import StockBook
from syncbridge.sandbox.scend.subscriptions import Subscriptions
from syncbridge.sandbox.scheduler import Scheduler
from syncbridge.sandbox.token_bucket import TokenBucket


class Order(Row):
    """An order with what the API does not show: its canonical content, and units taken off the shelf per line."""

    __slots__ = (
        "account",
        "canonical",
        "created",
        "despatches",
        "digest",
        "fate",
        "intake_due",
        "picked",
        "step",
        "waived",
    )

    def __init__(self, account: Account, key: str, document: dict[str, Any]) -> None:
        super().__init__(key, document)
        self.account = account
        self.canonical: Any = None
        self.digest = ""
        self.fate: Any = None
        self.created = 0.0
        self.despatches: list[Despatch] = []
        self.intake_due = False
        self.picked: dict[int, int] = {}
        self.step = 0
        self.waived: set[str] = set()

    @property
    def status(self) -> str:
        """The status as the API shows it."""
        return str(self.document["status"])

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines, as the API shows them."""
        lines: list[dict[str, Any]] = self.document["lines"]
        return lines

    def line(self, number: int) -> dict[str, Any] | None:
        """Return a line by its number, or None."""
        return next((line for line in self.lines if line["lineNumber"] == number), None)

    def units(self, quantity: str) -> int:
        """Add one quantity over all lines, for example `quantityAllocated`."""
        return sum(line[quantity] for line in self.lines)


class Despatch(Row):
    """A despatch and the order it belongs to."""

    __slots__ = ("order",)

    def __init__(self, order: Order, key: str, document: dict[str, Any]) -> None:
        super().__init__(key, document)
        self.order = order


class Return(Row):
    """A return and, for the comparison of repeats, its canonical content."""

    __slots__ = ("account", "canonical", "digest")

    def __init__(self, account: Account, key: str, document: dict[str, Any]) -> None:
        super().__init__(key, document)
        self.account = account
        self.canonical: Any = None
        self.digest = ""


@dataclass
class Token:
    """An API token: which accounts it opens, which scopes it has, and its bucket."""

    token: str
    accounts: frozenset[str]
    scopes: tuple[str, ...]
    bucket: TokenBucket
    revoked: bool = False


class Account:
    """One tenant of the warehouse."""

    def __init__(self, world: World, code: str, warehouses: Iterable[str]) -> None:
        self.world = world
        self.code = code
        self.warehouses = list(warehouses)
        clock = world.clock
        self.catalogue = Catalogue(clock)
        self.stock = StockBook(clock, self.catalogue.is_active)
        self.orders: Feed[Order] = Feed(clock, "updatedAt")
        self.order_by_reference: dict[str, Order] = {}
        self.references_in_progress: set[str] = set()
        self.despatches: Feed[Despatch] = Feed(clock, "changedAt")
        self.despatches_by_reference: dict[str, list[Despatch]] = {}
        self.returns: Feed[Return] = Feed(clock, "changedAt")
        self.return_by_rma: dict[str, Return] = {}
        self.returns_by_reference: dict[str, list[Return]] = {}
        self.subscriptions = Subscriptions(clock)
        self.event_sequence = 0

    @property
    def default_warehouse(self) -> str:
        """The warehouse of orders that name none."""
        return self.warehouses[0]


class World:
    """The whole state of the sandbox. Everything happens on one event loop, so nothing is locked."""

    def __init__(self, clock: SandboxClock, plan: FaultPlan, journal: Journal, settings: Settings) -> None:
        self.clock = clock
        self.plan = plan
        self.journal = journal
        self.settings = settings
        self.scheduler = Scheduler(clock)
        self.order_listeners: list[Callable[[Order], None]] = []
        self.event_listeners: list[Callable[[Account, str, bytes], None]] = []
        self.account_listeners: list[Callable[[Account], None]] = []
        self.clear()

    def clear(self) -> None:
        """Forget all state; cursors that were handed out before become invalid."""
        self.accounts: dict[str, Account] = {}
        self.tokens: dict[str, Token] = {}
        self.services: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, Order] = {}
        self.despatches: dict[str, Despatch] = {}
        self.returns: dict[str, Return] = {}
        self.cursors = CursorCodec(secrets.token_bytes(16))
        self._ids: dict[str, int] = {}
        self.scheduler.clear()

    def number(self, kind: str) -> int:
        """Return the next number of a kind, from 1."""
        self._ids[kind] = self._ids.get(kind, 0) + 1
        return self._ids[kind]

    def new_id(self, prefix: str) -> str:
        """Return a new opaque id, like `ord_00001A`."""
        return f"{prefix}_{self.number(prefix):06X}"

    def now(self) -> datetime:
        """Return sandbox time."""
        return self.clock.now()

    def now_text(self) -> str:
        """Return sandbox time as the API writes it."""
        return format_instant(self.clock.now())

    def add_account(self, code: str, warehouses: Iterable[str]) -> Account:
        """Open an account, or change the warehouses of an open one."""
        account = self.accounts.get(code)
        if account is None:
            account = self.accounts[code] = Account(self, code, warehouses)
            for listener in self.account_listeners:
                listener(account)
        else:
            account.warehouses = list(warehouses)
        return account

    def add_token(self, given: Mapping[str, Any]) -> Token:
        """Add or replace a token; without `accounts` it opens all, without `scopes` it has all."""
        token = Token(
            token=str(given["token"]),
            accounts=frozenset(given.get("accounts") or self.accounts),
            scopes=tuple(given.get("scopes") or ALL_SCOPES),
            bucket=TokenBucket(
                self.settings.rate_capacity, self.settings.rate_per_second, self.clock.timestamp()
            ),
            revoked=bool(given.get("revoked", False)),
        )
        self.tokens[token.token] = token
        return token

    def first_account(self) -> Account:
        """Return the account that control calls mean when they name none."""
        return next(iter(self.accounts.values()))

    def announce(self, account: Account, topic: str, data: bytes) -> None:
        """Hand an event with its JSON data to the webhook machinery."""
        for listener in self.event_listeners:
            listener(account, topic, data)

    def order_changed(self, order: Order) -> None:
        """Tell the automatic warehouse that an order moved."""
        for listener in self.order_listeners:
            listener(order)
