"""What every vendor's system answers alike: a page of a feed, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

Row = TypeVar("Row", covariant=True)  # noqa: PLC0105  # the plain name reads better in every signature


@dataclass(frozen=True)
class Unread:
    """A row of a feed that cannot be read. `called` is its vendor's id, under which a later version of it comes.

    `fields` are those that cannot be read, and `changed_at` is no later than its change; None where even that is unknown.
    """

    called: str
    reference: str
    fields: tuple[str, ...]
    changed_at: datetime | None = None


@dataclass(frozen=True)
class FeedPage(Generic[Row]):
    """One page of a vendor's feed.

    `cursor` is where to resume once this page is stored; `last` says that nothing more waits there now. `unread` are rows
    that are left out of `rows`, in feeds whose rows say nothing of each other; in any other feed they spoil the page.
    """

    rows: tuple[Row, ...]
    cursor: str
    last: bool
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True)
class Health:
    """What a vendor answers to "are you there and do you know us". `server_time` shows the clocks' distance."""

    detail: str
    server_time: datetime | None = None
    warnings: tuple[str, ...] = ()
