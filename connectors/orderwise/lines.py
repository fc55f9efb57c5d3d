"""Which line of an order an id of OrderWise means: remembered from status readings, asked for where nobody knows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping

from connectors.orderwise.client import Fetched
from connectors.orderwise.mapping import line_numbers
from connectors.orderwise.payloads import OrderStatus, trimmed
from syncbridge.domain.errors import NotFound

_MOST_ORDERS = 5_000


class OrderLines:
    """Line numbers by (order id, order line id). Safe for threads; ids never change, so nothing grows stale."""

    def __init__(self, read: Callable[[str], Fetched[OrderStatus]]) -> None:
        self._read = read
        self._known: OrderedDict[int, Mapping[int, int]] = OrderedDict()
        self._guard = threading.Lock()

    def remember(self, order_id: int, status: OrderStatus) -> None:
        numbers = {
            line.order_line_id: number
            for number, line in zip(line_numbers(status.lines), status.lines, strict=True)
            if line.order_line_id is not None
        }
        with self._guard:
            self._known[order_id] = numbers
            self._known.move_to_end(order_id)
            while len(self._known) > _MOST_ORDERS:
                self._known.popitem(last=False)

    def number(self, order_id: int, order_line_id: int) -> int | None:
        """Return the line number, asking once for an order that was not read before; None where it has no such line."""
        with self._guard:
            numbers = self._known.get(order_id)
        if numbers is None or order_line_id not in numbers:
            try:
                status = self._read(str(order_id)).value
            except NotFound:
                return None
            self.remember(order_id, status)
            with self._guard:
                numbers = self._known.get(order_id, {})
        return numbers.get(order_line_id)

    @staticmethod
    def ids(status: OrderStatus) -> dict[int, tuple[int, str]]:
        """Return OrderWise's line id and SKU by our line number."""
        return {
            number: (line.order_line_id, trimmed(line.variant_code))
            for number, line in zip(line_numbers(status.lines), status.lines, strict=True)
            if line.order_line_id is not None
        }
