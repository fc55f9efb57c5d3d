"""The three change feeds of OrderWise, despatches, stock and returned goods, page by page in canonical words (contract 12)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from connectors.orderwise import mapping, return_mapping
from connectors.orderwise.client import OrderWiseClient
from connectors.orderwise.feeds import stretches
from connectors.orderwise.lines import OrderLines
from connectors.orderwise.local_time import latest_by, local_text, past_instant_of
from connectors.orderwise.payloads import DespatchRow, SpoiltRow, trimmed
from connectors.orderwise.stock_mapping import to_stock_rows
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.domain.backend import BackendDespatch, BackendReturn
from syncbridge.domain.stock import StockRow
from syncbridge.ports.answers import FeedPage, Unread


class ChangeFeeds:
    """Reads the feeds. `clock` judges local times of the repeated hour; `may_be_ours` says which references concern us."""

    def __init__(
        self,
        settings: OrderWiseSettings,
        client: OrderWiseClient,
        lines: OrderLines,
        clock: Callable[[], datetime],
        may_be_ours: Callable[[str], bool],
    ) -> None:
        self._settings = settings
        self._client = client
        self._lines = lines
        self._clock = clock
        self._may_be_ours = may_be_ours

    def despatches(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[BackendDespatch]]:
        """Yield changed despatches of orders that may be ours."""
        settings = self._settings
        for page in stretches(
            settings,
            "read despatch feed",
            self._client.despatches,
            lambda row: row.last_amended_at,
            cursor,
            since,
            self._clock(),
        ):
            spoilt = [row for row in page.rows if isinstance(row, SpoiltRow)]
            # A despatch is told whole or not at all.
            broken = {row.mark.despatch_id for row in spoilt}
            ours = [
                row
                for row in page.rows
                if isinstance(row, DespatchRow)
                and row.despatch_id not in broken
                and self._may_be_ours(trimmed(row.customer_order_ref))
            ]
            rows = mapping.to_despatches(ours, page.fetched_at, settings, self._lines.number)
            yield FeedPage(rows, page.cursor, page.last, tuple(self._unread(spoilt, page.fetched_at)))

    def _unread(self, spoilt: Iterable[SpoiltRow], fetched_at: datetime) -> Iterator[Unread]:
        """Yield what cannot be read of orders that may be ours, or of which nobody can say whose they are."""
        for row in spoilt:
            reference = trimmed(row.mark.customer_order_ref)
            if reference and not self._may_be_ours(reference):
                continue
            called = row.mark.despatch_id if row.mark.despatch_id is not None else f"amended {row.last_amended_at}"
            changed_at = past_instant_of(row.last_amended_at, self._settings.zone, fetched_at)
            yield Unread(str(called), reference, row.fields, changed_at)

    def stock(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[StockRow]]:
        """Yield changed stock; the whole of it where there is nothing to go on from."""
        settings = self._settings
        if cursor is None and since is None:
            yield self._snapshot()
            return
        for page in stretches(
            settings,
            "read stock feed",
            self._client.stock_changes,
            lambda row: row.last_calculated_at,
            cursor,
            since,
            self._clock(),
            snapshot_needed=True,
        ):
            yield FeedPage(to_stock_rows(page.rows, page.fetched_at, settings), page.cursor, page.last)

    def _snapshot(self) -> FeedPage[StockRow]:
        page = self._client.stock_snapshot()
        zone = self._settings.zone
        latest = latest_by({row.last_calculated_at for row in page.value}, zone, page.fetched_at)
        rows = to_stock_rows(page.value, page.fetched_at, self._settings)
        return FeedPage(rows, latest or local_text(page.started_at, zone), last=True)

    def returns(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[BackendReturn]]:
        """Yield changed receipts, a return each."""
        settings = self._settings
        for page in stretches(
            settings,
            "read returned goods",
            self._client.receipts,
            lambda row: row.last_amended_at,
            cursor,
            since,
            self._clock(),
        ):
            # Goods of no order at all may be ours.
            ours = [row for row in page.rows if row.order_id is None or self._may_be_ours(trimmed(row.customer_order_ref))]
            rows = return_mapping.to_returns(ours, page.fetched_at, settings, self._lines.number)
            yield FeedPage(rows, page.cursor, page.last)
