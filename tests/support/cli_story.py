"""An order's life written into a ledger, and what a command answered: for the tests of the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from syncbridge.domain.errors import CallEvidence
from syncbridge.domain.orders import DelegatedUnit, ShopOrder
from syncbridge.ledger import history, inbox, intents, order_parts, orders, transmissions
from syncbridge.ledger.claims import Claim, claim_due
from syncbridge.ledger.engine import Connection, Ledger
from syncbridge.ledger.exceptions import open_exception

ACCOUNT = "scend:ACME-UK"
LIFE = timedelta(seconds=25)
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Answer]


@dataclass
class Story:
    """Writes an order's life into the ledger, through the functions that the flows use."""

    ledger: Ledger

    def order(self, order_id: int, units: int = 2, key: str = "", at: datetime = START, sku: str = "TEE-M") -> str:
        """Take an order in, with a delegation message; return its reference."""
        reference = f"SCY-NB-{order_id}"
        with self.ledger.work() as work:
            connection = work.connection
            body = b'{"email": "zoe@example.com", "street": "Mill Lane"}' + str(order_id).encode()
            message = inbox.keep(
                connection, "delegation:scend", inbox.digest(body), "order", body, at=at, outcome="taken in",
                order_id=order_id,
            )  # fmt: skip
            orders.ensure_order(
                connection, order_id, shop="nb", country="GB", currency="GBP", reference_key=key or f"NB-{order_id}",
                source="delegation", confirmed_at=None, at=at,
            )  # fmt: skip
            items = [DelegatedUnit(order_id * 100 + number, sku, "WH-1", 1250) for number in range(units)]
            part = order_parts.add_part(
                connection, order_id=order_id, merchant="scend", warehouse="WH-1", delegation=1, reference=reference,
                account=ACCOUNT, inbox_id=message.id, units=items, at=at,
            )  # fmt: skip
            intents.add(
                connection, kind="order", target=ACCOUNT, key=reference, order_id=order_id, fulfilment_order_id=part,
                at=at, due_at=at,
            )  # fmt: skip
            history.record(connection, order_id, "scayle", "order_delegated", at=at, subject=reference, units=units)
            shop_order = ShopOrder(
                order_id, "nb", "GB", "GBP", (), reference_key=key or f"NB-{order_id}", status="confirmed",
                confirmed_at=at - timedelta(minutes=1), total_minor=units * 1250, document='{"city": "Leeds"}',
            )  # fmt: skip
            orders.note_reading(connection, shop_order, at)
            work.commit()
        return reference

    def claimed(self, connection: Connection, order_id: int, at: datetime) -> Claim:
        return claim_due(
            connection, target=ACCOUNT, kind="order", limit=1, at=at, life=LIFE, order_id=order_id
        )[0]

    def acknowledged(self, order_id: int, at: datetime = START + timedelta(seconds=2)) -> None:
        """Send the order and have it acknowledged."""
        with self.ledger.work() as work:
            claim = self.claimed(work.connection, order_id, at)
            claim = transmissions.begin_attempt(work.connection, claim, '{"name": "Zoe"}', at=at, life=LIFE)
            after = at + timedelta(milliseconds=310)
            evidence = CallEvidence("scend", "create order", 201, None, "req-77")
            transmissions.finish_attempt(work.connection, claim, "acknowledged", at=after, evidence=evidence)
            transmissions.acknowledge(work.connection, claim, at=after)
            work.commit()

    def invalid(self, order_id: int, sku: str = "85123a", at: datetime = START + timedelta(seconds=1)) -> int:
        """Park the order under an exception with a fault; return the exception's id."""
        fault = {
            "code": "SKU_UNKNOWN",
            "field": f"items[sku={sku}].sku",
            "problem": "the warehouse does not know this SKU",
            "way_out": "Set the product up in the warehouse.",
            "value": sku,
        }
        cause = f"SKU_UNKNOWN: {sku}"
        with self.ledger.work() as work:
            claim = self.claimed(work.connection, order_id, at)
            transmissions.park(work.connection, claim, at=at, reason=cause, recompose=True)
            found = open_exception(
                work.connection,
                "order_invalid",
                f"fulfilment:SCY-NB-{order_id}",
                at=at,
                cause=cause,
                evidence={"reference": f"SCY-NB-{order_id}", "faults": [fault]},
                order_id=order_id,
            )
            work.commit()
        return found

    def exception(self, kind: str, subject: str, cause: str, order_id: int | None = None, at: datetime = START) -> int:
        """Open an exception that carries nothing."""
        with self.ledger.work() as work:
            found = open_exception(
                work.connection, kind, subject, at=at, cause=cause, evidence={"inbox": 1}, order_id=order_id
            )
            work.commit()
        return found
