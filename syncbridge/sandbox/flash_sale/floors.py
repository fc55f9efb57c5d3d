"""The warehouses on which a sale can be held, by name."""

from __future__ import annotations

from syncbridge.sandbox.flash_sale.floor import Floor
from syncbridge.sandbox.flash_sale.orderwise_floor import OrderWiseFloor
from syncbridge.sandbox.flash_sale.scend_floor import ScendFloor

FLOORS: dict[str, Floor] = {one.key: one for one in (ScendFloor(), OrderWiseFloor())}
